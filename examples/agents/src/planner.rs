//! The planner: takes a question over HTTP, and makes a plan of what the researcher finds.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, routing::post};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use obs_apm::{Activity, Propagator, Telemetry};
use obs_core::{BoxError, Call, Deadline};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};

use crate::proto::{Topic, researcher_client::ResearcherClient};

/// How long a plan may take, where the caller does not say it.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Debug, Deserialize, Serialize)]
struct Question {
    text: String,
}

#[derive(Clone)]
struct Planner {
    researcher: ResearcherClient<Channel>,
    telemetry: Telemetry,
    propagator: Propagator,
}

/// `POST /plan`. `researcher`: where it is asked.
///
/// # Errors
///
/// When that is no URL.
pub fn router(researcher: &str, telemetry: Telemetry) -> Result<Router, BoxError> {
    let channel = Endpoint::from_shared(researcher.to_owned())?.connect_lazy();
    let planner = Planner {
        researcher: ResearcherClient::new(channel),
        propagator: telemetry.propagator(),
        telemetry,
    };
    let router = Router::new().route("/plan", post(plan));
    Ok(router.with_state(Arc::new(planner)))
}

async fn plan(
    State(planner): State<Arc<Planner>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> Result<Json<Vec<String>>, (StatusCode, String)> {
    let incoming = planner.propagator.extract_headers(&headers);
    let agent = Activity::agent("planner")
        .parent(incoming.context())
        .telemetry(&planner.telemetry)
        .start();
    let call = incoming.call(question.text);
    let limit = call.context.deadline.clone().within(LIMIT, Duration::ZERO);
    let call = call.deadline(limit);
    let steps = agent.run(planner.research(call)).await;
    let steps = steps.map_err(|error| {
        agent.fail("research_failed");
        (StatusCode::BAD_GATEWAY, error.to_string())
    })?;
    Ok(Json(steps))
}

impl Planner {
    async fn research(&self, call: Call<String>) -> Result<Vec<String>, BoxError> {
        let asked = Activity::remote_agent("researcher")
            .telemetry(&self.telemetry)
            .start();
        let found = asked.run(self.ask_researcher(call)).await;
        if found.is_err() {
            asked.fail("research_failed");
        }
        found
    }

    async fn ask_researcher(&self, call: Call<String>) -> Result<Vec<String>, BoxError> {
        let context = call.context;
        let mut request = tonic::Request::new(Topic { text: call.request });
        // Trace, tenant and the time that is left; nothing is sent when there is none.
        let metadata = request.metadata_mut().as_mut();
        self.propagator.inject_headers(&context, metadata)?;
        let mut researcher = self.researcher.clone();
        let mut findings = researcher.research(request).await?.into_inner();
        let mut steps = Vec::new();
        while let Some(finding) = findings.message().await? {
            steps.push(format!("{} {}", finding.question, finding.answer));
        }
        Ok(steps)
    }
}

/// Asks a planner on behalf of a tenant, as the root of a trace or within the one that is current.
///
/// # Errors
///
/// When it does not answer, or answers with an error.
pub async fn ask(planner: &str, tenant: &str, question: &str) -> Result<Vec<String>, BoxError> {
    let mut context = Call::new(()).tenant(tenant).context;
    context.deadline = Deadline::after(LIMIT, Duration::ZERO);
    let question = serde_json::to_vec(&Question {
        text: question.to_owned(),
    })?;
    let mut request = Request::post(format!("{planner}/plan"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(question))?;
    Propagator::default().inject_headers(&context, request.headers_mut())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    match status.is_success() {
        true => Ok(serde_json::from_slice(&body)?),
        false => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
    }
}
