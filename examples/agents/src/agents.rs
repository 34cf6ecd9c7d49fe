//! All agents in one process, each as if it were alone.

use obs_apm::{Config, Telemetry};
use obs_core::BoxError;
use obs_gateway::{
    Gateway,
    settings::{Sources, load},
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{collector::Collector, planner, researcher};

/// All agents, each on a free port.
#[derive(Debug)]
pub struct Agents {
    /// Where the planner is asked.
    pub planner: String,
    telemetry: Vec<Telemetry>,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
}

impl Agents {
    /// Starts the gateway with its simulated models, the researcher that asks it, and the planner that asks the researcher.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start(collector: &Collector) -> Result<Self, BoxError> {
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        let telemetry = ["planner", "researcher", "gateway"].map(|name| telemetry(name, collector));
        let [of_planner, of_researcher, of_gateway] = &telemetry;

        let (listener, gateway_at) = listen().await?;
        let gateway = gateway(of_gateway)?;
        let end = ended(stopped.clone());
        serving.spawn(async move {
            gateway.serve(listener, end).await;
        });

        let (listener, researcher_at) = listen().await?;
        let researcher = researcher::server(&gateway_at, of_researcher.clone())?;
        let end = ended(stopped.clone());
        serving.spawn(async move {
            let served = researcher.serve_with_incoming_shutdown(
                tonic::transport::server::TcpIncoming::from(listener),
                end,
            );
            if let Err(error) = served.await {
                eprintln!("the researcher: {error}");
            }
        });

        let (listener, planner) = listen().await?;
        let router = planner::router(&researcher_at, of_planner.clone())?;
        let end = ended(stopped);
        serving.spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(end);
            if let Err(error) = served.await {
                eprintln!("the planner: {error}");
            }
        });
        Ok(Self {
            planner,
            telemetry: telemetry.into(),
            stop,
            serving,
        })
    }

    /// Finishes what is in flight, and sends the spans that are left.
    pub async fn stop(mut self) {
        // Nobody may be listening any more.
        let _ = self.stop.send(true);
        while self.serving.join_next().await.is_some() {}
        for telemetry in self.telemetry {
            // It blocks its thread, and a collector on the same runtime may need it.
            let flushed = tokio::task::spawn_blocking(move || telemetry.shutdown()).await;
            if let Ok(Err(problem)) = flushed {
                eprintln!("{problem}");
            }
        }
    }
}

fn telemetry(name: &str, collector: &Collector) -> Telemetry {
    let traces_only = |name: &str| (name == "OTEL_METRICS_EXPORTER").then(|| "none".to_owned());
    Telemetry::build(
        Config::new()
            .service_name(name)
            .otlp(collector.url())
            .variables(traces_only)
            .no_listener()
            .no_console(),
    )
}

fn gateway(telemetry: &Telemetry) -> Result<Gateway, BoxError> {
    let sources = Sources {
        environment: [
            ("OBS_SIMULATED_LATENCY", "0"),
            // The agents are trusted to say on whose behalf they ask.
            ("OBS_SERVER_TENANT", "header"),
        ]
        .into_iter()
        .collect(),
        ..Sources::default()
    };
    let loaded = load(&sources).map_err(|problems| problems.to_string())?;
    let gateway = Gateway::builder(loaded.settings).telemetry(telemetry.clone());
    Ok(gateway.build()?)
}

async fn listen() -> Result<(TcpListener, String), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // Dropped or told: both are the end.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
