//! The circumstances of a thread that belong to a flight.
use opentelemetry::{Context, ContextGuard};
use tracing::{Span, span::Entered};

/// The span and the telemetry context in which a flight began. It may be polled by another caller, in whose span it
/// does not belong.
pub(super) struct Ground {
    span: Span,
    context: Context,
}

impl Ground {
    pub(super) fn here() -> Self {
        Self {
            span: Span::current(),
            context: Context::current(),
        }
    }

    /// Until the guards are dropped, this thread is there.
    pub(super) fn enter(&self) -> (Entered<'_>, ContextGuard) {
        (self.span.enter(), self.context.clone().attach())
    }
}
