//! What the layers must know of a request.
use std::fmt;

use crate::{Fingerprint, least_tokens};

/// A request to a model.
///
/// ```
/// use obs_core::{Fingerprint, LlmRequest, Role};
///
/// #[derive(Clone)]
/// struct Ask {
///     model: String,
///     question: String,
/// }
///
/// impl LlmRequest for Ask {
///     fn model(&self) -> &str {
///         &self.model
///     }
///     fn set_model(&mut self, model: &str) {
///         self.model = model.into();
///     }
///     fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
///         visit(Role::User, &self.question);
///     }
///     fn fingerprint(&self, to: &mut Fingerprint) {
///         to.field("model", self.model.as_bytes())
///             .field("question", self.question.as_bytes());
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no LLM request: it does not implement `LlmRequest`",
    note = "the layers take `Call<R>` where `R: LlmRequest`; implement it for your request (about ten lines)"
)]
pub trait LlmRequest {
    /// The model that is asked.
    fn model(&self) -> &str;

    /// Asks another model.
    fn set_model(&mut self, model: &str);

    /// What is asked of the model.
    fn operation(&self) -> Operation {
        Operation::Chat
    }

    /// Whether the answer is wanted as a stream. Not part of the fingerprint: both forms are one answer.
    fn streams(&self) -> bool {
        false
    }

    /// Whether an answer may be given again to the same question. `false` where the caller evidently wants another
    /// answer each time.
    fn cacheable(&self) -> bool {
        true
    }

    /// Visits the settings that the request makes, as far as they are set, for spans. Called for calls whose span is kept.
    fn visit_parameters(&self, _visit: &mut dyn FnMut(Parameter<'_>)) {}

    /// Visits each piece of prompt text in order, without joining them.
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str));

    /// The JSON Schema that the answer is to obey, as JSON, where the request asks for one: for judges of answers. Not of the arguments
    /// of tools, nor where several answers are asked for at once.
    fn answer_schema(&self) -> Option<&str> {
        None
    }

    /// Whether the prompt may fit into a window of so many tokens. `false` only where it surely does not: the tokens of its pieces
    /// are counted by [`least_tokens`]. A request that can count its tokens may say it more exactly.
    fn fits(&self, window: u64) -> bool {
        let mut least = 0;
        self.visit_prompt(&mut |_, text| least += least_tokens(text));
        least <= window
    }

    /// Asks for the rest of a streamed answer that has begun with this text: it becomes the beginning of the model's own answer, the
    /// last message. `false`: nothing was changed, because such an answer cannot be gone on with (several at once, tools, a
    /// form such as JSON, or the caller has begun it already).
    fn continue_with(&mut self, _begun: &str) -> bool {
        false
    }

    /// Writes everything that determines the answer, the model included.
    ///
    /// There is no default: what is forgotten here makes a wrong answer from the cache. For a type that can be
    /// serialized, `to.json(self)` forgets nothing.
    fn fingerprint(&self, to: &mut Fingerprint);
}

/// What a request asks of the model besides the prompt, by the names of the OpenTelemetry GenAI conventions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Parameter<'a> {
    /// `max_tokens`: most tokens of the answer.
    MaxTokens(u64),
    /// `temperature`
    Temperature(f64),
    /// `top_p`
    TopP(f64),
    /// `top_k`
    TopK(u64),
    /// `frequency_penalty`
    FrequencyPenalty(f64),
    /// `presence_penalty`
    PresencePenalty(f64),
    /// `seed`
    Seed(i64),
    /// `choice.count`: how many answers are wanted.
    Choices(u64),
    /// `stop_sequences`, one of them.
    Stop(&'a str),
    /// `reasoning.level`
    Reasoning(&'a str),
    /// `encoding_formats`, of embeddings.
    EncodingFormat(&'a str),
    /// How many dimensions embeddings shall have.
    Dimensions(u64),
}

/// Who said a piece of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's or developer's instructions.
    System,
    /// The user.
    User,
    /// The model, earlier in the conversation.
    Assistant,
    /// The result of a tool.
    Tool,
}

/// What is asked of a model, by the names of the OpenTelemetry GenAI conventions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `chat`
    #[default]
    Chat,
    /// `text_completion`
    TextCompletion,
    /// `generate_content`
    GenerateContent,
    /// `embeddings`
    Embeddings,
    /// `other`: none of these.
    Other,
}

impl Operation {
    /// Every operation, in the order of [`index`](Self::index).
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::TextCompletion,
        Self::GenerateContent,
        Self::Embeddings,
        Self::Other,
    ];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in the conventions, for labels and spans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::GenerateContent => "generate_content",
            Self::Embeddings => "embeddings",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
