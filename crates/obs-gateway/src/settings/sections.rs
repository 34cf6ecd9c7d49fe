//! The settings as the gateway reads them, one type a section.
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use obs_core::{Commit, Price, PriceTable, Usd};

use super::{Budget, Freshness, Judging, Seal, Secret, implied, table};

/// All that can be set. [`Settings::default`] is what is in force where nobody says anything: the simulated provider
/// with two routes, answers kept in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How the gateway meets its callers.
    pub server: Server,
    /// Where the keys of callers are, beside those of this file.
    pub keys_file: Option<PathBuf>,
    /// What an operator may do over the network.
    pub admin: Admin,
    /// Where Prometheus finds the metrics.
    pub metrics: Metrics,
    /// What the log tells, and how.
    pub log: Log,
    /// Where answers are kept, and for how long.
    pub cache: Cache,
    /// Which model a call for `auto` goes to.
    pub router: Router,
    /// What may be spent.
    pub budget: Budget,
    /// How long everything may take.
    pub timeout: Timeout,
    /// What tokens cost.
    pub prices: Prices,
    /// The provider that only pretends.
    pub simulated: Simulated,
    /// Who answers; never empty. The first one takes what no route names.
    pub providers: Vec<Provider>,
    /// Where `auto` may go, the cheapest first. May be empty, where there is no `auto`.
    pub routes: Vec<Route>,
    /// Who may call; empty: everyone.
    pub keys: Vec<VirtualKey>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = table::defaults();
        implied::simulated(&mut settings);
        settings
    }
}

/// How the gateway meets its callers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Most bytes of a request's body; more is a 413.
    pub max_body: usize,
    /// For how long a shutdown waits for calls in flight.
    pub drain: Duration,
    /// What keeps callers apart.
    pub tenant: Tenant,
    /// After so long without an answer a stream gets its 200 and comments; `None`: it waits.
    pub keep_alive: Option<Duration>,
    /// Most calls that are under way at a time, each to its last token.
    pub max_concurrency: usize,
    /// Most that wait for a place, for a second at most.
    pub max_queue: usize,
    /// Most connections that are open at a time.
    pub max_connections: usize,
    /// Until the headers of a request are there.
    pub header_timeout: Duration,
    /// Certificates in PEM form, the gateway's own first; `None`: connections are not encrypted.
    pub tls_cert: Option<PathBuf>,
    /// The private key of the first one, in PEM form.
    pub tls_key: Option<PathBuf>,
}

/// What keeps the cached answers of callers apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tenant {
    /// The credential that they send, divided further by `x-obs-tenant`.
    #[default]
    Credential,
    /// `x-obs-tenant` alone, written by a proxy that is trusted.
    Header,
    /// Nothing: all callers share.
    Shared,
}

/// What an operator may do over the network.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Admin {
    /// Who shows it may use `/admin/v1`; `None`: there is no such thing.
    pub token: Option<Secret>,
}

/// Where Prometheus finds the metrics.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Address of `/metrics`; `None`: none is served.
    pub listen: Option<SocketAddr>,
}

/// What the log tells, and how, where prompts and answers are never in it; and the log of calls, where they are if that is said.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Log {
    /// A level, or directives of tracing-subscriber.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// Where an entry is written for each call; `None`: nowhere.
    pub file: Option<PathBuf>,
    /// How large that file may become before it is put aside.
    pub max_bytes: usize,
    /// How many such files are kept, the one that is written to included.
    pub files: u32,
    /// Whether entries have the text of prompts.
    pub prompts: bool,
    /// Whether entries have the text of answers.
    pub answers: bool,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where answers are kept, and for how long.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Cache {
    /// Where.
    pub store: Store,
    /// Memory in front of Redis.
    pub tier: bool,
    /// For how long an answer is fresh.
    pub ttl: Duration,
    /// Most bytes in memory.
    pub max_bytes: usize,
    /// Largest answer that is kept, in bytes.
    pub max_entry: usize,
    /// Longest that Redis may take for one look-up.
    pub redis_timeout: Duration,
    /// Certificates in PEM form that Redis is trusted by, in place of those of the system.
    pub ca_file: Option<PathBuf>,
    /// Key of the hashes of requests and tenants; `None`: a fixed one.
    pub key: Option<Secret>,
    /// For how long answers are good, and what is done about those that are not.
    pub freshness: Freshness,
    /// What answers in Redis are encrypted with.
    pub seal: Seal,
}

