//! A learned model decides.
use std::sync::{Arc, LazyLock};

use obs_core::CallContext;
use obs_learn::{Dataset, Goal, Model, Online, Trainer};
use obs_router::{
    Complexity, Decision, ExpectedCost, Forecast, Gains, Learned, Policy, Reason, Score, Target,
};

use crate::support::{Ask, Models, ask, layer, prices, routes, usd, was};

const HARD: &str = "Prove lemma 700.";
const EASY: &str = "Spell number 700, and then spell it again, and once more, if you please.";

/// Short prompts gain here, and long ones do not, so that neither length nor complexity finds out.
static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
    let mut data = Dataset::new();
    for row in 0..400 {
        let hard = row % 3 == 0;
        let prompt = match hard {
            true => format!("Prove lemma {row}."),
            false => format!(
                "Spell number {row}, and then spell it again, and once more, if you please."
            ),
        };
        let group = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][row % 10];
        let cheap = if hard { 0.0 } else { 1.0 };
        data.push(Some(group), prompt.as_str(), cheap, 1.0)
            .expect("a quality");
    }
    let training = Trainer::new().date("2026-11-23").train(&data, |_, _| ());
    Arc::new(training.expect("enough rows").model)
});

fn online() -> Arc<Online> {
    Arc::new(Online::new(MODEL.clone(), Goal::Share(0.33)).trusting())
}

/// As far as it is from what comes.
fn disproved() -> Arc<Online> {
    let online = online();
    let policy = Learned::new(online.clone());
    for n in 0..2_000 {
        let hard = n % 3 == 0;
        let call = ask(if hard { HARD } else { EASY });
        let seen = policy.foresee(&call.request, &call.context);
        online.observe(&seen, if hard { 0.0 } else { 1.0 });
        if online.stands() == obs_learn::By::Rule {
            return online;
        }
    }
    panic!("it still stands: {:?}", online.watch());
}

#[tokio::test]
async fn the_model_decides_and_says_so() {
    let layer = layer(Learned::new(online()));
    let models = Models::using(10, 0, 10);
    assert_eq!(
        models.took(&layer, ask(HARD)).await,
        was("premium", "learned")
    );
    assert_eq!(
        models.took(&layer, ask(EASY)).await,
        was("cheap", "learned")
    );
}

#[test]
fn its_score_is_the_probability_of_a_gain() {
    let policy = Learned::new(online());
    let score = |prompt| {
        let call = ask(prompt);
        let decision = policy.decide(&call.request, &call.context);
        decision.difficulty().expect("a score")
    };
    assert!(score(HARD) > 0.8, "{}", score(HARD));
    assert!(score(EASY) < 0.2, "{}", score(EASY));
}

#[test]
fn the_rule_decides_while_the_model_is_no_better() {
    let policy = Learned::new(disproved());
    let call = ask("What is the capital of Peru?");
    let decision = policy.decide(&call.request, &call.context);
    let rules = Policy::decide(&Complexity::new(), &call.request, &call.context);
    assert_eq!(decision, rules);
    assert_eq!(decision.reason(), Reason::Simple);

    let own = Score::new(|_: &Ask, _: &CallContext| 0.9);
    let policy = policy.otherwise(own);
    let decision = policy.decide(&call.request, &call.context);
    assert_eq!(
        decision,
        Decision::new(Target::Last, Reason::Caller).score(0.9)
    );
}

#[test]
fn by_length_the_share_stays_as_wished() {
    let policy = Learned::new(disproved()).otherwise_by_length();
    let mut premium = 0;
    for n in 0..3_000_usize {
        let call = ask(&"word ".repeat(1 + n * 7 % 100));
        let decision = policy.decide(&call.request, &call.context);
        let is_premium = *decision.target() == Target::Last;
        let reason = if is_premium {
            Reason::Complex
        } else {
            Reason::Simple
        };
        assert_eq!(decision.reason(), reason);
        premium += usize::from(is_premium && n >= 2_000);
    }
    assert!((200..450).contains(&premium), "{premium}");
}

