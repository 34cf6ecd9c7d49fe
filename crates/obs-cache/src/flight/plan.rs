//! What a flight is made of.
use std::{future::Future, pin::Pin};

use obs_core::{CallContext, Error};

use super::landed::Landed;
use crate::stored::Stored;

pub(crate) type Calling<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;
pub(crate) type Giver = Box<dyn Fn() -> Option<Stored> + Send + Sync>;
pub(crate) type Keep = Box<dyn FnOnce(Landed<'_>) + Send>;

/// What a flight needs at its start.
pub(crate) struct Plan<T> {
    pub(crate) call: Calling<T>,
    pub(crate) context: CallContext,
    /// Most bytes that are held for those who join, and for those who lag.
    pub(crate) capacity: usize,
    /// Stores the answer.
    pub(crate) keep: Keep,
    /// What is known of an answer that another process asked for.
    pub(crate) given: Option<Giver>,
}

/// The context of a flight: a journal of its own, and time for as long as one of its callers has some.
pub(crate) fn context(leader: &CallContext) -> CallContext {
    let mut context = leader.fresh(leader.purpose);
    context.deadline = leader.deadline.extendable();
    context
}
