//! Which answer an operator means: that of a call by its name, or of a request as its caller sent it.
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use obs_anthropic::MessagesRequest;
use obs_core::LlmRequest;
use obs_openai::{ChatRequest, EmbeddingRequest, ResponsesRequest};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Erase, erase};
use crate::{api::Api, app::App, headers::Asked, refusal::Refusal};

const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The name of the call, from `x-obs-call-id`.
    call: Option<String>,
    /// Where the request was sent; chat completions, unless told.
    path: Option<String>,
    /// Its body.
    body: Option<Box<RawValue>>,
    /// Its headers: the caller's credential, `x-obs-tenant`, and what else changes an answer.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The name of its caller's virtual key.
    key: Option<String>,
}

impl App {
    /// What deletes that answer.
    pub(super) fn erase_of(&self, which: &Which) -> Result<Erase, Refusal> {
        match (&which.call, &which.body) {
            (Some(call), None) => self.of_call(call, which),
            (None, Some(body)) => self.of_request(body, which),
            _ => Err(Refusal::bad(
                "expected either `call`, the name of a call (x-obs-call-id), or `body`, a request, with its `headers`",
            )),
        }
    }

    fn of_call(&self, call: &str, which: &Which) -> Result<Erase, Refusal> {
        if which.path.is_some() || which.key.is_some() || !which.headers.is_empty() {
            let message = "`call` names all of it: `path`, `headers` and `key` belong to `body`";
            return Err(Refusal::bad(message).param("call"));
        }
        let found = self.lasting.recent.find(call);
        found.ok_or_else(|| {
            let message = format!(
                "the call {call:?} is not known to this gateway, or was too long ago: send its `body` and `headers`"
            );
            Refusal::new(http::StatusCode::NOT_FOUND, message)
                .param("call")
                .code("unknown_call")
        })
    }

    fn of_request(&self, body: &RawValue, which: &Which) -> Result<Erase, Refusal> {
        let headers = headers(&which.headers)?;
        let mut asked = Asked::read(&headers)?;
        if let Some(keys) = &self.keys {
            asked.caller = Some(keys.named(which.key.as_deref())?);
        }
        let body = Bytes::copy_from_slice(body.get().as_bytes());
        match which.path.as_deref().unwrap_or(CHAT) {
            CHAT => {
                let request = ChatRequest::parse(body)?.headers(&headers);
                self.of(Api::OpenAi, request, &headers, &asked)
            }
            EMBEDDINGS => {
                let request = EmbeddingRequest::parse(body)?.headers(&headers);
                self.of(Api::OpenAi, request, &headers, &asked)
            }
            RESPONSES => {
                let request = ResponsesRequest::parse(body)?.headers(&headers);
                self.of(Api::OpenAi, request, &headers, &asked)
            }
            MESSAGES => {
                let request = MessagesRequest::parse(body)?.headers(&headers);
                self.of(Api::Anthropic, request, &headers, &asked)
            }
            path => Err(Refusal::bad(format!(
                "answers of {path:?} are not kept: expected {CHAT}, {RESPONSES}, {EMBEDDINGS} or {MESSAGES}"
            ))
            .param("path")),
        }
    }

    fn of<R: LlmRequest>(
        &self,
        api: Api,
        request: R,
        headers: &HeaderMap,
        asked: &Asked,
    ) -> Result<Erase, Refusal> {
        let call = self.call(api, &self.lasting.calls.next(), request, headers, asked)?;
        let cache = self.stacks.figures.cache.as_ref();
        let cache = cache.ok_or_else(Refusal::not_cached)?;
        Ok(erase::erases(&cache.handle(), &call))
    }
}

pub(super) fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, Refusal> {
    let one = |(name, value): (&String, &String)| {
        // A value may be a credential: it is not shown.
        let name = name.parse::<HeaderName>();
        let name = name.map_err(|_| Refusal::bad("`headers` has a name that is none"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| Refusal::header(name.as_str(), "is no value of a header"))?;
        Ok((name, value))
    };
    given.iter().map(one).collect()
}
