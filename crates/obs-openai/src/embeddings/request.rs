//! Embeddings as they are asked for.
use bytes::Bytes;
use http::HeaderMap;
use obs_core::{Fingerprint, LlmRequest, Operation, Parameter, Role};
use obs_wire::{Ask, InvalidRequest, Request, json};

use super::{EmbeddingResponse, Embeddings};

/// A request for embeddings. It keeps its body as [`ChatRequest`](crate::ChatRequest) does.
#[derive(Clone, Debug)]
pub struct EmbeddingRequest(Request<Embeddings>);

impl EmbeddingRequest {
    /// Asks this model for the embedding of one text.
    ///
    /// # Panics
    ///
    /// The name of the model is empty.
    #[must_use]
    pub fn new(model: &str, input: &str) -> Self {
        let (model, input) = (json::quoted(model), json::quoted(input));
        let body = format!(r#"{{"model":{model},"input":{input}}}"#);
        Self(Request::draft(body).expect("a model has a name"))
    }

    /// Reads a request from the body of an HTTP request.
    ///
    /// # Errors
    ///
    /// The body is no JSON object, `model` or `input` is missing or empty, or a known field has a wrong type.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        Request::parse(body).map(Self)
    }

    /// Keeps those of the caller's headers that go on to the provider, as
    /// [`ChatRequest::headers`](crate::ChatRequest::headers) does.
    #[must_use]
    pub fn headers(self, of_caller: &HeaderMap) -> Self {
        Self(self.0.headers(of_caller))
    }

    /// The body as it came in.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.0.body()
    }

    /// The body with the model that is asked: the same bytes where it was not changed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.to_bytes()
    }
}

impl Ask for EmbeddingRequest {
    type Format = Embeddings;
    type Answer = EmbeddingResponse;

    fn request(&self) -> &Request<Embeddings> {
        &self.0
    }
}

impl From<Request<Embeddings>> for EmbeddingRequest {
    fn from(request: Request<Embeddings>) -> Self {
        Self(request)
    }
}

impl LlmRequest for EmbeddingRequest {
    fn model(&self) -> &str {
        self.0.model()
    }

    fn set_model(&mut self, model: &str) {
        self.0.set_model(model);
    }

    fn operation(&self) -> Operation {
        self.0.operation()
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.0.visit_parameters(visit);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        self.0.visit_prompt(visit);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        self.0.fingerprint(to);
    }
}
