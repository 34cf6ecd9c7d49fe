//! A master that three Sentinels replace.
use std::time::Duration;

use obs_redis::{State, testing::Sentinels};
use tokio::{
    task::{spawn_blocking, yield_now},
    time::Instant,
};

use crate::support::*;

#[tokio::test]
async fn a_master_that_dies_is_replaced_and_found() {
    let log = Log::start();
    let mut sentinels = Sentinels::new();
    assert_eq!(sentinels.master(), 0);
    let patient = connected(&sentinels.url()).await;
    patient.set(key("a"), key("x"), HOUR).await.unwrap();
    sentinels.server_mut(0).kill();
    let waiting = spawn_blocking(move || {
        sentinels.until_master_is(1);
        sentinels
    });
    let redis = patient.within(Duration::from_millis(100));
    let start = Instant::now();
    let mut waited = Duration::ZERO;
    while !waiting.is_finished() {
        let asked = Instant::now();
        let _ = redis.get(key("a")).await;
        let took = asked.elapsed();
        // What is less is the work of asking, which is nothing but done over and over here.
        if took > Duration::from_millis(1) {
            waited += took;
        }
        yield_now().await;
    }
    assert!(waited < start.elapsed() / 2, "{waited:?}");
    let _sentinels = waiting.await.unwrap();
    state(&redis, State::Closed).await;
    let until = Instant::now() + PATIENCE;
    while patient.set(key("a"), key("y"), HOUR).await.is_err() {
        assert!(Instant::now() < until, "never: {:?}", redis.stats());
        yield_now().await;
    }
    assert_eq!(patient.get(key("a")).await, Ok(Some(key("y"))));
    assert!(redis.stats().timeouts <= 2, "{:?}", redis.stats());
    // Connected, lost, found; a server on its way from replica to master may be found and lost again.
    assert!(log.lines().len() <= 7, "{:?}", log.lines());
}
