//! The proof, without the gateway: `cargo run -p obs-replay --release --example prove -- DIR`.
use std::{error::Error, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use obs_replay::prove::Prove;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args()
        .nth(1)
        .ok_or("name the directory of the data")?;
    let bar = ProgressBar::new(1);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} {eta}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let proof = Prove::new(dir, ["gpt-6-luna", "gpt-6.1-sol"]).run(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    println!("{}", proof.text());
    Ok(())
}
