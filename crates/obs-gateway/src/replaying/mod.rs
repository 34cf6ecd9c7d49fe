//! What the program does besides serving: it says what was, or would have been, saved.
mod judging;
mod layers;
mod left_out;
mod output;
mod policy;
mod prove;
mod replay;
mod sweep;

pub use self::{output::Outputs, prove::Prove, replay::Replay};
