//! Stands before a gRPC service of the same interface.
//!
//! ```text
//! LLM=http://127.0.0.1:50052 cargo run -p tonic-layers
//! ```
use std::{env, time::Duration};

use tonic::transport::{Channel, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let behind =
        env::var("LLM").map_err(|_| "LLM is not set: expected the URL of a gRPC service")?;
    let channel = Channel::from_shared(behind)?.connect_lazy();
    let address = "127.0.0.1:50051".parse()?;
    println!("listening on {address}");
    let front = tonic_layers::front(channel, Duration::from_secs(60));
    Server::builder().add_service(front).serve(address).await?;
    Ok(())
}
