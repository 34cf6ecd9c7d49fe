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
    /// How sure the model was, see [`LlmResponse::margin`].
    pub margin: Option<f32>,
    /// This is its beginning, and more is to come: a stream that was not read to its end.
    pub goes_on: bool,
}

impl Seen {
    /// Of this answer. `None`: its type shows neither text nor a reason to end, so that nothing can be said of it. A stream without any
    /// content is an empty answer.
    #[must_use]
    pub fn of<Res: LlmResponse>(answer: &Res) -> Option<Self> {
        let mut seen = Self::default();
        match answer.stream() {
            Some(chunks) => {
                let (mut sum, mut tokens) = (0.0, 0_u32);
                let mut is_empty = true;
                for chunk in chunks.read_ahead() {
                    seen.text.push_str(chunk.text());
                    seen.finish = chunk.finish().or(seen.finish);
                    is_empty &= !chunk.is_content();
                    chunk.visit_margins(&mut |margin| {
                        sum += margin;
                        tokens += 1;
                    });
                }
                seen.margin = (tokens > 0).then(|| (sum / f64::from(tokens)) as f32);
                seen.goes_on = !chunks.has_ended();
                return (is_empty || seen.tells()).then_some(seen);
            }
            None => answer.visit_text(&mut |text| seen.text.push_str(text)),
        }
        seen.finish = answer.finish();
        seen.margin = answer.margin();
        seen.tells().then_some(seen)
    }

    fn tells(&self) -> bool {
        !self.text.is_empty() || self.finish.is_some()
    }

    /// As [`of`](Self::of), of answers that are there to their end.
    pub(crate) fn whole<Res: LlmResponse>(answer: &Res) -> Option<Self> {
        Self::of(answer).filter(|seen| !seen.goes_on)
    }
}
