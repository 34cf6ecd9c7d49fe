//! Spans for code that runs agents.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use obs_metrics::Metrics;
use opentelemetry::{
    Context, ContextGuard, KeyValue, global,
    global::BoxedTracer,
    trace::{FutureExt, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, WithContext},
};

use crate::{
    activity_metrics::{Kind, Timed},
    init, names,
    shared::tracer,
    spans::scope,
    telemetry::Telemetry,
};

/// Something that an agent does, about to begin: another agent is asked, or a tool is run.
///
/// ```
/// use obs_apm::Activity;
///
/// # async fn search(_words: &str) -> Result<u32, std::io::Error> { Ok(3) }
/// # async fn example() -> Result<(), std::io::Error> {
/// let tool = Activity::tool("search").call_id("call_1").start();
/// let found = tool.run(search("words")).await;
/// if found.is_err() {
///     tool.fail("search_failed");
/// }
/// drop(tool); // ends the span
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is told before it is started"]
pub struct Activity {
    operation: &'static str,
    name: Arc<str>,
    kind: SpanKind,
    /// `None`: it is timed elsewhere.
    timed: Option<Kind>,
    attributes: Vec<KeyValue>,
    parent: Option<Context>,
    spans: Option<Telemetry>,
}

/// Something that an agent does. Its span ends when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends its span"]
pub struct Ongoing {
    context: Context,
    /// Whether the span in the context is its own.
    seen: bool,
    timed: Option<Timed>,
}

impl Activity {
    /// An agent is asked, in this process: a span `invoke_agent {name}`, and the metrics `gen_ai.invoke_agent.duration`,
    /// `.inference_calls` and `.tool_calls`, of what was asked while its context was current. After a hundred names, metrics
    /// say `other`.
    pub fn agent(name: impl Into<Arc<str>>) -> Self {
        let kind = (SpanKind::Internal, Some(Kind::Agent));
        Self::new("invoke_agent", names::AGENT_NAME, kind, name)
    }

    /// An agent is asked that runs elsewhere, where it is timed.
    pub fn remote_agent(name: impl Into<Arc<str>>) -> Self {
        let kind = (SpanKind::Client, None);
        Self::new("invoke_agent", names::AGENT_NAME, kind, name)
    }

    /// A tool is run: a span `execute_tool {name}`, and the metric `gen_ai.execute_tool.duration`.
    pub fn tool(name: impl Into<Arc<str>>) -> Self {
        let kind = (SpanKind::Internal, Some(Kind::Tool));
        Self::new("execute_tool", names::TOOL_NAME, kind, name)
    }

    fn new(
        operation: &'static str,
        key: &'static str,
        (kind, timed): (SpanKind, Option<Kind>),
        name: impl Into<Arc<str>>,
    ) -> Self {
        let name = name.into();
        let attributes = vec![
            KeyValue::new(names::OPERATION_NAME, operation),
            KeyValue::new(key, name.clone()),
        ];
        Self {
            operation,
            name,
            kind,
            timed,
            attributes,
            parent: None,
            spans: None,
        }
    }

    /// The agent's own identity: `gen_ai.agent.id`.
    pub fn agent_id(self, id: impl Into<Arc<str>>) -> Self {
        self.attribute(names::AGENT_ID, id)
    }

    /// `gen_ai.agent.version`
    pub fn agent_version(self, version: impl Into<Arc<str>>) -> Self {
        self.attribute(names::AGENT_VERSION, version)
    }

    /// To which conversation it belongs: `gen_ai.conversation.id`.
    pub fn session(self, session: impl Into<Arc<str>>) -> Self {
        self.attribute(names::CONVERSATION_ID, session)
    }

    /// What the model called the call of the tool: `gen_ai.tool.call.id`.
    pub fn call_id(self, id: impl Into<Arc<str>>) -> Self {
        self.attribute(names::TOOL_CALL_ID, id)
    }

    /// `function`, `extension` or `datastore`: `gen_ai.tool.type`.
    pub fn tool_type(self, kind: impl Into<Arc<str>>) -> Self {
        self.attribute(names::TOOL_TYPE, kind)
    }

    /// As a child of this, and not of what is current: of what [came along](crate::Incoming::context) with a request.
    pub fn parent(mut self, parent: &Context) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// Tells it by this telemetry, and not by that of the process.
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.spans = Some(telemetry.clone());
        self
    }

    fn attribute(mut self, key: &'static str, value: impl Into<Arc<str>>) -> Self {
        self.attributes.push(KeyValue::new(key, value.into()));
        self
    }

    /// Begins now.
    pub fn start(self) -> Ongoing {
        let telemetry = self.spans.or_else(init::of_process);
        let parent = self.parent.unwrap_or_else(Context::current);
        let timed = self.timed.and_then(|kind| {
            let metrics = telemetry.as_ref().map(Telemetry::metrics);
            let metrics = metrics.unwrap_or_else(Metrics::global);
            Timed::start(kind, &self.name, metrics, &parent)
        });
        let tracer = match telemetry {
            Some(telemetry) => tracer(&telemetry),
            None => {
                let tracer = global::tracer_with_scope(scope());
                Some(Arc::new(BoxedTracer::new(Box::new(tracer))))
            }
        };
        let builder = SpanBuilder {
            span_kind: Some(self.kind),
            attributes: Some(self.attributes),
            ..SpanBuilder::from_name(format!("{} {}", self.operation, self.name))
        };
        // Processors are others' code: a panic in them costs the span, and never the work.
        let start = || Some(tracer?.build_with_context(builder, &parent));
        let span = catch_unwind(AssertUnwindSafe(start)).ok().flatten();
        let seen = span.is_some();
        let context = span.map(|span| parent.with_span(span)).unwrap_or(parent);
        let context = match &timed {
            Some(timed) => timed.within(context),
            None => context,
        };
        Ongoing {
            context,
            seen,
            timed,
        }
    }
}

impl Ongoing {
    /// The context with its span, for spans that are its children.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Runs work with its span as the current one, whenever it is polled.
    pub fn run<F: Future>(&self, work: F) -> WithContext<F> {
        work.with_context(self.context.clone())
    }

    /// Makes its span current on this thread until the guard is dropped. Not across an `await`.
    #[must_use = "it is current until the guard is dropped"]
    pub fn attach(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// Says that it failed: `error.type`, from a short list of your own, and not a text.
    pub fn fail(&self, error: &'static str) {
        if let Some(timed) = &self.timed {
            timed.fail(error);
        }
        if self.seen {
            let span = self.context.span();
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, error));
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if self.seen {
            let _ = catch_unwind(AssertUnwindSafe(|| self.context.span().end()));
        }
    }
}
