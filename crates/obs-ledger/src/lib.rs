#![doc = include_str!("../README.md")]

mod entry;
mod feedback;
mod files;
mod reader;
mod record;

pub use self::{
    entry::{Attempt, Cached, Decision, Entry, Outcome, Piece, Prompt, Role, SCHEMA, Word},
    feedback::{Feedback, Verdict},
    reader::{LONGEST_LINE, ReadError, Reader},
    record::Record,
};
