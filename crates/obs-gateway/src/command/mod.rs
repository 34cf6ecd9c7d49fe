//! What the program does besides serving: it learns from logs.
pub(crate) mod eval;
mod foreign;
pub(crate) mod import;
mod picture;
mod progress;
mod rows;
mod table;
pub(crate) mod train;

use std::{fmt, process::ExitCode};

use clap::{Arg, ArgMatches, Command};

pub use self::{eval::Eval, import::Import, train::Train};

/// Why a command came to no end.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

/// Says what went wrong, if something did.
pub(crate) fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(problem)) => {
            eprintln!("gateway: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The log or logs that a command reads.
fn logs() -> Arg {
    Arg::new("logs")
        .value_name("LOG")
        .required(true)
        .num_args(1..)
        .value_parser(clap::value_parser!(std::path::PathBuf))
        .help("Log of calls: a file, or the first of a rotated set; plain or gzipped")
}

/// Arguments by which rows are made of a log.
fn of_rows(command: Command) -> Command {
    let route = |name: &'static str, about: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("ROUTE")
            .default_value(name)
            .help(about)
    };
    command
        .arg(logs())
        .arg(route("cheap", "Name of the cheap route in the log"))
        .arg(route("premium", "Name of the premium route in the log"))
        .arg(
            Arg::new("one-sided")
                .long("one-sided")
                .action(clap::ArgAction::SetTrue)
                .help(
                    "Use calls, too, of which one answer alone was judged: the other one is taken to be as good as answers of its \
                     route are on average. That is a guess, and policies choose what they are judged on",
                ),
        )
}

fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}
