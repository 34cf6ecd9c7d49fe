//! The command `replay`.
use std::{path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use obs_replay::{
    Progress,
    log::{Log, Replayed, Report, Survey, Sweep, Tried},
};

use super::{Outputs, layers, sweep::WhatIf};
use crate::{names::AUTO, settings::Settings};

/// Says what these settings would have saved on the calls of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// The log.
    pub log: PathBuf,
    /// As if every caller had left the choice to the policy.
    pub auto: bool,
    /// Settings that are tried at several values.
    pub what_if: Vec<String>,
    /// Where the figures go.
    pub to: Outputs,
}

impl Replay {
    pub(crate) fn command() -> Command {
        Command::new("replay")
            .about("Say what these settings would have saved on the calls of a log")
            .arg(
                Arg::new("log")
                    .value_name("LOG")
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .help("Log of calls: a file, or the first of a rotated set; plain or gzipped"),
            )
            .arg(
                Arg::new("auto")
                    .long("auto")
                    .action(ArgAction::SetTrue)
                    .help("As if every caller had asked for `auto`, whatever model they named"),
            )
            .arg(
                Arg::new("what-if")
                    .long("what-if")
                    .value_name("SETTING=VALUES")
                    .action(ArgAction::Append)
                    .help("Try a setting at several values: router.threshold=0.1..0.9, cache.ttl=1m,10m,1h"),
            )
            .args(Outputs::args())
    }

    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let what_if = matches.get_many::<String>("what-if");
        Self {
            log: matches
                .get_one::<PathBuf>("log")
                .cloned()
                .unwrap_or_default(),
            auto: matches.get_flag("auto"),
            what_if: what_if.into_iter().flatten().cloned().collect(),
            to: Outputs::of(matches),
        }
    }

    pub(crate) fn run(&self, settings: &Settings) -> ExitCode {
        match self.print(settings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("gateway: {problem}");
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self, settings: &Settings) -> Result<(), String> {
        if layers::routes(settings).next().is_none() {
            return Err(
                "a replay needs [[routes]]: their models are what calls are replayed on".into(),
            );
        }
        let tries = self.what_if.iter().map(|text| WhatIf::read(text, settings));
        let tries: Vec<_> = tries.collect::<Result<_, _>>()?;
        let routes = layers::routes(settings).map(|of| (of.name.clone(), of.model.clone()));
        let mut log = Log::new(&self.log, routes);
        if self.auto {
            log = log.asking_for(AUTO);
        }
        let bar = Progress::new("reading");
        let survey = log.survey(&mut |done, total| bar.set(done, total));
        drop(bar);
        let survey = survey.map_err(|error| error.to_string())?;
        let replayed = replayed(&survey, settings)?;
        let mut report = Report::new(survey.facts.clone(), replayed, layers::left_out(settings));
        for of in tries {
            let tried = of.values.iter().map(|value| {
                Ok(Tried {
                    value: value.text.clone(),
                    number: value.number,
                    replayed: replayed_with(&survey, settings, &of, value)?,
                })
            });
            report.what_if.push(Sweep {
                setting: of.setting().into(),
                tried: tried.collect::<Result<_, String>>()?,
            });
        }
        print!("{}", report.text());
        self.to.write(&report, || report.html())
    }
}

fn replayed_with(
    survey: &Survey,
    settings: &Settings,
    of: &WhatIf,
    value: &super::sweep::Value,
) -> Result<Replayed, String> {
    replayed(survey, &of.with(settings, value)?)
}

fn replayed(survey: &Survey, settings: &Settings) -> Result<Replayed, String> {
    let layers = layers::of(settings, survey.facts.first).map_err(|error| error.to_string())?;
    let bar = Progress::new("replaying");
    survey
        .replay(&layers, layers::baseline(settings), &mut |done, total| {
            bar.set(done, total)
        })
        .map_err(|error| error.to_string())
}
