//! The request of a replayed call.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use obs_core::{Fingerprint, LlmRequest, Operation, Role};

use crate::Question;

/// The request of a replayed call. A clone is the same call, asked of another route.
#[derive(Clone, Debug)]
pub struct Ask {
    question: Arc<Question>,
    model: Arc<str>,
    judged: Arc<AtomicBool>,
}

impl Ask {
    /// Asks this.
    #[must_use]
    pub fn new(question: Arc<Question>) -> Self {
        let model = question.model.clone();
        Self {
            question,
            model,
            judged: Arc::default(),
        }
    }

    /// What is asked.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// A judge has looked at an answer to it.
    pub fn mark_judged(&self) {
        self.judged.store(true, Relaxed);
    }

    /// Whether a judge has looked at an answer to it.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.judged.load(Relaxed)
    }
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }

    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }

    fn operation(&self) -> Operation {
        self.question.operation
    }

    fn streams(&self) -> bool {
        self.question.stream
    }

    fn cacheable(&self) -> bool {
        self.question.cacheable
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        for (role, text) in &self.question.prompt {
            visit(*role, text);
        }
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("question", &self.question.key.to_le_bytes());
    }
}
