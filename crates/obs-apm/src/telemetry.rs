//! Telemetry of a process, or of a test.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use obs_metrics::{Metrics, SCOPE};
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    metrics::SdkMeterProvider,
    trace::SdkTracerProvider,
};

use crate::{
    Conventions, Propagator,
    config::Config,
    console::Console,
    environment::Environment,
    export::Exports,
    keep::Tail,
    listener::Listener,
    names,
    pages::{Page, Pages},
    processors::Processors,
    scrape::Scrape,
    settings::{Address, Settings},
    status::{Degraded, Part, Status},
    vars::Vars,
};

/// How long flushing may take at the end.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Metrics and traces, set up. A clone is another handle to the same.
///
/// It touches nothing that the process shares; [`init`](crate::init) makes one for the whole process.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    enabled: bool,
    metrics: Metrics,
    scrape: Scrape,
    pages: Pages,
    meters: Option<SdkMeterProvider>,
    traces: Option<SdkTracerProvider>,
    tail: Option<Arc<Tail>>,
    conventions: Conventions,
    propagator: Propagator,
    address: Option<SocketAddr>,
    listener: Mutex<Option<Listener>>,
    problems: Mutex<Vec<Degraded>>,
    closed: AtomicBool,
}

impl Telemetry {
    /// Sets it up. What does not work is left out, said in a warning, and told by [`status`](Self::status).
    #[must_use]
    pub fn build(mut config: Config) -> Self {
        let lookup = config.lookup.take();
        let lookup = lookup.unwrap_or_else(|| Box::new(|name| std::env::var(name).ok()));
        let mut vars = Vars::new(&*lookup);
        let settings = Settings::resolve(&config, &mut vars);
        let problems = std::mem::take(&mut vars.problems);
        problems.iter().for_each(Degraded::warn);
        let telemetry = if settings.enabled {
            Self::enabled(config, settings)
        } else {
            Self::disabled(&settings)
        };
        telemetry.problems().splice(0..0, problems);
        telemetry
    }

