//! What prompts and answers say, where it is wanted and nowhere else.

use futures_util::{StreamExt, stream};
use obs_apm::Capture;
use obs_core::{AttemptLayer, Call, Error, LlmResponse, Role};
use opentelemetry_sdk::trace::Sampler;
use tower::{Service, ServiceBuilder, service_fn};

use crate::common::{Answer, Ask, SECRET, Spans, Token, attribute, prices};

const KEYS: [&str; 3] = [
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
];

/// The span of a plain call, or of a streamed one.
async fn told(spans: &Spans, capture: Option<Capture>, streamed: bool) -> [Option<String>; 3] {
    let mut layer = spans.layer();
    if let Some(capture) = capture {
        layer = layer.capture(capture);
    }
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(move |ask: Ask| async move {
            let word = |text| {
                Ok(Token {
                    text,
                    ..Token::default()
                })
            };
            Ok::<_, Error>(match ask.streams {
                true => Answer::stream(stream::iter([word("the "), word(SECRET)])),
                false => Answer::whole(1, 1),
            })
        }));
    let mut ask = Ask::of("priced");
    ask.streams = streamed;
    let mut answer = llm.call(Call::new(ask)).await.expect("answers");
    if let Some(chunks) = answer.stream_mut() {
        chunks.by_ref().count().await;
    }
    let all = spans.all();
    let call = all.last().expect("the call ends last");
    KEYS.map(|key| attribute(call, key))
}

#[tokio::test]
async fn unless_it_is_switched_on_no_text_is_told() {
    for streamed in [false, true] {
        let spans = Spans::new();
        assert_eq!(told(&spans, None, streamed).await, [const { None }; 3]);
        let all = format!("{:?}", spans.all());
        assert!(all.contains("chat priced"));
        assert!(!all.contains(SECRET) && !all.contains("be brief"), "{all}");
    }
}

#[tokio::test]
async fn switched_on_the_messages_are_told_by_the_conventions() {
    let instructions = r#"[{"content":"be brief","type":"text"}]"#;
    let input = format!(r#"[{{"parts":[{{"content":"{SECRET}","type":"text"}}],"role":"user"}}]"#);
    for (streamed, text, finish) in [(false, "", "stop"), (true, "the ", "unknown")] {
        let spans = Spans::new();
        let told = told(&spans, Some(Capture::new()), streamed).await;
        let output = format!(
            r#"[{{"finish_reason":"{finish}","parts":[{{"content":"{text}{SECRET}","type":"text"}}],"role":"assistant"}}]"#
        );
        let expected = [instructions.to_owned(), input.clone(), output];
        assert_eq!(told, expected.map(Some));
        // The attempts say nothing of it.
        let attempt = spans.all().remove(0);
        assert!(!format!("{attempt:?}").contains(SECRET));
    }
}

#[tokio::test]
async fn the_hook_sees_every_text_before_it_is_told() {
    let capture = Capture::new().redact(|role, text| match role {
        Role::System => None,
        _ => Some(text.replace("secret", "[redacted]")),
    });
    let spans = Spans::new();
    let [instructions, input, output] = told(&spans, Some(capture), true).await;
    assert_eq!(instructions, None);
    assert!(
        input
            .expect("is told")
            .contains("the [redacted] of the prompt")
    );
    assert!(
        output
            .expect("is told")
            .contains("the [redacted] of the prompt")
    );
    assert!(!format!("{:?}", spans.all()).contains("secret"));
}

#[tokio::test]
async fn a_hook_that_panics_leaves_the_text_out_and_the_call_goes_on() {
    let capture = Capture::new().redact(|role, text| {
        assert_ne!(role, Role::User, "a broken hook");
        Some(text)
    });
    let spans = Spans::new();
    let [instructions, input, output] = told(&spans, Some(capture), false).await;
    assert!(instructions.is_some() && output.is_some());
    assert_eq!(input, None);
}

#[tokio::test]
async fn no_more_is_told_than_the_limit() {
    let spans = Spans::new();
    let [instructions, input, output] =
        told(&spans, Some(Capture::new().max_bytes(10)), true).await;
    assert!(instructions.expect("is told").contains(r#""be brief""#));
    assert!(input.expect("is told").contains(r#""th""#));
    assert!(output.expect("is told").contains(r#""the the se""#));
}

/// Half of a secret is one too, and looks like none.
#[tokio::test]
async fn the_hook_sees_what_is_beyond_the_limit() {
    for streamed in [false, true] {
        let capture = Capture::new().redact(|_, text| Some(text.replace(SECRET, "[redacted]")));
        let spans = Spans::new();
        let [_, _, output] = told(&spans, Some(capture.max_bytes(9)), streamed).await;
        let content = match streamed {
            true => r#""the [reda""#,
            false => r#""[redacted""#,
        };
        let output = output.expect("is told");
        let expected = format!(r#""content":{}"#, content);
        assert!(output.contains(&expected), "{output}");
    }
}

#[tokio::test]
async fn calls_that_are_not_sampled_are_not_read() {
    let spans = Spans::sampled(Sampler::AlwaysOff);
    let capture = Capture::new().redact(|_, _| unreachable!("nobody will see it"));
    let layer = spans.layer().capture(capture);
    let mut llm = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|_: Call<Ask>| async {
            Ok::<_, Error>(Answer::whole(1, 1))
        }));
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    assert!(spans.all().is_empty());
}
