//! What a request asks for.
use bytes::Bytes;
use http::Request;
use serde_json::Value;

/// What a request asks for, as far as its body can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// The model, empty when the request names none.
    pub model: String,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether the stream shall end with a chunk that tells the usage.
    pub include_usage: bool,
    /// The texts of all messages but a last one of the assistant, a line break between them; or of all inputs.
    pub prompt: String,
    /// The last message, where it is the assistant's: an answer to go on with.
    pub prefill: Option<String>,
    /// What embeddings are wanted for.
    pub inputs: Vec<String>,
    /// What is wrong with the request, in the words of the answer to it.
    pub problem: Option<&'static str>,
}

impl Ask {
    pub(crate) fn read(request: &Request<Bytes>) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(request.body()) else {
            return Self {
                problem: Some("we could not parse the JSON body of your request"),
                ..Self::default()
            };
        };
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        let mut said = messages(&body["messages"]);
        let prefill = said.pop_if(|(role, _)| role == "assistant");
        let inputs = texts(&body["input"]);
        let prompt = match inputs.is_empty() {
            true => said
                .iter()
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            false => inputs.join("\n"),
        };
        Self {
            problem: model
                .is_empty()
                .then_some("you must provide a model parameter"),
            model,
            stream: body["stream"] == true,
            include_usage: body["stream_options"]["include_usage"] == true,
            prompt,
            prefill: prefill.map(|(_, text)| text),
            inputs,
        }
    }
}

/// Role and text of each.
fn messages(list: &Value) -> Vec<(String, String)> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let said = list.iter().map(|message| {
        let role = message["role"].as_str().unwrap_or_default();
        (role.to_owned(), texts(&message["content"]).concat())
    });
    said.collect()
}

/// A text, or a list of texts or of parts with a text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => parts.iter().map(text).collect(),
        _ => Vec::new(),
    }
}

fn text(part: &Value) -> String {
    match part {
        Value::String(text) => text.clone(),
        Value::Object(part) => part
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        // Tokens are an input too.
        other => other.to_string(),
    }
}
