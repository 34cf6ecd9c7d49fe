//! Reading the bodies of answers, as far as they may go.
use std::{future::poll_fn, pin::Pin};

use bytes::Bytes;
use http_body::Body as _;
use obs_core::Error;

use crate::error::{AnswerError, AnswerFault, Phase, TransportError, causes};

/// All of it.
pub(super) async fn read(mut body: reqwest::Body, limit: usize, url: &str) -> Result<Bytes, Error> {
    let too_large = || AnswerError::error(url, AnswerFault::TooLarge { limit });
    let known = body.size_hint().lower();
    if usize::try_from(known).map_or(true, |known| known > limit) {
        return Err(too_large());
    }
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(data) = next(&mut body).await {
        let cut = |error: reqwest::Error| {
            TransportError::error(url, Phase::Body, &causes(&error.without_url()))
        };
        let data = data.map_err(cut)?;
        if first.len() + all.len() + data.len() > limit {
            return Err(too_large());
        }
        // Most answers come in one piece, which is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// As much as may be kept of the body of an error, whatever happens to the rest.
pub(super) async fn read_some(mut body: reqwest::Body, limit: usize) -> Bytes {
    let mut all = Vec::new();
    while let Some(Ok(data)) = next(&mut body).await {
        let room = limit - all.len();
        all.extend_from_slice(&data[..data.len().min(room)]);
        if all.len() == limit {
            break;
        }
    }
    all.into()
}

/// The next data of a body.
async fn next(body: &mut reqwest::Body) -> Option<Result<Bytes, reqwest::Error>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                // Trailers say nothing.
                Err(_) => continue,
            },
            Err(error) => return Some(Err(error)),
        }
    }
}
