//! A streamed answer as the messages of a method.
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use obs_core::{ChunkStream, Error};
use tonic::Status;

use crate::status::status;

/// The chunks of a streamed answer as the messages of a method that streams. Dropping it, as tonic does when its caller leaves,
/// ends the call.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Replies<C>(ChunkStream<C>);

impl<C> Replies<C> {
    /// Of these chunks.
    pub const fn new(chunks: ChunkStream<C>) -> Self {
        Self(chunks)
    }
}

impl<C> Stream for Replies<C> {
    type Item = Result<C, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let told = |chunk: Result<C, Error>| chunk.map_err(|error| status(&error));
        Pin::new(&mut self.0)
            .poll_next(cx)
            .map(|chunk| chunk.map(told))
    }
}
