//! What the application wants of telemetry.

use std::{fmt, io::Write, net::SocketAddr, sync::Arc};

use opentelemetry_sdk::{
    metrics::{MeterProviderBuilder, reader::MetricReader},
    trace::{SpanExporter, SpanProcessor},
};

use crate::{
    Conventions, Keep, batch::Batch, console::Console, environment::Environment, export::Exports,
    vars::Lookup,
};

/// What the application wants of telemetry. What is not said here is taken from the environment, and then from defaults.
///
/// | setting | variables | default |
/// |---|---|---|
/// | all of it | `ENABLE_APM=false`, `OTEL_SDK_DISABLED=true` switch it off | on |
/// | [`environment`](Self::environment) | `ENVIRONMENT` | `development`; an unknown name counts as `production` |
/// | [`service_name`](Self::service_name) | `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES` | `unknown_service` |
/// | [`service_version`](Self::service_version) | `service.version` in `OTEL_RESOURCE_ATTRIBUTES` | none |
/// | resource | `OTEL_RESOURCE_ATTRIBUTES` | |
/// | [`listen`](Self::listen) | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT`; `OTEL_METRICS_EXPORTER` without `prometheus` opens no port | `127.0.0.1:9464` |
/// | [`otlp`](Self::otlp) | `OTEL_EXPORTER_OTLP_ENDPOINT`, `.._TRACES_ENDPOINT`, `.._METRICS_ENDPOINT`; `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` without `otlp` switch it off | off |
/// | how it is sent | `OTEL_EXPORTER_OTLP_{PROTOCOL,HEADERS,TIMEOUT,COMPRESSION,CERTIFICATE}`, each also for one signal, `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `http/protobuf`, 10 s, cumulative |
/// | the queue of spans | `OTEL_BSP_{MAX_QUEUE_SIZE,MAX_EXPORT_BATCH_SIZE,SCHEDULE_DELAY,EXPORT_TIMEOUT}` | 2048, 512, 5 s, 30 s |
/// | how often metrics are sent | `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_METRIC_EXPORT_TIMEOUT` | 60 s, 30 s |
/// | sampling | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | all, and in production 10 %, each where the parent does not say otherwise |
/// | [`keep`](Self::keep) | | in production, unless a sampler is named: failed, late and costly calls |
/// | propagation | `OTEL_PROPAGATORS` (`tracecontext`, `baggage`, `b3`, `b3multi`, `none`) | `tracecontext,baggage`, and B3 is read |
/// | [`conventions`](Self::conventions) | `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` | those of version 1.41 |
/// | [`console`](Self::console) | `OTEL_TRACES_EXPORTER` with `console` | standard error in development |
///
/// ```
/// use obs_apm::{Config, Environment};
///
/// let config = Config::new().service_name("answers").environment(Environment::Staging);
/// ```
#[derive(Default)]
pub struct Config {
    pub(crate) disabled: bool,
    pub(crate) service_name: Option<String>,
    pub(crate) service_version: Option<String>,
    pub(crate) environment: Option<Environment>,
    pub(crate) listen: Option<Listen>,
    pub(crate) console: Option<Option<Console>>,
    pub(crate) otlp: Option<String>,
    pub(crate) keep: Option<Keep>,
    pub(crate) conventions: Option<Conventions>,
    pub(crate) processors: Vec<AddProcessor>,
    pub(crate) readers: Vec<AddReader>,
    pub(crate) lookup: Option<Box<Lookup<'static>>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Listen {
    At(SocketAddr),
    Nowhere,
}

/// Made when it is known how spans are gathered.
type AddProcessor = Box<dyn FnOnce(Batch, &Arc<Exports>) -> Box<dyn SpanProcessor> + Send>;

/// A reader is not a trait object, so that adding it is.
type AddReader = Box<dyn FnOnce(MeterProviderBuilder) -> MeterProviderBuilder + Send>;

impl Config {
    /// Everything from the environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches all of it off: nothing is exported, no clock is read, and the layers count on.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// The name of the service in traces.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The version of the service in traces and in `obs_build_info`.
    #[must_use]
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = Some(version.into());
        self
    }

    /// Where the process runs.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Where Prometheus finds `/metrics`. Port 0 takes any free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(Listen::At(address));
        self
    }

    /// Opens no port: [`Telemetry::render`](crate::Telemetry::render) is mounted on a router of the application's own.
    #[must_use]
    pub fn no_listener(mut self) -> Self {
        self.listen = Some(Listen::Nowhere);
        self
    }

    /// Sends traces and metrics to a collector by OTLP: the URL below which `/v1/traces` and `/v1/metrics` are, such as
    /// `http://localhost:4318`. It stands over the variables with an endpoint.
    #[must_use]
    pub fn otlp(mut self, endpoint: impl Into<String>) -> Self {
        self.otlp = Some(endpoint.into());
        self
    }

    /// Which calls are told though their trace is not sampled, whatever the sampler is.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Which generation of the GenAI conventions names metrics and attributes.
    #[must_use]
    pub fn conventions(mut self, conventions: Conventions) -> Self {
        self.conventions = Some(conventions);
        self
    }

    /// Writes one line for each call, in any environment.
    #[must_use]
    pub fn console(mut self, to: impl Write + Send + 'static) -> Self {
        self.console = Some(Some(Console::new(to)));
        self
    }

    /// Writes nothing to the console, in any environment.
    #[must_use]
    pub fn no_console(mut self) -> Self {
        self.console = Some(None);
        self
    }

    /// Exports spans, in batches and on a thread of its own, from a queue of the size that the variables say. May be said
    /// several times.
    #[must_use]
    pub fn span_exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        let add: AddProcessor = Box::new(|batch, exports| batch.processor(exporter, exports));
        self.processors.push(add);
        self
    }

    /// Shows spans to a processor. May be said several times.
    #[must_use]
    pub fn span_processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.processors.push(Box::new(|_, _| Box::new(processor)));
        self
    }

    /// Exports metrics in another way, besides Prometheus. May be said several times.
    #[must_use]
    pub fn metric_reader(mut self, reader: impl MetricReader) -> Self {
        self.readers
            .push(Box::new(|builder| builder.with_reader(reader)));
        self
    }

    /// Looks up variables here, and not in the environment of the process.
    #[must_use]
    pub fn variables(
        mut self,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.lookup = Some(Box::new(lookup));
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("disabled", &self.disabled)
            .field("service_name", &self.service_name)
            .field("service_version", &self.service_version)
            .field("environment", &self.environment)
            .field("listen", &self.listen)
            .field("console", &self.console)
            .field("otlp", &self.otlp)
            .field("keep", &self.keep)
            .field("conventions", &self.conventions)
            .field("processors", &self.processors.len())
            .field("readers", &self.readers.len())
            .finish_non_exhaustive()
    }
}
