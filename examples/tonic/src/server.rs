//! The service that stands before.
use std::time::Duration;

use obs_cache::{CacheLayer, Memory};
use obs_core::{AttemptLayer, Call, Error, Price, PriceTable};
use obs_grpc::{Remote, Replies, Served};
use obs_timeout::TimeoutLayer;
use tonic::{Request, Response, Status, transport::Channel};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    messages::Pieces,
    proto::{
        Answer, Ask, Piece,
        llm_client::LlmClient,
        llm_server::{Llm, LlmServer},
    },
};

type Stack<A> = BoxCloneSyncService<Call<Ask>, A, Error>;

/// Answers with what the service behind it answers, from a cache where it can.
#[derive(Debug)]
pub struct Front {
    generate: Served<Stack<Answer>>,
    stream: Served<Stack<Pieces>>,
}

/// A server before the one at the other end of this channel. `limit`: how long a call may take.
#[must_use]
pub fn front(channel: Channel, limit: Duration) -> LlmServer<Front> {
    let client = LlmClient::new(channel);
    let generate = Remote::new({
        let client = client.clone();
        move |request| {
            let mut client = client.clone();
            async move { client.generate(request).await }
        }
    });
    let stream = Remote::new(move |request| {
        let mut client = client.clone();
        async move { client.stream(request).await }
    });
    let timeout = TimeoutLayer::new(limit);
    let attempts = AttemptLayer::new(prices()).enveloped();
    let generate = ServiceBuilder::new()
        .layer(timeout.clone())
        .layer(CacheLayer::new(Memory::new(16 << 20)))
        .layer(attempts.clone())
        .service(generate);
    let stream = ServiceBuilder::new()
        .layer(timeout)
        .layer(attempts)
        .service(stream.streamed::<Pieces>());
    LlmServer::new(Front {
        generate: Served::new(BoxCloneSyncService::new(generate)),
        stream: Served::new(BoxCloneSyncService::new(stream)),
    })
}

/// What the models behind cost, in dollars a million tokens.
fn prices() -> PriceTable {
    let price = Price::per_million("1", "4").expect("these are numbers");
    PriceTable::new().with_model("small", price)
}

#[tonic::async_trait]
impl Llm for Front {
    type StreamStream = Replies<Piece>;

    async fn generate(&self, request: Request<Ask>) -> Result<Response<Answer>, Status> {
        self.generate.unary(request).await
    }

    async fn stream(&self, request: Request<Ask>) -> Result<Response<Replies<Piece>>, Status> {
        self.stream.streaming(request).await
    }
}
