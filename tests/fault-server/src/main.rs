//! The server as a program.
mod cli;

use std::process::ExitCode;

use fault_server::FaultServer;

use crate::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    if cli.list {
        print!("{}", cli::list());
        return ExitCode::SUCCESS;
    }
    let server = match cli.server.start().await {
        Ok(server) => server,
        Err(error) => {
            eprintln!(
                "cannot listen on {}: {error}; choose another address with --listen",
                cli.listen
            );
            return ExitCode::FAILURE;
        }
    };
    for (model, script) in cli.models {
        server.script(&model, script);
    }
    announce(&server);
    // Until somebody ends the process.
    std::future::pending().await
}

fn announce(server: &FaultServer) {
    let base = server.base_url();
    let root = base.trim_end_matches("/v1");
    println!(
        "fault-server is at {base}, for example with the model fault/503-once; all faults: {root}/_faults"
    );
}
