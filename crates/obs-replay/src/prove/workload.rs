//! Traffic out of the data: which question each arrival asks, and what each route makes of it.
use std::{sync::Arc, time::Duration};

use obs_core::{Role, Usage};

use super::data::Data;
use crate::{Arrival, Outcome, Question, rng::Rng};

/// The models of the data, as the price table knows them.
pub(crate) const WEAK: &str = "weak";
pub(crate) const STRONG: &str = "strong";

/// What an answer takes: milliseconds at the least, and for a token of the prompt and of the answer.
const LATENCY: [[f64; 3]; 2] = [[484.0, 0.35, 2.3], [984.0, 0.14, 8.7]];
/// Bytes of an answer around its text.
const AROUND: u64 = 400;

/// Which earlier question a repeat repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// That of any earlier call, all alike: what is asked often is asked more often still (Simon's process).
    Popular,
    /// That of one of the last fifty calls: a retry, a loop, a colleague.
    Recent,
}

/// Every prompt as a question.
pub(crate) fn questions(data: &Data, seed: u64) -> Vec<Arc<Question>> {
    let mut rng = Rng::new(seed);
    let of = |(place, prompt): (usize, &super::data::Prompt)| {
        // Drawn for every prompt, so that what is known of one moves no other.
        let drawn = data.lengths[rng.below(data.lengths.len() as u32) as usize];
        let chars = prompt.chars.unwrap_or(drawn);
        let input = tokens(prompt.text.len() as u64);
        let outcome = |route: usize| {
            let output = tokens(chars[route]);
            let [least, read, written] = LATENCY[route];
            let millis = least + read * input as f64 + written * output as f64;
            Outcome {
                usage: Some(Usage {
                    input,
                    output,
                    ..Usage::default()
                }),
                took: Duration::from_millis(millis.round() as u64),
                quality: Some(prompt.quality[route]),
                bytes: (chars[route] + AROUND) as usize,
                ..Outcome::default()
            }
        };
        Arc::new(Question {
            key: place as u128,
            model: "auto".into(),
            prompt: vec![(Role::User, prompt.text.clone())],
            group: Some(prompt.group.clone()),
            place,
            cacheable: true,
            outcomes: vec![outcome(0), outcome(1)],
            ..Question::default()
        })
    };
    data.prompts.iter().enumerate().map(of).collect()
}

/// Which question each of so many calls asks: each is a repeat with this chance, and else a new one.
pub(crate) fn mix(questions: usize, calls: usize, repeats: f64, law: Law, seed: u64) -> Vec<u32> {
    let mut rng = Rng::new(seed);
    let mut fresh: Vec<u32> = (0..questions as u32).collect();
    rng.shuffle(&mut fresh);
    let mut asked: Vec<u32> = Vec::with_capacity(calls);
    for call in 0..calls as u32 {
        let repeated = match rng.unit() < repeats && call > 0 {
            true => {
                let back = match law {
                    Law::Popular => call,
                    Law::Recent => call.min(50),
                };
                let at = call - 1 - rng.below(back);
                Some(asked[at as usize])
            }
            false => None,
        };
        let question = repeated.or_else(|| fresh.pop());
        asked.push(question.expect("there are as many questions as calls"));
    }
    asked
}

/// The calls of a mix, each at its moment.
pub(crate) fn arrivals<'a>(
    data: &'a Data,
    questions: &'a [Arc<Question>],
    mix: &'a [u32],
) -> impl Iterator<Item = Arrival> + 'a {
    data.arrivals.iter().zip(mix).map(|(at, asked)| Arrival {
        at: *at,
        question: questions[*asked as usize].clone(),
    })
}

/// Four characters a token.
fn tokens(chars: u64) -> u64 {
    chars.div_ceil(4).max(1)
}
