//! Server-sent events: reading them from any pieces of bytes, and writing them.
//!
//! The reader follows the WHATWG specification (`\n`, `\r\n` and `\r` end lines, a byte order mark at the start, comments,
//! data of several lines), with two differences: an event that the end of the stream cuts off before its blank line is
//! given all the same, because providers forget that line, and an event has a largest size.
mod decoder;
mod encode;

pub use decoder::{Decoder, Event, EventTooLong};
pub use encode::{DONE, comment, encode};
