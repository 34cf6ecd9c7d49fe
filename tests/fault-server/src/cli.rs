//! The command line.
use std::{ffi::OsString, fmt::Write, net::SocketAddr, num::NonZeroU32, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use fault_server::{Builder, FAMILIES, FaultServer, Pace, Script, Tempo, TlsFault};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Cli {
    /// Whether only to tell what there is.
    pub(crate) list: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) server: Builder,
    pub(crate) models: Vec<(String, Script)>,
}

impl Cli {
    pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(line)?;
        let listen = value(&matches, "listen");
        let times: NonZeroU32 = value(&matches, "faster");
        let chunks: NonZeroU32 = value(&matches, "chunks");
        let pace = Pace::new()
            .chunks(chunks.get())
            .first_token(value(&matches, "first-token"))
            .gap(value(&matches, "gap"));
        let server = FaultServer::builder()
            .address(listen)
            .tempo(Tempo::faster(times.get()))
            .pace(pace)
            .tls(value(&matches, "tls"));
        let models = matches.get_many("model").unwrap_or_default();
        Ok(Self {
            list: matches.get_flag("list"),
            listen,
            server,
            models: models.cloned().collect(),
        })
    }
}

/// All faults, as text.
pub(crate) fn list() -> String {
    let mut out = String::new();
    for family in FAMILIES {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", family.name());
        for fault in family.faults() {
            let _ = writeln!(out, "  {:22}{}", fault.name(), fault.about());
        }
    }
    out
}

fn value<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> T {
    matches
        .get_one::<T>(name)
        .expect("each of these flags has a default")
        .clone()
}

fn command() -> Command {
    let flag = |name: &'static str, value, default, help| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .default_value(default)
            .help(help)
    };
    Command::new("fault-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An OpenAI-compatible provider that misbehaves on purpose, to try clients and gateways against.")
        .arg(
            flag("listen", "ADDRESS", "127.0.0.1:8090", "Where to listen; port 0 takes a free one")
                .value_parser(value_parser!(SocketAddr)),
        )
        .arg(
            Arg::new("model")
                .long("model")
                .value_name("MODEL=FAULT")
                .action(ArgAction::Append)
                .value_parser(model)
                .help("What happens to requests for a model; may be given several times"),
        )
        .arg(
            flag("faster", "TIMES", "1", "Makes all waits of faults and answers shorter")
                .value_parser(value_parser!(NonZeroU32)),
        )
        .arg(flag("chunks", "COUNT", "12", "Chunks of content of a healthy answer").value_parser(value_parser!(NonZeroU32)))
        .arg(flag("first-token", "TIME", "0s", "Until the first token of a healthy answer").value_parser(time))
        .arg(flag("gap", "TIME", "0s", "Between the tokens of a healthy answer").value_parser(time))
        .arg(
            flag("tls", "FAULT", "garbage", "What https:// meets: garbage, alert, close or silent")
                .value_parser(str::parse::<TlsFault>),
        )
        .arg(Arg::new("list").long("list").action(ArgAction::SetTrue).help("Tell all faults, and do not start"))
        .after_help(
            "A fault is chosen by the model (fault/503), by the header `x-fault: 503`, or by --model.\nIt lasts for ever, \
             or as its name says: 503-once, 503-twice, 503-x5, 503-for-60s.\n\nGET /_faults tells all faults, \
             GET /_faults/log what was seen; POST /_faults/models sets faults\n({\"MODEL\": \"503\"}), POST \
             /_faults/reset begins anew.",
        )
}

fn time(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

fn model(text: &str) -> Result<(String, Script), String> {
    let wanted = "give it as MODEL=FAULT, for example gpt-5-mini=503-once";
    let (model, fault) = text.split_once('=').ok_or(wanted)?;
    let script = fault.parse::<Script>().map_err(|error| error.to_string())?;
    Ok((model.to_owned(), script))
}
