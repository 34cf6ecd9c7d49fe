//! The headers of a caller that go on to a provider of OpenAI's interface.
use obs_wire::Headers;

pub(crate) const HEADERS: Headers = Headers {
    credentials: &["authorization", "api-key"],
    account: &["openai-organization", "openai-project"],
    meaning: &[],
    others: &[
        "user-agent",
        "openai-beta",
        "x-request-id",
        "x-client-request-id",
        "idempotency-key",
    ],
    defaults: &[],
};
