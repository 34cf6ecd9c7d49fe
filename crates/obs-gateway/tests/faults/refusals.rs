//! What a provider refuses.
use crate::setup::Faulty;

/// The cheap route's window is this large, and the premium one's that.
fn windows(cheap: u64, premium: u64) -> String {
    let route = |name: &str, tokens: u64| {
        format!("[[routes]]\nname = \"{name}\"\nmodel = \"{name}\"\ncontext = {tokens}\n")
    };
    route("cheap", cheap) + &route("premium", premium)
}

#[tokio::test]
async fn a_context_that_is_too_long_goes_to_a_route_with_a_larger_window() {
    for streamed in [false, true] {
        let faulty = Faulty::of("context-too-long", &windows(8_192, 128_000), &[]).await;
        faulty.ask(streamed, &[]).await.assert_whole("premium");
        faulty.assert_asked(1, 1);
    }
}

#[tokio::test]
async fn a_context_that_is_too_long_without_a_larger_window_is_the_providers_error() {
    for streamed in [false, true] {
        let faulty = Faulty::of("context-too-long", &windows(8_192, 8_192), &[]).await;
        let got = faulty.ask(streamed, &[]).await;
        assert_eq!(got.status, 400);
        assert_eq!(got.error()["code"], "context_length_exceeded");
        faulty.assert_asked(1, 0);
    }
}

#[tokio::test]
async fn a_content_filter_is_not_retried_and_its_reason_reaches_the_caller() {
    for streamed in [false, true] {
        let faulty = Faulty::first("content-filter").await;
        let got = faulty.ask(streamed, &[]).await;
        assert_eq!(got.status, 400);
        let error = got.error();
        assert_eq!(error["code"], "content_filter");
        assert_eq!(error["innererror"]["code"], "ResponsibleAIPolicyViolation");
        faulty.assert_asked(1, 0);
    }
}

/// Answers that the model did not end by itself say so, and are not asked for again.
#[tokio::test]
async fn an_answer_that_was_cut_by_length_or_filter_says_so() {
    for (fault, finish) in [("length", "length"), ("filtered-answer", "content_filter")] {
        let faulty = Faulty::first(fault).await;
        for streamed in [false, true] {
            let got = faulty.ask(streamed, &[]).await;
            assert_eq!(got.status, 200);
            assert!(got.body.contains(&format!("\"{finish}\"")), "{got:?}");
        }
        faulty.assert_asked(2, 0);
    }
}

#[tokio::test]
async fn a_callers_own_mistake_is_not_taken_anywhere_else() {
    let faulty = Faulty::first("bad-request").await;
    let got = faulty.plain().await;
    assert_eq!(
        (got.status, &got.error()["code"]),
        (400, &"invalid_value".into())
    );
    faulty.assert_asked(1, 0);
}

#[tokio::test]
async fn a_key_of_the_operators_that_is_refused_is_the_routes_fault() {
    let faulty = Faulty::first("401").await;
    faulty.plain().await.assert_whole("premium");
    faulty.assert_asked(1, 1);
}
