//! One of something for each operation.

use std::ops::Index;

use obs_core::Operation;
use opentelemetry::KeyValue;

use crate::Count;

const OPERATIONS: usize = Operation::ALL.len();

/// One of something for each [`Operation`], and the label that tells them apart.
#[derive(Debug)]
pub struct PerOperation<T>([T; OPERATIONS]);

impl<T: Default> Default for PerOperation<T> {
    fn default() -> Self {
        Self::new(|_| T::default())
    }
}

impl<T> PerOperation<T> {
    /// Made by a function that is given the label `operation` of each, for [`Histogram::bind`](crate::Histogram::bind).
    pub fn new(mut make: impl FnMut(KeyValue) -> T) -> Self {
        Self(std::array::from_fn(|i| make(label(Operation::ALL[i]))))
    }

    /// All of them with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (KeyValue, &T)> {
        let operations = Operation::ALL.iter();
        operations.map(|operation| (label(*operation), &self[*operation]))
    }
}

impl PerOperation<Count> {
    /// Tells every count, zeros too, with the label `operation`: the body of a source.
    pub fn tell(&self, tell: &mut dyn FnMut(&[KeyValue], u64)) {
        for (label, count) in self.iter() {
            tell(&[label], count.get());
        }
    }

    /// Of all operations.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(Count::get).sum()
    }
}

impl<T> Index<Operation> for PerOperation<T> {
    type Output = T;

    fn index(&self, operation: Operation) -> &T {
        &self.0[operation.index()]
    }
}

fn label(operation: Operation) -> KeyValue {
    KeyValue::new("operation", operation.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_own() {
        let counts = PerOperation::<Count>::default();
        for (n, operation) in Operation::ALL.iter().enumerate() {
            counts[*operation].add(n as u64 + 1);
        }
        let mut told = Vec::new();
        counts.tell(&mut |labels, n| told.push((labels.to_vec(), n)));
        for (n, operation) in Operation::ALL.iter().enumerate() {
            let label = KeyValue::new("operation", operation.as_str());
            assert_eq!(told[n], (vec![label], n as u64 + 1));
        }
        let n = Operation::ALL.len() as u64;
        assert_eq!(counts.sum(), n * (n + 1) / 2);
    }
}
