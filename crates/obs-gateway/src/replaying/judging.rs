//! Who looks at answers in a replay.
use obs_replay::{Inside, ModelledJudge, log::Judging};
use obs_router::{Check, Seen};

use crate::{cascade::Cascade, settings::Settings};

/// Decides which answers a modelled judge is wrong about.
const SEED: u64 = 1;

/// The judges of the settings, or this one in their place. `None`: nobody judges.
pub(super) fn of(
    settings: &Settings,
    judge: Option<ModelledJudge>,
    inside: &Inside,
) -> Option<Judging> {
    if let Some(judge) = judge {
        return Some(Judging::new().modelled(judge));
    }
    let cascade = Cascade::new(&settings.router.cascade)?;
    let mut judging = Judging::new();
    if let Some(checks) = cascade.checks() {
        let checks = checks.clone();
        judging = judging.checks(move |seen: &Seen| checks.accepts(seen));
    }
    if cascade.asks_again() {
        judging = judging.asks_again(inside.clone());
    }
    Some(judging)
}

/// Reads `80/10`: percent of bad answers that are found, and of good ones that are taken for bad.
pub(super) fn read(text: &str) -> Result<ModelledJudge, String> {
    let share = |text: &str| {
        let percent: f64 = text.trim().parse().ok()?;
        (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
    };
    let both = text
        .split_once('/')
        .map(|(found, wrong)| (share(found), share(wrong)));
    match both {
        Some((Some(detection), Some(false_alarm))) => Ok(ModelledJudge {
            detection,
            false_alarm,
            seed: SEED,
        }),
        _ => Err(format!(
            "--judge {text:?}: expected two percentages, such as 80/10: of bad answers that are found, and of good ones that are taken for bad"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_is_two_percentages() {
        let judge = read("80/2.5").unwrap();
        assert_eq!((judge.detection, judge.false_alarm), (0.8, 0.025));
        for wrong in ["80", "80/", "101/5", "5/-1", "a/b", ""] {
            assert!(read(wrong).unwrap_err().contains("80/10"), "{wrong}");
        }
    }
}
