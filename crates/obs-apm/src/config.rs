//! What the application wants of telemetry.

use std::{fmt, io::Write, net::SocketAddr};

use opentelemetry_sdk::{
    metrics::{MeterProviderBuilder, reader::MetricReader},
    trace::{BatchSpanProcessor, SpanExporter, SpanProcessor},
};

use crate::{console::Console, environment::Environment, vars::Lookup};

/// What the application wants of telemetry. What is not said here is taken from the environment, and then from defaults.
///
/// | setting | variables | default |
/// |---|---|---|
/// | all of it | `ENABLE_APM=false`, `OTEL_SDK_DISABLED=true` switch it off | on |
/// | [`environment`](Self::environment) | `ENVIRONMENT` | `development`; an unknown name counts as `production` |
/// | [`service_name`](Self::service_name) | `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES` | `unknown_service` |
/// | [`service_version`](Self::service_version) | `service.version` in `OTEL_RESOURCE_ATTRIBUTES` | none |
/// | [`listen`](Self::listen) | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | `127.0.0.1:9464` |
/// | sampling | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | all, and in production 10 % and the spans of failed calls, each where the parent does not say otherwise |
/// | [`console`](Self::console) | | standard error in development |
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
    pub(crate) processors: Vec<Box<dyn SpanProcessor>>,
    pub(crate) readers: Vec<AddReader>,
    pub(crate) lookup: Option<Box<Lookup<'static>>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Listen {
    At(SocketAddr),
    Nowhere,
}

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

    /// Exports spans, in batches and on a thread of its own. May be said several times.
    #[must_use]
    pub fn span_exporter(self, exporter: impl SpanExporter + 'static) -> Self {
        self.span_processor(BatchSpanProcessor::builder(exporter).build())
    }

    /// Shows spans to a processor. May be said several times.
    #[must_use]
    pub fn span_processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.processors.push(Box::new(processor));
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
            .field("processors", &self.processors)
            .field("readers", &self.readers.len())
            .finish_non_exhaustive()
    }
}
