//! The exporter says what `stats()` says.
use super::{Model, Step};
use crate::collector::{Collector, at};
use crate::common::{Reply, S, call};
use futures_util::FutureExt;
use obs_core::{Deadline, Error, ErrorKind, Operation};
use obs_timeout::{HedgeLayer, HedgeStats, Refusal};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

const COUNTERS: [&str; 5] = [
    "hedge_started_total",
    "hedge_won_total",
    "hedge_lost_total",
    "hedge_failed_total",
    "hedge_cancelled_total",
];

#[tokio::test(start_paused = true)]
async fn each_end_is_counted_once_and_told_by_operation() {
    let collector = Collector::new();
    let layer = HedgeLayer::new(2 * S)
        .plain(2 * S)
        .burst(4)
        .share(0.0)
        .metrics(&collector.metrics);
    assert!(collector.series().is_empty(), "it has no service yet");
    let model = Model::default();
    let svc = model.under(&layer);
    let series = collector.series();
    for operation in Operation::ALL.map(Operation::as_str) {
        for name in COUNTERS {
            assert_eq!(at(&series, name, operation), Some(0.0), "{name}");
        }
        for reason in Refusal::ALL {
            let of = format!("{operation}/{reason}");
            assert_eq!(at(&series, "hedge_refused_total", &of), Some(0.0), "{of}");
        }
    }
    assert_eq!(
        series.len(),
        Operation::ALL.len() * (COUNTERS.len() + Refusal::ALL.len())
    );

    let whole: fn() -> Result<Reply, Error> = || Ok(Reply::Billed);
    let fails: fn() -> Result<Reply, Error> = || Err(Error::new(ErrorKind::Upstream, "no"));
    let call = |operation| {
        let mut call = call(false);
        call.request.operation = operation;
        call
    };
    let run = async |steps: [Step; 2]| {
        model.script(steps);
        svc.clone().oneshot(call(Operation::Chat)).await.is_ok()
    };
    assert!(run([(9_000, whole), (500, whole)]).await);
    assert!(run([(2_100, whole), (500, whole)]).await);
    assert!(!run([(2_100, fails), (500, fails)]).await);
    model.script([(9_000, whole), (9_000, whole)]);
    let mut leaver = svc.clone().oneshot(call(Operation::Embeddings)).boxed();
    assert!((&mut leaver).now_or_never().is_none());
    sleep(3 * S).await;
    assert!((&mut leaver).now_or_never().is_none());
    drop(leaver);
    // The bucket is empty.
    model.script([(9_000, whole)]);
    assert!(svc.clone().oneshot(call(Operation::Chat)).await.is_ok());
    model.script([(9_000, whole)]);
    let short = Deadline::at(Instant::now() + 3 * S);
    assert!(
        svc.oneshot(call(Operation::Chat).deadline(short))
            .await
            .is_err()
    );

    let series = collector.series();
    let get = |name, operation| at(&series, name, operation);
    for (name, chat, embeddings) in [
        ("hedge_started_total", 3.0, 1.0),
        ("hedge_won_total", 1.0, 0.0),
        ("hedge_lost_total", 1.0, 0.0),
        ("hedge_failed_total", 1.0, 0.0),
        ("hedge_cancelled_total", 0.0, 1.0),
    ] {
        assert_eq!(get(name, "chat"), Some(chat), "{name}");
        assert_eq!(get(name, "embeddings"), Some(embeddings), "{name}");
    }
    assert_eq!(get("hedge_refused_total", "chat/share"), Some(1.0));
    assert_eq!(get("hedge_refused_total", "chat/deadline"), Some(1.0));
    let HedgeStats {
        started,
        won,
        lost,
        failed,
        cancelled,
        refused,
        ..
    } = layer.stats();
    assert_eq!([started, won, lost, failed, cancelled], [4, 1, 1, 1, 1]);
    assert_eq!(refused, [1, 0, 0, 1]);
    assert_eq!(layer.stats_of(Operation::Chat).started, 3);
    assert_eq!(layer.stats_of(Operation::Other), HedgeStats::default());
}
