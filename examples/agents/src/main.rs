//! Asks the planner one question, and prints the trace of what came of it.
//!
//! ```text
//! cargo run -p agents
//! cargo run -p agents "Which bridges cross the Rhine?"
//! ```

use std::env;

use agents::{agents::Agents, collector::Collector, planner, tree};
use obs_core::BoxError;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let question = env::args().nth(1);
    let question = question.unwrap_or_else(|| "Why is the sky blue?".to_owned());
    let collector = Collector::start().await?;
    let agents = Agents::start(&collector).await?;
    let plan = planner::ask(&agents.planner, "acme", &question).await?;
    for step in plan {
        println!("{step}");
    }
    agents.stop().await;
    println!();
    print!("{}", tree::draw(&collector.spans()));
    Ok(())
}
