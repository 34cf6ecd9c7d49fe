//! The public data that the proof is made of.
use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, de::DeserializeOwned};

/// What has to be in the directory, what it is, and where it comes from.
const FILES: [(&str, &str); 3] = [
    (
        "routing_mmlu.jsonl",
        "{\"group\", \"prompt\", \"quality\": {\"weak\", \"strong\"}}: questions of MMLU (MIT), and whether the answers of Mixtral-8x7B and \
         gpt-4-1106 were right, from the evaluation files of github.com/lm-sys/RouteLLM (Apache-2.0)",
    ),
    (
        "routing_gsm8k.jsonl",
        "the same for GSM8K (MIT), with {\"response_chars\": {\"weak\", \"strong\"}}, the lengths of the answers; from RouteLLM too",
    ),
    (
        "trace_azure2023_code.jsonl",
        "{\"t\"}: moments in seconds at which a service was asked for code, of github.com/Azure/AzurePublicDataset (CC-BY-4.0)",
    ),
];

/// The data of the proof.
#[derive(Debug)]
pub(crate) struct Data {
    /// Distinct prompts.
    pub(crate) prompts: Vec<Prompt>,
    /// When calls came, since the first, in order.
    pub(crate) arrivals: Vec<Duration>,
    /// Characters of weak and strong answers to one question, wherever they are known.
    pub(crate) lengths: Vec<[u64; 2]>,
}

/// A prompt, and what came of it.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) text: Arc<str>,
    pub(crate) group: Arc<str>,
    /// Whether the weak and the strong answer were right.
    pub(crate) quality: [f32; 2],
    pub(crate) chars: Option<[u64; 2]>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file is not there.
    #[error("{} is not there, nor with .gz. The proof reads JSON lines of public data:\n{}", .0.display(), needed())]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("{}: {source}", .file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Too little is in it.
    #[error("{0}")]
    TooLittle(String),
}

#[derive(Deserialize)]
struct Row {
    prompt: Arc<str>,
    #[serde(default)]
    group: Option<Arc<str>>,
    quality: Both<f32>,
    #[serde(default)]
    response_chars: Option<Both<u64>>,
}

#[derive(Clone, Copy, Deserialize)]
struct Both<T> {
    weak: T,
    strong: T,
}

#[derive(Deserialize)]
struct Arrived {
    t: f64,
}

impl Data {
    pub(crate) fn read(dir: &Path) -> Result<Self, DataError> {
        let mut data = Self {
            prompts: Vec::new(),
            arrivals: Vec::new(),
            lengths: Vec::new(),
        };
        let mut known = HashSet::new();
        for (file, _) in &FILES[..2] {
            for row in lines::<Row>(dir, file)? {
                let chars = row.response_chars.map(|of| [of.weak, of.strong]);
                data.lengths.extend(chars);
                if known.insert(row.prompt.clone()) {
                    data.prompts.push(Prompt {
                        text: row.prompt,
                        group: row.group.unwrap_or_else(|| (*file).into()),
                        quality: [row.quality.weak, row.quality.strong],
                        chars,
                    });
                }
            }
        }
        let arrived = lines::<Arrived>(dir, FILES[2].0)?;
        let first = arrived.first().map_or(0.0, |of| of.t);
        let since = |of: &Arrived| Duration::try_from_secs_f64(of.t - first).unwrap_or_default();
        data.arrivals = arrived.iter().map(since).collect();
        data.arrivals.sort();
        data.check()?;
        Ok(data)
    }

    fn check(&self) -> Result<(), DataError> {
        let (prompts, calls) = (self.prompts.len(), self.arrivals.len());
        let problem = if calls < 100 {
            format!("{calls} arrivals; at least 100 are needed")
        } else if prompts < calls {
            format!(
                "{prompts} distinct prompts for {calls} arrivals: there must be as many, or repeats could not be rare"
            )
        } else if self.lengths.is_empty() {
            "no row has response_chars: the lengths of answers are modelled after them".to_owned()
        } else {
            return Ok(());
        };
        Err(DataError::TooLittle(problem))
    }
}

fn lines<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Vec<T>, DataError> {
    let plain = dir.join(name);
    let packed = dir.join(format!("{name}.gz"));
    let file = match (packed.exists(), plain.exists()) {
        (true, _) => packed,
        (_, true) => plain,
        _ => return Err(DataError::Missing(plain)),
    };
    let fault = |source| DataError::Read {
        file: file.clone(),
        source,
    };
    let opened = File::open(&file).map_err(fault)?;
    let reader: Box<dyn Read> = match file.extension().is_some_and(|of| of == "gz") {
        true => Box::new(MultiGzDecoder::new(opened)),
        false => Box::new(opened),
    };
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(fault)?;
        let row = serde_json::from_str(&line)
            .map_err(|error| fault(io::Error::other(format!("line {}: {error}", number + 1))))?;
        rows.push(row);
    }
    Ok(rows)
}

/// What has to be in the directory, and where it comes from.
#[must_use]
pub fn needed() -> String {
    let lines = FILES.map(|(file, what)| format!("  {file}[.gz]  {what}\n"));
    lines.concat()
}
