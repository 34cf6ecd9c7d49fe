//! Answers that obey a JSON Schema: one given in code, and the one that the request asks for.
use futures_util::{
    StreamExt,
    stream::{iter, pending},
};
use obs_core::{ChunkStream, Finish};
use obs_router::{AskedSchema, Both, Check, Checked, InvalidSchema, Judge, Refusals, Schema, Seen};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_test::task::spawn;
use tower::{Layer, ServiceExt};

use crate::support::{Answer, Ask, Word, ask, asked, chunks, layer, model, stream};

const PERSON: &str = r##"{
    "type": "object",
    "properties": {"name": {"type": "string"}, "friends": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
    "additionalProperties": false
}"##;

fn text(text: &str) -> Seen {
    let mut seen = Seen::default();
    seen.text = text.into();
    seen
}

fn problem(schema: &str) -> InvalidSchema {
    Schema::parse(schema).expect_err(schema)
}

#[test]
fn what_obeys_is_accepted_and_what_does_not_is_rejected() {
    let schema = Schema::parse(PERSON).expect("a schema");
    for good in [
        r#"{"name": "Ada"}"#,
        r#" {"name": "Ada", "friends": [{"name": "Bob"}]} "#,
        "Here:\n```json\n{\"name\": \"Ada\"}\n```\n",
        r#"{"name": "``` is a fence"}"#,
    ] {
        assert!(schema.accepts(&text(good)), "{good}");
    }
    for bad in [
        r#"{"name": 1}"#,
        "{}",
        r#"{"name": "Ada", "age": 36}"#,
        r#"{"name": "Ada", "friends": [{"name": null}]}"#,
        r#"{"name": "Ada""#,
        "I'm sorry, but I can't help with that.",
        "",
    ] {
        assert!(!schema.accepts(&text(bad)), "{bad}");
    }
}

