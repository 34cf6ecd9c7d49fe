//! Replays through the real layers.
mod engine;
mod proof;
mod world;
