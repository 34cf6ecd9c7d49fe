//! Requests with a prompt, and models whose usage the test says.
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use obs_core::{
    AttemptLayer, Call, Error, Fingerprint, LlmRequest, LlmResponse, Price, PriceTable, Role,
    Usage, Usd,
};
use obs_metrics::Metrics;
use obs_router::{Judge, Policy, Route, RouterLayer};
use tower::{Layer, ServiceExt, service_fn};

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) prompt: String,
}

pub(crate) fn ask(prompt: &str) -> Call<Ask> {
    Call::new(Ask {
        model: "auto".into(),
        prompt: prompt.into(),
    })
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }
    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.prompt);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("prompt", self.prompt.as_bytes());
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) model: String,
    usage: Option<Usage>,
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Ten and a hundred dollars a million tokens; cached ones cost a tenth.
pub(crate) fn prices() -> PriceTable {
    let price = |full, cached| {
        let price = Price::per_million(full, full).expect("a price");
        price.cached_input_per_million(cached).expect("a price")
    };
    PriceTable::new()
        .with_model("small", price("10", "1"))
        .with_model("large", price("100", "10"))
}

pub(crate) fn routes() -> [Route; 2] {
    [
        Route::new("cheap").model("small"),
        Route::new("premium").model("large"),
    ]
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("dollars")
}

/// What the models use from now on.
#[derive(Clone, Default)]
pub(crate) struct Models {
    usage: Arc<Mutex<Option<Usage>>>,
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Models {
    pub(crate) fn using(input: u64, cached_input: u64, output: u64) -> Self {
        let models = Self::default();
        models.uses(input, cached_input, output);
        models
    }

    pub(crate) fn uses(&self, input: u64, cached_input: u64, output: u64) {
        let usage = Usage {
            input,
            cached_input,
            output,
            ..Usage::default()
        };
        *self.usage.lock().expect("sound") = Some(usage);
    }

    /// The route that the call took in the end, and why.
    pub(crate) async fn took<P, J>(
        &self,
        layer: &RouterLayer<P, J>,
        call: Call<Ask>,
    ) -> (String, &'static str)
    where
        P: Policy<Ask>,
        J: Judge<Ask, Answer>,
    {
        let models = self.clone();
        let inner = service_fn(move |ask: Ask| {
            models.calls.fetch_add(1, SeqCst);
            let usage = *models.usage.lock().expect("sound");
            let model = ask.model;
            async move { Ok::<_, Error>(Answer { model, usage }) }
        });
        let journal = call.context.journal.clone();
        let inner = AttemptLayer::new(prices()).layer(inner);
        let answer = layer.layer(inner).oneshot(call).await.expect("an answer");
        let report = journal.read();
        let last = report.decisions.last().expect("a decision");
        let model = if &*last.route == "cheap" {
            "small"
        } else {
            "large"
        };
        assert_eq!(answer.model, model);
        (last.route.to_string(), last.reason)
    }
}

pub(crate) fn layer<P>(policy: P) -> RouterLayer<P> {
    RouterLayer::new(policy, routes()).metrics(&Metrics::disabled())
}

pub(crate) fn was(route: &str, reason: &'static str) -> (String, &'static str) {
    (route.to_owned(), reason)
}
