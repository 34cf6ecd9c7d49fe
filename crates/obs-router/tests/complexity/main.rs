//! The rules for simple and complex prompts: tables, conversations, and what holds for every text.
mod held_out;
mod later;
mod tuned;

use obs_core::{CallContext, Fingerprint, LlmRequest, Role};
use obs_router::{Assessment, Complexity, Feature, Policy};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Ask(Vec<(Role, String)>);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "auto"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        for (role, text) in &self.0 {
            visit(*role, text);
        }
    }
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

fn assess(turns: &[(Role, &str)]) -> Assessment {
    let turns = turns.iter().map(|(role, text)| (*role, (*text).to_owned()));
    Complexity::new().assess(&Ask(turns.collect()))
}

fn of(prompt: &str) -> Assessment {
    assess(&[(Role::User, prompt)])
}

fn evidence(of: &Assessment, feature: Feature) -> f32 {
    let mut all = of.explain();
    all.find(|told| told.0 == feature).expect("told").2
}

#[track_caller]
fn check(table: &[(&str, &str)], complex: bool) {
    let wrong: Vec<_> = table
        .iter()
        .filter(|(_, prompt)| (of(prompt).score() >= 0.5) != complex)
        .map(|(kind, prompt)| format!("{kind}: {prompt}\n    {}", of(prompt)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn hard_prompts_are_complex() {
    check(tuned::HARD, true);
}

#[test]
fn easy_prompts_are_simple() {
    check(tuned::EASY, false);
}

#[test]
fn hard_prompts_that_no_weight_was_set_with_are_complex() {
    check(held_out::HARD, true);
    check(later::HARD, true);
}

#[test]
fn easy_prompts_that_no_weight_was_set_with_are_simple() {
    check(held_out::EASY, false);
    check(later::EASY, false);
}

/// The words that ask for a proof are needed by the proofs that are asked for in a few words, and by nothing else.
#[test]
fn no_list_of_words_decides() {
    for (kind, prompt) in tuned::HARD.iter().chain(held_out::HARD).chain(later::HARD) {
        let seen = of(prompt);
        let all: f32 = seen.explain().map(|told| told.2).sum();
        let without = all - evidence(&seen, Feature::Proof);
        assert!(*kind == "proof" || without >= 1.0, "{prompt}: {seen}");
    }
    assert!(of("prove it").score() < 0.5);
    assert!(of("Prüfung, Beweis, Prove, доказать").score() < 0.5);
    assert!(evidence(&of("improve my approve"), Feature::Proof) == 0.0);
}

#[test]
fn asking_to_show_is_asking_for_a_proof_only_with_what() {
    let proof = |prompt| evidence(&of(prompt), Feature::Proof) > 0.0;
    assert!(proof("Show that it is odd."));
    assert!(proof("Zeige, dass es ungerade ist."));
    assert!(proof("Muestra que es impar."));
    assert!(!proof("Show me that picture."));
}

const HARD: &str = "A 25.00 mL sample of 0.100 M weak acid (Ka = 1.8e-5) is titrated with 0.100 M NaOH. \
    Calculate the pH at the start, halfway and at the equivalence point, and name a suitable indicator.";

#[test]
fn a_follow_up_is_as_hard_as_what_it_follows() {
    for follow_up in [
        "ok continue",
        "yes",
        "go on",
        "and then?",
        "weiter",
        "继续",
        "続けて",
        "continúa",
        "продолжай",
        "why?",
        "Can you redo the second step?",
    ] {
        let seen = assess(&[
            (Role::System, "You are a helpful assistant."),
            (Role::User, HARD),
            (
                Role::Assistant,
                "At the start the pH is 2.88. Shall I go on?",
            ),
            (Role::User, follow_up),
        ]);
        assert!(seen.score() >= 0.5, "{follow_up}: {seen}");
        assert!(evidence(&seen, Feature::Carried) > 0.0);
        assert!(
            of(follow_up).score() < 0.5,
            "{follow_up}: {}",
            of(follow_up)
        );
    }
}

#[test]
fn thanks_take_nothing_over() {
    for thanks in [
        "thanks!",
        "Thank you so much!",
        "ok, thanks",
        "great, bye",
        "Danke!",
        "Vielen Dank",
        "gracias",
        "谢谢！",
        "ありがとう",
        "شكرا",
        "спасибо",
        "감사합니다",
        "merci beaucoup",
    ] {
        let seen = assess(&[
            (Role::User, HARD),
            (Role::Assistant, "The pH is 2.88."),
            (Role::User, thanks),
        ]);
        assert!(seen.score() < 0.5, "{thanks}: {seen}");
    }
}

#[test]
fn what_comes_after_thanks_takes_over_what_was_before_them() {
    let seen = assess(&[
        (Role::User, HARD),
        (Role::Assistant, "The pH is 2.88."),
        (Role::User, "thanks!"),
        (Role::Assistant, "You are welcome."),
        (Role::User, "ok continue"),
    ]);
    assert!(seen.score() >= 0.5, "{seen}");
}

#[test]
fn difficulty_fades_over_easy_turns() {
    let mut turns = vec![(Role::User, HARD)];
    let mut before = f32::MAX;
    for _ in 0..30 {
        turns.extend([(Role::Assistant, "Yes."), (Role::User, "and now?")]);
        let carried = evidence(&assess(&turns), Feature::Carried);
        assert!(carried < before);
        before = carried;
    }
    assert!(before < 0.2, "{before}");
}

/// An agent goes on after the result of a tool: the task is still that of the user's last turn.
#[test]
fn results_of_tools_do_not_hide_the_task() {
    let seen = assess(&[
        (Role::User, HARD),
        (Role::Assistant, ""),
        (Role::Tool, "{\"pKa\": 4.74}"),
    ]);
    assert!(seen.score() >= 0.5, "{seen}");
}

#[test]
fn a_greeting_stays_simple_whatever_surrounds_it() {
    let long = "You follow these rules. ".repeat(2_000);
    let mut turns = vec![(Role::System, long.as_str())];
    for _ in 0..20 {
        turns.extend([
            (Role::User, "hello"),
            (Role::Assistant, "hi"),
            (Role::Tool, "{}"),
        ]);
    }
    turns.push((Role::User, "hi there"));
    let seen = assess(&turns);
    assert!(seen.score() < 0.5, "{seen}");
}

#[test]
fn a_prompt_of_which_nothing_is_the_users_is_read_all_the_same() {
    assert!(assess(&[(Role::System, HARD)]).score() >= 0.5);
    assert!(assess(&[]).score() == 0.0);
}

#[test]
fn the_end_of_a_long_prompt_is_read_and_its_size_counts() {
    let data = "a,b,c\n".repeat(1_000);
    let seen = of(&format!("{data}{HARD}"));
    assert!(evidence(&seen, Feature::Length) > 0.0, "{seen}");
    assert!(of(&"a,b,c\n".repeat(20_000)).score() >= 0.5);
    // The cut may fall into the middle of a character.
    for cut in 0..4 {
        of(&format!(
            "{}{}",
            "x".repeat(cut),
            "日本語です。".repeat(900)
        ));
    }
}

#[test]
fn a_threshold_of_zero_sends_everything_to_the_better_route() {
    let reason = |threshold, prompt: &str| {
        let ask = Ask(vec![(Role::User, prompt.to_owned())]);
        let rules = Complexity::new().threshold(threshold);
        format!(
            "{:?}",
            Policy::decide(&rules, &ask, &CallContext::default())
        )
    };
    assert!(reason(0.0, "hi").contains("Complex"));
    assert!(reason(1.0, HARD).contains("Simple"));
    assert!(reason(0.5, HARD).contains("Last"));
    assert!(reason(0.5, "hi").contains("First"));
}

#[test]
#[should_panic(expected = "from 0 to 1")]
fn a_threshold_that_is_none_is_refused() {
    let _ = Complexity::new().threshold(f32::NAN);
}

#[test]
fn the_explanation_adds_up() {
    let seen = of(HARD);
    let all: f32 = seen.explain().map(|told| told.2).sum();
    assert!((seen.score() - (1.0 - (-all).exp2())).abs() < 1e-6);
    assert_eq!(seen.explain().count(), Feature::COUNT);
    let told = seen.to_string();
    assert!(
        told.starts_with(&format!("{:.2}: ", seen.score())),
        "{told}"
    );
    assert!(told.contains("quantities"), "{told}");
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Tool)
    ]
}

/// Texts of any characters, and texts of what the rules look for.
fn text() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "word",
        " ",
        " ",
        "\n",
        ". ",
        "? ",
        "，",
        "。",
        "```",
        "```json\n",
        "- ",
        "A) ",
        "1. ",
        "x",
        "=",
        "3.5",
        "$5",
        "<a>",
        "{",
        "\"k\": ",
        "()",
        ";",
        ": ",
        "https://a/b",
        "小明",
        "ありがとう",
        "thanks",
        "prove",
        "show that",
        "ñ\u{301}",
        "²",
        "π",
        "_",
        "'",
        "/",
        "”",
        "\u{200b}",
        "\r\n",
        "|",
    ]);
    prop_oneof![
        ".{0,200}",
        prop::collection::vec(bits, 0..120).prop_map(|bits| bits.concat())
    ]
}

proptest! {
    #[test]
    fn a_score_is_from_zero_to_one_for_any_text(turns in prop::collection::vec((role(), text()), 0..6)) {
        let seen = Complexity::new().assess(&Ask(turns));
        prop_assert!((0.0..=1.0).contains(&seen.score()));
        for (feature, value, evidence) in seen.explain() {
            prop_assert!(value.is_finite() && evidence.is_finite() && evidence >= 0.0, "{feature}");
        }
    }

    #[test]
    fn a_longer_system_prompt_never_makes_it_simpler(prompt in text(), a in 0_usize..9_000, b in 0_usize..9_000) {
        let with = |n: usize| assess(&[(Role::System, &"s".repeat(n)), (Role::User, &prompt)]).score();
        prop_assert!(prompt.is_empty() || with(a.min(b)) <= with(a.max(b)));
    }

    #[test]
    fn what_was_said_before_never_makes_it_simpler(before in text(), prompt in text()) {
        prop_assume!(!prompt.is_empty());
        let alone = of(&prompt).score();
        let after = assess(&[(Role::User, &before), (Role::Assistant, "Well."), (Role::User, &prompt)]).score();
        prop_assert!(alone <= after);
    }
}
