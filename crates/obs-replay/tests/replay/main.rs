//! Replays through the real layers.
mod engine;
mod world;
