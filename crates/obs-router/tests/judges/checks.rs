//! Checks, alone and as judges.
use obs_core::{Finish, LlmResponse};
use obs_router::{
    AllOf, AnyOf, Both, Check, Checked, Margin, Number, Parses, Refusals, Seen, Verdict,
};
use tower::{Layer, ServiceExt};

use crate::support::{Answer, Word, ask, asked, chunks, layer, model, stream};

fn text(text: &str) -> Seen {
    let mut seen = Seen::default();
    seen.text = text.into();
    seen
}

fn ended(words: &str, finish: Finish) -> Seen {
    let mut seen = text(words);
    seen.finish = Some(finish);
    seen
}

#[test]
fn refusals_and_errors_are_known_by_their_shape() {
    let check = Refusals::new();
    for refusal in [
        "I'm sorry, but I can't help with that.",
        "I\u{2019}m sorry, but no.",
        "**I cannot** answer this.",
        "As an AI, I have no opinion.",
        "Error: model overloaded",
        "Es tut mir leid, das weiß ich nicht.",
        "Lo siento, no puedo ayudar con eso.",
        "申し訳ありませんが、お答えできません。",
        "对不起，我无法回答。",
        "",
        " \n",
        "...",
    ] {
        assert!(!check.accepts(&text(refusal)), "{refusal:?}");
    }
    let long = format!("I'm sorry to say so, but {}", "here is why. ".repeat(100));
    for answer in [
        "Lima.",
        "42",
        "You can't do that in Rust.",
        "Sorrow is a feeling.",
        &long,
    ] {
        assert!(check.accepts(&text(answer)), "{answer:?}");
    }
}

#[test]
fn why_an_answer_ends_says_whether_it_is_one() {
    let check = Refusals::new();
    assert!(check.accepts(&ended("", Finish::ToolCalls)));
    assert!(!check.accepts(&ended("well", Finish::ContentFilter)));
    assert!(check.accepts(&ended("and then", Finish::Length)));
    assert!(!check.cut().accepts(&ended("and then", Finish::Length)));
    assert!(check.cut().accepts(&ended("and then", Finish::Stop)));
}

#[test]
fn json_parses_in_a_fence_or_without() {
    let check = Parses::json();
    for good in [
        "{\"a\": 1}",
        " [1, 2] ",
        "Here:\n```json\n{\"a\": 1}\n```\nDone.",
        "```\n7\n```",
        "{\"code\": \"```sh ls ```\"}",
    ] {
        assert!(check.accepts(&text(good)), "{good:?}");
    }
    for bad in [
        "",
        "Here: {\"a\": 1}",
        "{\"a\": 1",
        "```json\n{\"a\": 1}",
        "```json\n{'a': 1}\n```",
    ] {
        assert!(!check.accepts(&text(bad)), "{bad:?}");
    }
}

#[test]
fn the_caller_says_what_parses() {
    let even = Parses::by(|text| text.parse().is_ok_and(|n: u32| n.is_multiple_of(2)));
    assert!(even.accepts(&text(" 12 ")));
    assert!(!even.accepts(&text("13")));
    let sql = Parses::fenced("sql", |code| code.starts_with("SELECT"));
    assert!(sql.accepts(&text("```text\nno\n```\n```SQL\nSELECT 1\n```")));
    assert!(!sql.accepts(&text("SELECT 1")), "there is no fence");
    assert!(!sql.accepts(&text("```sql\nDROP TABLE t\n```")));
}

#[test]
fn numbers_and_margins_have_bounds() {
    let percentage = Number::new(|n| (0.0..=100.0).contains(&n));
    assert!(percentage.accepts(&text("So it is 12.5 %.")));
    assert!(!percentage.accepts(&text("So it is 1,250 %.")));
    assert!(!percentage.accepts(&text("I do not know.")));
    let mut seen = text("a");
    assert!(Margin::at_least(1.0).accepts(&seen), "nobody knows");
    seen.margin = Some(0.9);
    assert!(!Margin::at_least(1.0).accepts(&seen));
    seen.margin = Some(1.0);
    assert!(Margin::at_least(1.0).accepts(&seen));
}

