//! Anthropic's Messages: requests, streams, kept answers and errors, through the public interface.
mod fixtures;
mod kept;
mod pieces;
mod request;
mod upstream;
