//! Who answers: the leaf under all layers, which goes by the route that was chosen.
use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use obs_apm::Propagator;
use obs_core::{Call, Error};
use obs_metrics::Metrics;
use obs_openai::{Malformed, ResponseFuture, TellDeadline, Upstream};
use opentelemetry::KeyValue;
use tower::Service;

use crate::{
    api::Api,
    build_error::BuildError,
    clock::WallClock,
    refusal::Refusal,
    settings::{self, Format, Settings},
    simulated::Simulated,
};

/// One provider.
#[derive(Clone, Debug)]
pub(crate) enum Provider {
    Upstream(Upstream),
    Simulated(Simulated),
}

/// All providers. What no route names goes to the first one that speaks the interface of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Providers {
    /// In the order of [`Api::ALL`].
    first: [Option<Provider>; 2],
    of_route: Arc<HashMap<Arc<str>, Provider>>,
    /// Each with its name.
    all: Arc<[(Arc<str>, Provider)]>,
}

impl Provider {
    /// Where it is, for keys of the cache: another place gives other answers.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Upstream(upstream) => upstream.base_url(),
            Self::Simulated(_) => "simulated",
        }
    }

    fn new(
        of: &settings::Provider,
        settings: &Settings,
        clock: &WallClock,
        propagator: &Propagator,
    ) -> Result<Self, BuildError> {
        if of.format == Format::Simulated {
            let simulated = Simulated::new(settings.simulated.latency, clock.clone());
            return Ok(Self::Simulated(simulated));
        }
        let propagator = propagator.clone();
        let mut upstream = Upstream::builder(&*of.base_url)
            .name(format!("provider {}", of.name))
            .connect_timeout(settings.timeout.connect)
            .tell_deadline(match of.deadline {
                settings::TellDeadline::Both => TellDeadline::Both,
                settings::TellDeadline::Http => TellDeadline::Http,
                settings::TellDeadline::Grpc => TellDeadline::Grpc,
                settings::TellDeadline::Off => TellDeadline::Nowhere,
            })
            .malformed(match of.malformed {
                settings::Malformed::Error => Malformed::Fail,
                settings::Malformed::Skip => Malformed::Skip,
            })
            // The span of the attempt, which is current then.
            .prepare(move |_, headers| propagator.inject_trace_headers(headers));
        if of.format == Format::Anthropic {
            upstream = upstream.key_header("x-api-key");
        }
        if of.http2 {
            upstream = upstream.http2_only();
        }
        if let Some(key) = &of.api_key {
            upstream = upstream.api_key(key.expose());
        }
        if let Some(pem) = &of.ca {
            upstream = upstream.trust(pem.clone());
        }
        let refused = |error| BuildError::new(format!("provider {:?}: {error}", of.name));
        upstream.build().map(Self::Upstream).map_err(refused)
    }
}

impl Providers {
    /// Those of the settings.
    pub(crate) fn new(
        settings: &Settings,
        clock: &WallClock,
        propagator: &Propagator,
    ) -> Result<Self, BuildError> {
        let mut by_name = HashMap::new();
        for provider in &settings.providers {
            let made = Provider::new(provider, settings, clock, propagator)?;
            by_name.insert(&provider.name, made);
        }
        let of = |name: &Arc<str>| {
            let provider = by_name.get(name).cloned();
            provider.ok_or_else(|| BuildError::new(format!("there is no provider {name:?}")))
        };
        let first = settings.providers.first();
        let first = first.ok_or_else(|| BuildError::new("there is no provider".into()))?;
        let mut of_route = HashMap::new();
        for route in &settings.routes {
            let provider = of(route.provider.as_ref().unwrap_or(&first.name))?;
            of_route.insert(route.name.clone(), provider);
        }
        Ok(Self {
            first: Api::ALL.map(|api| {
                let mut all = settings.providers.iter();
                let first = all.find(|provider| api.is_spoken(provider.format))?;
                by_name.get(&first.name).cloned()
            }),
            of_route: Arc::new(of_route),
            all: settings
                .providers
                .iter()
                .map(|provider| Ok((provider.name.clone(), of(&provider.name)?)))
                .collect::<Result<_, BuildError>>()?,
        })
    }

    /// Shows what they count themselves.
    pub(crate) fn count(&self, metrics: &Metrics) {
        let all = self.all.clone();
        metrics.counter(
            "upstream_skipped_events_total",
            "Events of streams that were no JSON, and were passed over.",
            move |tell| {
                for (name, provider) in &*all {
                    if let Provider::Upstream(upstream) = provider {
                        let label = KeyValue::new("provider", name.clone());
                        tell(&[label], upstream.skipped_events());
                    }
                }
            },
        );
    }

    /// The provider of a route, or the first one that speaks this.
    pub(crate) fn of(&self, api: Api, route: Option<&str>) -> Option<&Provider> {
        let of_route = route.and_then(|route| self.of_route.get(route));
        of_route.or(self.first[api.index()].as_ref())
    }

    /// All of them, for endpoints of this interface.
    pub(crate) fn speaking(&self, api: Api) -> Speaking {
        Speaking {
            providers: self.clone(),
            api,
        }
    }
}

/// The providers at endpoints of one interface.
#[derive(Clone, Debug)]
pub(crate) struct Speaking {
    providers: Providers,
    api: Api,
}

impl<R, Res> Service<Call<R>> for Speaking
where
    Upstream: Service<Call<R>, Response = Res, Error = Error, Future = ResponseFuture<Res>>,
    Simulated: Service<Call<R>, Response = Res, Error = Error>,
    <Simulated as Service<Call<R>>>::Future: Unpin,
{
    type Response = Res;
    type Error = Error;
    type Future = Either<
        Either<ResponseFuture<Res>, <Simulated as Service<Call<R>>>::Future>,
        Ready<Result<Res, Error>>,
    >;

    /// Always: both kinds are.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let route = call.context.route.as_deref();
        Either::Left(match self.providers.of(self.api, route).cloned() {
            Some(Provider::Upstream(mut upstream)) => Either::Left(upstream.call(call)),
            Some(Provider::Simulated(mut simulated)) => Either::Right(simulated.call(call)),
            None => return Either::Right(ready(Err(Refusal::not_spoken(self.api).into()))),
        })
    }
}
