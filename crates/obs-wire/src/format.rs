//! What one wire format is.
use std::{fmt, ops::Range};

use bytes::Bytes;
use obs_core::{BoxError, Error, Finish, Operation, Role, Usage};

use crate::{Edit, Event, InvalidRequest, Piece, sse};

/// One endpoint of the interface of one kind of provider.
///
/// The associated functions say what is particular to it; [`Request`](crate::Request), [`Response`](crate::Response),
/// [`Chunk`](crate::Chunk) and [`Upstream`](crate::Upstream) are made of them.
pub trait Format: fmt::Debug + Sized + Send + Sync + 'static {
    /// Its name in keys of a cache: under another name there are other entries.
    const NAME: &'static str;
    /// Where requests go, after the base URL: `/chat/completions`.
    const PATH: &'static str;
    /// What is asked of the model.
    const OPERATION: Operation = Operation::Chat;
    /// Headers of the caller's that concern the provider.
    const HEADERS: Headers;
    /// Fields of the body that do not change the answer, but how it is sent.
    const UNKEYED: &'static [&'static str] = &["stream"];
    /// What closes a stream that has ended well.
    const END: Bytes = Bytes::new();

    /// What is read of the body of a request.
    type View: View;
    /// How far a stream has come.
    type Mark: Mark;

    /// Reads an event of a stream: `data` as it came, be it JSON or not.
    ///
    /// # Errors
    /// It is no JSON object.
    fn read_event(
        name: Option<&[u8]>,
        data: &str,
    ) -> Result<EventFacts<Self::Mark>, serde_json::Error>;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It is no JSON object.
    fn read_answer(body: &str) -> Result<AnswerFacts, serde_json::Error>;

    /// Visits the text that the model wrote, of a whole answer.
    fn visit_text(body: &str, visit: &mut dyn FnMut(&str));

    /// By how much each token of a whole answer was likelier than the next likeliest one, in natural logarithms, on average; `None`
    /// where that is not told.
    #[must_use]
    fn margin(_body: &str) -> Option<f32> {
        None
    }

    /// Visits of each token that this event of a stream adds by how much it was likelier than the next likeliest one, in natural
    /// logarithms; none where that is not told.
    fn visit_margins(_data: &str, _visit: &mut dyn FnMut(f64)) {}

    /// The events of a stream that says what this whole answer says.
    ///
    /// # Errors
    /// No stream can say it.
    fn split(body: &str) -> Result<Vec<Event>, BoxError>;

    /// The whole answer that says what these events say.
    ///
    /// # Errors
    /// No whole answer can say it.
    fn merge(events: &[Event]) -> Result<String, BoxError>;

    /// An error as an object in the shape of the format: the provider's own object where there is one that
    /// [may be shown](crate::own_error).
    fn error_body(error: &Error) -> Bytes;

    /// The event that tells of an error in a stream, and ends it.
    #[must_use]
    fn error_event(error: &Error) -> Bytes {
        sse::encode(None, &Self::error_body(error))
    }
}

/// What is read of the body of a request, besides `model`.
pub trait View: Default + fmt::Debug + Send + Sync + 'static {
    /// One field other than `model`, in the order of the body; `at` is the place of the value.
    ///
    /// # Errors
    /// The field cannot have this value.
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest>;

    /// All fields were seen.
    ///
    /// # Errors
    /// A field is missing.
    fn complete(&self) -> Result<(), InvalidRequest>;

    /// Whether this is all that a request from outside needs; those that are being made in code may still be empty.
    ///
    /// # Errors
    /// Nothing is asked.
    fn check(&self, _body: &str) -> Result<(), InvalidRequest> {
        Ok(())
    }

    /// Whether the answer is wanted as a stream.
    fn streams(&self) -> bool {
        false
    }

    /// See [`LlmRequest::cacheable`](obs_core::LlmRequest::cacheable).
    fn cacheable(&self) -> bool {
        true
    }

    /// Whether another model may be asked, or another provider: not where the request refers to what one provider keeps.
    fn movable(&self) -> bool {
        true
    }

    /// How many answers are asked for at once.
    fn choices(&self) -> u64 {
        1
    }

    /// Where in the body the JSON Schema is that the answer is to obey, if there is one and only one answer is asked for.
    fn answer_schema(&self) -> Option<Range<usize>> {
        None
    }

    /// Whether the caller asked for the usage of its stream.
    fn asked_for_usage(&self) -> bool {
        true
    }

    /// What to change in the body so that the stream tells its usage; `end` is where fields can be added. Empty: nothing.
    fn ask_for_usage(&self, _end: usize) -> Vec<Edit> {
        Vec::new()
    }

    /// What to change in the body so that the model goes on with an answer that has begun with this text. `None`: such an answer
    /// cannot be gone on with, or the chunks of its rest do not simply follow those that came before.
    fn go_on(&self, _body: &str, _begun: &str) -> Option<Edit> {
        None
    }

    /// Visits each piece of text that the model reads.
    fn visit_prompt(&self, body: &str, visit: &mut dyn FnMut(Role, &str));
}

/// How far a stream has come, and whether all of it was seen.
pub trait Mark: Clone + fmt::Debug + Default + Send + Sync + Unpin + 'static {
    /// Goes on by one event.
    fn add(&mut self, next: &Self);

    /// Something of an answer has come.
    fn has_begun(&self) -> bool;

    /// All of so many answers has come, save perhaps the usage.
    fn has_ended(&self, choices: u64) -> bool;

    /// Nothing more is to come.
    fn is_closed(&self) -> bool {
        false
    }

    /// Every answer that has begun is complete, and may be given again.
    fn is_complete(&self) -> bool;

    /// Something of it was lost: it is not to be given again.
    fn damage(&mut self);
}

/// What was read of an event.
#[derive(Clone, Debug, Default)]
pub struct EventFacts<M> {
    /// What it tells of the tokens that were used.
    pub usage: Option<Box<Usage>>,
    /// The model that says that it answers.
    pub model: Piece,
    /// The provider's name for the answer.
    pub id: Piece,
    /// The text that it adds.
    pub text: Piece,
    /// Why the answer ends.
    pub finish: Option<Finish>,
    /// Whether something that the model wrote is in it.
    pub is_content: bool,
    /// It tells the usage and nothing else, and is sent to those alone who ask for it.
    pub only_usage: bool,
    /// It tells of an error.
    pub is_error: bool,
    /// How far the stream has come with it.
    pub mark: M,
}

/// What was read of a whole answer.
#[derive(Clone, Debug, Default)]
pub struct AnswerFacts {
    /// The tokens that were used.
    pub usage: Option<Usage>,
    /// The model that says that it answered.
    pub model: Piece,
    /// The provider's name for the answer.
    pub id: Piece,
    /// Why it ends.
    pub finish: Option<Finish>,
    /// Whether it may be given again.
    pub is_complete: bool,
    /// What it is.
    pub found: Found,
}

/// What a body with a status of success is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// An answer.
    Answer,
    /// An error.
    Error,
    /// None of both.
    #[default]
    Nothing,
}

/// Headers of a caller's that concern the provider, in lower case.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    /// Credentials: they go on only where the upstream has no key of its own.
    pub credentials: &'static [&'static str],
    /// Whose account it is: these go with the credential, and may change the answer.
    pub account: &'static [&'static str],
    /// What changes the answer otherwise.
    pub meaning: &'static [&'static str],
    /// What else goes on.
    pub others: &'static [&'static str],
    /// What is sent where the caller says nothing.
    pub defaults: &'static [(&'static str, &'static str)],
}
