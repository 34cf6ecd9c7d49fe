//! Work that outlives its call is bounded, counted and drained.
use std::time::Duration;

use obs_core::Background;
use tokio::sync::oneshot;

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_dropped_and_counted() {
    let background = Background::new(1);
    let (go, gone) = oneshot::channel::<()>();
    background.spawn(async { drop(gone.await) }).unwrap();
    background.spawn(async {}).unwrap_err();
    assert_eq!((background.in_flight(), background.dropped()), (1, 1));
    assert!(!background.drain(Duration::from_secs(1)).await, "it hangs");
    drop(go);
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_what_is_under_way_and_takes_no_more() {
    let background = Background::new(2);
    let (done, mut is_done) = oneshot::channel::<()>();
    let work = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(done);
    };
    background.spawn(work).unwrap();
    assert!(background.drain(Duration::from_secs(2)).await);
    assert!(
        is_done
            .try_recv()
            .is_err_and(|e| e == oneshot::error::TryRecvError::Closed)
    );
    background.spawn(async {}).unwrap_err();
    assert!(
        background.drain(Duration::from_secs(2)).await,
        "twice is safe"
    );
}

#[tokio::test]
async fn work_that_panics_frees_its_place() {
    let background = Background::new(1);
    background.spawn(async { panic!("its own fault") }).unwrap();
    assert!(background.drain(Duration::from_secs(5)).await);
}

#[test]
fn without_a_runtime_work_is_dropped_and_not_a_panic() {
    let background = Background::new(1);
    background.spawn(async {}).unwrap_err();
    assert_eq!(background.dropped(), 1);
}
