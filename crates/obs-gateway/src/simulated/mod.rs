//! A provider in this process that only pretends: two models and an embedding, with latency, tokens and prices of a
//! realistic kind. It says in every answer that it is simulated.
mod models;
mod text;
mod vector;

pub(crate) use self::models::{LARGE, SMALL};
