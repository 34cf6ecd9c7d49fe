//! What of the settings a replay does not do.
use super::policy;
use crate::settings::{Judging, Settings, Store};

/// In sentences. `modelled`: a modelled judge is in the place of those of the settings.
pub(super) fn left_out(settings: &Settings, modelled: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut tell = |sentence: &str| out.push(sentence.into());
    tell(
        "Rates, virtual keys and comparisons of routes play no part; answers that break off are not gone on with.",
    );
    if policy::reads_features(settings) {
        tell(
            "The model decides as it was trained, its threshold following the wish through the log; what came of calls is not learned \
             from. A model of words, where a call has features and no prompt, misses its words.",
        );
    }
    if modelled {
        tell(
            "The judge is modelled: it knows the verdicts on answers, costs nothing, and accepts answers without a verdict.",
        );
    } else if !settings.router.cascade.is_empty() {
        tell(
            "Judges say what they said when the answer was recorded; between the first and the last sign of judges in the log an answer \
             that was not sent on was accepted. Else they look at its text; where there is none, it is accepted and counted as not judged.",
        );
        if settings.router.cascade.contains(&Judging::Cut) {
            tell(
                "Whether a limit of tokens cut an answer is not in a log: `cut` rejects only what was recorded as rejected.",
            );
        }
        let unknown = |judge: &Judging| matches!(judge, Judging::Schema | Judging::Margin(_));
        if settings.router.cascade.iter().any(unknown) {
            tell(
                "Neither the schema that an answer had to obey nor how sure a model was is in a log: `schema` and `margin` reject only what was \
                 recorded as rejected.",
            );
        }
        if settings.router.cascade.contains(&Judging::Consistency) {
            tell(
                "Each second answer that `consistency` asks for is paid; what it would have said where none was recorded is not known, and \
                 the first one is accepted.",
            );
        }
    }
    if settings.timeout.hedge_after.is_some() {
        tell(
            "What a second attempt takes to its first token is drawn from what was recorded of its route; the attempt that loses is taken \
             to be billed whole.",
        );
    }
    if matches!(settings.cache.store, Store::Redis(_)) {
        tell("Answers are kept in memory, in the place of Redis, up to cache.max_bytes.");
    }
    out
}
