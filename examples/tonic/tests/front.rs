//! Two real servers, one before the other.
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::Semaphore;
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_layers::proto::{
    Answer, Ask, Piece,
    llm_client::LlmClient,
    llm_server::{Llm, LlmServer},
};
use tonic_types::{ErrorDetails, StatusExt};

const LIMIT: Duration = Duration::from_secs(20);

/// A model that counts what it is asked, and knows how long it may take.
#[derive(Clone)]
struct Model {
    asked: Arc<AtomicU32>,
    dropped: Arc<Semaphore>,
    /// The last `grpc-timeout`.
    allowed: Arc<std::sync::Mutex<Option<String>>>,
}

struct Guard(Arc<Semaphore>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[tonic::async_trait]
impl Llm for Model {
    type StreamStream = Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>;

    async fn generate(&self, request: Request<Ask>) -> Result<Response<Answer>, Status> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let allowed = request.metadata().get("grpc-timeout");
        *self.allowed.lock().expect("not poisoned") =
            allowed.map(|allowed| allowed.to_str().expect("text").to_owned());
        let ask = request.into_inner();
        match ask.prompt.as_str() {
            "hang" => {
                let _guard = Guard(self.dropped.clone());
                std::future::pending().await
            }
            "busy" => {
                let retry = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
                let code = Code::ResourceExhausted;
                Err(Status::with_error_details(code, "too many", retry))
            }
            prompt => Ok(Response::new(Answer {
                model: ask.model,
                text: format!("{asked}: {prompt}"),
                input_tokens: 10,
                output_tokens: 5,
            })),
        }
    }

    async fn stream(&self, request: Request<Ask>) -> Result<Response<Self::StreamStream>, Status> {
        let guard = Guard(self.dropped.clone());
        let endless = request.into_inner().prompt == "endless";
        let piece = |text: &str, last| Piece {
            text: text.to_owned(),
            last,
            input_tokens: 10,
            output_tokens: 2,
        };
        let pieces = [piece("one ", false), piece("two", !endless)].map(Ok);
        let rest = match endless {
            true => stream::pending().boxed(),
            false => stream::empty().boxed(),
        };
        let pieces = stream::iter(pieces).chain(rest).map(move |piece| {
            let _ = &guard;
            piece
        });
        Ok(Response::new(Box::pin(pieces)))
    }
}

fn serve<S>(server: LlmServer<S>) -> Channel
where
    S: Llm,
{
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address"));
    let incoming = incoming.expect("a free port");
    let address = incoming.local_addr().expect("it is bound");
    tokio::spawn(
        Server::builder()
            .add_service(server)
            .serve_with_incoming(incoming),
    );
    let channel = Channel::from_shared(format!("http://{address}"));
    channel.expect("a URL").connect_lazy()
}

fn start(limit: Duration) -> (Model, LlmClient<Channel>) {
    let model = Model {
        asked: Arc::default(),
        dropped: Arc::new(Semaphore::new(0)),
        allowed: Arc::default(),
    };
    let behind = serve(LlmServer::new(model.clone()));
    let front = serve(tonic_layers::front(behind, limit));
    (model, LlmClient::new(front))
}

impl Model {
    async fn dropped(&self) {
        let permit = self.dropped.acquire().await;
        permit.expect("is never closed").forget();
    }
}

fn ask(prompt: &str) -> Ask {
    Ask {
        model: "small".to_owned(),
        prompt: prompt.to_owned(),
    }
}

fn told<'a, T>(response: &'a Response<T>, name: &str) -> Option<&'a str> {
    response.metadata().get(name)?.to_str().ok()
}

#[tokio::test]
async fn the_second_answer_comes_from_the_cache_and_tenants_are_apart() {
    let (model, mut client) = start(LIMIT);
    let first = client.generate(ask("what")).await.expect("answers");
    assert_eq!(told(&first, "x-obs-cache"), Some("miss"));
    assert_eq!(told(&first, "x-obs-cost-usd"), Some("0.00003"));
    let second = client.generate(ask("what")).await.expect("answers");
    assert_eq!(told(&second, "x-obs-cache"), Some("hit"));
    assert_eq!(told(&second, "x-obs-saved-usd"), Some("0.00003"));
    assert_eq!(second.into_inner(), first.into_inner());
    let mut another = Request::new(ask("what"));
    let key = "Bearer another".parse().expect("metadata");
    another.metadata_mut().insert("authorization", key);
    let third = client.generate(another).await.expect("answers");
    assert_eq!(third.into_inner().text, "2: what");
    assert_eq!(model.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_is_passed_on_piece_by_piece() {
    let (_model, mut client) = start(LIMIT);
    let pieces = client.stream(ask("what")).await.expect("answers");
    let pieces: Vec<Piece> = pieces
        .into_inner()
        .map(|piece| piece.expect("a piece"))
        .collect()
        .await;
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(text, "one two");
}

#[tokio::test]
async fn an_error_keeps_its_code_its_text_and_when_to_ask_again() {
    let (_model, mut client) = start(LIMIT);
    let refused = client.generate(ask("busy")).await.expect_err("is busy");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "too many");
    let details = refused.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    assert_eq!(reason.as_deref(), Some("RATE_LIMITED"));
    let retry = details.retry_info().and_then(|info| info.retry_delay);
    assert_eq!(retry, Some(Duration::from_secs(3)));
    assert!(refused.metadata().get("x-obs-cache").is_some());
}

#[tokio::test]
async fn the_limit_ends_the_call_on_both_sides() {
    let (model, mut client) = start(Duration::from_millis(50));
    let late = client.generate(ask("hang")).await.expect_err("hangs");
    assert_eq!(late.code(), Code::DeadlineExceeded);
    model.dropped().await;
}

#[tokio::test]
async fn a_callers_deadline_goes_on_less_what_was_spent() {
    let (model, mut client) = start(LIMIT);
    let mut request = Request::new(ask("what"));
    request.set_timeout(Duration::from_secs(5));
    client.generate(request).await.expect("answers");
    let allowed = model.allowed.lock().expect("not poisoned").clone();
    let allowed = allowed.expect("it was told");
    let micros: u64 = allowed
        .strip_suffix('u')
        .and_then(|n| n.parse().ok())
        .expect("micros");
    assert!(micros < 5_000_000, "{allowed}");
    let mut request = Request::new(ask("hang"));
    let soon = "50".parse().expect("metadata");
    request.metadata_mut().insert("x-obs-deadline-ms", soon);
    let late = client.generate(request).await.expect_err("hangs");
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn metadata_that_make_no_sense_are_refused_by_name() {
    let (model, mut client) = start(LIMIT);
    let mut request = Request::new(ask("what"));
    let never = "never".parse().expect("metadata");
    request.metadata_mut().insert("x-obs-deadline-ms", never);
    let refused = client.generate(request).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("x-obs-deadline-ms"), "{refused}");
    assert_eq!(model.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_leaves_a_stream_ends_it_behind_too() {
    let (model, mut client) = start(LIMIT);
    let pieces = client.stream(ask("endless")).await.expect("answers");
    let mut pieces = pieces.into_inner();
    pieces.next().await.expect("a piece").expect("is read");
    drop(pieces);
    model.dropped().await;
}
