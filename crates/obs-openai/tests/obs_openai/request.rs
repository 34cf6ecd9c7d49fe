//! Requests keep their bytes, and say what is wrong with them.
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use obs_core::{Error, ErrorKind, Fingerprint, Key, LlmRequest, Operation, Role};
use obs_openai::{ChatRequest, EmbeddingRequest, InvalidRequest};
use proptest::prelude::*;
use serde_json::json;

const CHAT: &str = r#"{ "messages" : [{"role":"user","content":"hi"}], "temperature":0.70, "model" : "gpt-4o", "x":1e400 }"#;

fn chat(body: &str) -> ChatRequest {
    ChatRequest::parse(body.to_owned()).unwrap()
}

fn key(request: &impl LlmRequest) -> Key {
    let mut fingerprint = Fingerprint::new();
    request.fingerprint(&mut fingerprint);
    fingerprint.finish()
}

fn prompt(request: &impl LlmRequest) -> Vec<(Role, String)> {
    let mut pieces = Vec::new();
    request.visit_prompt(&mut |role, text| pieces.push((role, text.to_owned())));
    pieces
}

#[track_caller]
fn refused(body: &str, param: Option<&str>, words: &str) {
    let error = ChatRequest::parse(body.to_owned()).unwrap_err();
    assert_eq!(error.param(), param, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// A chat with this field more.
fn with(field: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{field}}}"#)
}

#[test]
fn an_unchanged_request_goes_out_as_it_came_in() {
    let body = Bytes::from(CHAT);
    let mut request = ChatRequest::parse(body.clone()).unwrap();
    assert_eq!(request.to_bytes(), body);
    assert_eq!(
        request.to_bytes().as_ptr(),
        body.as_ptr(),
        "not even copied"
    );
    request.set_model("other");
    request.set_model("gpt-4o");
    assert_eq!(request.to_bytes(), body);
}

