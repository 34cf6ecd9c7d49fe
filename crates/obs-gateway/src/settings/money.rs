//! What has to be known for money to decide.
use super::{Policy, Problems, Settings};

/// Nothing that is needed is missing, and nothing is set that plays no part.
pub(super) fn check(settings: &Settings, problems: &mut Problems, warnings: &mut Vec<String>) {
    let of = &settings.router;
    if of.state.is_some() && !of.policy.learns() {
        warnings.push("router.state has no effect: router.policy learns nothing in traffic".into());
    }
    let figures = [
        ("router.judge_detection", of.judge_detection),
        ("router.judge_false_alarms", of.judge_false_alarms),
    ];
    let given = figures.iter().filter(|(_, figure)| figure.is_some());
    let given = given.map(|(name, _)| *name);
    if of.policy != Policy::ExpectedCost {
        let worth = of.answer_worth.map(|_| "router.answer_worth");
        let idle = worth.into_iter().chain(given);
        warnings.extend(
            idle.map(|name| format!("{name} has no effect: router.policy is not expected-cost")),
        );
        return;
    }
    if of.answer_worth.is_none() {
        problems.add(
            "router.answer_worth",
            "is unset, and router.policy is expected-cost: say what a good answer is worth in place of a bad one, in dollars such as 0.02",
        );
    }
    if of.cascade.is_empty() {
        warnings.extend(given.map(|name| format!("{name} has no effect: router.cascade is off")));
        return;
    }
    for (name, _) in figures.iter().filter(|(_, figure)| figure.is_none()) {
        problems.add(
            *name,
            "is unset, while router.policy is expected-cost and router.cascade names judges: without it nobody can say when asking \
             them pays; give a share from 0 to 1, or set router.cascade to off",
        );
    }
    if let (Some(detection), Some(alarms)) = (of.judge_detection, of.judge_false_alarms)
        && detection <= alarms
    {
        problems.add(
            "router.judge_detection",
            format!(
                "is {detection}, and router.judge_false_alarms is {alarms}: judges that take good answers for bad ones as often as bad \
                 ones are of no use; the first has to be more than the second"
            ),
        );
    }
}
