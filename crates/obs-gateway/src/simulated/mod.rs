//! A provider in this process that only pretends: two models and an embedding, with latency, tokens and prices of a
//! realistic kind. It says in every answer that it is simulated.
mod chat;
mod embeddings;
mod messages;
mod models;
mod responses;
mod text;
mod typed;
mod vector;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::LlmRequest;
use tokio::time::sleep;

pub(crate) use self::{
    messages::counted,
    models::{LARGE, SMALL, names, prices},
};
use crate::clock::WallClock;

/// The simulated provider. It waits as a real one does, and does nothing once nobody waits for its answer.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    /// Factor of all waiting; zero: none.
    latency: f64,
    clock: WallClock,
    answers: Arc<AtomicU64>,
}

impl Simulated {
    pub(crate) fn new(latency: f64, clock: WallClock) -> Self {
        Self {
            latency,
            clock,
            answers: Arc::default(),
        }
    }

    /// The name of an answer, and when it was made.
    fn stamp(&self) -> (String, u64) {
        let count = self.answers.fetch_add(1, Relaxed);
        (
            format!("chatcmpl-sim-{count:06}"),
            self.clock.unix_seconds(),
        )
    }

    async fn wait(&self, time: Duration, jitter: f64) {
        let time = time.mul_f64(self.latency * jitter);
        if !time.is_zero() {
            sleep(time).await;
        }
    }
}

/// The pieces of a prompt.
fn prompt(request: &impl LlmRequest) -> Vec<(obs_core::Role, String)> {
    let mut pieces = Vec::new();
    request.visit_prompt(&mut |role, text| pieces.push((role, text.to_owned())));
    pieces
}
