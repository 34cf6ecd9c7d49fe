//! An OpenAI-compatible provider that misbehaves on purpose, to try clients and gateways against.
//!
//! It answers `chat/completions` (plain and streamed), `embeddings` and `models` as OpenAI does, and does one of its
//! [`faults`](FAMILIES) to requests that ask for it: by the name of the model (`fault/503-once`), by a header
//! (`x-fault: 503-once`), or because a test says so ([`FaultServer::script`]). What it saw is in its [`Log`].
//!
//! In a test, in memory and with a paused clock:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use fault_server::{FaultServer, Script};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! let server = FaultServer::in_memory();
//! server.script("small", "503-once".parse()?);
//!
//! let mut connection = server.connect(); // or a client of FaultServer::start().await?.base_url()
//! let body = r#"{"model": "small", "messages": [{"role": "user", "content": "hello"}]}"#;
//! let head = format!("POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
//! connection.write_all(format!("{head}{body}").as_bytes()).await?;
//! let mut answer = String::new();
//! connection.read_to_string(&mut answer).await?;
//!
//! assert!(answer.starts_with("HTTP/1.1 503"));
//! assert_eq!(server.log().count("small"), 1);
//! # Ok(())
//! # }
//! ```
//!
//! All its waits are of Tokio's time, shortened by a [`Tempo`]. State is kept for each model and script apart, so that
//! tests which share a server do not disturb each other as long as they use names of their own (`fault/503-once@mine`).
//! It spawns a task for each connection; all of them end with the last clone of the server.

mod answer;
mod ask;
mod builder;
mod chat;
mod connection;
mod content;
mod control;
mod embeddings;
mod endpoints;
mod faults;
mod http1;
mod http2;
mod lasting;
mod log;
mod pace;
mod reply;
mod script;
mod server;
mod shared;
mod tempo;
mod tls;
mod visit;
mod wire;

pub use self::{
    ask::Ask,
    builder::Builder,
    content::answer_text,
    faults::{FAMILIES, Family, Fault},
    log::{Ending, Log, Seen},
    pace::Pace,
    reply::{Framing, Head, Reply},
    script::{Script, UnknownFault},
    server::FaultServer,
    tempo::Tempo,
    tls::{TlsFault, UnknownTlsFault},
    visit::Visit,
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
