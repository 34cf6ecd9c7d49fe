//! The researcher: asks models, and streams what it finds.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use obs_apm::{Activity, ApmLayer, Incoming, Ongoing, Telemetry};
use obs_core::{AttemptLayer, BoxError, Call, Error, LlmResponse, PriceTable};
use obs_openai::{ChatRequest, ChatResponse, Upstream};
use obs_timeout::TimeoutLayer;
use serde_json::json;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::Router},
};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use crate::proto::{
    Finding, Topic,
    researcher_server::{Researcher, ResearcherServer},
};

type Model = BoxCloneSyncService<Call<ChatRequest>, ChatResponse, Error>;

struct Agent {
    model: Model,
    telemetry: Telemetry,
}

/// A server for the researcher. `gateway`: where models are asked.
///
/// # Errors
///
/// When that is no URL.
pub fn server(gateway: &str, telemetry: Telemetry) -> Result<Router, BoxError> {
    let propagator = telemetry.propagator();
    let upstream = Upstream::builder(gateway)
        .prepare(move |context, headers| {
            // A call whose time is over does not get here.
            let _ = propagator.inject_headers(context, headers);
        })
        .build()?;
    let apm = ApmLayer::new().telemetry(&telemetry).provider_name("obs");
    let model = ServiceBuilder::new()
        .layer(apm.clone())
        .layer(TimeoutLayer::new(Duration::from_secs(20)).metrics(&telemetry.metrics()))
        .layer(apm.attempt_spans())
        .layer(AttemptLayer::new(PriceTable::bundled()).enveloped())
        .service(upstream);
    let model = BoxCloneSyncService::new(model);
    let agent = ResearcherServer::new(Agent { model, telemetry });
    Ok(Server::builder().add_service(agent))
}

#[tonic::async_trait]
impl Researcher for Agent {
    type ResearchStream = Pin<Box<dyn Stream<Item = Result<Finding, Status>> + Send>>;

    async fn research(
        &self,
        request: Request<Topic>,
    ) -> Result<Response<Self::ResearchStream>, Status> {
        let propagator = self.telemetry.propagator();
        let incoming = propagator.extract_headers(request.metadata().as_ref());
        let agent = Activity::agent("researcher")
            .parent(incoming.context())
            .telemetry(&self.telemetry)
            .start();
        let topic = request.into_inner().text;
        let questions = agent.run(self.outline(&topic)).await;
        // It ends with the last finding, or when the planner leaves.
        let agent = Arc::new(agent);
        let model = self.model.clone();
        let findings = stream::iter(questions)
            .then(move |question| find(model.clone(), agent.clone(), incoming.clone(), question));
        Ok(Response::new(Box::pin(findings)))
    }
}

impl Agent {
    /// What a tool does here, another does with a search engine.
    async fn outline(&self, topic: &str) -> Vec<String> {
        let tool = Activity::tool("outline")
            .tool_type("function")
            .telemetry(&self.telemetry)
            .start();
        let questions = async {
            let topic = topic.trim_end_matches('?');
            vec![
                format!("What is known: {topic}?"),
                format!("What is disputed: {topic}?"),
            ]
        };
        tool.run(questions).await
    }
}

async fn find(
    model: Model,
    agent: Arc<Ongoing>,
    incoming: Incoming,
    question: String,
) -> Result<Finding, Status> {
    let found = agent.run(answer(model, &incoming, &question)).await;
    match found {
        Ok(answer) => Ok(Finding { question, answer }),
        Err(error) => {
            agent.fail("model_failed");
            Err(Status::unavailable(error.to_string()))
        }
    }
}

async fn answer(model: Model, incoming: &Incoming, question: &str) -> Result<String, BoxError> {
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": question}]});
    let request = ChatRequest::parse(body.to_string())?;
    let answer = model.oneshot(incoming.call(request)).await?;
    let mut text = String::new();
    answer.visit_text(&mut |piece| text.push_str(piece));
    Ok(text)
}