#[test]
fn only_the_value_of_the_model_is_replaced() {
    let mut request = chat(CHAT);
    request.set_model("a \"b\"");
    assert_eq!(request.model(), "a \"b\"");
    let expected = CHAT.replace("\"gpt-4o\"", r#""a \"b\"""#);
    assert_eq!(request.to_bytes(), expected);
    assert_eq!(request.body(), CHAT);
}

#[test]
fn every_one_of_several_models_is_replaced() {
    let body =
        r#"{"model":"a","messages":[{"role":"user"}],"mod\u0065l":"b","other":{"model":"c"}}"#;
    let mut request = chat(body);
    assert_eq!(request.model(), "b", "most readers take the last one");
    request.set_model("z");
    let expected =
        r#"{"model":"z","messages":[{"role":"user"}],"mod\u0065l":"z","other":{"model":"c"}}"#;
    assert_eq!(request.to_bytes(), expected);
}

#[test]
fn of_several_models_every_provider_reads_the_one_that_was_meant() {
    let body = r#"{"model":"a","messages":[{"role":"user"}],"model":"b"}"#;
    let meant = r#"{"model":"b","messages":[{"role":"user"}],"model":"b"}"#;
    let mut request = chat(body);
    assert_eq!(request.to_bytes(), meant);
    request.set_model("b");
    assert_eq!(request.to_bytes(), meant);
    assert_eq!(request.body(), body);
}

#[test]
fn a_clone_shares_the_body() {
    let request = chat(CHAT);
    let mut other = request.clone();
    other.set_model("other");
    assert_eq!(request.body().as_ptr(), other.body().as_ptr());
    assert_eq!(request.model(), "gpt-4o");
}

#[test]
fn depth_and_size_of_unknown_fields_do_no_harm() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let body = with(&format!(r#""deep":{deep},"huge":{}"#, "9".repeat(5000)));
    let mut request = chat(&body);
    request.set_model("n");
    key(&request);
    assert_eq!(request.to_bytes(), body.replacen("\"m\"", "\"n\"", 1));
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    refused("", None, "empty");
    refused("  \n ", None, "empty");
    refused("{\"model\": \"m\",\n  oops}", None, "line 2 column 3");
    refused("[1]", None, "is an array: expected a JSON object");
    refused("\"x\"", None, "is a string");
    refused("{} {}", None, "not valid JSON");
    let error = ChatRequest::parse(&b"{\"model\":\"\xff\"}"[..]).unwrap_err();
    assert!(error.to_string().contains("UTF-8 at byte 10"), "{error}");
}

#[test]
fn what_is_missing_or_empty_is_named() {
    refused(
        r#"{"messages":[{"role":"user"}]}"#,
        Some("model"),
        "missing",
    );
    refused(r#"{"model":" ","messages":[]}"#, Some("model"), "empty");
    refused(r#"{"model":"m"}"#, Some("messages"), "missing");
    refused(
        r#"{"model":"m","messages":[]}"#,
        Some("messages"),
        "at least one",
    );
}

#[test]
fn wrong_types_are_named_with_what_was_found_and_expected() {
    refused(
        r#"{"model":3,"messages":[]}"#,
        Some("model"),
        "a number (3)",
    );
    refused(
        r#"{"model":"m","messages":"hi"}"#,
        Some("messages"),
        "is a string: expected an array",
    );
    refused(
        r#"{"model":"m","messages":[3]}"#,
        Some("messages[0]"),
        "expected a message",
    );
    refused(
        r#"{"model":"m","messages":[{"content":"x"}]}"#,
        Some("messages[0].role"),
        "missing",
    );
    refused(
        r#"{"model":"m","messages":[{"role":"user"},{"role":true}]}"#,
        Some("messages[1].role"),
        "a boolean (true): expected a string",
    );
    refused(
        r#"{"model":"m","messages":[{"role":"user","content":{}}]}"#,
        Some("messages[0].content"),
        "an object: expected a string",
    );
    for (field, param) in [
        (r#""stream":"yes""#, "stream"),
        (r#""stream_options":true"#, "stream_options"),
        (
            r#""stream_options":{"include_usage":1}"#,
            "stream_options.include_usage",
        ),
        (r#""temperature":"hot""#, "temperature"),
        (r#""top_p":[]"#, "top_p"),
        (r#""n":0"#, "n"),
        (r#""n":1.5"#, "n"),
        (r#""max_tokens":-1"#, "max_tokens"),
        (r#""max_completion_tokens":"9""#, "max_completion_tokens"),
        (r#""stop":3"#, "stop"),
        (r#""tools":{}"#, "tools"),
        (r#""tool_choice":3"#, "tool_choice"),
        (r#""response_format":"json""#, "response_format"),
        (r#""user":7"#, "user"),
    ] {
        refused(&with(field), Some(param), "expected");
    }
}

#[test]
fn an_error_tells_no_prompt() {
    let error = ChatRequest::parse(with(r#""temperature":"my secret""#)).unwrap_err();
    assert!(!error.to_string().contains("secret"));
    let error = Error::from(error);
    assert_eq!(error.kind(), ErrorKind::Caller);
    assert!(error.find::<InvalidRequest>().is_some());
}

#[test]
fn null_and_unknown_fields_are_let_through() {
    chat(&with(
        r#""temperature":null,"stream":null,"n":null,"stop":null,"tools":null,"stream_options":null,"x_custom":{"a":[1]}"#,
    ));
    chat(r#"{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[]}]}"#);
}

#[test]
fn repeated_questions_are_cacheable_and_wishes_for_variety_are_not() {
    for field in [
        r#""n":1"#,
        r#""n":null"#,
        r#""temperature":1.0"#,
        r#""temperature":0"#,
        r#""x":0"#,
    ] {
        assert!(chat(&with(field)).cacheable(), "{field}");
    }
    for field in [
        r#""n":2"#,
        r#""n":99999999999999999999"#,
        r#""temperature":1.01"#,
        r#""temperature":1e400"#,
    ] {
        assert!(!chat(&with(field)).cacheable(), "{field}");
    }
}

#[test]
fn the_prompt_is_visited_piece_by_piece() {
    let request = chat(
        r#"{"model":"m","messages":[
            {"role":"system","content":"be\nbrief"},
            {"content":[{"type":"text","text":"look:"},{"type":"image_url","image_url":{"url":"http://x"}},"and"],"role":"user"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}]},
            {"role":"tool","tool_call_id":"1","content":"42"},
            {"role":"developer","content":""},
            {"role":"user","content":"thanks"}]}"#,
    );
    let expected = [
        (Role::System, "be\nbrief"),
        (Role::User, "look:"),
        (Role::User, "and"),
        (Role::Assistant, "{\"a\":1}"),
        (Role::Tool, "42"),
        (Role::User, "thanks"),
    ];
    assert_eq!(
        prompt(&request),
        expected.map(|(role, text)| (role, text.to_owned()))
    );
}

#[test]
fn the_key_is_that_of_the_meaning_and_not_of_the_form() {
    let one = chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1}"#);
    for same in [
        r#"{"temperature":1.0,"messages":[{"content":"h\u0069","role":"user"}],"model":"m"}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1,"stream":true}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1,"stream_options":{"include_usage":true}}"#,
    ] {
        assert_eq!(key(&one), key(&chat(same)), "{same}");
    }
    for other in [
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1,"seed":1}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi "}],"temperature":1}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1,"x":{"stream":true}}"#,
    ] {
        assert_ne!(key(&one), key(&chat(other)), "{other}");
    }
    let mut routed = one.clone();
    routed.set_model("n");
    assert_ne!(key(&one), key(&routed));
}

#[test]
fn the_account_is_in_the_key_and_the_credential_is_not() {
    let with = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        key(&chat(CHAT).headers(&headers))
    };
    let plain = key(&chat(CHAT));
    assert_ne!(plain, with("openai-organization", "o"));
    assert_ne!(
        with("openai-project", "o"),
        with("openai-organization", "o")
    );
    assert_eq!(plain, with("authorization", "Bearer x"));
    assert_eq!(plain, with("user-agent", "x"));
}

#[test]
fn debug_shows_neither_prompt_nor_credential() {
    let mut headers = HeaderMap::new();
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer sk-secret"),
    );
    headers.insert("api-key", HeaderValue::from_static("sk-secret"));
    let body = r#"{"model":"m","messages":[{"role":"user","content":"sk-secret"}]}"#;
    let shown = format!("{:?}", chat(body).headers(&headers));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn requests_can_be_made_in_code() {
    let request = ChatRequest::new("m")
        .system("be \"brief\"")
        .user("hi")
        .assistant("yes?")
        .user("bye")
        .stream(true)
        .temperature(0.5)
        .max_tokens(7)
        .temperature(1.5)
        .set("stop", ["a"])
        .unwrap();
    let expected = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be \"brief\""},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": "bye"},
        ],
        "stream": true, "temperature": 1.5, "max_tokens": 7, "stop": ["a"],
    });
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, expected);
    assert!(request.streams() && !request.cacheable());
    assert_eq!(request.operation(), Operation::Chat);
    assert_eq!(prompt(&request).len(), 4);
    let again = ChatRequest::try_from(expected).unwrap();
    assert_eq!(key(&request), key(&again));
}

#[test]
fn a_wrong_value_is_refused_in_code_too() {
    let error = ChatRequest::new("m")
        .user("hi")
        .set("n", "three")
        .unwrap_err();
    assert_eq!(error.param(), Some("n"));
    let error = ChatRequest::new("m").set("messages", "hi").unwrap_err();
    assert_eq!(error.param(), Some("messages"));
}

#[test]
fn edits_in_code_keep_a_routed_model_and_the_headers() {
    let mut headers = HeaderMap::new();
    headers.insert("openai-project", HeaderValue::from_static("p"));
    let mut request = ChatRequest::new("m").user("hi").headers(&headers);
    request.set_model("n");
    let with_account = key(&request.clone().stream(true));
    assert_eq!(request.clone().temperature(0.0).user("more").model(), "n");
    assert_eq!(with_account, key(&request));
}

#[test]
fn embeddings_are_read_and_refused_alike() {
    let body = r#"{"input":["a","b\n"],"model":"e","dimensions":8}"#;
    let mut request = EmbeddingRequest::parse(body).unwrap();
    assert_eq!(request.operation(), Operation::Embeddings);
    assert!(!request.streams() && request.cacheable());
    assert_eq!(request.to_bytes(), body);
    let pieces = prompt(&request);
    assert_eq!(
        pieces,
        [(Role::User, "a".into()), (Role::User, "b\n".into())]
    );
    request.set_model("f");
    assert_eq!(request.to_bytes(), body.replace("\"e\"", "\"f\""));
    for (body, param) in [
        (r#"{"model":"e"}"#, "input"),
        (r#"{"model":"e","input":""}"#, "input"),
        (r#"{"model":"e","input":[]}"#, "input"),
        (r#"{"model":"e","input":{"a":1}}"#, "input"),
        (r#"{"model":"e","input":["a",true]}"#, "input[1]"),
        (r#"{"input":"x"}"#, "model"),
        (r#"{"model":"e","input":"x","dimensions":0}"#, "dimensions"),
    ] {
        let error = EmbeddingRequest::parse(body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{error}");
    }
    EmbeddingRequest::parse(r#"{"model":"e","input":[[1,2],[3]]}"#).unwrap();
    EmbeddingRequest::parse(r#"{"model":"e","input":[1,2]}"#).unwrap();
    let made = EmbeddingRequest::new("e", "x");
    let read = EmbeddingRequest::parse(r#"{"input":"x","model":"e"}"#).unwrap();
    assert_eq!(key(&made), key(&read));
}

/// Any JSON value, as text with white space of all kinds.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| json!(text).to_string()),
        Just(r#""\u0041\ud83d\ude00\/""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[ {} ]", items.join(" ,\n"))),
            prop::collection::vec((any::<String>(), inner), 0..5).prop_map(|fields| {
                let fields = fields.into_iter().map(|(key, value)| {
                    let key = json!(key);
                    format!("{key}\t: {value}")
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

fn unknown_fields() -> impl Strategy<Value = Vec<String>> {
    let field = ("x_[a-z]{0,3}", value()).prop_map(|(key, value)| format!("{key:?} : {value}"));
    prop::collection::vec(field, 0..5)
}

proptest! {
    #[test]
    fn routing_replaces_the_model_and_nothing_else(
        before in unknown_fields(),
        after in unknown_fields(),
        model in "[a-z]{1,5}",
        other in any::<String>().prop_filter("named", |name| !name.trim().is_empty()),
    ) {
        let body = |model: &str| {
            let mut fields = before.clone();
            fields.push(r#""messages":[{"role":"user","content":"hi"}]"#.to_owned());
            fields.push(format!("\"model\" :{}", json!(model)));
            fields.extend(after.clone());
            format!(" {{{}}}\n", fields.join(" , "))
        };
        let mut request = chat(&body(&model));
        prop_assert_eq!(request.to_bytes(), body(&model));
        request.set_model(&other);
        prop_assert_eq!(request.model(), &*other);
        prop_assert_eq!(request.to_bytes(), body(&other));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ChatRequest::parse(bytes.clone());
        let _ = EmbeddingRequest::parse(bytes);
    }

    #[test]
    fn any_json_is_read_or_refused(fields in unknown_fields(), messages in value(), options in value()) {
        let fields = fields.iter().map(|field| format!(",{field}")).collect::<String>();
        let body = format!(r#"{{"model":"m","messages":{messages},"stream_options":{options}{fields}}}"#);
        if let Ok(request) = ChatRequest::parse(body) {
            prompt(&request);
            key(&request);
        }
    }
}

#[test]
fn the_schema_that_an_answer_is_to_obey_is_told_where_one_answer_is_asked_for() {
    let format = r#""response_format": {"type":"json_schema","json_schema":{"name":"x","schema": { "type":"object" },"strict":true}}"#;
    assert_eq!(
        chat(&with(format)).answer_schema(),
        Some(r#"{ "type":"object" }"#)
    );
    let mut request = chat(&with(&format!(r#"{format},"n":1,"top_p":1"#)));
    request.set_model("a model of another length");
    assert_eq!(request.answer_schema(), Some(r#"{ "type":"object" }"#));
    for none in [
        r#""top_p":1"#.to_owned(),
        format!(r#"{format},"n":2"#),
        format!(r#"{format},"response_format":null"#),
        r#""response_format":{"type":"json_object"}"#.to_owned(),
        r#""response_format":{"type":"json_schema"}"#.to_owned(),
        r#""response_format":{"type":"json_schema","json_schema":{"schema":"x"}}"#.to_owned(),
        r#""response_format":{"type":"text","json_schema":{"schema":{}}}"#.to_owned(),
    ] {
        assert_eq!(chat(&with(&none)).answer_schema(), None, "{none}");
    }
}
