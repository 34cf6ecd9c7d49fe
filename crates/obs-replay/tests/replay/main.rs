//! Replays through the real layers.
mod engine;
mod judges;
mod learned;
mod logs;
mod proof;
mod streams;
mod world;