#[test]
fn calls_of_tools_are_accepted_and_cut_answers_are_not() {
    let schema = Schema::parse(PERSON).expect("a schema");
    let mut seen = text("");
    seen.finish = Some(Finish::ToolCalls);
    assert!(schema.accepts(&seen));
    let mut seen = text(r#"{"name": "A"#);
    seen.finish = Some(Finish::Length);
    assert!(!schema.accepts(&seen));
}

#[test]
fn nothing_outside_of_a_schema_is_looked_at() {
    for elsewhere in [
        r#"{"$ref": "http://127.0.0.1:1/x.json"}"#,
        r#"{"$ref": "file:///etc/passwd"}"#,
        r#"{"$ref": "other.json#/a"}"#,
        r##"{"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}"##,
        r##"{"properties": {"a": {"$id": "http://x/y", "$ref": "#/z"}}}"##,
        r##"{"$dynamicRef": "#x"}"##,
        r##"{"$ref": "#/%24defs/a", "$defs": {"a": {}}}"##,
    ] {
        assert_eq!(problem(elsewhere), InvalidSchema::Elsewhere, "{elsewhere}");
    }
    assert!(matches!(
        problem(r#"{"$schema": "http://127.0.0.1:1/dialect"}"#),
        InvalidSchema::Unfit(_)
    ));
    let property = r#"{"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}}"#;
    assert!(
        Schema::parse(property).is_ok(),
        "they are names of properties"
    );
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    let told = problem(r#"{"type": "objekt"}"#).to_string();
    assert!(
        told.contains("no JSON Schema") && told.contains("objekt"),
        "{told}"
    );
    assert!(matches!(problem("{"), InvalidSchema::Unfit(_)));
    assert!(matches!(
        problem(r##"{"$ref": "#/$defs/none"}"##),
        InvalidSchema::Unfit(_)
    ));
    let old = r#"{"$schema": "http://json-schema.org/draft-04/schema#"}"#;
    assert_eq!(problem(old), InvalidSchema::TooOld);
    assert!(matches!(
        problem(r#"{"pattern": "^(\\w{100}){100}$"}"#),
        InvalidSchema::Unfit(_)
    ));
    let large = format!(r#"{{"description": "{}"}}"#, "x".repeat(64 << 10));
    assert_eq!(problem(&large), InvalidSchema::TooLarge);
}

/// Definitions that each refer to the next.
fn chain(length: usize, links: &str, end: &str) -> String {
    let define = |n: usize| format!("\"{n}\": {}", links.replace("NEXT", &(n + 1).to_string()));
    let all: Vec<_> = (0..length).map(define).collect();
    format!(
        r##"{{"$ref": "#/$defs/0", "$defs": {{{}, "{length}": {end}}}}}"##,
        all.join(",")
    )
}

#[test]
fn a_small_schema_that_takes_for_ever_is_refused() {
    let twice = r##"{"allOf": [{"$ref": "#/$defs/NEXT"}, {"$ref": "#/$defs/NEXT"}]}"##;
    let laughs = chain(60, twice, "true");
    assert_eq!(problem(&laughs), InvalidSchema::TooLarge);
    let long = chain(1_500, r##"{"$ref": "#/$defs/NEXT"}"##, "true");
    assert_eq!(problem(&long), InvalidSchema::TooLarge);
    let mut around = Schema::parse(r##"{"$ref": "#"}"##).expect("a schema");
    assert!(around.accepts(&text("1")));
    // Each level of the answer is looked at by two, who look at the next by two.
    let tree = r##"{"$defs": {"a": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}},
        "type": ["object", "integer"]}}, "$ref": "#/$defs/a"}"##;
    around = Schema::parse(tree).expect("a schema");
    let nested = |end: &str| format!("{}{end}{}", "{\"x\":".repeat(100), "}".repeat(100));
    assert!(around.accepts(&text(&nested("1"))));
    assert!(!around.accepts(&text(&nested("null"))));
    // Looking ahead is allowed, and going back for ever is not.
    let back = Schema::parse(r#"{"pattern": "^(?=(a+)+b)(a|aa)+$"}"#).expect("a schema");
    let _ = back.accepts(&text(&format!("\"{}\"", "a".repeat(50_000))));
}

#[test]
fn what_would_take_more_stack_than_there_is_is_not_judged() {
    let links = r##"{"allOf": [{"$ref": "#/$defs/NEXT"}]}"##;
    let end = r##"{"properties": {"x": {"$ref": "#/$defs/0"}}, "type": "object"}"##;
    let schema = Schema::parse(&chain(60, links, end)).expect("a schema");
    let nested = |depth: usize| format!("{}1{}", "{\"x\":".repeat(depth), "}".repeat(depth));
    assert!(!schema.accepts(&text(&nested(10))));
    assert!(schema.accepts(&text(&nested(120))), "nobody looked");
}

#[test]
fn what_would_take_very_long_is_not_judged() {
    let checks: Vec<_> = (0..3_000)
        .map(|n| format!(r#"{{"minimum":{n}}}"#))
        .collect();
    let schema = format!(r#"{{"items": {{"allOf": [{}]}}}}"#, checks.join(","));
    let schema = Schema::parse(&schema).expect("a schema");
    let numbers = |count: usize| text(&format!("[{}1]", "1,".repeat(count)));
    assert!(!schema.accepts(&numbers(10)));
    assert!(schema.accepts(&numbers(20_000)), "nobody looked");
}

#[tokio::test]
async fn an_answer_is_judged_by_the_schema_that_its_request_asks_for() {
    let judge = AskedSchema::new();
    let layer = layer().judge(judge.clone());
    let run = async |schema, first| {
        let mut call = ask();
        call.request.1 = schema;
        let context = call.context.clone();
        let answers = [first, Answer::Whole(r#"{"name": "Ada"}"#)];
        assert!(layer.layer(model(answers)).oneshot(call).await.is_ok());
        asked(&context)
    };
    let both = ["small first", "large escalation"];
    let one = &both[..1];
    let asks = Some(PERSON);
    assert_eq!(run(asks, Answer::Whole("{}")).await, both);
    assert_eq!(run(asks, Answer::Whole(r#"{"name": "B"}"#)).await, one);
    assert_eq!(run(asks, stream(&["{\"name", "\": 1}"])).await, both);
    assert_eq!(run(asks, stream(&["{\"name", "\": \"B\"}"])).await, one);
    assert_eq!(run(None, Answer::Whole("{}")).await, one, "asks for none");
    let stats = judge.stats();
    assert_eq!((stats.accepted, stats.rejected, stats.unjudged), (2, 2, 0));
    assert_eq!(run(asks, chunks([Word::Called])).await, one);
    assert_eq!(run(asks, Answer::Blank).await, one);
    for unfit in ["[", r#"{"type": 1}"#, r#"{"$ref": "http://127.0.0.1:1/"}"#] {
        for _ in 0..2 {
            assert_eq!(run(Some(unfit), Answer::Whole("{}")).await, one, "{unfit}");
        }
    }
    assert_eq!(judge.stats().unjudged, 7);
    let told = format!("{judge:?}");
    assert!(told.contains("kept: 4"), "one of them is fit: {told}");
}

/// Whether a stream goes out that has begun, and does not end.
fn goes_out<J>(judge: J, schema: Option<&'static str>) -> bool
where
    J: Judge<Ask, Answer>,
{
    let mut call = ask();
    call.request.1 = schema;
    let begun = iter([Ok(Word::Is("\"a"))]).chain(pending());
    let answer = Answer::Stream(ChunkStream::new(begun));
    let mut answer = spawn(layer().judge(judge).layer(model([answer])).oneshot(call));
    answer.poll().is_ready()
}

#[tokio::test]
async fn a_stream_is_held_back_only_where_a_schema_is_asked_for() {
    assert!(!goes_out(AskedSchema::new(), Some(r#"{"type": "string"}"#)));
    assert!(goes_out(AskedSchema::new(), None));
}

#[tokio::test]
async fn together_with_another_judge_the_later_commit_point_holds() {
    let with = |other| Both::new(AskedSchema::new(), other);
    assert!(!goes_out(with(Checked::new(Refusals::new())), None));
    let two = Both::new(AskedSchema::new(), AskedSchema::new());
    assert!(goes_out(two, None));
}

/// A schema that may refer to itself and to five definitions, which may refer to all of them.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({"type": ["object", "array", "integer"]})),
        Just(json!({"type": "string", "pattern": "^(?=(a+)+b)"})),
        Just(json!({"$ref": "#"})),
        (0..5).prop_map(|n| json!({"$ref": format!("#/$defs/{n}")})),
    ];
    let any = leaf.prop_recursive(3, 24, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some.clone().prop_map(|all| json!({"allOf": all})),
            some.clone().prop_map(|all| json!({"anyOf": all})),
            some.prop_map(|all| json!({"oneOf": all, "unevaluatedProperties": false})),
            inner.clone().prop_map(|of| json!({"not": of})),
            inner
                .clone()
                .prop_map(|of| json!({"items": of, "uniqueItems": true})),
            (inner.clone(), inner).prop_map(|(x, y)| json!({
                "properties": {"x": x}, "additionalProperties": y
            })),
        ]
    });
    prop::collection::vec(any, 6).prop_map(|mut all| {
        let root = all.pop().expect("six");
        let defs: serde_json::Map<_, _> = (0..5).map(|n| n.to_string()).zip(all).collect();
        json!({"allOf": [root], "$defs": defs})
    })
}

fn any_answer() -> impl Strategy<Value = String> {
    let nested = (
        0_usize..130,
        prop::sample::select(vec!["[", "{\"x\":", "{\"y\":", "[1,"]),
    );
    nested.prop_map(|(depth, open)| {
        let close = if open.starts_with('[') { "]" } else { "}" };
        format!(
            "{}\"aaaaaaaaaaaaaaaa\"{}",
            open.repeat(depth),
            close.repeat(depth)
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither an overflow of the stack, nor a panic, nor a test that does not end.
    #[test]
    fn whatever_a_schema_refers_to_judging_by_it_ends(schema in any_schema(), answer in any_answer()) {
        if let Ok(schema) = Schema::parse(&schema.to_string()) {
            let _ = schema.accepts(&text(&answer));
        }
    }
}
