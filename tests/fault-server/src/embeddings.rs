//! Embeddings in OpenAI's shape.
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    content::{count, hash},
    visit::Visit,
};

const DIMENSIONS: u32 = 8;

pub(crate) fn answer(visit: &Visit<'_>) -> Answer {
    let inputs = &visit.ask.inputs;
    let embed = |(index, input): (usize, &String)| json!({ "object": "embedding", "index": index, "embedding": vector(input) });
    let data: Vec<Value> = inputs.iter().enumerate().map(embed).collect();
    let tokens: usize = inputs.iter().map(|input| count(input)).sum();
    let body = json!({
        "object": "list",
        "data": data,
        "model": visit.ask.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    });
    Answer::whole(visit, body.to_string().as_bytes())
}

/// Numbers from -1 to 1 that depend on the text.
fn vector(text: &str) -> Vec<f64> {
    let hash = hash(text);
    let number = |dimension: u32| (hash.rotate_left(8 * dimension) & 0xff) as f64 / 127.5 - 1.0;
    (0..DIMENSIONS).map(number).collect()
}