#[test]
fn groups_are_what_they_were_called_in_training() {
    let groups: fn(&CallContext) -> Option<&str> = |context| context.namespace.as_deref();
    let by_space = Learned::new(online()).group(groups);
    let by_tenant = Learned::new(online());
    let mut call = ask(HARD);
    let plain = by_tenant.foresee(&call.request, &call.context);
    call.context.namespace = Some("a".into());
    assert_eq!(
        by_tenant.foresee(&call.request, &call.context).evidence,
        plain.evidence
    );
    call.context.tenant = Some("a".into());
    let told = by_tenant.foresee(&call.request, &call.context);
    assert_eq!(
        by_space.foresee(&call.request, &call.context).evidence,
        told.evidence
    );
}

#[test]
fn a_decision_allocates_nothing() {
    let policy = Learned::new(online());
    let call = ask(&"Tom has 5 apples. ".repeat(500));
    let context = CallContext::default();
    let allocated = allocation_counter::measure(|| {
        std::hint::black_box(policy.decide(&call.request, &context));
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn it_can_be_explained_without_a_word_of_the_prompt() {
    let call = ask("Prove lemma 42 of Zorn.");
    let told = Learned::new(online()).explain(&call.request, &call.context);
    let told = told.expect("told");
    assert_eq!(told.policy, "learned");
    assert!(told.score.is_some_and(|score| score > 0.5));
    let logit: f32 = told.parts.iter().map(|part| part.added).sum();
    let score = 1.0 / (1.0 + (-logit).exp());
    assert!(
        (score - told.score.expect("a score")).abs() < 1e-3,
        "{told}"
    );
    let weights: Vec<_> = told.parts.iter().map(|part| part.added.abs()).collect();
    assert!(weights.is_sorted_by(|a, b| a >= b));
    let mut names: Vec<_> = told.parts.iter().map(|part| part.name.clone()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
    assert!(!told.to_string().contains("Zorn"));
    assert_eq!(told.inner, None);

    let told = Learned::new(disproved()).explain(&call.request, &call.context);
    assert_eq!(
        told.expect("told").inner.expect("the rule").policy,
        "complexity"
    );
}

#[test]
fn what_was_learned_since_is_part_of_an_explanation() {
    let call = ask("Prove lemma 42 of Zorn.");
    let policy = Learned::new(online());
    for _ in 0..50 {
        let seen = policy.look(&call.request, &call.context);
        policy.online().observe(&seen, 0.0);
    }
    let told = policy.explain(&call.request, &call.context).expect("told");
    let since = told.parts.iter().find(|part| part.name == "learned_since");
    assert!(since.is_some_and(|part| part.added < -0.1), "{told}");
    let seen = policy.look(&call.request, &call.context);
    let score = 1.0 / (1.0 + (-seen.logit).exp());
    assert_eq!(told.score, Some(score), "that of the decision");
}

#[tokio::test]
async fn gains_are_qualities_of_routes() {
    let policy = ExpectedCost::new(&routes(), prices(), Gains::new(online(), 0.95), usd("0.2"));
    let layer = layer(policy);
    let models = Models::using(10, 0, 300);
    assert_eq!(
        models.took(&layer, ask(HARD)).await,
        was("premium", "learned")
    );
    assert_eq!(
        models.took(&layer, ask(EASY)).await,
        was("cheap", "learned")
    );
}

#[test]
fn qualities_are_what_a_gain_and_a_loss_leave_of_the_best() {
    let online = online();
    let qualities = |gains: &Gains, prompt: &str| {
        let call = ask(prompt);
        let mut routes = [0.0; 3];
        gains.qualities(&call.request, &call.context, &mut routes);
        let seen = Learned::new(online.clone()).look(&call.request, &call.context);
        let mut again = [0.0; 3];
        gains.of(&seen, &mut again);
        assert_eq!(routes, again);
        (routes, 1.0 / (1.0 + (-seen.logit).exp()))
    };
    let before = online.state();
    let plain = Gains::new(online.clone(), 0.9);
    let (hard, gain) = qualities(&plain, HARD);
    assert!((hard[0] - (0.9 - gain).max(0.0)).abs() < 1e-6);
    assert!((hard[1] - (hard[0] + 0.9) / 2.0).abs() < 1e-6);
    let (easy, gain) = qualities(&plain.lost(0.05), EASY);
    assert!((easy[0] - (0.95 - gain)).abs() < 1e-6 && (easy[2] - 0.9).abs() < 1e-6);
    assert_eq!(online.state(), before, "no threshold has moved");
}
