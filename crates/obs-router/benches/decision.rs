//! What a decision costs, and the way of a call through the router to a service that answers at once.
use std::{convert::Infallible, future, hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use obs_core::{
    AttemptLayer, Call, CallContext, Error, Fingerprint, LlmRequest, LlmResponse, Price,
    PriceTable, Role, Usage,
};
use obs_learn::{Dataset, Goal, Online, Trainer};
use obs_metrics::Metrics;
use obs_router::{
    Breaker, Complexity, ExpectedCost, Gains, Learned, Policy, Retries, Route, RouterLayer,
    Weighted,
};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, ServiceExt, service_fn};

#[derive(Clone)]
struct Ask {
    model: Arc<str>,
    prompt: Arc<str>,
}

struct Answer;

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
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        Some(Usage {
            input: 100,
            output: 50,
            ..Usage::default()
        })
    }
}

/// Prose with some numbers and brackets, of this many bytes.
fn ask(bytes: usize) -> Ask {
    let text = "A train leaves at 9:40 (platform 3) with 120 passengers; a quarter of them get off at the first stop. ";
    Ask {
        model: "auto".into(),
        prompt: text.chars().cycle().take(bytes).collect::<String>().into(),
    }
}

fn routes() -> [Route; 2] {
    [
        Route::new("cheap").model("small"),
        Route::new("premium").model("large"),
    ]
}

fn run<S>(runtime: &Runtime, service: &mut S, ask: &Ask)
where
    S: Service<Call<Ask>, Response = Answer, Error = Error> + Clone,
{
    let call = Call::new(ask.clone());
    let answer = runtime.block_on(service.clone().oneshot(call));
    assert!(black_box(answer).is_ok());
}

/// With the allocations of one run told beside its time.
fn measure(c: &mut Criterion, name: &str, mut one: impl FnMut()) {
    one();
    let allocated = allocation_counter::measure(&mut one).count_total;
    let name = format!("{name} [{allocated} allocations]");
    c.bench_function(&name, |bencher| bencher.iter(&mut one));
}

/// A model with words: its rows are told apart by them alone.
fn online() -> Arc<Online> {
    let mut data = Dataset::new();
    for row in 0..400 {
        let hard = row % 3 == 0;
        let verb = if hard { "Prove" } else { "Spell" };
        let group = ["a", "b", "c", "d", "e", "f", "g", "h"][row % 8];
        let prompt = format!("{verb} lemma {row}.");
        let cheap = if hard { 0.0 } else { 1.0 };
        let pushed = data.push(Some(group), prompt.as_str(), cheap, 1.0);
        pushed.expect("a quality");
    }
    let training = Trainer::new().train(&data, |_, _| ());
    let model = training.expect("enough rows").model;
    Arc::new(Online::new(Arc::new(model), Goal::Share(0.3)).trusting())
}

fn prices() -> PriceTable {
    let price = |output| Price::per_million("1", output).expect("is a price");
    PriceTable::new()
        .with_model("small", price("1"))
        .with_model("large", price("10"))
}

fn decisions(c: &mut Criterion) {
    let context = CallContext::default();
    let online = online();
    let learned = Learned::new(online.clone());
    let worth = "0.01".parse().expect("dollars");
    let expected = ExpectedCost::new(&routes(), prices(), Gains::new(online, 0.95), worth);
    let weighted = Weighted::new([("cheap", 9), ("premium", 1)]);
    let rules = Complexity::default();
    let closure = |ask: &Ask, _: &CallContext| {
        if ask.prompt.len() > 500 {
            "premium"
        } else {
            "cheap"
        }
    };
    for (size, bytes) in [("100 B", 100), ("1 kB", 1_000), ("8 kB", 8_000)] {
        let ask = ask(bytes);
        measure(c, &format!("decide: closure, {size}"), || {
            black_box(closure.decide(black_box(&ask), &context));
        });
        measure(c, &format!("decide: complexity, {size}"), || {
            black_box(rules.decide(black_box(&ask), &context));
        });
        measure(c, &format!("decide: learned, {size}"), || {
            black_box(learned.decide(black_box(&ask), &context));
        });
        measure(c, &format!("decide: expected cost, {size}"), || {
            black_box(expected.decide(black_box(&ask), &context));
        });
        measure(c, &format!("decide: weighted, {size}"), || {
            black_box(weighted.decide(black_box(&ask), &context));
        });
    }
}

fn calls(c: &mut Criterion) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let model = service_fn(|_: Ask| future::ready(Ok::<_, Error>(Answer)));
    let mut bare = AttemptLayer::new(prices()).layer(model);
    let off = Metrics::disabled();
    let cheap = |_: &Ask, _: &CallContext| "cheap";
    let plain = RouterLayer::new(cheap, routes()).metrics(&off);
    let careful = plain
        .clone()
        .retries(Retries::new(1))
        .breaker(Breaker::default());
    let ask = ask(100);
    measure(c, "call: without a router", || {
        run(&runtime, &mut bare, &ask)
    });
    let mut routed = plain.layer(bare.clone());
    measure(c, "call: routed", || run(&runtime, &mut routed, &ask));
    let mut routed = careful.layer(bare.clone());
    measure(c, "call: routed, with retries and breaker", || {
        run(&runtime, &mut routed, &ask)
    });
}

criterion_group!(benches, decisions, calls);
criterion_main!(benches);
