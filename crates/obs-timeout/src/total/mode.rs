//! What a kind of request and answer has to do with a limit.
use std::sync::Arc;

use obs_core::{Call, Deadline, Journal, LlmRequest, LlmResponse, Operation};

use super::{Limits, running::Running};
use crate::{
    stream,
    watch::{Guard, Watch},
};

/// LLM calls: passes the deadline inward, tells the journal, and bounds streams.
#[derive(Clone, Copy, Debug)]
pub struct Calls;

/// Any request at all.
#[derive(Clone, Copy, Debug)]
pub struct Any;

/// A call as it enters.
#[derive(Debug)]
pub struct Entering {
    pub(super) operation: Operation,
    pub(super) deadline: Deadline,
    /// Whom to tell that it is late.
    pub(super) journal: Option<Journal>,
    pub(super) id: Option<Arc<str>>,
}

/// Public in name only: nobody outside can name it.
pub trait Mode<Req> {
    fn enter(req: &mut Req, limits: &Limits) -> Entering;
}

impl<Req> Mode<Req> for Any {
    fn enter(_: &mut Req, limits: &Limits) -> Entering {
        Entering {
            operation: Operation::Other,
            deadline: Deadline::after(limits.limit, limits.grace),
            journal: None,
            id: None,
        }
    }
}

impl<R: LlmRequest> Mode<Call<R>> for Calls {
    fn enter(call: &mut Call<R>, limits: &Limits) -> Entering {
        let context = &mut call.context;
        let deadline = std::mem::take(&mut context.deadline).within(limits.limit, limits.grace);
        context.deadline = deadline.clone();
        Entering {
            operation: call.request.operation(),
            deadline,
            journal: Some(context.journal.clone()),
            id: context.id.clone(),
        }
    }
}

impl<Res> Guard<Res> for Running<Any> {
    fn guard(mut self, _: &mut Res) {
        self.complete();
    }
}

impl<Res: LlmResponse> Guard<Res> for Running<Calls> {
    fn guard(self, res: &mut Res) {
        stream::guard(self, res);
    }
}
