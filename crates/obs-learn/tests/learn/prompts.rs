//! What is read of a prompt, how it is explained, and that reading allocates nothing.

use std::sync::Arc;

use crate::support::trained;
use obs_core::Role;
use obs_learn::{Explanation, Goal, MAX_SCANNED, Model, Online, Prompt, pieces};
use proptest::prelude::*;

fn model() -> &'static Model {
    &trained().model
}

fn total(explained: &Explanation) -> f32 {
    explained.base
        + explained.group
        + explained.words
        + explained
            .features
            .iter()
            .map(|part| part.added)
            .sum::<f32>()
}

#[test]
fn a_decision_allocates_nothing() {
    let online = Online::new(Arc::new(model().clone()), Goal::Share(0.3));
    let (short, long) = (
        "what is a lemma?",
        "naïve Überlegungen zu 数学 und lemma 12.5 (a) {b}\n- c\n".repeat(400),
    );
    let turns = [
        (Role::System, "be brief"),
        (Role::User, "hello"),
        (Role::Assistant, "hello"),
        (Role::User, long.as_str()),
    ];
    let counted = allocation_counter::measure(|| {
        for prompt in [short, long.as_str()] {
            std::hint::black_box(model().predict(prompt));
            let decision = online.decide(Some("group 1"), prompt);
            online.observe(&decision, 1.0);
        }
        std::hint::black_box(model().predict(turns.as_slice()));
        std::hint::black_box(model().predict(&pieces(|visit| turns.as_slice().visit(visit))));
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn explanations_sum_up_to_the_logit() {
    for prompt in [
        "",
        "w1 lemma w2",
        "Hello, hello!\nA. one\nB. two 12\n",
        &"w1 lemma ".repeat(3000),
    ] {
        for group in [None, Some("group 1")] {
            let explained = model().explain(group, prompt, 3);
            assert_eq!(explained.evidence, model().read(group, prompt));
            assert!(
                (total(&explained) - explained.evidence.logit).abs() < 1e-4,
                "{explained:?}"
            );
        }
    }
}

#[test]
fn the_words_that_decide_are_named_as_they_stand_in_the_prompt() {
    let turns = [
        (Role::System, "w1 w2 w3"),
        (Role::User, "w4 w5 Lemma w6 w7"),
    ];
    let explained = model().explain(None, turns.as_slice(), 1);
    assert_eq!(explained.terms.len(), 1);
    assert_eq!(explained.terms[0].text, "Lemma");
    assert!(explained.terms[0].added > 0.0);
    let easy = model().explain(None, "w4 w5 hello w6 w7", 1);
    assert_eq!(easy.terms[0].text, "hello");
    assert!(easy.terms[0].added < 0.0);
}

#[test]
fn case_and_repetition_of_a_word_do_not_count() {
    let words = |prompt: &str| model().explain(None, prompt, 0).words;
    assert_eq!(words("w1 LEMMA w2"), words("w1 lemma w2"));
    assert_eq!(words("w1 w1 w1"), words("w1 w1"));
    assert_ne!(words("w1 lemma"), words("w1 w1"));
}

#[test]
fn text_in_pieces_is_the_text_by_its_roles() {
    let one: &[(Role, &str)] = &[(Role::User, "w1 lemma w2")];
    assert_eq!(model().read(None, one), model().read(None, "w1 lemma w2"));
    assert_eq!(
        model().read(None, one),
        model().read(None, &String::from("w1 lemma w2"))
    );
    // A pair of words does not reach over two pieces.
    let two: &[(Role, &str)] = &[(Role::User, "w1"), (Role::User, "lemma")];
    assert_eq!(
        model()
            .explain(None, two, 9)
            .terms
            .iter()
            .filter(|term| term.text.contains(' '))
            .count(),
        0
    );
}

#[test]
fn a_long_prompt_is_read_at_both_ends_alone() {
    let filler = "w1 w2 w3 w4 ".repeat(2000);
    let middle = filler.len() / 2;
    let with = |at: usize| {
        let mut prompt = filler.clone();
        // A word of the same size as what it replaces, so that lengths stay.
        prompt.replace_range(at..at + 5, "lemma");
        model().explain(None, prompt.as_str(), 0).words
    };
    let without = model().explain(None, filler.as_str(), 0).words;
    assert_eq!(with(middle - middle % 12), without);
    assert_ne!(with(24), without);
    assert_ne!(with(filler.len() - 12), without);
    assert_ne!(
        with(filler.len() - MAX_SCANNED / 2 - (filler.len() - MAX_SCANNED / 2) % 12),
        without
    );
    assert_eq!(
        model().read(None, filler.as_str()).length,
        (filler.len() as f32).ln_1p(),
        "its size is known all the same"
    );
}

#[test]
fn what_is_cut_out_of_the_middle_does_not_join() {
    // The end of the first quarter and the begin of the rest are no pair of words, whether in one piece or several.
    let long = "w1 ".repeat(MAX_SCANNED);
    let (front, back) = long.split_at(long.len() / 2 - (long.len() / 2) % 3);
    let parts: &[(Role, &str)] = &[(Role::User, front), (Role::User, back)];
    assert_eq!(
        model().explain(None, long.as_str(), 0).words,
        model().explain(None, parts, 0).words
    );
}

#[test]
fn what_is_odd_counts_no_more_than_four_deviations() {
    let odd = "9".repeat(3000) + &"?".repeat(500);
    let explained = model().explain(None, odd.as_str(), 0);
    let farthest = explained
        .features
        .iter()
        .map(|part| part.deviations.abs())
        .fold(0.0, f32::max);
    assert_eq!(farthest, 4.0);
}

#[test]
fn a_word_tells_less_among_many() {
    let added = |prompt: &str| model().explain(None, prompt, 1).terms[0].added;
    // Alone it is one of one; beside another it is one of three: two words and a pair.
    assert!((added("lemma") / added("lemma zzz") - 3f32.sqrt()).abs() < 1e-3);
}

proptest! {
    #[test]
    fn any_text_has_a_probability(texts in proptest::collection::vec((0u8..4, ".{0,300}", 1usize..40), 0..5)) {
        let turns: Vec<(Role, String)> = texts
            .into_iter()
            .map(|(role, text, times)| {
                let role = [Role::System, Role::User, Role::Assistant, Role::Tool][role as usize];
                (role, text.repeat(times))
            })
            .collect();
        let gain = model().predict(turns.as_slice());
        prop_assert!((0.0..=1.0).contains(&gain), "{gain}");
        let explained = model().explain(None, turns.as_slice(), 5);
        prop_assert!((total(&explained) - explained.evidence.logit).abs() < 1e-3);
    }
}
