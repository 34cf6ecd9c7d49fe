//! The command line: a flag for each setting, made from their one table.
use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

pub use crate::replaying::{Outputs, Prove, Replay};
use crate::{
    command::{self, Eval, Import, Train},
    settings::table::{SCALARS, Scalar},
};

/// What the command line asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cli {
    /// What to do.
    pub action: Action,
    /// The file that `--config` names.
    pub config: Option<PathBuf>,
    /// The flags that were given: the setting's name (`cache.ttl`), and its text.
    pub flags: Vec<(String, String)>,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Serve, until told to stop.
    #[default]
    Serve,
    /// Look at the settings, and say whether they would do.
    CheckConfig,
    /// Show what is in force.
    PrintConfig,
    /// Make a virtual key of this name.
    NewKey(String),
    /// Say what would have been saved on the calls of a log.
    Replay(Replay),
    /// Show what is saved on public data.
    Prove(Prove),
    /// Learn a routing model from a log.
    Train(Train),
    /// Say what a model is worth on a log.
    Eval(Eval),
    /// Make a log of calls of another gateway's.
    Import(Import),
    /// Write a file of settings to begin with.
    Init {
        /// Where.
        file: PathBuf,
        /// Over one that is there.
        force: bool,
    },
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// For what is no such line, and for `--help` and `--version`, whose text is the error: `exit` prints it and
    /// ends the process as is right for each.
    pub fn parse<I>(line: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator,
        I::Item: Into<OsString> + Clone,
    {
        let matches = command().try_get_matches_from(line)?;
        // A flag may stand before or after the subcommand.
        let (action, inner) = match matches.subcommand() {
            Some(("check-config", inner)) => (Action::CheckConfig, inner),
            Some(("print-config", inner)) => (Action::PrintConfig, inner),
            Some(("train", inner)) => (Action::Train(Train::read(inner)), inner),
            Some(("eval", inner)) => (Action::Eval(Eval::read(inner)), inner),
            Some(("import", inner)) => (Action::Import(Import::read(inner)), inner),
            Some(("init", inner)) => {
                let file = inner.get_one::<PathBuf>("file").cloned();
                let action = Action::Init {
                    file: file.unwrap_or_else(|| "gateway.toml".into()),
                    force: inner.get_flag("force"),
                };
                (action, inner)
            }
            Some(("key", inner)) => {
                let new = inner.subcommand_matches("new").unwrap_or(inner);
                let name = new.get_one::<String>("name").cloned();
                (Action::NewKey(name.unwrap_or_default()), new)
            }
            Some(("replay", inner)) => (Action::Replay(Replay::of(inner)), inner),
            Some(("prove", inner)) => (Action::Prove(Prove::of(inner)), inner),
            Some((_, inner)) => (Action::Serve, inner),
            None => (Action::Serve, &matches),
        };
        Ok(Self {
            action,
            config: inner.get_one::<PathBuf>("config").cloned(),
            flags: with_flags()
                .filter_map(|scalar| given(scalar, inner))
                .collect(),
        })
    }
}

/// Secrets have none: the command lines of a machine are visible to all its users.
fn with_flags() -> impl Iterator<Item = &'static Scalar> {
    SCALARS.iter().filter(|scalar| !scalar.secret)
}

fn given(scalar: &Scalar, matches: &ArgMatches) -> Option<(String, String)> {
    let text = matches.get_one::<String>(scalar.name)?;
    Some((scalar.name.into(), text.clone()))
}

fn command() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("Settings in TOML, under the environment and the flags [env: OBS_CONFIG]");
    Command::new("gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Caches, routes, bounds and counts LLM calls. Speaks OpenAI's API; without any configuration it answers \
             with a simulated provider.",
        )
        .arg(config)
        .args(with_flags().map(flag))
        .subcommand(Command::new("serve").about("Serve, until told to stop (what happens without a command)"))
        .subcommand(Command::new("check-config").about("Say what is wrong with the settings, and do not start; files that a start would write to are made where they are missing"))
        .subcommand(Command::new("print-config").about("Show what is in force and why, secrets masked"))
        .subcommand(Replay::command())
        .subcommand(Prove::command())
        .subcommand(key())
        .subcommand(command::train::command())
        .subcommand(command::eval::command())
        .subcommand(command::import::command())
        .subcommand(init())
        .disable_help_subcommand(true)
        .subcommand_required(false)
        .after_help(after_help())
}

fn init() -> Command {
    let file = Arg::new("file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .default_value("gateway.toml")
        .help("Where");
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Also over a file that is there");
    Command::new("init")
        .about(
            "Write a file of settings to begin with: all of them, at their defaults, commented out",
        )
        .arg(file)
        .arg(force)
}

fn key() -> Command {
    let name = Arg::new("name")
        .value_name("NAME")
        .required(true)
        .help("For logs and budgets: a-z, A-Z, 0-9, `-`, `_` and `.`");
    let new = Command::new("new")
        .about("Make a key, show it once, and print what the settings want of it")
        .arg(name);
    Command::new("key")
        .about("Keys that the gateway gives to its callers")
        .subcommand(new)
        .subcommand_required(true)
        .arg_required_else_help(true)
}

fn flag(scalar: &'static Scalar) -> Arg {
    let default = scalar
        .default
        .map(|default| format!(" [default: {default}]"));
    let help = format!(
        "{}{} [env: {}]",
        scalar.about,
        default.unwrap_or_default(),
        scalar.variable()
    );
    let flag = Arg::new(scalar.name)
        .long(scalar.flag())
        .value_name(scalar.key().to_uppercase())
        .help_heading(format!("[{}]", scalar.section()))
        .global(true)
        // A value such as -1 is refused with the setting's own words.
        .allow_hyphen_values(true)
        .help(help);
    match scalar.name {
        "cache.store" => flag.visible_alias("redis"),
        _ => flag,
    }
}

fn after_help() -> String {
    let secrets = SCALARS.iter().filter(|scalar| scalar.secret);
    let secrets = secrets.map(|s| format!("  {} ({})  {}\n", s.name, s.variable(), s.about));
    format!(
        "Secrets, in the file or the environment alone:\n{}\n\
         Each setting is `key` of `[section]` in the file, OBS_SECTION_KEY in the environment and --section-key here; \
         the latter stand over the former. [[providers]], [[routes]] and [[keys]] stand in the file alone. Without \
         [[providers]], OPENAI_API_KEY and OPENAI_BASE_URL name the provider; without those, too, it is simulated.",
        secrets.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }
}
