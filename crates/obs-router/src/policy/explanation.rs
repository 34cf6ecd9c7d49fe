//! What a decision rests on.
use std::{borrow::Cow, fmt};

/// What a decision rests on. No text of the prompt is in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// A fixed name of what decides.
    pub policy: &'static str,
    /// Between 0 and 1: how difficult the prompt was found, or what a better answer gains.
    pub score: Option<f32>,
    /// What was seen, the weightiest first.
    pub parts: Vec<Part>,
    /// What stands behind it: the policy that it is put around, or the rule that it falls back to.
    pub inner: Option<Box<Self>>,
}

/// One thing that was seen, and what it added.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What was seen.
    pub name: Cow<'static, str>,
    /// How much of it was seen.
    pub value: f32,
    /// What it added, in the unit of the policy: evidence, logits, dollars.
    pub added: f32,
}

impl Explanation {
    /// Of a policy of this name.
    #[must_use]
    pub const fn of(policy: &'static str) -> Self {
        Self {
            policy,
            score: None,
            parts: Vec::new(),
            inner: None,
        }
    }

    /// With this score.
    #[must_use]
    pub fn score(mut self, score: f32) -> Self {
        self.score = Some(score);
        self
    }

    /// With one more thing that was seen.
    #[must_use]
    pub fn part(mut self, name: impl Into<Cow<'static, str>>, value: f32, added: f32) -> Self {
        let name = name.into();
        self.parts.push(Part { name, value, added });
        self
    }

    /// Around what another policy says.
    #[must_use]
    pub fn around(mut self, inner: Option<Self>) -> Self {
        self.inner = inner.map(Box::new);
        self
    }

    /// Puts the weightiest parts first.
    pub(crate) fn sorted(mut self) -> Self {
        self.parts
            .sort_by(|a, b| b.added.abs().total_cmp(&a.added.abs()));
        self
    }
}

/// On one line.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.policy)?;
        if let Some(score) = self.score {
            write!(f, " {score:.2}")?;
        }
        for (at, Part { name, value, added }) in self.parts.iter().enumerate() {
            let before = if at == 0 { ":" } else { "," };
            write!(f, "{before} {name} {added:.3} ({value:.2})")?;
        }
        match &self.inner {
            Some(inner) => write!(f, "; {inner}"),
            None => Ok(()),
        }
    }
}
