//! The gateway as a process: command line, log, signals.
use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use axum::serve::ListenerExt;
use obs_apm::Config;
use tokio::{net::TcpListener, runtime::Runtime};
use tracing::{error, info, warn};

use crate::{
    cli::{Action, Cli},
    gateway::Gateway,
    keys, logging,
    settings::{self, Environment, Loaded, Settings, Sources, load},
    shutdown,
};

/// Of what was refused at start.
const REFUSED: u8 = 2;

/// Does what the command line asks for, and says how it went.
#[must_use]
pub fn run<I>(line: I, environment: Environment) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let cli = match Cli::parse(line) {
        Ok(cli) => cli,
        Err(error) => {
            // Where the text cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(REFUSED));
        }
    };
    match &cli.action {
        Action::NewKey(name) => return new_key(name),
        Action::Train(train) => return train.run(),
        Action::Eval(eval) => return eval.run(),
        Action::Import(import) => return import.run(),
        Action::Init { file, force } => return init(file, *force),
        Action::Prove(prove) => return prove.run(),
        Action::Serve | Action::CheckConfig | Action::PrintConfig | Action::Replay(_) => {}
    }
    let sources = Sources {
        file: cli.config,
        environment: environment.clone(),
        flags: cli.flags,
    };
    let loaded = match load(&sources) {
        Ok(loaded) => loaded,
        Err(problems) => {
            for problem in problems.iter() {
                eprintln!("gateway: {problem}");
            }
            return ExitCode::from(REFUSED);
        }
    };
    if let Action::Replay(replay) = &cli.action {
        warn_on_terminal(&loaded);
        return replay.run(&loaded.settings);
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gateway: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match cli.action {
        Action::PrintConfig => {
            warn_on_terminal(&loaded);
            print!("{}", loaded.print());
            ExitCode::SUCCESS
        }
        Action::CheckConfig => {
            warn_on_terminal(&loaded);
            runtime.block_on(check(loaded))
        }
        _ => {
            logging::init(&loaded.settings.log);
            for warning in &loaded.warnings {
                warn!("{warning}");
            }
            runtime.block_on(serve(loaded.settings, environment, sources))
        }
    }
}

/// Never over a file that is there, unless it is meant.
fn init(file: &Path, force: bool) -> ExitCode {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let text = settings::example::example();
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            let file = file.display();
            println!("wrote {file}: change it, and run `gateway --config {file}`");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::AlreadyExists => ": take another name, or --force",
                _ => "",
            };
            eprintln!(
                "gateway: {} cannot be written: {error}{hint}",
                file.display()
            );
            ExitCode::from(REFUSED)
        }
    }
}

/// The key goes to standard error, and the rest to standard output, so that it can be appended to a file of keys.
fn new_key(name: &str) -> ExitCode {
    if let Err(expected) = settings::name(name) {
        eprintln!("gateway: the name of a key is {name:?}: {expected}");
        return ExitCode::from(REFUSED);
    }
    let Some((key, hash)) = keys::issue() else {
        eprintln!("gateway: the system has no randomness");
        return ExitCode::FAILURE;
    };
    eprintln!("The key, which is shown this once and kept nowhere:\n\n  {key}\n");
    eprintln!("For [[keys]] in the file of the settings, or in the one that keys.file names:\n");
    println!("[[keys]]\nname = \"{name}\"\nhash = \"{hash}\"");
    ExitCode::SUCCESS
}

fn warn_on_terminal(loaded: &Loaded) {
    for warning in &loaded.warnings {
        eprintln!("gateway: warning: {warning}");
    }
}

async fn check(loaded: Loaded) -> ExitCode {
    let (providers, routes) = (
        loaded.settings.providers.len(),
        loaded.settings.routes.len(),
    );
    match Gateway::builder(loaded.settings).build() {
        Ok(_) => {
            let of = match loaded.file {
                Some(file) => file.display().to_string(),
                None => "no file".into(),
            };
            let (providers, routes) = (count(providers, "provider"), count(routes, "route"));
            println!("the settings are good ({of}; {providers}, {routes})");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::from(REFUSED)
        }
    }
}

fn count(of: usize, what: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{of} {what}{plural}")
}

async fn serve(settings: Settings, environment: Environment, sources: Sources) -> ExitCode {
    let address = settings.server.listen;
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            error!("cannot listen on {address}: {error}: free the port, or set server.listen");
            return ExitCode::FAILURE;
        }
    };
    let mut config = Config::new()
        .service_version(env!("CARGO_PKG_VERSION"))
        // The gateway's own log has a line for each call.
        .no_console();
    if environment.get("OTEL_SERVICE_NAME").is_none() {
        config = config.service_name("gateway");
    }
    config = match settings.metrics.listen {
        Some(address) => config.listen(address),
        None => config.no_listener(),
    };
    let telemetry =
        obs_apm::init(config.variables(move |name| environment.get(name).map(Into::into)));
    let (json, built) = (
        logging::is_json(&settings.log),
        Gateway::builder(settings)
            .telemetry(telemetry.telemetry())
            .build(),
    );
    let gateway = match built {
        Ok(gateway) => gateway,
        Err(error) => {
            error!("{error}");
            return ExitCode::from(REFUSED);
        }
    };
    let api = listener.local_addr().unwrap_or(address).to_string();
    for line in gateway.greeting(&api) {
        match json {
            true => info!("{line}"),
            false => eprintln!("gateway: {line}"),
        }
    }
    let listener = listener.tap_io(|connection| {
        // It works without, only slower.
        let _ = connection.set_nodelay(true);
    });
    let asked_twice = async {
        shutdown::asked().await;
        shutdown::asked().await;
    };
    // Whoever asks before this line ends the process: it is what the signal is for elsewhere.
    let mut hangups = shutdown::Hangups::new();
    let reloads = async {
        loop {
            hangups.next().await;
            reload(&gateway, &sources).await;
        }
    };
    let clean = tokio::select! {
        () = reloads => false,
        clean = gateway.serve(listener, shutdown::asked()) => clean,
        // Who asks again does not want to wait.
        () = asked_twice => false,
    };
    // Flushing blocks its thread.
    let _ = tokio::task::spawn_blocking(move || drop(telemetry)).await;
    match clean {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Takes the settings as they are now. Where they are of no use, those of before stay.
async fn reload(gateway: &Gateway, sources: &Sources) {
    let sources = sources.clone();
    // It reads files.
    let loaded = tokio::task::spawn_blocking(move || load(&sources)).await;
    let loaded = match loaded {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(problems)) => {
            for problem in problems.iter() {
                error!("the settings stay as they were: {problem}");
            }
            return gateway.reload_refused();
        }
        Err(panic) => {
            error!("the settings stay as they were: loading them failed: {panic}");
            return gateway.reload_refused();
        }
    };
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    match gateway.reload(loaded.settings) {
        Ok(stays) => {
            for stays in stays {
                warn!("{stays}");
            }
            info!("the settings were loaded again");
        }
        Err(error) => error!("the settings stay as they were: {error}"),
    }
}
