//! What the tests share: gateways over a server, and a proxy that is slow.
use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use obs_redis::{Builder, Redis, State};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::Instant,
};
use tower::{Layer, Service, ServiceExt};

/// Far longer than anything here takes: only what hangs gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub(crate) struct Ask(pub(crate) String);

#[derive(Debug, PartialEq)]
pub(crate) struct Answer(pub(crate) Bytes);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "m"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.0);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("prompt", self.0.as_bytes());
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(self.0.clone())
    }
    fn decode(stored: &Bytes, _: bool) -> Result<Self, BoxError> {
        Ok(Self(stored.clone()))
    }
}

/// Repeats the question, and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model(Arc<AtomicUsize>);

impl Service<Call<Ask>> for Model {
    type Response = Answer;
    type Error = Error;
    type Future = Ready<Result<Answer, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<Ask>) -> Self::Future {
        self.0.fetch_add(1, SeqCst);
        ready(Ok(Answer(call.request.0.into())))
    }
}

/// A process that shares the cache, as far as the cache knows.
pub(crate) struct Gateway<S: Store> {
    pub(crate) redis: Redis,
    pub(crate) redis_store: RedisStore,
    pub(crate) layer: CacheLayer<S>,
    background: Background,
    model: Model,
    cache: Cache<Model, S>,
}

/// A connection whose budget a busy machine keeps.
pub(crate) fn to(url: &str) -> Builder {
    Redis::builder(url).budget(Duration::from_millis(500))
}

impl Gateway<RedisStore> {
    pub(crate) fn new(builder: Builder) -> Self {
        Self::over(builder, |store| store, Clock::system())
    }

    pub(crate) async fn connected(builder: Builder) -> Self {
        let this = Self::new(builder);
        this.reaches(State::Closed).await;
        this
    }
}

impl<S: Store<Get: Send>> Gateway<S> {
    pub(crate) fn over(
        builder: Builder,
        store: impl FnOnce(RedisStore) -> S,
        clock: Clock,
    ) -> Self {
        let redis = builder.connect().unwrap();
        let background = Background::new(1000);
        let redis_store = RedisStore::new(redis.clone(), background.clone());
        let layer = CacheLayer::new(store(redis_store.clone()))
            .clock(clock)
            .metrics(&Metrics::disabled());
        let model = Model::default();
        Self {
            cache: layer.layer(model.clone()),
            redis,
            redis_store,
            layer,
            background,
            model,
        }
    }

    pub(crate) async fn reaches(&self, state: State) {
        let wait = tokio::time::timeout(PATIENCE, self.redis.wait_for(state)).await;
        wait.unwrap_or_else(|_| panic!("never {state:?}: {:?}", self.redis.stats()));
    }

    /// No call may fail, whatever the servers do.
    pub(crate) async fn ask(&self, prompt: &str) -> Option<CacheStatus> {
        self.ask_for(prompt, "").await
    }

    pub(crate) async fn ask_for(&self, prompt: &str, tenant: &str) -> Option<CacheStatus> {
        let call = Call::new(Ask(prompt.into())).tenant(tenant);
        let journal = call.journal();
        let answer = self.cache.clone().oneshot(call).await.expect("an answer");
        assert_eq!(answer, Answer(Bytes::from(prompt.to_owned())));
        journal.read().cache.as_ref().map(|note| note.status)
    }

    /// Number of calls that went to the model.
    pub(crate) fn calls(&self) -> usize {
        self.model.0.load(SeqCst)
    }

    pub(crate) async fn written(&self) {
        self.until("written", || self.background.in_flight() == 0)
            .await;
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(
                Instant::now() < until,
                "never {what}: {:?} {:?}",
                self.redis_store,
                self.redis.stats()
            );
            yield_now().await;
        }
    }

    /// It serves from the store again, without help.
    pub(crate) async fn is_back(&self) {
        let until = Instant::now() + PATIENCE;
        while self.ask("is it back?").await != Some(CacheStatus::Hit) {
            assert!(Instant::now() < until, "never: {:?}", self.redis.stats());
            yield_now().await;
        }
        self.reaches(State::Closed).await;
    }
}

/// How much later answers come, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delay(Arc<AtomicU64>);

impl Delay {
    pub(crate) fn set(&self, delay: Duration) {
        self.0.store(delay.as_millis() as u64, SeqCst);
    }

    async fn pass(&self) {
        let delay = Duration::from_millis(self.0.load(SeqCst));
        tokio::time::sleep(delay).await;
    }
}

/// Stands in front of a server, and gives its answers later. Gives its own port.
pub(crate) async fn slow(port: u16, delay: Delay) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, port, delay.clone()));
        }
    });
    own
}

async fn pass(client: TcpStream, port: u16, delay: Delay) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let mut buffer = [0; 4096];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            delay.pass().await;
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        it = answers => it,
        it = tokio::io::copy(&mut from_client, &mut to_server) => it.map(drop),
    }
}
