//! Reading what Prometheus would read.
use std::{collections::BTreeMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One answer of `/metrics`.
#[derive(Debug, Default)]
pub struct Scrape {
    /// Name to type.
    pub types: BTreeMap<String, String>,
    /// Series as written (`name{label="value",..}`) to value.
    pub samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads the text format.
    ///
    /// # Panics
    /// On a line that is none, and on a series that comes twice.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(named) = line.strip_prefix("# TYPE ") {
                let (name, kind) = named.split_once(' ').expect("a name and a type");
                scrape.types.insert(name.into(), kind.into());
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let value = value.parse().expect("a number");
                let before = scrape.samples.insert(series.into(), value);
                assert_eq!(before, None, "twice: {series}");
            }
        }
        scrape
    }

    /// The value of this series, as written.
    #[must_use]
    pub fn value(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// The sum over all series of this name, whatever their labels.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        let samples = self.samples.iter();
        samples
            .filter(|(series, _)| of_name(series))
            .map(|(_, value)| value)
            .sum()
    }
}

/// What `/metrics` answers at this address, over HTTP.
///
/// # Panics
/// When there is no answer, or one with another status than 200.
pub async fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.to_lowercase().contains("content-length:"), "{head}");
    body.into()
}
