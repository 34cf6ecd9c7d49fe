//! Logs of outcomes, one JSON object a line, gzipped or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;

/// One line of a log.
#[derive(Debug, Deserialize)]
pub(crate) struct Logged {
    /// What was asked.
    pub(crate) prompt: String,
    /// What was known of the call beforehand.
    pub(crate) group: Option<String>,
    /// Of both answers.
    pub(crate) quality: Quality,
}

/// Quality of both answers, from 0 to 1.
#[derive(Debug, Deserialize)]
pub(crate) struct Quality {
    /// Of the cheap one.
    #[serde(alias = "cheap")]
    pub(crate) weak: f32,
    /// Of the premium one.
    #[serde(alias = "premium")]
    pub(crate) strong: f32,
}

/// Reads a log; a name that ends in `.gz` says that it is gzipped.
pub(crate) fn read(path: &str) -> io::Result<Vec<Logged>> {
    let file = File::open(path)?;
    let reader: Box<dyn Read> = if path.ends_with(".gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let row = serde_json::from_str(&line?)
            .map_err(|error| io::Error::other(format!("{path}, line {}: {error}", number + 1)))?;
        rows.push(row);
    }
    Ok(rows)
}
