//! What is asked, and what each route would make of it.
use std::{sync::Arc, time::Duration};

use obs_core::{ErrorKind, Operation, Role, Usage};
use obs_learn::FEATURES;

/// A question at its moment.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it is asked, since the begin of the replay. Arrivals come in the order of time.
    pub at: Duration,
    /// What is asked; repeats share it.
    pub question: Arc<Question>,
}

/// One question, and what each route would make of it.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Equal questions have equal keys, and no others have.
    pub key: u128,
    /// Whose it is: tenants share no cached answer.
    pub tenant: Option<Arc<str>>,
    /// The conversation that it is part of.
    pub session: Option<Arc<str>>,
    /// The part of the cache in which its answer is.
    pub namespace: Option<Arc<str>>,
    /// What is asked of the model.
    pub operation: Operation,
    /// The model that the caller asked for.
    pub model: Arc<str>,
    /// Its text, piece by piece; empty where it is not known.
    pub prompt: Vec<(Role, Arc<str>)>,
    /// The features of its text, in the order of [`obs_learn::NAMES`], where they are known.
    pub features: Option<Box<[f32; FEATURES]>>,
    /// Whether its answer is wanted as a stream.
    pub stream: bool,
    /// What was known of the call before its prompt was read.
    pub group: Option<Arc<str>>,
    /// How difficult it was found when it was recorded, from 0 to 1.
    pub score: Option<f32>,
    /// Its place in the caller's own list: for sums of prompts, and for policies that know it.
    pub place: usize,
    /// Whether an answer may be given again.
    pub cacheable: bool,
    /// What each route would make of it, in the order of the routes.
    pub outcomes: Vec<Outcome>,
    /// What becomes of it where no route is chosen; `None`: it fails.
    pub unrouted: Option<Outcome>,
}

/// What one route makes of a question. Times are kept in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The model that says that it answered; `None`: the one that was asked.
    pub model: Option<Arc<str>>,
    /// Tokens, where they are known.
    pub usage: Option<Usage>,
    /// How long it takes, to its last token.
    pub took: Duration,
    /// How long a stream takes to its first token; `None`: as long as to the last one, or to its failure.
    pub first_token: Option<Duration>,
    /// How long a second attempt takes to its first token, where one is made because the first attempt is slow. What comes after
    /// that takes as long as in the first attempt. `None`: as long as the first attempt.
    pub hedged: Option<Duration>,
    /// How good the answer is, from 0 to 1, where that is known.
    pub quality: Option<f32>,
    /// What a judge said of the answer when it was recorded: whether it was accepted.
    pub accepted: Option<bool>,
    /// The text of the answer, for judges, where it is known.
    pub text: Option<Arc<str>>,
    /// What a second answer takes, where a judge compares two. `None`: the same as the first one, unless it was recorded that
    /// none was asked for.
    pub again: Option<Box<Self>>,
    /// It fails, in this way.
    pub error: Option<ErrorKind>,
    /// Bytes of the answer, as a cache keeps it.
    pub bytes: usize,
}
