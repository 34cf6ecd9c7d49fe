//! The command `replay`.
use std::{path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use obs_replay::{
    Ended, ModelledJudge, Progress,
    log::{Hedged, Judging, Log, Replayed, Report, Survey, Sweep, Tried},
};

use super::{Outputs, judging, layers, left_out::left_out, policy, sweep::WhatIf};
use crate::{names::AUTO, settings::Settings};

/// Says what these settings would have saved on the calls of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// The log.
    pub log: PathBuf,
    /// As if every caller had left the choice to the policy.
    pub auto: bool,
    /// A judge in the place of those of the settings, as `80/10`: percent of bad answers that it finds, and of good ones that it takes
    /// for bad.
    pub judge: Option<String>,
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
                Arg::new("judge")
                    .long("judge")
                    .value_name("FOUND/FALSE")
                    .help("A judge in the place of those of the settings, that finds so many percent of bad answers and takes so many of good ones for bad: 80/10"),
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
            judge: matches.get_one::<String>("judge").cloned(),
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
        self.judge()?;
        let tries = self.what_if.iter().map(|text| WhatIf::read(text, settings));
        let tries: Vec<_> = tries.collect::<Result<_, _>>()?;
        let routes = layers::routes(settings).map(|of| (of.name.clone(), of.model.clone()));
        let mut log = Log::new(&self.log, routes);
        if self.auto {
            log = log.asking_for(AUTO);
        }
        if policy::reads_features(settings) {
            log = log.by_features();
        }
        let bar = Progress::new("reading");
        let survey = log.survey(&mut |done, total| bar.set(done, total));
        drop(bar);
        let survey = survey.map_err(|error| error.to_string())?;
        let replayed = self.replayed(&survey, settings)?;
        let mut report = Report::new(
            survey.facts.clone(),
            replayed,
            left_out(settings, self.judge.is_some()),
        );
        for of in tries {
            let tried = of.values.iter().map(|value| {
                Ok(Tried {
                    value: value.text.clone(),
                    number: value.number,
                    replayed: self.replayed(&survey, &of.with(settings, value)?)?,
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

    fn judge(&self) -> Result<Option<ModelledJudge>, String> {
        let judge = self.judge.as_deref().map(judging::read);
        judge.transpose()
    }

    fn replayed(&self, survey: &Survey, settings: &Settings) -> Result<Replayed, String> {
        let made = layers::of(settings, survey.facts.first, self.judge()?);
        let made = made.map_err(|error| error.to_string())?;
        let bar = Progress::new("replaying");
        let mut progress = |done, total| bar.set(done, total);
        let mut heard = |call: &Ended<'_>| {
            if let Some(model) = &made.model {
                model.ended(call);
            }
        };
        let (layers, baseline) = (made.layers, layers::baseline(settings));
        let replayed = match &made.judging {
            Some(judging) => {
                let layers = layers.judge(judging.clone());
                survey.replay_heard(&layers, baseline, &mut progress, &mut heard)
            }
            None => survey.replay_heard(&layers, baseline, &mut progress, &mut heard),
        };
        let mut replayed = replayed.map_err(|error| error.to_string())?;
        replayed.judged = made.judging.as_ref().map(Judging::judged);
        replayed.hedged = made.hedge.map(|hedge| {
            let of = hedge.stats();
            Hedged {
                made: of.started,
                won: of.won,
                refused: of.refused.iter().sum(),
            }
        });
        Ok(replayed)
    }
}
