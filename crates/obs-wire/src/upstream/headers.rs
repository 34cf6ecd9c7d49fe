//! Headers on the way out and on the way back.
use http::{HeaderMap, HeaderName, HeaderValue, header};
use obs_core::Deadline;

/// How many milliseconds are left for the answer: sent upstream where the call has a deadline, so that a provider that
/// knows it (another gateway) gives up in time.
pub const DEADLINE: HeaderName = HeaderName::from_static(Deadline::HTTP_HEADER);

/// In which headers a provider is told how much time is left, always less what was spent, and rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TellDeadline {
    /// In both.
    #[default]
    Both,
    /// In [`DEADLINE`], whole milliseconds: as these gateways read it.
    Http,
    /// In `grpc-timeout`, such as `1500m`: as gRPC and what stands before it read it.
    Grpc,
    /// In none.
    Nowhere,
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static(Deadline::GRPC_HEADER);

impl TellDeadline {
    /// Whatever was told before is not told any more.
    pub(super) fn write(self, deadline: &Deadline, headers: &mut HeaderMap) {
        headers.remove(DEADLINE);
        headers.remove(GRPC_TIMEOUT);
        if let (Self::Both | Self::Http, Some(left)) = (self, deadline.to_millis()) {
            headers.insert(DEADLINE, left.into());
        }
        if let (Self::Both | Self::Grpc, Some(left)) = (self, deadline.to_grpc_timeout())
            && let Ok(left) = HeaderValue::try_from(left)
        {
            headers.insert(GRPC_TIMEOUT, left);
        }
    }
}

/// Of one connection only (RFC 9110, section 7.6.1), or made anew.
const HOP_BY_HOP: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::EXPECT,
];

/// The headers of an answer that go to the caller.
pub(super) fn kept(headers: &HeaderMap) -> HeaderMap {
    let names = |name: &HeaderName| {
        let name = name.as_str();
        ["x-ratelimit-", "openai-", "anthropic-"]
            .iter()
            .any(|start| name.starts_with(start))
            || matches!(name, "x-request-id" | "request-id")
    };
    filtered(headers, names)
}

/// Those of an error.
pub(super) fn kept_of_error(headers: &HeaderMap) -> HeaderMap {
    let mut kept = kept(headers);
    for name in ["retry-after", "retry-after-ms", "content-type"] {
        if let Some(value) = headers.get(name) {
            kept.insert(HeaderName::from_static(name), value.clone());
        }
    }
    kept
}

/// What is left for the next hop.
pub(super) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all(header::CONNECTION).iter();
    let named: Vec<_> = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    filtered(headers, |name| {
        !HOP_BY_HOP.contains(name) && !named.iter().any(|named| named == name.as_str())
    })
}

fn filtered(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if keep(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}
