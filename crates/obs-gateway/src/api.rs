//! Which interface an endpoint and a provider speak.
use std::fmt;

use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::settings::{Format, Settings};

/// The interfaces of providers. Nothing is translated between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    /// Chat completions, Responses, embeddings and what else is under `/v1`.
    OpenAi,
    /// Messages.
    Anthropic,
}

impl Api {
    pub(crate) const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];

    /// Whether providers of this format speak it.
    pub(crate) fn is_spoken(self, by: Format) -> bool {
        match by {
            Format::OpenAi => self == Self::OpenAi,
            Format::Anthropic => self == Self::Anthropic,
            Format::Simulated => true,
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Where requests go that are answered here, for errors.
    pub(crate) const fn endpoints(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions, /v1/responses or /v1/embeddings",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// In keys of the cache, and as the settings call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// Of a request to an endpoint that is passed on: Anthropic's clients always send a version.
    pub(crate) fn of_request(uri: &Uri, headers: &HeaderMap) -> Self {
        match Self::of_path(uri.path()) {
            Self::OpenAi if headers.contains_key("anthropic-version") => Self::Anthropic,
            of_path => of_path,
        }
    }

    /// Whether a route of the settings goes to a provider that speaks it.
    pub(crate) fn has_route(self, settings: &Settings, provider: Option<&str>) -> bool {
        let mut all = settings.providers.iter();
        let of = match provider {
            Some(name) => all.find(|p| *p.name == *name),
            None => all.next(),
        };
        of.is_some_and(|provider| self.is_spoken(provider.format))
    }

    pub(crate) fn of_path(path: &str) -> Self {
        if path == "/v1/messages" || path.starts_with("/v1/messages/") {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }

    /// An error object in OpenAI's shape as this interface has it.
    pub(crate) fn error(self, openai: Value) -> Value {
        match self {
            Self::OpenAi => openai,
            Self::Anthropic => {
                let error = &openai["error"];
                let kind = match error["type"].as_str() {
                    Some("server_error") => "api_error",
                    _ if error["code"] == "model_not_found" => "not_found_error",
                    Some("insufficient_quota") => "billing_error",
                    Some(kind) => kind,
                    None => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": error["message"]}})
            }
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_anthropics_and_so_is_what_names_a_version() {
        let of = |path: &'static str, headers: &HeaderMap| {
            Api::of_request(&Uri::from_static(path), headers)
        };
        let (none, mut versioned) = (HeaderMap::new(), HeaderMap::new());
        versioned.insert(
            "anthropic-version",
            http::HeaderValue::from_static("2023-06-01"),
        );
        for path in [
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/messages/batches/1",
        ] {
            assert_eq!(of(path, &none), Api::Anthropic, "{path}");
        }
        for path in [
            "/v1/responses/1",
            "/v1/files",
            "/v1/messages-of-another-kind",
        ] {
            assert_eq!(of(path, &none), Api::OpenAi, "{path}");
        }
        assert_eq!(of("/v1/files", &versioned), Api::Anthropic);
    }
}
