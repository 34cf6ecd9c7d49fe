//! Replays through the real layers.
mod engine;
mod logs;
mod proof;
mod world;
