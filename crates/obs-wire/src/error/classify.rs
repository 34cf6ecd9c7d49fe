//! Whose fault an error of a provider's is, and what can be done about it.
use http::StatusCode;
use obs_core::ErrorKind;

use super::ErrorDetail;

/// With whose credential a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Operator,
    Caller,
}

/// Words in the messages of providers that have no code for it.
const TOO_LONG: [&str; 7] = [
    "context length",
    "context_length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
    "too many input tokens",
];

/// The kind of an error that came with this status.
pub(super) fn classify(
    status: StatusCode,
    detail: &ErrorDetail,
    credential: Credential,
) -> ErrorKind {
    if status.is_success() {
        // In the middle of a stream, or in an answer that pretends to be well.
        let status = detail.code.as_deref().and_then(|code| code.parse().ok());
        return match status.filter(StatusCode::is_client_error_or_server_error) {
            Some(status) => classify(status, detail, credential),
            None => by_name(detail, credential).unwrap_or(ErrorKind::Upstream),
        };
    }
    match status.as_u16() {
        400 | 413 | 422 if is_too_long(detail) => ErrorKind::ContextTooLong,
        400 | 403 | 422 if is_filtered(detail) => ErrorKind::ContentFilter,
        // The account that pays is empty, which another account may not be.
        400 if is_unpaid(detail) => refused(credential),
        401..=403 => refused(credential),
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::Caller,
        // 5xx, and redirects, which are not followed.
        _ => ErrorKind::Upstream,
    }
}

fn by_name(detail: &ErrorDetail, credential: Credential) -> Option<ErrorKind> {
    if is_too_long(detail) {
        return Some(ErrorKind::ContextTooLong);
    }
    if is_filtered(detail) {
        return Some(ErrorKind::ContentFilter);
    }
    let names = [detail.code.as_deref(), detail.kind.as_deref()];
    names.into_iter().flatten().find_map(|name| {
        Some(match name {
            "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" => {
                ErrorKind::RateLimited
            }
            "overloaded_error" | "server_overloaded" | "engine_overloaded" | "overloaded" => {
                ErrorKind::Overloaded
            }
            "invalid_api_key" | "authentication_error" | "permission_error" | "billing_error" => {
                refused(credential)
            }
            "invalid_request_error"
            | "not_found_error"
            | "model_not_found"
            | "request_too_large" => ErrorKind::Caller,
            "server_error" | "api_error" | "internal_error" => ErrorKind::Upstream,
            "timeout" | "timeout_error" => ErrorKind::Timeout,
            _ => return None,
        })
    })
}

fn refused(credential: Credential) -> ErrorKind {
    match credential {
        Credential::Operator => ErrorKind::Credentials,
        Credential::Caller => ErrorKind::Auth,
    }
}

fn is_too_long(detail: &ErrorDetail) -> bool {
    let named = [&detail.code, &detail.kind].into_iter().flatten();
    let mut named = named.map(|name| &**name);
    named.any(|name| {
        matches!(
            name,
            "context_length_exceeded" | "exceed_context_size_error" | "string_above_max_length"
        )
    }) || detail.message.as_deref().is_some_and(|message| {
        let message = message.to_ascii_lowercase();
        TOO_LONG.iter().any(|words| message.contains(words))
    })
}

/// Anthropic has no code for it, and calls it a request that is not valid.
fn is_unpaid(detail: &ErrorDetail) -> bool {
    let message = detail.message.as_deref().unwrap_or_default();
    message.contains("credit balance is too low")
}

fn is_filtered(detail: &ErrorDetail) -> bool {
    let mut named = [&detail.code, &detail.kind].into_iter().flatten();
    named.any(|name| {
        matches!(
            &**name,
            "content_filter" | "content_policy_violation" | "content_policy" | "moderation_blocked"
        )
    })
}

/// A code within a stream may be any number.
trait IsError {
    fn is_client_error_or_server_error(&self) -> bool;
}

impl IsError for StatusCode {
    fn is_client_error_or_server_error(&self) -> bool {
        self.is_client_error() || self.is_server_error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: ErrorKind) {
        let status = StatusCode::from_u16(status).unwrap();
        let detail = ErrorDetail::of_body(body.as_bytes());
        let kind = classify(status, &detail, Credential::Operator);
        assert_eq!(kind, expected, "{status} {body}");
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        for (status, kind) in [
            (301, ErrorKind::Upstream),
            (400, ErrorKind::Caller),
            (401, ErrorKind::Credentials),
            (402, ErrorKind::Credentials),
            (403, ErrorKind::Credentials),
            (404, ErrorKind::Caller),
            (405, ErrorKind::Caller),
            (408, ErrorKind::Timeout),
            (409, ErrorKind::Caller),
            (413, ErrorKind::Caller),
            (422, ErrorKind::Caller),
            (429, ErrorKind::RateLimited),
            (500, ErrorKind::Upstream),
            (501, ErrorKind::Upstream),
            (502, ErrorKind::Upstream),
            (503, ErrorKind::Overloaded),
            (504, ErrorKind::Upstream),
            (524, ErrorKind::Upstream),
            (529, ErrorKind::Overloaded),
        ] {
            check(status, "{}", kind);
        }
    }

    #[test]
    fn a_callers_own_credential_is_the_callers_fault() {
        for status in [401, 402, 403] {
            let status = StatusCode::from_u16(status).unwrap();
            let detail = ErrorDetail::default();
            assert_eq!(
                classify(status, &detail, Credential::Caller),
                ErrorKind::Auth
            );
        }
    }

    #[test]
    fn a_code_says_more_than_a_400() {
        let of = |code: &str| format!(r#"{{"error":{{"message":"m","code":"{code}"}}}}"#);
        check(
            400,
            &of("context_length_exceeded"),
            ErrorKind::ContextTooLong,
        );
        check(400, &of("content_filter"), ErrorKind::ContentFilter);
        check(
            400,
            &of("content_policy_violation"),
            ErrorKind::ContentFilter,
        );
        check(400, &of("invalid_value"), ErrorKind::Caller);
        check(429, &of("insufficient_quota"), ErrorKind::RateLimited);
        check(500, &of("context_length_exceeded"), ErrorKind::Upstream);
    }

    #[test]
    fn an_account_without_credit_is_no_fault_of_the_request() {
        let empty = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
        check(400, empty, ErrorKind::Credentials);
    }

    #[test]
    fn providers_without_codes_are_understood() {
        let vllm = r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","code":400}"#;
        check(400, vllm, ErrorKind::ContextTooLong);
        let llama = r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#;
        check(400, llama, ErrorKind::ContextTooLong);
    }

    #[test]
    fn an_error_in_a_stream_is_known_by_its_name_or_number() {
        let of = |field: &str| format!(r#"{{"error":{{"message":"m",{field}}}}}"#);
        check(
            200,
            &of(r#""code":"rate_limit_exceeded""#),
            ErrorKind::RateLimited,
        );
        check(
            200,
            &of(r#""type":"overloaded_error""#),
            ErrorKind::Overloaded,
        );
        check(200, &of(r#""code":429"#), ErrorKind::RateLimited);
        check(200, &of(r#""code":503"#), ErrorKind::Overloaded);
        check(
            200,
            &of(r#""code":"context_length_exceeded""#),
            ErrorKind::ContextTooLong,
        );
        check(200, &of(r#""type":"server_error""#), ErrorKind::Upstream);
        check(200, &of(r#""code":7"#), ErrorKind::Upstream);
        check(200, r#"{"error":"boom"}"#, ErrorKind::Upstream);
    }
}
