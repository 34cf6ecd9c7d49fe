//! Values for some operations and models.
use std::{collections::HashMap, sync::Arc};

use obs_core::Operation;

/// Values that may leave some unsaid.
pub(crate) trait Values: Copy {
    /// These, and for what they do not say, those.
    fn or(self, those: Self) -> Self;
}

/// What was said for operations and for models. Clones share it until one is changed.
#[derive(Clone, Debug)]
pub(crate) struct Targets<V>(Option<Arc<Said<V>>>);

#[derive(Clone, Debug)]
struct Said<V> {
    operations: [Option<V>; Operation::ALL.len()],
    models: HashMap<Box<str>, V>,
}

impl<V> Default for Targets<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Targets<V> {
    /// Nothing is said.
    pub(crate) const fn new() -> Self {
        Self(None)
    }
}

impl<V: Values> Targets<V> {
    /// Says values for an operation. What was said for it before holds where they do not say anything.
    pub(crate) fn operation(&mut self, operation: Operation, values: V) {
        let place = &mut self.said().operations[operation.index()];
        *place = Some(place.map_or(values, |before| values.or(before)));
    }

    /// Says values for a model; else as [`operation`](Self::operation).
    pub(crate) fn model(&mut self, model: &str, values: V) {
        let models = &mut self.said().models;
        let values = models
            .get(model)
            .map_or(values, |before| values.or(*before));
        models.insert(model.into(), values);
    }

    /// Value by value: the model's, or else the operation's, or else the default.
    #[inline]
    pub(crate) fn of(&self, operation: Operation, model: &str, default: V) -> V {
        match &self.0 {
            None => default,
            Some(said) => said.of(operation, model, default),
        }
    }

    fn said(&mut self) -> &mut Said<V> {
        let said = self.0.get_or_insert_with(|| {
            Arc::new(Said {
                operations: [None; Operation::ALL.len()],
                models: HashMap::new(),
            })
        });
        Arc::make_mut(said)
    }
}

impl<V: Values> Said<V> {
    fn of(&self, operation: Operation, model: &str, default: V) -> V {
        let model = self.models.get(model);
        let operation = self.operations[operation.index()];
        [model.copied(), operation]
            .into_iter()
            .flatten()
            .chain([default])
            .reduce(V::or)
            .unwrap_or(default)
    }
}
