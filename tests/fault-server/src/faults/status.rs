//! Errors that are told by a status.
use serde_json::json;

use crate::{faults::Fault, reply::Reply, visit::Visit};

const LIMITED: &str = "rate limit reached on requests per minute; please try again later";

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "ok",
        "no fault: the right answer, whole or streamed",
        Reply::healthy,
    ),
    Fault::new(
        "429",
        "too many requests; with `Retry-After: 2` where it passes (`429-once`), without where it lasts (`429-forever`)",
        |visit| match visit.passes() {
            true => limited("2"),
            false => rate_limit(),
        },
    ),
    Fault::new(
        "429-long",
        "too many requests, with `Retry-After: 3600`: longer than anybody waits",
        |_| limited("3600"),
    ),
    Fault::new(
        "429-odd",
        "too many requests, with a `Retry-After` that cannot be read",
        |_| limited("in a while"),
    ),
    Fault::new(
        "429-past",
        "too many requests, with a date in `Retry-After` that is long past",
        |_| limited("Wed, 21 Oct 2015 07:28:00 GMT"),
    ),
    Fault::new(
        "429-quota",
        "too many requests because the account is empty: no retry will help",
        |_| {
            let message =
                "you exceeded your current quota, please check your plan and billing details";
            Reply::error(
                429,
                "insufficient_quota",
                Some("insufficient_quota"),
                message,
            )
        },
    ),
    Fault::new("401", "the provider does not take the key", |_| {
        let message = "incorrect API key provided";
        Reply::error(
            401,
            "invalid_request_error",
            Some("invalid_api_key"),
            message,
        )
    }),
    Fault::new(
        "404",
        "the provider does not know the model",
        |visit: &Visit<'_>| {
            let message = format!(
                "the model `{}` does not exist or you do not have access to it",
                visit.ask.model
            );
            Reply::error(
                404,
                "invalid_request_error",
                Some("model_not_found"),
                &message,
            )
        },
    ),
    Fault::new("500", "an internal error in OpenAI's shape", |_| {
        let message = "the server had an error while processing your request";
        Reply::error(500, "server_error", None, message)
    }),
    Fault::new(
        "502",
        "bad gateway, in the HTML of a proxy that stands before the provider",
        |_| {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
            Reply::whole(502, "text/html", page)
        },
    ),
    Fault::new("503", "overloaded, or down", |_| {
        let message = "that model is currently overloaded with other requests";
        Reply::error(503, "server_error", Some("overloaded"), message)
    }),
    Fault::new("504", "gateway timeout, without a body", |_| {
        Reply::whole(504, "text/plain", "")
    }),
    Fault::new(
        "529",
        "overloaded, with Anthropic's status and shape",
        |_| {
            let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
            Reply::json(529, &json!({ "type": "error", "error": error }))
        },
    ),
];

fn rate_limit() -> Reply {
    Reply::error(429, "requests", Some("rate_limit_exceeded"), LIMITED)
}

fn limited(retry_after: &str) -> Reply {
    rate_limit().header("retry-after", retry_after)
}
