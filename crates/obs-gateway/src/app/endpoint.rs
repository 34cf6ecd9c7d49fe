//! What is particular to each endpoint that answers with text.
use bytes::Bytes;
use http::HeaderMap;
use obs_anthropic::{Messages, MessagesRequest};
use obs_core::Error;
use obs_openai::{Chat, ChatRequest, InvalidRequest, Responses, ResponsesRequest, sse};
use obs_wire::{Ask, Format, Response, json};

use crate::{
    api::Api,
    stack::{Stacks, Textual},
};

/// One of them. Its errors have its own shape.
pub(super) trait Endpoint: Format {
    const API: Api;
    type Request: Ask<Format = Self, Answer = Response<Self>>;

    fn parse(body: Bytes, headers: &HeaderMap) -> Result<Self::Request, InvalidRequest>;

    fn stacks(all: &Stacks) -> &Textual<Self::Request>;

    /// The response that a request goes on with.
    fn goes_on_with(_: &Self::Request) -> Option<String> {
        None
    }

    /// What keeps a connection alive while an answer is waited for.
    fn waiting() -> Bytes {
        sse::comment("waiting")
    }

    /// The event that ends a stream with an error of the gateway's own.
    fn refused(body: &[u8], error: &Error) -> Bytes;
}

impl Endpoint for Chat {
    const API: Api = Api::OpenAi;
    type Request = ChatRequest;

    fn parse(body: Bytes, headers: &HeaderMap) -> Result<ChatRequest, InvalidRequest> {
        Ok(ChatRequest::parse(body)?.headers(headers))
    }

    fn stacks(all: &Stacks) -> &Textual<ChatRequest> {
        &all.chat
    }

    fn refused(body: &[u8], _: &Error) -> Bytes {
        sse::encode(None, body)
    }
}

impl Endpoint for Responses {
    const API: Api = Api::OpenAi;
    type Request = ResponsesRequest;

    fn parse(body: Bytes, headers: &HeaderMap) -> Result<ResponsesRequest, InvalidRequest> {
        Ok(ResponsesRequest::parse(body)?.headers(headers))
    }

    fn stacks(all: &Stacks) -> &Textual<ResponsesRequest> {
        &all.responses
    }

    fn goes_on_with(request: &ResponsesRequest) -> Option<String> {
        let mut id = None;
        json::text_field(request.text(), "previous_response_id", &mut |text| {
            id = Some(text.to_owned());
        });
        id
    }

    fn refused(_: &[u8], error: &Error) -> Bytes {
        Self::error_event(error)
    }
}

impl Endpoint for Messages {
    const API: Api = Api::Anthropic;
    type Request = MessagesRequest;

    fn parse(body: Bytes, headers: &HeaderMap) -> Result<MessagesRequest, InvalidRequest> {
        Ok(MessagesRequest::parse(body)?.headers(headers))
    }

    fn stacks(all: &Stacks) -> &Textual<MessagesRequest> {
        &all.messages
    }

    /// An event of its own: clients pass over it.
    fn waiting() -> Bytes {
        Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }

    fn refused(body: &[u8], _: &Error) -> Bytes {
        sse::encode(Some("error"), body)
    }
}
