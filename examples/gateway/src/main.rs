//! The gateway as a program: everything is in `obs-gateway`.
use std::process::ExitCode;

fn main() -> ExitCode {
    obs_gateway::run(
        std::env::args_os(),
        obs_gateway::settings::Environment::of_process(),
    )
}
