//! What a provider says about an error.
use crate::json::{self, Kind};

/// The `error` object of an answer, as far as there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// What went wrong, in the provider's words.
    pub message: Option<Box<str>>,
    /// `type`, such as `invalid_request_error`.
    pub kind: Option<Box<str>>,
    /// `code`, such as `context_length_exceeded`; a number as its digits.
    pub code: Option<Box<str>>,
    /// The field that is wrong.
    pub param: Option<Box<str>>,
}

impl ErrorDetail {
    /// Reads the body of an answer that is an error, in the shapes that providers give it: OpenAI's `{"error": {...}}`,
    /// with a string in place of the object, within an array, with the fields at the top, and `{"detail": ...}`.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(body) else {
            return Self::default();
        };
        let text = text.trim_ascii();
        match Kind::of(text) {
            Kind::Array => {
                let mut first = None;
                let read = json::items(text, |item| {
                    first.get_or_insert(item);
                });
                match (read, first) {
                    (Ok(()), Some(item)) if Kind::of(item) == Kind::Object => Self::of_object(item),
                    _ => Self::default(),
                }
            }
            Kind::Object => Self::of_object(text),
            _ => Self::default(),
        }
    }

    /// Reads the value of an `error` field.
    pub(crate) fn of_error(error: &str) -> Self {
        match Kind::of(error) {
            Kind::Object => Self::fields(error),
            _ => Self {
                message: json::filled_text(error).map(Into::into),
                ..Self::default()
            },
        }
    }

    fn of_object(object: &str) -> Self {
        let (mut error, mut plain, mut of_response) = (None, None, None);
        let read = json::fields(object, |key, value| match &*key {
            "error" if !json::is_null(value) => error = Some(value),
            "detail" => plain = json::filled_text(value),
            // An event that tells that a response has failed.
            "response" => json::field(value, "error", &mut |error| {
                of_response = Some(error).filter(|error| !json::is_null(error));
            }),
            _ => {}
        });
        let error = error.or(of_response);
        match (read, error) {
            (Err(_), _) => Self::default(),
            (Ok(()), Some(error)) => Self::of_error(error),
            (Ok(()), None) => {
                let found = Self::fields(object);
                let message = found.message.or_else(|| plain.map(Into::into));
                Self { message, ..found }
            }
        }
    }

    fn fields(object: &str) -> Self {
        let mut found = Self::default();
        // Half of an object is better than nothing.
        let _ = json::fields(object, |key, value| {
            let place = match &*key {
                "message" => &mut found.message,
                "type" => &mut found.kind,
                "code" => &mut found.code,
                "param" => &mut found.param,
                _ => return,
            };
            *place = match Kind::of(value) {
                Kind::Number => Some(value.into()),
                _ => json::filled_text(value).map(Into::into),
            };
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, message: &str, code: Option<&str>) {
        let found = ErrorDetail::of_body(body.as_bytes());
        assert_eq!(found.message.as_deref(), Some(message), "{body}");
        assert_eq!(found.code.as_deref(), code, "{body}");
    }

    #[test]
    fn every_shape_of_an_error_is_read() {
        check(r#"{"error":{"message":"m","code":"c"}}"#, "m", Some("c"));
        check(
            r#" {"error":{"message":"m","code":400}} "#,
            "m",
            Some("400"),
        );
        check(r#"{"error":"m"}"#, "m", None);
        check(r#"[{"error":{"message":"m","code":null}}]"#, "m", None);
        check(
            r#"{"object":"error","message":"m","code":400}"#,
            "m",
            Some("400"),
        );
        check(r#"{"detail":"m"}"#, "m", None);
        check(
            r#"{"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}"#,
            "m",
            Some("c"),
        );
    }

    #[test]
    fn what_is_no_error_has_no_detail() {
        for body in ["", "<html>", "3", "[]", "[3]", "{", r#"{"error":null}"#] {
            let found = ErrorDetail::of_body(body.as_bytes());
            assert_eq!(found, ErrorDetail::default(), "{body}");
        }
        assert_eq!(ErrorDetail::of_body(b"\xff"), ErrorDetail::default());
    }
}
