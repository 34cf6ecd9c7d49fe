//! Requests as they come in.
use std::{error::Error as StdError, fmt};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use obs_core::{BoxError, Error, ErrorKind};

use crate::invalid::InvalidHeader;

/// Why a body cannot be read.
#[derive(Debug)]
enum InvalidBody {
    TooLarge(usize),
    BrokenOff,
}

/// The status of what is wrong with a body, where it is not that of other requests that are wrong.
pub(crate) fn status(error: &Error) -> Option<StatusCode> {
    if let Some(InvalidBody::TooLarge(_)) = error.find() {
        return Some(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let header: &InvalidHeader = error.find()?;
    let is_kind = matches!(header.name(), "content-type" | "content-encoding");
    is_kind.then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// Reads a body of JSON of at most so many bytes.
pub(crate) async fn json<B>(headers: &HeaderMap, body: B, most: usize) -> Result<Bytes, Error>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    expect_json(headers)?;
    let collected = Limited::new(body, most).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            let invalid = match error.is::<LengthLimitError>() {
                true => InvalidBody::TooLarge(most),
                false => InvalidBody::BrokenOff,
            };
            Error::new(ErrorKind::Caller, invalid)
        })
}

/// So that no page in a browser can call in its user's name without being asked for its origin first.
fn expect_json(headers: &HeaderMap) -> Result<(), InvalidHeader> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(InvalidHeader::new(
            "content-type",
            "expected application/json",
        ));
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    match encodings.all(|how| how.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => {
            let problem = "expected identity, or no such header";
            Err(InvalidHeader::new("content-encoding", problem))
        }
    }
}

impl fmt::Display for InvalidBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(most) => write!(f, "the body is larger than {most} bytes"),
            Self::BrokenOff => f.write_str("the body broke off"),
        }
    }
}

impl StdError for InvalidBody {}
