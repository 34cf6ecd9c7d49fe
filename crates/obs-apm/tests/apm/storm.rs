//! A thousand calls at once, which end in every way there is.

use std::time::Duration;

use futures_util::StreamExt;
use obs_apm::{ApmLayer, Stats};
use obs_core::{AttemptLayer, Call, Error, ErrorKind, LlmResponse, Usd};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::{Service, ServiceBuilder, service_fn};

use crate::common::{Answer, Ask, error, prices, telemetry, usage, value, words};

const CALLS: u64 = 1_000;

/// What the model will do, told by the name of the model.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answers,
    Fails,
    TimesOut,
    Streams,
    Breaks,
}

/// Numbers that are the same in every run of one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

async fn model(fate: Fate, delay: Duration) -> Result<Answer, Error> {
    sleep(delay).await;
    let gap = Duration::from_millis(7);
    match fate {
        Fate::Answers => Ok(Answer::whole(1_000, 100)),
        Fate::Fails => Err(error(ErrorKind::Upstream)),
        Fate::TimesOut => Err(error(ErrorKind::Timeout)),
        Fate::Streams => Ok(Answer::stream(words(5, gap, usage(1_000, 100)))),
        Fate::Breaks => {
            let words = words(5, gap, usage(1_000, 100)).take(3);
            let end = futures_util::stream::iter([Err(error(ErrorKind::CutOff))]);
            Ok(Answer::stream(words.chain(end)))
        }
    }
}

async fn storm(seed: u64) {
    let telemetry = telemetry();
    let layer = ApmLayer::new().telemetry(&telemetry);
    let llm = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(AttemptLayer::new(prices()).enveloped())
        .service(service_fn(|call: Call<Ask>| {
            let id = call.context.id.expect("set below");
            let mut words = id
                .split(' ')
                .map(|word| word.parse::<u64>().expect("a number"));
            let mut next = || words.next().expect("two of them");
            let fate = match next() {
                0 => Fate::Answers,
                1 => Fate::Fails,
                2 => Fate::TimesOut,
                3 => Fate::Streams,
                _ => Fate::Breaks,
            };
            model(fate, Duration::from_millis(next()))
        }));
    let mut dice = Dice(seed);
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (fate, delay) = (dice.roll(5), dice.roll(50));
        // Some callers are patient, some leave before the head or in the middle of a stream.
        let patience = match dice.roll(2) {
            0 => Duration::MAX,
            _ => Duration::from_micros(500 + 1_000 * dice.roll(80)),
        };
        let mut call = Call::new(Ask::of("priced"));
        call.context.id = Some(format!("{fate} {delay}").into());
        let mut llm = llm.clone();
        calls.spawn(async move {
            let mut expected = Stats::default();
            let reading = async {
                let mut answer = llm.call(call).await?;
                if let Some(chunks) = answer.stream_mut() {
                    while let Some(chunk) = chunks.next().await {
                        chunk?;
                    }
                }
                Ok::<_, Error>(())
            };
            match timeout(patience, reading).await {
                Ok(Ok(())) => expected.success = 1,
                Ok(Err(error)) if error.kind() == ErrorKind::Timeout => expected.timeout = 1,
                Ok(Err(_)) => expected.error = 1,
                Err(_) => expected.cancelled = 1,
            }
            expected
        });
    }
    let mut expected = Stats::default();
    while let Some(call) = calls.join_next().await {
        let call = call.expect("no panic");
        expected.success += call.success;
        expected.error += call.error;
        expected.timeout += call.timeout;
        expected.cancelled += call.cancelled;
    }
    let stats = layer.stats();
    assert_eq!(stats.calls(), CALLS);
    assert_eq!(stats.in_flight, 0);
    assert_eq!(stats.attempts, CALLS);
    assert_eq!(
        (stats.success, stats.error, stats.timeout, stats.cancelled),
        (
            expected.success,
            expected.error,
            expected.timeout,
            expected.cancelled
        ),
        "seed {seed}"
    );
    for outcome in [stats.success, stats.error, stats.timeout, stats.cancelled] {
        assert!(outcome > 20, "every outcome is there: {stats:?}");
    }
    // Each answer costs the same, so that the ledger follows from the outcomes.
    let each = "0.0012".parse::<Usd>().expect("a number");
    assert_eq!(stats.paid.known, each * stats.success);
    assert_eq!(u64::from(stats.paid.unknown), CALLS - stats.success);

    let exported = |outcome: &str| {
        let series = format!("llm_calls_total{{operation=\"chat\",outcome=\"{outcome}\"}}");
        value(&telemetry, &series)
    };
    assert_eq!(exported("success"), Some(stats.success as f64));
    assert_eq!(exported("error"), Some(stats.error as f64));
    assert_eq!(exported("timeout"), Some(stats.timeout as f64));
    assert_eq!(exported("cancelled"), Some(stats.cancelled as f64));
    let cost = value(
        &telemetry,
        r#"llm_cost_usd_total{model="priced",route="none"}"#,
    );
    assert_eq!(cost, Some(stats.paid.known.as_dollars_f64()));
    let timed: f64 = telemetry
        .render()
        .lines()
        .filter(|line| line.starts_with("gen_ai_client_operation_duration_seconds_count"))
        .map(|line| line.rsplit(' ').next().expect("has a value"))
        .map(|count| count.parse::<f64>().expect("a number"))
        .sum();
    assert_eq!(timed, CALLS as f64);
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_storm_is_counted_once() {
    for seed in [1, 42, 0xfeed] {
        storm(seed).await;
    }
}