#[test]
fn checks_go_together() {
    let short = |seen: &Seen| seen.text.len() < 5;
    let all = AllOf::new().and(short).and(Parses::json());
    assert!(all.accepts(&text("[1]")));
    assert!(!all.accepts(&text("[1, 2]")));
    assert!(!all.accepts(&text("[1")));
    let any = AnyOf::new().or(short).or(Parses::json());
    assert!(any.accepts(&text("[1, 2]")));
    assert!(any.accepts(&text("[1")));
    assert!(!any.accepts(&text("[1, 2")));
    assert!(AllOf::new().accepts(&text("")));
    assert!(!AnyOf::new().accepts(&text("")));
}

#[tokio::test]
async fn a_rejected_answer_leads_to_the_next_route_and_both_are_paid() {
    let layer = layer().judge(Checked::new(Refusals::new()));
    let call = ask();
    let context = call.context.clone();
    let answers = [Answer::Whole("I can't."), Answer::Whole("Lima.")];
    let answer = layer
        .layer(model(answers))
        .oneshot(call)
        .await
        .expect("one");
    assert!(matches!(answer, Answer::Whole("Lima.")));
    assert_eq!(asked(&context), ["small first", "large escalation"]);
    let paid = context.journal.read().paid().exact().expect("prices");
    assert_eq!(paid, "0.000132".parse().expect("dollars"));
}

#[tokio::test]
async fn a_stream_is_seen_to_its_end() {
    let layer = layer().judge(Checked::new(Parses::json()));
    let run = async |answers: Vec<Answer>| {
        let call = ask();
        let context = call.context.clone();
        let answer = layer.layer(model(answers)).oneshot(call).await;
        assert!(answer.expect("one").stream().is_some());
        asked(&context).len()
    };
    assert_eq!(run(vec![stream(&["[1", ", 2]"])]).await, 1);
    assert_eq!(run(vec![stream(&["[1", ", 2"]), stream(&["[]"])]).await, 2);
}

#[tokio::test]
async fn every_check_sees_streams() {
    type Case = (
        fn() -> AllOf,
        &'static [&'static str],
        &'static [&'static str],
    );
    let cases: [Case; 4] = [
        (
            || AllOf::new().and(Refusals::new()),
            &["Li", "ma."],
            &["I ca", "n't."],
        ),
        (
            || AllOf::new().and(Parses::json()),
            &["[1", ", 2]"],
            &["[1", ", 2"],
        ),
        (
            || AllOf::new().and(Parses::fenced("rs", |code| code.contains("fn main"))),
            &["So:\n``", "`rs\nfn ma", "in() {}\n```"],
            &["fn main() {}"],
        ),
        (
            || AllOf::new().and(Number::new(|of| of < 100.0)),
            &["It is 9", "9."],
            &["It is 9", "99."],
        ),
    ];
    for (check, good, bad) in cases {
        for (words, expected) in [(good, 1), (bad, 2)] {
            let layer = layer().judge(Checked::new(check()));
            let call = ask();
            let context = call.context.clone();
            let answers = [stream(words), Answer::Whole("Lima.")];
            assert!(layer.layer(model(answers)).oneshot(call).await.is_ok());
            assert_eq!(asked(&context).len(), expected, "{words:?}");
        }
    }
}

#[tokio::test]
async fn the_margin_of_a_stream_is_that_of_all_its_tokens() {
    for (second, expected) in [(2.0, 1), (1.5, 2)] {
        let layer = layer().judge(Checked::new(Margin::at_least(1.5)));
        let call = ask();
        let context = call.context.clone();
        let words = [
            Word::Likelier("Li", 1.0),
            Word::Is("-"),
            Word::Likelier("ma", second),
        ];
        let answers = [chunks(words), Answer::Whole("Lima.")];
        assert!(layer.layer(model(answers)).oneshot(call).await.is_ok());
        assert_eq!(asked(&context).len(), expected, "{second}");
    }
}

