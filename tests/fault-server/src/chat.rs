//! Chat in OpenAI's shape, plain and streamed.
use bytes::Bytes;
use serde::Serialize;

use crate::{
    answer::Answer,
    content::{Content, Usage},
    endpoints::CREATED,
    visit::Visit,
};

pub(crate) fn answer(visit: &Visit<'_>, content: &Content) -> Answer {
    let id = format!("chatcmpl-fault{}", visit.number);
    match visit.ask.stream {
        true => streamed(visit, content, &id),
        false => Answer::whole(visit, &plain(visit, content, id)),
    }
}

/// An event of a stream.
pub(crate) fn event(data: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(data).expect("what is sent has string keys alone");
    format!("data: {json}\n\n").into()
}

/// One more piece of content, as an event.
pub(crate) fn token(visit: &Visit<'_>, text: &str) -> Bytes {
    let delta = Delta {
        content: Some(text),
        ..Delta::default()
    };
    let id = format!("chatcmpl-fault{}", visit.number);
    event(&chunk(visit, &id, vec![ChunkChoice::new(delta, None)]))
}

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: Message,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    annotations: [(); 0],
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: Vec<ChunkChoice<'a>>,
    /// Missing unless asked for; then `null` in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl<'a> ChunkChoice<'a> {
    fn new(delta: Delta<'a>, finish_reason: Option<&'static str>) -> Self {
        Self {
            index: 0,
            delta,
            logprobs: None,
            finish_reason,
        }
    }
}

fn plain(visit: &Visit<'_>, content: &Content, id: String) -> Vec<u8> {
    let text = content.tokens.concat();
    let choice = Choice {
        index: 0,
        message: Message {
            role: "assistant",
            content: (!text.is_empty()).then_some(text),
            refusal: None,
            annotations: [],
        },
        logprobs: None,
        finish_reason: content.finish,
    };
    let completion = Completion {
        id,
        object: "chat.completion",
        created: CREATED,
        model: &visit.ask.model,
        choices: if content.choices {
            vec![choice]
        } else {
            Vec::new()
        },
        usage: content.usage,
        service_tier: "default",
        system_fingerprint: "fp_fault",
    };
    serde_json::to_vec(&completion).expect("what is sent has string keys alone")
}

fn chunk<'a>(visit: &Visit<'a>, id: &'a str, choices: Vec<ChunkChoice<'a>>) -> Chunk<'a> {
    Chunk {
        id,
        object: "chat.completion.chunk",
        created: CREATED,
        model: &visit.ask.model,
        service_tier: "default",
        system_fingerprint: "fp_fault",
        choices,
        usage: visit.ask.include_usage.then_some(None),
    }
}

fn streamed(visit: &Visit<'_>, content: &Content, id: &str) -> Answer {
    let say = |delta, finish| {
        let choices = match content.choices {
            true => vec![ChunkChoice::new(delta, finish)],
            false => Vec::new(),
        };
        event(&chunk(visit, id, choices))
    };
    let mut answer = Answer::stream(visit);
    let first = visit.pace.first_token;
    answer.push(
        first,
        say(
            Delta {
                role: Some("assistant"),
                content: Some(""),
            },
            None,
        ),
    );
    for (number, token) in content.tokens.iter().enumerate() {
        let gap = if number == 0 {
            Default::default()
        } else {
            visit.pace.gap
        };
        answer.push_token(
            gap,
            say(
                Delta {
                    role: None,
                    content: Some(token),
                },
                None,
            ),
        );
    }
    let now = Default::default();
    answer.push(now, say(Delta::default(), Some(content.finish)));
    if let Some(usage) = content.usage.filter(|_| visit.ask.include_usage) {
        let last = Chunk {
            usage: Some(Some(usage)),
            ..chunk(visit, id, Vec::new())
        };
        answer.push(now, event(&last));
    }
    answer.push(now, "data: [DONE]\n\n".into());
    answer
}
