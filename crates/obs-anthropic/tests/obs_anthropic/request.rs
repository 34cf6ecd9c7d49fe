//! What is read of a request, and what goes out.
use http::{HeaderMap, HeaderValue};
use obs_anthropic::{MessagesRequest, ask};
use obs_core::{Fingerprint, LlmRequest, Role};
use serde_json::json;

const BODY: &str = r#"{ "model":"claude-haiku-5-5", "max_tokens":1024.0,"system":[{"type":"text","text":"Be brief."}],
    "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
    {"type":"tool_use","id":"t","name":"f","input":{"a": 1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t",
    "content":[{"type":"text","text":"42"}]},{"type":"image","source":{"type":"base64","data":"AAAA"}}]}], "stream":true, "new":1e400}"#;

fn key(request: &MessagesRequest) -> String {
    let mut fingerprint = Fingerprint::new();
    request.fingerprint(&mut fingerprint);
    fingerprint.finish().to_string()
}

#[test]
fn a_body_goes_out_as_it_came_in_but_for_the_model() {
    let mut request = MessagesRequest::parse(BODY).unwrap();
    assert_eq!(request.to_bytes(), BODY);
    assert!(request.streams() && request.cacheable() && request.asked_for_usage());
    request.set_model("claude-opus-5-5");
    let expected = BODY.replace("claude-haiku-5-5", "claude-opus-5-5");
    assert_eq!(request.to_bytes(), expected);
}

#[test]
fn all_that_the_model_reads_is_visited() {
    let request = MessagesRequest::parse(BODY).unwrap();
    let mut seen = Vec::new();
    request.visit_prompt(&mut |role, text| seen.push((role, text.to_owned())));
    let expected = [
        (Role::System, "Be brief."),
        (Role::User, "Hi"),
        (Role::Assistant, "hm"),
        (Role::Assistant, r#"{"a": 1}"#),
        (Role::Tool, "42"),
    ];
    assert_eq!(seen, expected.map(|(role, text)| (role, text.to_owned())));
}

#[test]
fn the_form_makes_no_difference_and_the_rest_does() {
    let plain = MessagesRequest::parse(BODY.replace("true", "false")).unwrap();
    let streamed = MessagesRequest::parse(BODY).unwrap();
    assert_eq!(key(&plain), key(&streamed));
    let other = MessagesRequest::parse(BODY.replace("1024.0", "1025")).unwrap();
    assert_ne!(key(&other), key(&streamed));
    let spelled = MessagesRequest::parse(BODY.replace("1024.0", "1024")).unwrap();
    assert_eq!(key(&spelled), key(&streamed));
    let with = |name: &'static str, value: &'static str| {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )]);
        key(&streamed.clone().headers(&headers))
    };
    assert_ne!(with("anthropic-beta", "a"), with("anthropic-beta", "b"));
    assert_ne!(
        with("anthropic-version", "2023-06-01"),
        with("anthropic-version", "2030-01-01")
    );
    assert_eq!(with("user-agent", "a"), with("x-api-key", "b"));
}

#[test]
fn what_goes_on_in_a_container_is_neither_kept_nor_moved() {
    let request = ask("m", 10, "Hi").set("container", "container_1").unwrap();
    assert!(!request.cacheable() && !request.is_movable());
    let request = ask("m", 10, "Hi").set("container", json!(null)).unwrap();
    assert!(request.cacheable() && request.is_movable());
}

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    for (body, param) in [
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":"hi"}"#, "messages"),
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":"m","messages":[{}],"stream":"yes"}"#, "stream"),
        (r#"{"model":"m","messages":[{}],"system":3}"#, "system"),
        (
            r#"{"model":"m","messages":[{}],"max_tokens":-1}"#,
            "max_tokens",
        ),
    ] {
        let error = MessagesRequest::parse(body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}");
    }
}

#[test]
fn the_schema_that_an_answer_is_to_obey_is_told() {
    let schema = |more: &str| {
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}],{more}}}"#
        );
        let request = MessagesRequest::parse(body).unwrap();
        request.answer_schema().map(str::to_owned)
    };
    let told = schema(
        r#""output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}}"#,
    );
    assert_eq!(told.as_deref(), Some(r#"{"type":"object"}"#));
    assert_eq!(schema(r#""output_config":{"effort":"low"}"#), None);
    let tool = r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#;
    assert_eq!(schema(tool), None, "it is of arguments");
}
