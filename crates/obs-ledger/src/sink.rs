//! Where records go.
use crate::Record;

/// Takes records: a [`Writer`](crate::Writer), or a closure.
///
/// It is called where a call ends, on that call's thread: it must not block. A panic in it is caught: it fails no call.
pub trait Sink: Send + Sync {
    /// Takes one record.
    fn record(&self, record: Record);
}

impl<F: Fn(Record) + Send + Sync> Sink for F {
    fn record(&self, record: Record) {
        self(record);
    }
}

impl From<crate::Entry> for Record {
    fn from(entry: crate::Entry) -> Self {
        Self::Call(Box::new(entry))
    }
}

impl From<crate::Feedback> for Record {
    fn from(feedback: crate::Feedback) -> Self {
        Self::Feedback(feedback)
    }
}
