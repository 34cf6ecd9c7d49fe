//! `gateway import`: other gateways' logs, one request and its response a line, into a log of calls.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use flate2::bufread::MultiGzDecoder;
use obs_core::PriceTable;
use obs_ledger::Record;

use super::{Failure, ended, foreign::Foreign, progress};

/// How many lines that cannot be read are shown.
const SHOWN: u64 = 3;

/// What is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    from: PathBuf,
    to: Option<PathBuf>,
    prices: Option<PathBuf>,
    prompts: bool,
}

pub(crate) fn command() -> Command {
    let file = || value_parser!(PathBuf);
    Command::new("import")
        .about("Make a log of calls of another gateway's: JSON lines with a request and its response in OpenAI's format")
        .arg(
            Arg::new("from")
                .value_name("FILE")
                .required(true)
                .value_parser(file())
                .help("Plain or gzipped; - is standard input"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .value_parser(file())
                .help("Where the log is written; unset: to standard output"),
        )
        .arg(
            Arg::new("prices")
                .long("prices")
                .value_name("FILE")
                .value_parser(file())
                .help("A table of prices in LiteLLM's format, over the bundled one"),
        )
        .arg(
            Arg::new("prompts")
                .long("prompts")
                .action(ArgAction::SetTrue)
                .help("Keep the text of prompts, for a model of words to be trained on"),
        )
}

impl Import {
    pub(crate) fn read(matches: &ArgMatches) -> Self {
        let file = |name| matches.get_one::<PathBuf>(name).cloned();
        Self {
            from: file("from").unwrap_or_default(),
            to: file("output"),
            prices: file("prices"),
            prompts: matches.get_flag("prompts"),
        }
    }

    pub(crate) fn run(&self) -> ExitCode {
        ended(self.import())
    }

    fn import(&self) -> Result<(), Failure> {
        let foreign = Foreign {
            prices: self.prices()?,
            prompts: self.prompts,
        };
        let mut to: Box<dyn Write> = match &self.to {
            Some(path) => Box::new(File::create(path).map_err(|error| of(path, &error))?),
            None => Box::new(io::stdout().lock()),
        };
        let mut to = BufWriter::new(&mut to);
        let (mut lines, total) = open(&self.from)?;
        let bar = progress::bytes("import", total);
        let (mut line, mut number, mut read, mut bad) = (Vec::new(), 0, 0_u64, 0_u64);
        while take(&mut lines, &mut line).map_err(|error| of(&self.from, &error))? {
            number += 1;
            bar.inc(line.len() as u64);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match foreign.records(&line, number) {
                Ok(records) => {
                    read += 1;
                    for record in records {
                        write(&mut to, &record)?;
                    }
                }
                Err(problem) => {
                    bad += 1;
                    if bad <= SHOWN {
                        eprintln!("gateway: {}, line {number}: {problem}", self.from.display());
                    }
                }
            }
        }
        bar.finish_and_clear();
        to.flush().map_err(Failure::new)?;
        eprintln!("gateway: {read} calls imported, {bad} lines passed over");
        match read {
            0 => Err(Failure::new("no line is a request with its response")),
            _ => Ok(()),
        }
    }

    fn prices(&self) -> Result<PriceTable, Failure> {
        let Some(path) = &self.prices else {
            return Ok(PriceTable::bundled());
        };
        let text = std::fs::read_to_string(path).map_err(|error| of(path, &error))?;
        let own = PriceTable::from_json(&text)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(PriceTable::bundled().merge(&own))
    }
}

fn write(to: &mut impl Write, record: &Record) -> Result<(), Failure> {
    serde_json::to_writer(&mut *to, record).map_err(Failure::new)?;
    to.write_all(b"\n").map_err(Failure::new)
}

/// The lines, and how many bytes there are, where they are not compressed.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    let raw: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path).map_err(|error| of(path, &error))?),
    };
    let mut raw = BufReader::new(raw);
    let packed = raw
        .fill_buf()
        .map_err(|error| of(path, &error))?
        .starts_with(&[0x1f, 0x8b]);
    Ok(match packed {
        true => (Box::new(BufReader::new(MultiGzDecoder::new(raw))), None),
        false => (Box::new(raw), path.metadata().ok().map(|m| m.len())),
    })
}

/// One line; `false`: there is none.
fn take(lines: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    into.clear();
    let most = obs_ledger::LONGEST_LINE;
    Ok(lines.take(most).read_until(b'\n', into)? > 0)
}

fn of(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