    fn disabled(settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            enabled: false,
            metrics: Metrics::disabled(),
            scrape: Scrape::default(),
            pages: Pages::default(),
            meters: None,
            traces: None,
            tail: None,
            conventions: settings.conventions,
            // What others trace is passed on all the same.
            propagator: Propagator::new(settings.formats),
            address: None,
            listener: Mutex::default(),
            problems: Mutex::default(),
            closed: AtomicBool::new(false),
        }))
    }

    fn enabled(config: Config, settings: Settings) -> Self {
        let mut problems = Vec::new();
        let exports = Arc::<Exports>::default();
        let (scrape, pages) = (Scrape::default(), Pages::default());
        let mut meters = SdkMeterProvider::builder().with_resource(settings.resource.clone());
        for add in config.readers {
            meters = add(meters);
        }
        match scrape.reader() {
            Ok(reader) => meters = meters.with_reader(reader),
            Err(cause) => problems.push(Degraded::new(
                Part::Export,
                format!("metrics are not readable for Prometheus: {cause}"),
                "export them in another way, with `Config::metric_reader`",
            )),
        }
        let (meters, pushed) = settings.otlp.metrics(meters, &exports);
        problems.extend(pushed.err());
        let meters = meters.build();
        let metrics = Metrics::new(meters.meter(SCOPE));
        show_build(&metrics, settings.environment, settings.service_version);

        exports.show(&metrics);

        let mut processors = Processors::new(&settings.resource);
        for add in config.processors {
            processors.add(add(settings.batch, &exports));
        }
        match settings.otlp.spans(settings.batch, &exports) {
            Ok(otlp) => otlp.into_iter().for_each(|otlp| processors.add(otlp)),
            Err(problem) => problems.push(problem),
        }
        let default = || {
            let default = settings.environment == Environment::Development;
            let wanted = settings.exporters.console.unwrap_or(default);
            wanted.then(|| Console::new(io::stderr()))
        };
        if let Some(console) = config.console.unwrap_or_else(default) {
            processors.add(Box::new(console));
        }
        // Spans that nobody sees are not made.
        let traces = processors.provider(settings.sampling.sampler, settings.resource);
        let tail = Tail::new(settings.sampling.keep, processors.into_inner());

        let listener = settings.listen.and_then(|address| {
            let listener = Listener::start(&address, scrape.clone(), pages.clone());
            listener
                .map_err(|error| problems.push(not_listening(&address, &error)))
                .ok()
        });
        problems.iter().for_each(Degraded::warn);
        Self(Arc::new(Inner {
            enabled: true,
            metrics,
            scrape,
            pages,
            meters: Some(meters),
            traces,
            tail: tail.map(Arc::new),
            conventions: settings.conventions,
            propagator: Propagator::new(settings.formats),
            address: listener.as_ref().map(Listener::address),
            listener: Mutex::new(listener),
            problems: Mutex::new(problems),
            closed: AtomicBool::new(false),
        }))
    }

    /// What layers count with.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.metrics.clone()
    }

    /// What the application's own meters are made of; `None` where telemetry is switched off.
    #[must_use]
    pub fn meter_provider(&self) -> Option<&SdkMeterProvider> {
        self.0.meters.as_ref()
    }

    /// What tracers are made of; `None` where telemetry is switched off, and where nobody would see a span.
    #[must_use]
    pub fn tracer_provider(&self) -> Option<&SdkTracerProvider> {
        self.0.traces.as_ref()
    }

    /// What writes and reads what travels between agents.
    #[must_use]
    pub fn propagator(&self) -> Propagator {
        self.0.propagator.clone()
    }

    /// Which generation of the GenAI conventions is in force.
    #[must_use]
    pub fn conventions(&self) -> Conventions {
        self.0.conventions
    }

    pub(crate) fn tail(&self) -> Option<Arc<Tail>> {
        self.0.tail.clone()
    }

    /// All metrics in the text format of Prometheus, for a router of the application's own. Empty where telemetry is switched
    /// off, and after the end.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.scrape.render()
    }

    /// The content type of what [`render`](Self::render) gives.
    pub const CONTENT_TYPE: &str = Scrape::CONTENT_TYPE;

    /// Where Prometheus finds `/metrics`; `None` where no port is open.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// Shows something else at the port of the metrics: `GET` of this path, which begins with a slash, answers what `write` gives.
    /// It runs on the thread of that port, whose other visitors wait meanwhile. What was there before is replaced; `/metrics`
    /// cannot be, and where no port is open nothing is shown.
    pub fn page(
        &self,
        path: &'static str,
        content_type: &'static str,
        write: impl Fn() -> Bytes + Send + Sync + 'static,
    ) {
        let write = Arc::new(write);
        let page = Page {
            content_type,
            write,
        };
        self.0.pages.add(path, page);
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let problems = self.problems();
        match (problems.is_empty(), self.0.enabled) {
            (false, _) => Status::Degraded(problems.clone()),
            (true, true) => Status::Active,
            (true, false) => Status::Disabled,
        }
    }

    /// [`shutdown_within`](Self::shutdown_within) five seconds.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn shutdown(&self) -> Result<(), Degraded> {
        self.shutdown_within(SHUTDOWN)
    }

    /// Exports what is left, and closes the port. Blocks the thread no longer than this. Only the first time does anything, and
    /// it need not be called at all. Calls go on, and are no longer exported.
    ///
    /// # Errors
    ///
    /// When something could not be exported within this time. There is nothing to be done about it but to say so.
    pub fn shutdown_within(&self, limit: Duration) -> Result<(), Degraded> {
        if self.0.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let (done, wait) = mpsc::channel();
        let inner = self.0.clone();
        let flushing = thread::Builder::new()
            .name("obs-flush".to_owned())
            .spawn(move || {
                // Nobody waits any more when it took too long.
                let _ = done.send(inner.flush(limit));
            });
        let problem = match flushing.map(|_| wait.recv_timeout(limit)) {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(cause))) => cause,
            Ok(Err(_)) => format!("telemetry was not flushed within {limit:?}"),
            Err(error) => format!("no thread to flush telemetry: {error}"),
        };
        let problem = Degraded::new(
            Part::Export,
            problem,
            "see whether what spans and metrics are exported to answers",
        );
        problem.warn();
        self.problems().push(problem.clone());
        Err(problem)
    }

    pub(crate) fn degrade(&self, problem: Degraded) {
        problem.warn();
        self.problems().push(problem);
    }

    fn problems(&self) -> std::sync::MutexGuard<'_, Vec<Degraded>> {
        let problems = self.0.problems.lock();
        problems.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn flush(&self, limit: Duration) -> Result<(), String> {
        // Side by side: a collector that hangs with the one must not cost the other.
        let (traces, meters) = thread::scope(|scope| {
            let traces = scope.spawn(|| {
                let traces = self.traces.as_ref();
                traces.map(|traces| traces.shutdown_with_timeout(limit))
            });
            let meters = self.meters.as_ref();
            let meters = meters.map(|meters| meters.shutdown_with_timeout(limit));
            let panicked = |_| {
                let problem = "a processor panicked".to_owned();
                Some(Err(OTelSdkError::InternalFailure(problem)))
            };
            (traces.join().unwrap_or_else(panicked), meters)
        });
        let listener = self.listener.lock();
        if let Some(listener) = listener.unwrap_or_else(PoisonError::into_inner).take() {
            listener.stop(limit);
        }
        let failed = |what: &str, result: Option<OTelSdkResult>| match result {
            // Another handle to the same provider was quicker.
            None | Some(Ok(()) | Err(OTelSdkError::AlreadyShutdown)) => None,
            Some(Err(error)) => Some(format!("{what} were not flushed: {error}")),
        };
        let failed = [failed("spans", traces), failed("metrics", meters)];
        let failed: Vec<_> = failed.into_iter().flatten().collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.join("; ")),
        }
    }
}

/// What runs here, as a gauge that is always 1.
fn show_build(metrics: &Metrics, environment: Environment, service: Option<String>) {
    let labels = [
        KeyValue::new("version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service_version", service.unwrap_or_default()),
        KeyValue::new("environment", environment.as_str()),
    ];
    let description = "What runs here; always 1.";
    metrics.up_down(names::BUILD_INFO, description, move |tell| tell(&labels, 1));
}

fn not_listening(address: &Address, error: &io::Error) -> Degraded {
    let Address { host, port } = address;
    Degraded::new(
        Part::Listener,
        format!("metrics are counted, but cannot be scraped at {host}:{port}: {error}"),
        "free the port, or set another with OTEL_EXPORTER_PROMETHEUS_PORT or `Config::listen` (0 takes any free one), or \
         mount `Telemetry::render` on a router of your own",
    )
}
