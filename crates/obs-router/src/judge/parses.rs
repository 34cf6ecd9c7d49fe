//! Answers that parse.
use std::fmt;

use obs_core::Finish;
use serde::de::IgnoredAny;

use crate::{Check, Seen};

/// Accepts answers that parse, as JSON or as the caller's function says: a JSON Schema, a compiler's parser, a dialect of SQL.
///
/// What is parsed is the text inside of the first code fence, if there is one, and else all of it. A fence that is not closed is none:
/// the answer was cut. Fences begin lines. An answer that calls tools is accepted: it has no text to parse.
///
/// ```
/// use obs_router::Parses;
///
/// let json = Parses::json();
/// let one_statement = Parses::fenced("sql", |code| code.matches(';').count() <= 1);
/// ```
#[derive(Clone, Copy)]
pub struct Parses<F = fn(&str) -> bool> {
    parses: F,
    /// A fence of this language is demanded.
    language: Option<&'static str>,
}

impl Parses {
    /// As one JSON value.
    #[must_use]
    pub fn json() -> Self {
        Self::by(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    }
}

impl<F: Fn(&str) -> bool> Parses<F> {
    /// As this function says.
    pub const fn by(parses: F) -> Self {
        Self {
            parses,
            language: None,
        }
    }

    /// Inside of a code fence of this language, which has to be there, as this function says.
    pub const fn fenced(language: &'static str, parses: F) -> Self {
        Self {
            parses,
            language: Some(language),
        }
    }
}

impl<F: Fn(&str) -> bool> Check for Parses<F> {
    fn accepts(&self, answer: &Seen) -> bool {
        answer.finish == Some(Finish::ToolCalls)
            || code(&answer.text, self.language).is_some_and(|code| (self.parses)(code))
    }
}

impl<F> fmt::Debug for Parses<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parses")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// What of a text is code: what is in its first fence, or all of it; with a language, what is in the first fence of that.
pub(super) fn code<'a>(text: &'a str, language: Option<&str>) -> Option<&'a str> {
    let text = text.trim();
    match language {
        None => Some(fences(text).next().map_or(text, |(_, code)| code)),
        Some(wanted) => fences(text)
            .find(|(language, _)| language.eq_ignore_ascii_case(wanted))
            .map(|(_, code)| code),
    }
}

/// The closed code fences of a text, with their languages.
fn fences(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = fence(rest)?;
        let (language, after) = after.split_once('\n')?;
        let (code, after) = fence(after)?;
        rest = after;
        Some((language.trim(), code))
    })
}

/// What is before a fence and after it. Within a line there is none, but what a text of JSON or of code has in it.
fn fence(text: &str) -> Option<(&str, &str)> {
    let begins_line = |at: usize| {
        let line = text[..at].trim_end_matches([' ', '\t']);
        line.is_empty() || line.ends_with('\n')
    };
    let mut fences = text.match_indices("```");
    let (at, found) = fences.find(|(at, _)| begins_line(*at))?;
    Some((&text[..at], &text[at + found.len()..]))
}
