//! Rules that tell simple prompts from complex ones by their form.
mod assessment;
mod counts;
mod cue;
mod feature;
mod line;
mod split;
mod token;
mod turn;

use obs_core::{CallContext, LlmRequest};

pub(crate) use self::split::Split;
pub use self::{assessment::Assessment, feature::Feature};
use crate::{Decision, Explanation, Policy, Target};

/// Sends simple prompts to the first route and complex ones to the last, by how they are *built*: length, sentences, what is
/// given before something is asked, quantities, mathematics, code, requirements, and what the conversation was about.
///
/// No key words decide: the rules are the same for every language that has sentences, and for scripts with and without spaces
/// or capitals. (Two small lists of words exist, in some twenty languages. One knows what asks for a proof, which can be done in
/// five words; it is not enough by itself. The other knows thanks and greetings, which take over nothing from the conversation
/// before them.) Nothing is asked of another service, and nothing is allocated.
///
/// # The formula
///
/// `score = 1 - 2^-evidence`. The evidence is the sum over the [features](Feature), each of which counts linearly between two
/// values, and never against complexity. So a prompt is complex, at the threshold of 0.5, when its evidence reaches one.
///
/// | feature | counts from | to | evidence then |
/// |---|---|---|---|
/// | words of running text | 5 | 32 | 1.5 |
/// | numbers | 0.5 | 5.5 | 1.2 |
/// | mathematical signs, formulas, variables | 0 | 6 | 1.3 |
/// | lines of code | 0 | 6 | 1.5 |
/// | size of the turn | 2 kB | 64 kB, by its logarithm | 1.2 |
/// | a proof is asked for | | | 0.96 |
/// | sentences | 1 | 5 | 0.8 |
/// | list items of more than three words | 0 | 4 | 0.8 |
/// | letters beyond the seventh of a word | 0 | 20 | 0.75 |
/// | statements before a question | 0 | 4 | 0.6 |
/// | commas; brackets and semicolons twice | 0 | 10 | 0.6 |
/// | words of the longest sentence | 18 | 45 | 0.5 |
/// | questions | 1 | 3 | 0.4 |
/// | lettered alternatives | 2 | 4 | 0.4 |
/// | words that come again | 0 | 4 | 0.4 |
/// | capitalised words within sentences | 0 | 5 | 0.25 |
/// | earlier turns of the user | 0 | 5 | 0.2 |
/// | bytes of system prompt | 500 | 8000 | 0.15 |
/// | messages of tools | 0 | 3 | 0.15 |
/// | what a follow-up takes over | | | what is missing to that of the turns before |
///
/// Data that is to be converted (JSON, CSV, XML, YAML, tables, enumerations) is recognised line by line, and only its size and a
/// fifth of its numbers count. A few plain sentences after a lead such as "put this in a table:" count for three tenths.
///
/// A short turn takes over the evidence of the turns before it: *ok, continue* after a hard question is as hard as the question.
/// Turns of 8 words and less do so fully, those of 28 and more by half, and a turn fades by a tenth with each turn that follows.
/// Thanks and greetings take over nothing, and the turn after them does.
///
/// The last 4 kB that the user wrote are read; system prompts, answers of the model and results of tools are only measured.
///
/// # How well it does
///
/// The weights are our own calibration, set by hand on the prompts in this crate's tests. On 53 others, written before any weight
/// was set, the first run found 26 of 26 hard prompts complex and 26 of 27 easy ones simple; on 50 more, written when the weights
/// stood, 18 of 20 and 30 of 30. The faults behind those three misses (markup taken for comparison signs, code in fences, a proof
/// asked for politely) are mended since, and the tests hold all of these prompts. All 671 word problems of a GSM8K test set come out
/// as complex, and 95 % of 8,318 MMLU questions: half of those of general knowledge, nearly all of those at college level.
///
/// The rules cannot know how difficult a short question *is*: a conceptual question of a dozen plain words looks like a look-up. Use
/// [`Score`](crate::Score) or a policy of your own where you know more.
///
/// ```
/// # use obs_core::{Fingerprint, LlmRequest, Role};
/// # #[derive(Clone)] struct Ask(&'static str);
/// # impl LlmRequest for Ask {
/// #     fn model(&self) -> &str { "auto" }
/// #     fn set_model(&mut self, _: &str) {}
/// #     fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) { visit(Role::User, self.0) }
/// #     fn fingerprint(&self, _: &mut Fingerprint) {}
/// # }
/// use obs_router::Complexity;
///
/// let rules = Complexity::new();
/// assert!(rules.assess(&Ask("What is the capital of Peru?")).score() < 0.5);
///
/// let seen = rules.assess(&Ask("Tom has 5 apples and buys 3 more, then gives 2 away. How many are left?"));
/// assert!(seen.score() > 0.5);
/// for (feature, seen, evidence) in seen.explain() {
///     println!("{feature}: {seen} makes {evidence}");
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Complexity {
    split: Split,
}

impl Complexity {
    /// With a threshold of 0.5, between the first route and the last one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            split: Split::new(),
        }
    }

    /// From which score on a prompt is complex. Lower sends more to the better route; 0 sends everything.
    ///
    /// # Panics
    ///
    /// If it is not a number from 0 to 1.
    #[must_use]
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.split.set_threshold(threshold);
        self
    }

    /// The routes for simple and for complex prompts, in place of the first and the last.
    #[must_use]
    pub fn routes(mut self, easy: impl Into<Target>, hard: impl Into<Target>) -> Self {
        self.split.set_routes(easy.into(), hard.into());
        self
    }

    /// How difficult this prompt looks, and why.
    #[must_use]
    pub fn assess<R: LlmRequest + ?Sized>(&self, request: &R) -> Assessment {
        Assessment::of(|visit| request.visit_prompt(visit))
    }
}

impl Default for Complexity {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: LlmRequest> Policy<R> for Complexity {
    fn decide(&self, request: &R, _: &CallContext) -> Decision {
        let score = self.assess(request).score();
        let (target, reason) = self.split.of(score);
        Decision::new(target, reason).score(score)
    }

    fn explain(&self, request: &R, _: &CallContext) -> Option<Explanation> {
        let seen = self.assess(request);
        let told = Explanation::of("complexity").score(seen.score());
        let told = seen.explain().fold(told, |told, (feature, value, added)| {
            if added == 0.0 {
                return told;
            }
            told.part(feature.as_str(), value, added)
        });
        Some(told.sorted())
    }
}
