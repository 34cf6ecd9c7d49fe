//! A request body as it came in, and where in it is what we may have to change.
use std::{ops::Range, str, sync::Arc};

use bytes::Bytes;

use super::InvalidRequest;
use crate::{
    View,
    json::{self, Kind},
    splice::{Edit, splice},
};

/// The parts that requests of all kinds have. `V` is what one kind reads besides.
#[derive(Debug)]
pub(super) struct Body<V> {
    /// Valid UTF-8, and a JSON object.
    text: Bytes,
    /// The last one, as most readers of JSON take it.
    pub(super) model: Arc<str>,
    /// All values of all keys of this name: what the provider reads is up to it.
    model_at: Vec<Range<usize>>,
    /// Whether they differ, so that readers of JSON may take another one.
    pub(super) is_ambiguous: bool,
    /// Before the brace that closes the object.
    end: usize,
    pub(super) view: V,
}

impl<V: View> Body<V> {
    pub(super) fn parse(text: Bytes) -> Result<Self, InvalidRequest> {
        let whole = str::from_utf8(&text).map_err(|error| {
            let at = error.valid_up_to();
            InvalidRequest::body(format!("the body is not valid UTF-8 at byte {at}"))
        })?;
        let object = whole.trim_ascii();
        if object.is_empty() {
            return Err(InvalidRequest::body(
                "the body is empty: expected a JSON object",
            ));
        }
        let (mut view, mut model, mut model_at) = (V::default(), None, Vec::new());
        let (mut wrong, mut is_ambiguous) = (None, false);
        let read = json::fields(whole, |key, value| {
            let at = json::place(whole, value);
            let result = if key == "model" {
                model_at.push(at);
                model_name(value).map(|name| {
                    is_ambiguous |= model.as_ref().is_some_and(|before| *before != name);
                    model = Some(name);
                })
            } else {
                view.field(&key, value, at)
            };
            if let Err(error) = result {
                wrong.get_or_insert(error);
            }
        });
        read.map_err(|error| invalid_json(object, &error))?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        let model = model.ok_or_else(|| InvalidRequest::missing("model", "the name of a model"))?;
        view.complete()?;
        let end = json::place(whole, object).end - 1;
        Ok(Self {
            model,
            model_at,
            is_ambiguous,
            end,
            view,
            text,
        })
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.text
    }

    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.text).expect("it was checked when it was read")
    }

    /// Before the brace that closes the object. There is a field before: a body without a model is none.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Edits that give it another model.
    fn name_model(&self, model: &str) -> Vec<Edit> {
        let name = json::quoted(model);
        let places = self.model_at.iter();
        places.map(|at| Edit::new(at.clone(), &*name)).collect()
    }

    /// With another model, if one is given, and with these edits.
    pub(super) fn written(&self, model: Option<&str>, mut edits: Vec<Edit>) -> Bytes {
        if let Some(model) = model {
            edits.extend(self.name_model(model));
        }
        splice(&self.text, edits)
    }
}

fn model_name(value: &str) -> Result<Arc<str>, InvalidRequest> {
    let expected = "the name of a model as a string";
    match json::text(value) {
        Some(name) if name.trim_ascii().is_empty() => Err(InvalidRequest::field(
            "model",
            "is empty: expected the name of a model",
        )),
        Some(name) => Ok(name.into()),
        None => Err(InvalidRequest::wrong("model", expected, value)),
    }
}

fn invalid_json(object: &str, error: &serde_json::Error) -> InvalidRequest {
    let kind = Kind::of(object);
    let looks_whole = serde_json::from_str::<serde::de::IgnoredAny>(object).is_ok();
    InvalidRequest::body(if looks_whole && kind != Kind::Object {
        format!("the body is {kind}: expected a JSON object")
    } else {
        format!("the body is not valid JSON: {error}")
    })
}
