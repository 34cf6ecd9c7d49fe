//! When questions come, and which.
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use obs_core::BoxError;
use serde::Deserialize;

use crate::world::mixed;

/// How many questions the second trace is about.
const QUESTIONS: u64 = 400;

/// Questions in the order in which they come.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    /// Second, and question.
    pub(crate) calls: Vec<(f64, u64)>,
}

#[derive(Deserialize)]
struct Line {
    t: f64,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// Each block of a prompt is a question: equal blocks come again as they did.
pub(crate) fn blocks(path: &Path) -> Result<Trace, BoxError> {
    let each = |line: Line| line.hash_ids.into_iter().map(move |block| (line.t, block));
    Ok(Trace {
        name: "Mooncake: arrivals and repeated blocks as recorded",
        calls: lines(path)?.into_iter().flat_map(each).collect(),
    })
}

/// The moments are real; the questions are drawn by Zipf's law from 400, for the trace does not tell them.
pub(crate) fn popular(path: &Path) -> Result<Trace, BoxError> {
    let weights = (1..=QUESTIONS).map(|rank| 1.0 / rank as f64);
    let all: f64 = weights.clone().sum();
    let draw = |n: usize| {
        let mut left = mixed(7, n as u64) * all;
        let rank = weights.clone().position(|weight| {
            left -= weight;
            left <= 0.0
        });
        rank.unwrap_or_default() as u64
    };
    let lines = lines(path)?.into_iter().enumerate();
    Ok(Trace {
        name: "Azure 2023, code: arrivals as recorded, questions by Zipf's law from 400",
        calls: lines.map(|(n, line)| (line.t, draw(n))).collect(),
    })
}

fn lines(path: &Path) -> Result<Vec<Line>, BoxError> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let parse = |line: Result<String, std::io::Error>| -> Result<Line, BoxError> {
        Ok(serde_json::from_str(&line?)?)
    };
    lines.map(parse).collect()
}