#[tokio::test]
async fn what_is_longer_than_may_be_held_back_goes_out_unjudged() {
    let long: &'static str = "1".repeat(1 << 20).leak();
    let answer = || chunks([Word::Is(long), Word::Is("2"), Word::Used]);
    assert!(Seen::of(&answer()).is_some_and(|seen| seen.goes_on));
    let layer = layer().judge(Checked::new(|_: &Seen| false));
    let call = ask();
    let context = call.context.clone();
    let answer = layer.layer(model([answer()])).oneshot(call).await;
    assert!(answer.is_ok_and(|answer| answer.stream().is_some()));
    assert_eq!(asked(&context), ["small first"]);
}

#[test]
fn calls_of_tools_are_no_texts() {
    let call = ended("", Finish::ToolCalls);
    assert!(Parses::json().accepts(&call));
    assert!(Number::new(|_| false).accepts(&call));
    assert!(!Parses::json().accepts(&ended("", Finish::Stop)));
}

#[tokio::test]
async fn what_shows_nothing_of_itself_is_accepted() {
    let layer = layer().judge(Checked::new(|_: &Seen| false));
    let call = ask();
    let context = call.context.clone();
    let answer = layer.layer(model([Answer::Blank])).oneshot(call).await;
    assert!(matches!(answer, Ok(Answer::Blank)));
    assert_eq!(asked(&context), ["small first"]);
}

#[tokio::test]
async fn a_stream_of_which_only_its_content_is_known_is_accepted_and_an_empty_one_is_not() {
    // Whoever says that chunks have content, and shows neither text nor a reason to end.
    for (words, expected) in [(vec![Word::Hidden], 1), (vec![], 2), (vec![Word::Used], 2)] {
        let layer = layer().judge(Checked::new(Refusals::new()));
        let call = ask();
        let context = call.context.clone();
        let answers = [chunks(words), Answer::Whole("Lima.")];
        assert!(layer.layer(model(answers)).oneshot(call).await.is_ok());
        assert_eq!(asked(&context).len(), expected);
    }
}

#[tokio::test]
async fn the_margin_of_a_whole_answer_is_what_it_tells() {
    for (margin, expected) in [(1.5, 1), (1.4, 2)] {
        let layer = layer().judge(Checked::new(Margin::at_least(1.5)));
        let call = ask();
        let context = call.context.clone();
        let answers = [Answer::Sure("Lima.", margin), Answer::Whole("Lima.")];
        assert!(layer.layer(model(answers)).oneshot(call).await.is_ok());
        assert_eq!(asked(&context).len(), expected, "{margin}");
    }
}

#[tokio::test]
async fn the_second_of_two_judges_is_asked_where_the_first_accepts() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let second = |_: &obs_core::Call<crate::support::Ask>, answer: &Answer| {
        let good = matches!(answer, Answer::Whole("fine"));
        async move {
            ASKED.fetch_add(1, SeqCst);
            Verdict::of(good)
        }
    };
    let layer = layer().judge(Both::new(Checked::new(Refusals::new()), second));
    for (first, attempts, asked_second) in [("I can't.", 2, 0), ("fine", 1, 1), ("bad", 2, 2)] {
        let call = ask();
        let context = call.context.clone();
        let answers = [Answer::Whole(first), Answer::Whole("Lima.")];
        let answer = layer.layer(model(answers)).oneshot(call).await;
        assert!(answer.is_ok());
        assert_eq!(asked(&context).len(), attempts, "{first}");
        assert_eq!(ASKED.load(SeqCst), asked_second, "{first}");
    }
}

#[tokio::test]
async fn a_layer_with_a_judge_of_its_own_counts_together_with_the_one_that_it_is_made_of() {
    let plain = layer();
    let judged = plain.judged_by(Checked::new(Refusals::new()));
    let answers = || model([Answer::Whole("I can't."), Answer::Whole("Lima.")]);
    assert!(plain.layer(answers()).oneshot(ask()).await.is_ok());
    assert!(judged.layer(answers()).oneshot(ask()).await.is_ok());
    let sum: u64 = plain.stats().routes.iter().map(|of| of.attempts).sum();
    assert_eq!((plain.stats().calls(), sum), (2, 3));
}
