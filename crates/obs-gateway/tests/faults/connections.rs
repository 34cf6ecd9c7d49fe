//! Connections that break before an answer begins.
use crate::setup::Faulty;

#[tokio::test]
async fn a_connection_reset_before_headers_is_retried() {
    for streamed in [false, true] {
        let faulty = Faulty::alone("reset-once").await;
        faulty.ask(streamed, &[]).await.assert_whole("cheap");
        faulty.assert_asked(2, 0);
    }
}

#[tokio::test]
async fn a_connection_reset_before_headers_for_ever_is_routed_on() {
    for streamed in [false, true] {
        for fault in ["reset", "close"] {
            let faulty = Faulty::first(fault).await;
            faulty.ask(streamed, &[]).await.assert_whole("premium");
            faulty.assert_asked(2, 1);
        }
    }
}

/// Keep-alive is no promise: a connection of the pool may have died since.
#[tokio::test]
async fn a_stale_connection_of_the_pool_is_no_failure() {
    for fault in ["close-after", "reset-when-reused"] {
        let faulty = Faulty::alone(fault).await;
        for _ in 0..3 {
            faulty.plain().await.assert_whole("cheap");
        }
    }
}