/// Where answers are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// Nowhere.
    Off,
    /// In this process.
    #[default]
    Memory,
    /// In Redis at this URL, which may hold a password.
    Redis(Secret),
}

/// Which model a call for `auto` goes to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Router {
    /// Who decides.
    pub policy: Policy,
    /// Score from which on a prompt is hard, 0 to 1.
    pub threshold: f64,
    /// The model of a learned policy, and of expected cost.
    pub model: Option<PathBuf>,
    /// Where what such a model learns in traffic outlives the process; `None`: nowhere.
    pub state: Option<PathBuf>,
    /// What a good answer is worth in place of a bad one, where expected cost decides.
    pub answer_worth: Option<Usd>,
    /// Share of bad answers that the judges of the cascade find, 0 to 1, where expected cost decides.
    pub judge_detection: Option<f64>,
    /// Share of good answers that they take for bad ones, 0 to 1.
    pub judge_false_alarms: Option<f64>,
    /// What a learned policy spends premium calls for.
    pub wish: Wish,
    /// Whether a learned policy begins with its model also where that was found no better than the rule.
    pub trust_model: bool,
    /// Whether a conversation stays where the provider has its prompt, while that is worth more than a switch.
    pub sticky: bool,
    /// Who looks at cheap answers, and sends bad ones on; empty: nobody.
    pub cascade: Vec<Judging>,
    /// Share of the calls that the first and the last route are both asked for, in the background.
    pub shadow_share: f64,
    /// Name of the route that is taken when a policy fails; `None`: the last one.
    pub default: Option<String>,
    /// Name of the route that savings are measured against; `None`: the last one.
    pub baseline: Option<String>,
    /// Up to where a streamed answer can still be replaced by another route's.
    pub commit: Commit,
    /// How often a route is asked again after a failure that may pass.
    pub retries: u32,
    /// After so many failures in a row a route is left out for a while; zero: never.
    pub breaker_failures: u32,
    /// For how long it is left out at first, and for four times as long at most.
    pub breaker_rest: Duration,
    /// An answer whose first token takes longer is a failure too; `None`: slow is no failure.
    pub breaker_slow: Option<Duration>,
    /// Model of the route `cheap` that is there where no route is given.
    pub cheap_model: Option<String>,
    /// Model of the route `premium` that is there where no route is given.
    pub premium_model: Option<String>,
}

/// Who decides which route is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Rules on the structure of the prompt.
    #[default]
    Complexity,
    /// Chance, by the weights of the routes: the same for a conversation, or for a question.
    Weighted,
    /// Nobody: always the default route.
    Default,
    /// A model that was trained on outcomes.
    Learned,
    /// The same model, the prices of the routes, and what a good answer is worth.
    ExpectedCost,
}

impl Policy {
    /// Whether it decides by a model, and learns in traffic.
    #[must_use]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Learned | Self::ExpectedCost)
    }
}

/// What premium calls are spent for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// This share of the calls, from 0 to 1.
    Share(f64),
    /// This part of what the premium route is better by, from 0 to 1, for as few premium calls as on the rows of training.
    Quality(f64),
    /// As many as this buys.
    UsdPerDay(Usd),
}

impl Default for Wish {
    fn default() -> Self {
        Self::Share(0.3)
    }
}

