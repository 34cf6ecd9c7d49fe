//! What the tests share.
use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
    time::Duration,
};

use bytes::Bytes;
use obs_redis::{Redis, State};

/// Far longer than anything here takes: only what hangs gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn state(redis: &Redis, state: State) {
    let wait = tokio::time::timeout(PATIENCE, redis.wait_for(state)).await;
    wait.unwrap_or_else(|_| panic!("never {state:?}: {:?}", redis.stats()));
}

/// A connection whose budget a busy machine keeps.
pub(crate) fn connect(url: &str) -> Redis {
    let builder = Redis::builder(url).budget(Duration::from_millis(500));
    builder.connect().expect("good settings")
}

pub(crate) async fn connected(url: &str) -> Redis {
    let redis = connect(url);
    state(&redis, State::Closed).await;
    redis
}

pub(crate) fn key(name: &'static str) -> Bytes {
    Bytes::from_static(name.as_bytes())
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The lines that this thread logs from here on. One subscriber serves all tests: several that come and go, on
/// several threads, miss lines.
pub(crate) struct Log;

impl Log {
    pub(crate) fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_writer(|| Self)
                .with_ansi(false)
                .with_max_level(tracing::Level::INFO)
                .init();
        });
        LINES.with_borrow_mut(Vec::clear);
        Self
    }

    /// Those of this crate.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = LINES.with_borrow(|text| String::from_utf8(text.clone()).unwrap());
        let ours = text.lines().filter(|line| line.contains("obs_redis"));
        ours.map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
