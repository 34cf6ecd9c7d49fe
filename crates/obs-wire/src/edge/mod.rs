//! Answers and errors on their way to a client.
mod error_response;
mod event_body;

pub use error_response::{error_response, message, own_error, status};
pub use event_body::EventBody;
