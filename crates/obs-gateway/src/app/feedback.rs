//! `POST /v1/feedback`: how good an answer was.
use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use obs_ledger::{Feedback, SCHEMA, Verdict};
use serde::Deserialize;
use serde_json::json;

use super::{
    App,
    call::{self, Read},
};
use crate::{api::Api, headers::REQUEST_ID, outcomes::Whose, refusal::Refusal};

/// Longest name of a call, in bytes.
const LONGEST_ID: usize = 128;
/// Longest note, in bytes.
const LONGEST_NOTE: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// `x-obs-call-id` of the answer.
    id: String,
    score: Option<f32>,
    verdict: Option<Verdict>,
    note: Option<String>,
}

pub(super) async fn give(State(app): State<Arc<App>>, request: Request) -> Response {
    let id = app.lasting.calls.next();
    let own = request.headers().get(REQUEST_ID).cloned();
    call::named(Api::OpenAi, &id, own.as_ref(), take(&app, request).await)
}

async fn take(app: &App, request: Request) -> Result<Response, Refusal> {
    let outcomes = &app.stacks.outcomes;
    if !outcomes.wants_feedback() {
        let message = "feedback is kept nowhere: set log.file, or a router.policy that learns";
        return Err(Refusal::new(StatusCode::NOT_FOUND, message).code("no_feedback"));
    }
    let Read {
        headers,
        asked,
        body,
    } = call::read(app, request).await?;
    let given = parse(&body)?;
    check(&given)?;
    let tenant = app.tenant(&headers, &asked);
    // That it is another's is not told: nobody learns what calls others make.
    if outcomes.whose(&given.id, &tenant) == Whose::Another || !is_name(&given.id) {
        let message = format!("there is no call {:?} of yours", given.id);
        return Err(Refusal::new(StatusCode::NOT_FOUND, message)
            .param("id")
            .code("unknown_call"));
    }
    // It may repeat the prompt or the answer, which are in no log unless that is said.
    let keeps_notes = outcomes.keeps_text();
    let is_dropped = given.note.is_some() && !keeps_notes;
    outcomes.feedback(Feedback {
        v: SCHEMA,
        feedback: given.id.into(),
        time: outcomes.now(),
        score: given.score,
        verdict: given.verdict,
        tenant: Some(tenant),
        note: given.note.filter(|_| keeps_notes).map(Into::into),
        ..Feedback::default()
    });
    let told = match is_dropped {
        true => json!({"status": "accepted", "note": "not kept: log.prompts is off"}),
        false => json!({"status": "accepted"}),
    };
    let mut response = Response::new(Body::from(told.to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// What is wrong is told by its place: refusals are logged, and a value may be anybody's words.
fn parse(body: &[u8]) -> Result<Given, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = format!(
            "the body is wrong at line {line}, column {column}: expected an object with `id`, with `score` (a number) or `verdict` \
             (\"good\" or \"bad\"), and maybe `note` (text), and nothing else"
        );
        Refusal::bad(message).code("invalid_feedback")
    })
}

fn check(given: &Given) -> Result<(), Refusal> {
    let bad = |param: &str, message: String| {
        Err(Refusal::bad(message).param(param).code("invalid_feedback"))
    };
    match (given.score, given.verdict) {
        (Some(score), _) if !(0.0..=1.0).contains(&score) => bad(
            "score",
            format!("score is {score}: expected a number from 0 (bad) to 1 (good)"),
        ),
        (None, None) => bad(
            "score",
            "expected `score`, from 0 to 1, or `verdict`, \"good\" or \"bad\"".into(),
        ),
        (Some(_), Some(_)) => bad("score", "expected `score` or `verdict`, not both".into()),
        _ if given.note.as_ref().is_some_and(|n| n.len() > LONGEST_NOTE) => {
            bad("note", format!("note is longer than {LONGEST_NOTE} bytes"))
        }
        _ => Ok(()),
    }
}

/// Whether a gateway could have named a call so.
fn is_name(id: &str) -> bool {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = id
        .strip_prefix("call-")
        .and_then(|rest| rest.split_once('-'));
    id.len() <= LONGEST_ID && parts.is_some_and(|(process, count)| is_hex(process) && is_hex(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_repeats_no_words_of_the_caller() {
        for body in [
            r#"{"id": "call-1-1", "score": "swordfish"}"#,
            r#"{"id": "call-1-1", "verdict": "swordfish"}"#,
            r#"{"id": "call-1-1", "swordfish": 1}"#,
        ] {
            let refusal = parse(body.as_bytes()).map(|_| ()).unwrap_err();
            assert!(!refusal.to_string().contains("swordfish"), "{refusal}");
        }
    }

    #[test]
    fn only_what_a_gateway_could_have_named_is_a_call() {
        assert!(is_name(&crate::call_id::CallIds::new().next()));
        for not in [
            "",
            "call-",
            "call-1",
            "call-1-",
            "call-x-1",
            "1-1",
            "call-1-1-1",
        ] {
            assert!(!is_name(not), "{not}");
        }
        assert!(!is_name(&format!("call-1-{}", "1".repeat(200))));
    }
}
