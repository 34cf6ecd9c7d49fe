//! Moments that are asked for, not kept.
use std::{pin::pin, time::Duration};

use obs_core::{Alarm, CallContext, Deadline, Purpose};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_nearer_ceiling_holds_and_late_never_comes_after_the_end() {
    let deadline = Deadline::after(10 * SECOND, 5 * SECOND).within(12 * SECOND, SECOND);
    let now = Instant::now();
    assert_eq!(deadline.late(), Some(now + 10 * SECOND));
    assert_eq!(deadline.end(), Some(now + 13 * SECOND));
    let shorter = deadline.within(SECOND, SECOND);
    assert_eq!(shorter.remaining(), Some(2 * SECOND));
    advance(SECOND).await;
    assert!(shorter.is_late() && !shorter.is_over());
    advance(SECOND).await;
    assert!(shorter.is_over());
    assert_eq!(shorter.remaining(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_no_clock_can_show_is_none() {
    let deadline = Deadline::after(Duration::MAX, Duration::MAX);
    assert_eq!((deadline.late(), deadline.end()), (None, None));
    assert_eq!(deadline.remaining(), None);
}

#[tokio::test(start_paused = true)]
async fn a_shared_call_lasts_as_long_as_the_caller_with_most_time() {
    let leader = Deadline::after(SECOND, Duration::ZERO);
    let shared = leader.extendable();
    let inner = shared.clone().within(60 * SECOND, Duration::ZERO);
    let now = Instant::now();
    assert_eq!(inner.end(), Some(now + SECOND));
    shared.extend(&Deadline::after(5 * SECOND, Duration::ZERO));
    assert_eq!(inner.end(), Some(now + 5 * SECOND), "it moves away for all");
    shared.extend(&Deadline::default());
    assert_eq!(
        inner.end(),
        Some(now + 60 * SECOND),
        "but not past a ceiling"
    );
    assert_eq!(
        leader.end(),
        Some(now + SECOND),
        "nor for the leader itself"
    );
}

#[tokio::test(start_paused = true)]
async fn an_alarm_asks_again_when_it_fires() {
    let shared = Deadline::after(SECOND, Duration::ZERO).extendable();
    let mut alarm = pin!(Alarm::new(shared.end()));
    let mut polled = task::spawn(std::future::poll_fn(|cx| {
        alarm.as_mut().poll(cx, || shared.end())
    }));
    assert_pending!(polled.poll());
    shared.extend(&Deadline::after(3 * SECOND, Duration::ZERO));
    advance(SECOND).await;
    assert_pending!(polled.poll());
    advance(2 * SECOND).await;
    assert!(polled.is_woken());
    assert_ready!(polled.poll());
}

#[tokio::test(start_paused = true)]
async fn lateness_can_be_awaited() {
    let mut context = CallContext::default();
    context.deadline = Deadline::after(SECOND, SECOND);
    let child = context.child(Purpose::Retry);
    let start = Instant::now();
    child.deadline.lateness().await;
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn only_a_deadline_that_others_may_join_has_to_be_asked_again() {
    let own = Deadline::after(SECOND, SECOND);
    assert!(own.moving().is_none());
    let shared = own.extendable();
    let asked = shared.moving().expect("others may join");
    shared.extend(&Deadline::after(5 * SECOND, SECOND));
    assert_eq!(asked.late(), shared.late());
    assert_eq!(asked.end(), Some(Instant::now() + 6 * SECOND));
}
