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
use obs_ledger::{LONGEST_LINE, Record};

use super::{Failure, ended, foreign::Foreign, progress};

/// How many lines with something wrong are shown.
const SHOWN: u64 = 3;

/// What is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    from: PathBuf,
    to: Option<PathBuf>,
    prices: Option<PathBuf>,
    prompts: bool,
    answers: bool,
}

/// How many lines had something wrong with them.
#[derive(Default)]
struct Told(u64);

pub(crate) fn command() -> Command {
    let file = || value_parser!(PathBuf);
    Command::new("import")
        .about("Make a log of calls of another gateway's: JSON lines with a request and its response in OpenAI's format, or Anthropic's")
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
        .arg(
            Arg::new("answers")
                .long("answers")
                .action(ArgAction::SetTrue)
                .help("Keep the text of answers, for judges to look at in a replay"),
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
            answers: matches.get_flag("answers"),
        }
    }

    pub(crate) fn run(&self) -> ExitCode {
        ended(self.import())
    }

    fn import(&self) -> Result<(), Failure> {
        let foreign = Foreign {
            prices: self.prices()?,
            prompts: self.prompts,
            answers: self.answers,
        };
        let mut to: Box<dyn Write> = match &self.to {
            Some(path) => Box::new(File::create(path).map_err(|error| of(path, &error))?),
            None => Box::new(io::stdout().lock()),
        };
        let mut to = BufWriter::new(&mut to);
        let (mut lines, total) = open(&self.from)?;
        let bar = progress::bytes("import", total);
        let (mut line, mut number, mut read) = (Vec::new(), 0, 0_u64);
        let (mut passed, mut unclear) = (Told::default(), Told::default());
        while let Some(whole) =
            take(&mut lines, &mut line).map_err(|error| of(&self.from, &error))?
        {
            number += 1;
            bar.inc(line.len() as u64);
            if line.trim_ascii().is_empty() {
                continue;
            }
            let found = match whole {
                true => foreign.read(&line, number),
                false => Err(format!("longer than {} MiB", LONGEST_LINE >> 20)),
            };
            match found {
                Ok(found) => {
                    read += 1;
                    for record in &found.records {
                        write(&mut to, record)?;
                    }
                    if let Some(problem) = found.unclear {
                        unclear.tell(&self.from, number, &problem);
                    }
                }
                Err(problem) => passed.tell(&self.from, number, &problem),
            }
        }
        bar.finish_and_clear();
        to.flush().map_err(Failure::new)?;
        eprintln!(
            "gateway: {read} calls imported, {} lines passed over",
            passed.0
        );
        if unclear.0 > 0 {
            eprintln!(
                "gateway: {} judgements could not be read: their calls were imported without",
                unclear.0
            );
        }
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

impl Told {
    /// The first ones are shown.
    fn tell(&mut self, from: &Path, line: u64, problem: &str) {
        self.0 += 1;
        if self.0 <= SHOWN {
            eprintln!("gateway: {}, line {line}: {problem}", from.display());
        }
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

/// Reads a line, and whether that is all of it: of one that is too long the rest is passed over. `None`: there is none.
fn take(lines: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<Option<bool>> {
    into.clear();
    let read = lines.take(LONGEST_LINE).read_until(b'\n', into)?;
    let is_whole = (read as u64) < LONGEST_LINE || into.ends_with(b"\n");
    if !is_whole {
        lines.skip_until(b'\n')?;
    }
    Ok((read > 0).then_some(is_whole))
}

fn of(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_that_is_too_long_the_rest_is_no_line() {
        let long = io::repeat(b'x').take(LONGEST_LINE + 100);
        let mut lines = BufReader::new(long.chain(&b"\n{}\nlast"[..]));
        let mut line = Vec::new();
        let mut next = || take(&mut lines, &mut line).unwrap();
        assert_eq!(
            (next(), next(), next()),
            (Some(false), Some(true), Some(true))
        );
        assert_eq!(next(), None);
    }
}
