//! Bodies of requests, up to a limit.
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::refusal::Refusal;

/// How much of a body that is too large is still read, and for how long, so that its sender reads the refusal and
/// not a broken connection.
const LINGER: (usize, Duration) = (128 << 20, Duration::from_secs(10));

/// Longest that a body may take to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reads a body of at most so many bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refusal> {
    let reading = timeout(PATIENCE, whole(headers, body, most));
    reading.await.unwrap_or_else(|_| {
        let message = format!("the body did not come within {PATIENCE:?}");
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, message).code("request_timeout"))
    })
}

async fn whole(headers: &HeaderMap, mut body: Body, most: usize) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        // Who waits for a 100 has sent nothing yet.
        if !headers.contains_key(header::EXPECT) {
            drain(&mut body).await;
        }
        return Err(too_large(most));
    }
    let mut whole = BytesMut::with_capacity(announced.unwrap_or(0).min(most));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::bad(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > most {
            drop(whole);
            drain(&mut body).await;
            return Err(too_large(most));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Compressed bodies of calls are not read.
pub(super) fn expect_plain(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.all(|how| how.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "header content-encoding: expected identity, or no such header";
    let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    Err(refusal.param("content-encoding").code("invalid_header"))
}

/// Bodies of calls are JSON. Others are refused, so that no page in a browser can call in its user's name without
/// being asked for its origin first.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers
        .get(header::CONTENT_TYPE)
        .map(|v| v.to_str().unwrap_or_default());
    let kind = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = match value {
        Some(_) => format!("header content-type is {kind:?}: expected application/json"),
        None => "header content-type is missing: expected application/json".into(),
    };
    let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    Err(refusal.param("content-type").code("invalid_header"))
}

fn too_large(most: usize) -> Refusal {
    let message = format!(
        "the body is larger than {most} bytes ({}), which is the limit that server.max_body sets",
        bytesize::ByteSize(most as u64)
    );
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message).code("request_too_large")
}

async fn drain(body: &mut Body) {
    let (most, time) = LINGER;
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > most {
                break;
            }
        }
    };
    // Whether it ends by then or not: the refusal goes out.
    let _ = timeout(time, reading).await;
}
