#![doc = include_str!("../README.md")]
//!
//! # What writes it
//!
//! [`LedgerLayer`] makes the entries: one for each call, however it ends, and one for work that no caller pays for. Readiness is that of the
//! service inside. Dropping the future, or the stream that it gives, ends the call, and is told as cancelled. It hands them to a [`Sink`]:
//! a [`Writer`], which buffers, rotates and never fails a call, or a closure. The writer has a thread of its own; the crate spawns nothing else.

mod asked;
mod entry;
mod feedback;
mod files;
mod layer;
mod loose;
mod queue;
mod reader;
mod record;
mod rotating;
mod service;
mod setup;
mod shared;
mod sink;
mod text;
mod told;
mod write;
mod writer;

pub use self::{
    entry::{Attempt, Cached, Decision, Entry, Outcome, Piece, Prompt, Role, SCHEMA, Word},
    feedback::{Feedback, Verdict},
    layer::LedgerLayer,
    reader::{LONGEST_LINE, ReadError, Reader},
    record::Record,
    service::{Entering, Ledgers},
    sink::Sink,
    text::{LONGEST_TEXT, answer_text},
    writer::{LogFile, Writer, WriterStats},
};
