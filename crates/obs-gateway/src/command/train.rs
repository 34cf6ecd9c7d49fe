//! `gateway train`: from a log to a model, and what it is worth.
use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use obs_learn::{GROUP_PRIOR, LENGTH, Trainer, Training};

use super::{Failure, ended, of_rows, picture, progress, rows::Rows, table::table};
use crate::clock::WallClock;

/// What is to be trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Train {
    rows: Rows,
    output: PathBuf,
    picture: Option<PathBuf>,
    seed: u64,
    prompts_alone: bool,
}

pub(crate) fn command() -> Command {
    let train = Command::new("train").about(
        "Learn from a log which prompts gain by the premium route; say what the model is worth, and write it",
    );
    of_rows(train)
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .default_value("router.json")
                .value_parser(value_parser!(PathBuf))
                .help("Where the model is written"),
        )
        .arg(
            Arg::new("picture")
                .long("picture")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where the curve of cost and quality is drawn, .svg or .html; unset: beside the model"),
        )
        .arg(
            Arg::new("prompts-alone")
                .long("prompts-alone")
                .action(ArgAction::SetTrue)
                .help("Do not learn what is usual for each group or tenant"),
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("NUMBER")
                .default_value("1")
                .value_parser(value_parser!(u64))
                .help("Decides what is held out when"),
        )
}

impl Train {
    pub(crate) fn read(matches: &ArgMatches) -> Self {
        let file = |name| matches.get_one::<PathBuf>(name).cloned();
        Self {
            rows: Rows::read(matches),
            output: file("output").unwrap_or_else(|| "router.json".into()),
            picture: file("picture"),
            seed: matches.get_one("seed").copied().unwrap_or(1),
            prompts_alone: matches.get_flag("prompts-alone"),
        }
    }

    pub(crate) fn run(&self) -> ExitCode {
        ended(self.train())
    }

    fn train(&self) -> Result<(), Failure> {
        let found = self.rows.found()?;
        println!("{}\n", found.told(&self.rows));
        let names = self.rows.logs.iter().filter_map(|log| log.file_name());
        let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
        let mut trainer = Trainer::new()
            .seed(self.seed)
            .date(today())
            .source(names.join(", "));
        if self.prompts_alone {
            trainer = trainer.prompts_alone();
        }
        let bar = progress::steps("training");
        let trained = trainer.train(&found.data, |done, of| {
            bar.set_length(of.into());
            bar.set_position(done.into());
        });
        bar.finish_and_clear();
        let Training {
            model,
            rows,
            groups,
        } = trained.map_err(Failure::new)?;
        print!(
            "{}\n{}\n",
            table("rows held out", &rows),
            table("groups held out", &groups)
        );

        let (family, trained) = (&model.header().family, &model.header().trained);
        println!(
            "model: {family}; cheap answers are good in {:.1} %, premium ones in {:.1} %",
            100.0 * trained.cheap,
            100.0 * trained.premium
        );
        let deltas = found.data.outcomes();
        let oracle = deltas.curve(&deltas.delta);
        let mut curves = vec![("oracle", &oracle)];
        for name in [family.as_str(), GROUP_PRIOR, LENGTH] {
            if let Some(contender) = rows.get(name) {
                curves.push((name, &contender.curve));
            }
        }
        let to = self.picture.clone();
        let to = to.unwrap_or_else(|| self.output.with_extension("svg"));
        picture::draw(
            &to,
            "Quality for the price of premium calls, rows held out",
            &curves,
        )?;

        let json = model.to_json();
        fs::write(&self.output, &json).map_err(|error| {
            Failure::new(format!(
                "{} cannot be written: {error}",
                self.output.display()
            ))
        })?;
        println!("{}", model.gate());
        println!(
            "written: {} ({} kB), {}",
            self.output.display(),
            json.len().div_ceil(1000),
            to.display()
        );
        if !model.gate().better {
            println!(
                "A gateway with this model decides by its rules, until outcomes in traffic show that the model is better. \
                 router.trust_model = true begins with the model all the same."
            );
        }
        Ok(())
    }
}

/// As `2026-11-23`.
fn today() -> String {
    let now = humantime::format_rfc3339_seconds(WallClock::default().now()).to_string();
    now.chars().take(10).collect()
}
