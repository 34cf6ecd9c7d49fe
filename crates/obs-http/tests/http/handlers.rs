//! Handlers of one's own, with the extractors.
use axum::{Router, extract::State, routing::post};
use obs_http::{Answer, Asked, Circumstances, Failure};
use obs_openai::{Chat, ChatRequest};

use crate::common::{LIMIT, Provider, Stack, client, header, question, serve, stack};

async fn ask(
    State(chat): State<Stack>,
    asked: Asked<ChatRequest>,
) -> Result<Answer<Chat>, Failure<Chat>> {
    asked.ask(chat).await
}

async fn who(Circumstances(context): Circumstances) -> String {
    let left = context.deadline.remaining().is_some();
    format!("{:?} {left}", context.session.as_deref())
}

async fn app() -> (Provider, String) {
    let (provider, upstream) = Provider::start().await;
    let app = Router::new()
        .route("/ask", post(ask))
        .route("/who", post(who))
        .with_state(stack(&upstream, LIMIT));
    (provider, format!("http://{}", serve(app).await))
}

async fn send(url: String, body: String) -> reqwest::Response {
    let request = client().post(url).body(body);
    let request = request.header("content-type", "application/json");
    request.send().await.expect("answers")
}

#[tokio::test]
async fn a_handler_answers_whole_and_streamed() {
    let (provider, url) = app().await;
    for (stream, cache) in [(false, "miss"), (false, "hit"), (true, "hit")] {
        let answer = send(format!("{url}/ask"), question("m", stream)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-obs-cache"), Some(cache));
        let is_stream = header(&answer, "content-type").is_some_and(|kind| kind.contains("event"));
        assert_eq!(is_stream, stream);
        assert!(answer.text().await.expect("a body").contains("answer 1"));
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_handlers_errors_are_in_the_shape_of_the_format() {
    let (_provider, url) = app().await;
    for (body, status) in [(question("busy", true), 429), ("[]".to_owned(), 400)] {
        let answer = send(format!("{url}/ask"), body).await;
        assert_eq!(answer.status(), status);
        assert!(
            answer
                .text()
                .await
                .expect("a body")
                .starts_with(r#"{"error":"#)
        );
    }
}

#[tokio::test]
async fn circumstances_are_there_by_themselves() {
    let (_provider, url) = app().await;
    let ask = |value: &'static str| {
        let request = client()
            .post(format!("{url}/who"))
            .header("x-obs-session", "talk");
        request.header("x-obs-deadline-ms", value).send()
    };
    let answer = ask("1000").await.expect("answers");
    assert_eq!(answer.text().await.expect("text"), "Some(\"talk\") true");
    let refused = ask("-1").await.expect("answers");
    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .text()
            .await
            .expect("text")
            .contains("x-obs-deadline-ms")
    );
}