/// How long everything may take.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Timeout {
    /// The whole call, to its last token; it is late then.
    pub total: Duration,
    /// What a late call may still take.
    pub grace: Duration,
    /// Until the provider has taken the connection.
    pub connect: Duration,
    /// Until the first token.
    pub first_token: Option<Duration>,
    /// Until the first token, where another route is left.
    pub first_token_with_fallback: Option<Duration>,
    /// Between two tokens.
    pub idle: Option<Duration>,
    /// One plain answer; `None`: what is left of the call, shared among the routes that are left.
    pub attempt: Option<Duration>,
    /// Percentile of the times to the first token that a shorter limit is learned from; `None`: none is.
    pub adaptive: Option<f64>,
    /// Shortest limit that is learned.
    pub adaptive_floor: Duration,
    /// After so long without its first token a stream is asked for a second time; `None`: never.
    pub hedge_after: Option<Duration>,
    /// Most second attempts, as a share of the calls.
    pub hedge_share: f64,
    /// Most of them at once over that share.
    pub hedge_burst: u32,
    /// Most dollars an hour for them; `None`: no matter how many.
    pub hedge_usd_per_hour: Option<Usd>,
}

/// What tokens cost.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Prices {
    /// A table in LiteLLM's format, over the bundled one.
    pub file: Option<PathBuf>,
    /// What is in that file.
    pub own: Option<PriceTable>,
}

/// The provider that only pretends.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Simulated {
    /// Factor of its latency, 0 to 100.
    pub latency: f64,
}

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Provider {
    /// For routes, logs and metrics.
    pub name: Arc<str>,
    /// What it speaks.
    pub format: Format,
    /// Its address, without a slash at the end. Empty where it is simulated.
    pub base_url: String,
    /// Name of the variable that holds the key.
    pub api_key_env: Option<String>,
    /// A file that holds the key instead, such as a mounted secret.
    pub api_key_file: Option<PathBuf>,
    /// Certificates in PEM form that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// What is in that file.
    pub ca: Option<Vec<u8>>,
    /// In which headers it is told how much time is left.
    pub deadline: TellDeadline,
    /// It speaks HTTP/2 alone, also without TLS.
    pub http2: bool,
    /// What becomes of an event of its streams that is no JSON.
    pub malformed: Malformed,
    /// The key; `None`: the caller's own credential is passed on.
    pub api_key: Option<Secret>,
}

/// In which headers a provider is told how much time is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TellDeadline {
    /// In both.
    #[default]
    Both,
    /// In `x-obs-deadline-ms`.
    Http,
    /// In `grpc-timeout`.
    Grpc,
    /// In none.
    Off,
}

impl TellDeadline {
    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Off => "off",
        }
    }
}

/// What becomes of an event of a stream that is no JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Malformed {
    /// The stream ends with an error.
    #[default]
    Error,
    /// It is passed over, and counted.
    Skip,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's API.
    #[default]
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// It is the one in this process, that only pretends.
    Simulated,
}

/// One model that `auto` may go to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Route {
    /// For callers, logs and metrics.
    pub name: Arc<str>,
    /// Name of its provider; `None`: the first one.
    pub provider: Option<Arc<str>>,
    /// As the provider calls it.
    pub model: Arc<str>,
    /// Routes that take over when this one was asked for by name and fails, in order.
    pub fallback: Vec<Arc<str>>,
    /// How many tokens it can read; `None`: as the price table says.
    pub context: Option<u64>,
    /// Its price, over the table.
    pub price: Option<Price>,
    /// Until its first token, in place of the general limits.
    pub first_token: Option<Duration>,
    /// Its share of what falls over to routes with a weight, and of what is split by weight; `None`: the order holds.
    pub weight: Option<u32>,
    /// Its model goes on with an answer whose beginning is the last message.
    pub prefill: bool,
}

/// A key that the gateway gives to a caller. It is no key of a provider.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VirtualKey {
    /// For logs and budgets.
    pub name: Arc<str>,
    /// BLAKE3 of the key: the key itself is nowhere.
    pub hash: [u8; 32],
    /// Whose cached answers its callers share; `None`: those of no other key.
    pub tenant: Option<Arc<str>>,
    /// Names of models and routes that it may ask for; `None`: all.
    pub models: Option<Vec<Arc<str>>>,
    /// Whether it may use endpoints that are passed on as they are.
    pub other_endpoints: bool,
    /// Most requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Most that it may spend in an hour.
    pub usd_per_hour: Option<Usd>,
    /// Most that it may spend in a day.
    pub usd_per_day: Option<Usd>,
    /// When it ends.
    pub expires: Option<SystemTime>,
}
