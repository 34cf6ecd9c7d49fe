//! The proof, without the gateway: `cargo run -p obs-replay --release --example prove -- DIR`.
use std::error::Error;

use obs_replay::{Progress, prove::Prove};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args()
        .nth(1)
        .ok_or("name the directory of the data")?;
    let bar = Progress::new("proving");
    let prove = Prove::new(dir, ["gpt-6-luna", "gpt-6.1-sol"]);
    let proof = prove.run(&mut |done, total| bar.set(done, total))?;
    drop(bar);
    println!("{}", proof.text());
    Ok(())
}
