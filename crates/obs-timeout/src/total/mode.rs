//! What a kind of request and answer has to do with a limit.
use std::sync::Arc;

use obs_core::{Call, Deadline, Journal, LlmRequest, LlmResponse, Operation};
use tokio::time::Instant;

use super::{limits::Limits, running::Running, service::Config};
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

/// A call as it enters. In parts, for what is only numbers is built where it is wanted and not moved about.
#[derive(Debug)]
pub struct Entering {
    pub(super) operation: Operation,
    pub(super) times: Times,
    pub(super) ties: Ties,
}

/// How long a call may take, and what that comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) limits: Limits,
    pub(super) late: Option<Instant>,
    pub(super) end: Option<Instant>,
}

/// What a call has to do with others.
#[derive(Debug)]
pub(super) struct Ties {
    /// Where to ask for both moments again, if they may move.
    pub(super) moving: Option<Box<Deadline>>,
    /// Whom to tell that it is late.
    pub(super) journal: Option<Journal>,
    pub(super) id: Option<Arc<str>>,
}

/// Public in name only: nobody outside can name it.
pub trait Mode<Req> {
    fn enter(req: &mut Req, config: &Config, now: Instant) -> Entering;
}

impl Times {
    #[inline]
    fn new(limits: Limits, deadline: &Deadline) -> Self {
        Self {
            limits,
            late: deadline.late(),
            end: deadline.end(),
        }
    }
}

impl<Req> Mode<Req> for Any {
    #[inline]
    fn enter(_: &mut Req, config: &Config, now: Instant) -> Entering {
        let operation = Operation::Other;
        let limits = config.limits(operation, "");
        let mut deadline = Deadline::default();
        deadline.narrow(now, limits.limit, limits.grace);
        Entering {
            operation,
            times: Times::new(limits, &deadline),
            ties: Ties {
                moving: None,
                journal: None,
                id: None,
            },
        }
    }
}

impl<R: LlmRequest> Mode<Call<R>> for Calls {
    #[inline]
    fn enter(call: &mut Call<R>, config: &Config, now: Instant) -> Entering {
        let operation = call.request.operation();
        let limits = config.limits(operation, call.request.model());
        let context = &mut call.context;
        context.deadline.narrow(now, limits.limit, limits.grace);
        Entering {
            operation,
            times: Times::new(limits, &context.deadline),
            ties: Ties {
                moving: context.deadline.moving(),
                journal: Some(context.journal.clone()),
                id: context.id.clone(),
            },
        }
    }
}

impl<Res> Guard<Res> for Running<Any> {
    fn guard(place: &mut Option<Self>, _: &mut Res) {
        if let Some(running) = place {
            running.complete();
        }
    }
}

impl<Res: LlmResponse> Guard<Res> for Running<Calls> {
    fn guard(place: &mut Option<Self>, res: &mut Res) {
        stream::guard(place, res);
    }
}
