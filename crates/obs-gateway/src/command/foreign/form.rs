//! Which API a request and its response are of.
use bytes::Bytes;
use obs_anthropic::{MessagesRequest, MessagesResponse};
use obs_core::{LlmRequest, LlmResponse};
use obs_openai::{
    ChatRequest, ChatResponse, EmbeddingRequest, EmbeddingResponse, ResponsesAnswer,
    ResponsesRequest,
};
use serde_json::Value;

use super::fields::Line;

/// The APIs that lines may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Responses,
    Embeddings,
    Messages,
}

/// Takes a request and its answer, whatever their types.
pub(super) trait Exchange {
    fn take(self, format: &'static str, request: &impl LlmRequest, answer: &impl LlmResponse);
}

impl Form {
    /// The form of a request, which its response tells where the request alone does not.
    pub(super) fn of(request: &Line, response: &Line) -> Result<Self, String> {
        let is = |key: &str, value: &str| response.get(key).and_then(Value::as_str) == Some(value);
        match (
            request.contains_key("messages"),
            request.contains_key("input"),
        ) {
            (true, _) if is("type", "message") => Ok(Self::Messages),
            (true, _) => Ok(Self::Chat),
            (_, true) if is("object", "response") || response.contains_key("output") => {
                Ok(Self::Responses)
            }
            (_, true) => Ok(Self::Embeddings),
            _ => Err("there is no request with `messages` or `input`".into()),
        }
    }

    /// Reads both, and gives them on. The error says what is wrong with the request.
    pub(super) fn read(
        self,
        request: &Line,
        response: &Line,
        to: impl Exchange,
    ) -> Result<(), String> {
        let text = |of: &Line| Bytes::from(Value::Object(of.clone()).to_string());
        let (body, answer) = (text(request), text(response));
        match self {
            Self::Chat => {
                let request = ChatRequest::parse(body).map_err(|error| error.to_string())?;
                to.take("openai", &request, &ChatResponse::whole(answer));
            }
            Self::Responses => {
                let request = ResponsesRequest::parse(body).map_err(|error| error.to_string())?;
                to.take("openai", &request, &ResponsesAnswer::whole(answer));
            }
            Self::Embeddings => {
                let request = EmbeddingRequest::parse(body).map_err(|error| error.to_string())?;
                to.take("openai", &request, &EmbeddingResponse::new(answer));
            }
            Self::Messages => {
                let request = MessagesRequest::parse(body).map_err(|error| error.to_string())?;
                to.take("anthropic", &request, &MessagesResponse::whole(answer));
            }
        }
        Ok(())
    }
}
