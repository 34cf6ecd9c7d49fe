//! What a check sees of an answer.
use obs_core::{Finish, LlmChunk, LlmResponse};

/// What a [`Check`](crate::Check) sees of an answer, whole or streamed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Seen {
    /// All that the model wrote.
    pub text: String,
    /// Why it ends where it ends, if that was told.
    pub finish: Option<Finish>,
    /// How sure the model was, see [`LlmResponse::margin`]. Of streams it is not known.
    pub margin: Option<f32>,
}

impl Seen {
    /// Of this answer. `None`: its type shows neither text nor a reason to end, so that nothing can be said of it.
    #[must_use]
    pub fn of<Res: LlmResponse>(answer: &Res) -> Option<Self> {
        let mut seen = Self::default();
        match answer.stream() {
            Some(chunks) => {
                for chunk in chunks.read_ahead() {
                    seen.text.push_str(chunk.text());
                    seen.finish = chunk.finish().or(seen.finish);
                }
                return Some(seen);
            }
            None => answer.visit_text(&mut |text| seen.text.push_str(text)),
        }
        seen.finish = answer.finish();
        seen.margin = answer.margin();
        (!seen.text.is_empty() || seen.finish.is_some()).then_some(seen)
    }
}
