//! Three gateways on one Redis Cluster: one cache, also while a gateway and a master of Redis die.
mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use common::{SOON, ask, client, header, serve, settings};
use obs_gateway::Gateway;
use obs_redis::testing::Cluster;
use reqwest::Client;
use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

const PROMPTS: usize = 40;

/// A gateway on threads of its own, as a process has them: when they end, so do its port and its connections.
struct Node {
    runtime: Option<Runtime>,
    base: String,
}

impl Node {
    async fn start(redis: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let settings = settings(&[
            ("OBS_CACHE_STORE", redis),
            ("OBS_CACHE_TIER", "false"),
            ("OBS_CACHE_REDIS_TIMEOUT", "500ms"),
        ]);
        let started = runtime.spawn(async move {
            let running = serve(Gateway::builder(settings).build().unwrap()).await;
            let base = running.base.clone();
            // It serves for as long as there is somebody who could stop it.
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(running);
            });
            base
        });
        let base = started.await.unwrap();
        let runtime = Some(runtime);
        Self { runtime, base }
    }

    /// As a crash: nothing is finished.
    fn kill(&mut self) {
        self.runtime.take().expect("it runs").shutdown_background();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.runtime.is_some() {
            self.kill();
        }
    }
}

/// Spreads its load, and asks the next gateway when one cannot be reached, as a load balancer does.
#[derive(Clone)]
struct Spread {
    client: Client,
    bases: Arc<[String]>,
    next: Arc<AtomicUsize>,
}

impl Spread {
    /// How the cache answered.
    async fn ask(&self, prompt: &str) -> String {
        let first = self.next.fetch_add(1, SeqCst);
        for attempt in 0..self.bases.len() {
            let base = &self.bases[(first + attempt) % self.bases.len()];
            let status = asked(&self.client, base, prompt).await;
            if let Ok(status) = status {
                return status;
            }
        }
        panic!("no gateway can be reached");
    }
}

/// Fails only when the gateway cannot be reached, or is lost: no call may fail.
async fn asked(client: &Client, base: &str, prompt: &str) -> Result<String, reqwest::Error> {
    let request = client.post(format!("{base}/v1/chat/completions"));
    let request = request.bearer_auth("the same for all");
    let answer = request.json(&ask("auto", prompt)).send().await?;
    let code = answer.status();
    let status = header(&answer, "x-obs-cache").map(str::to_owned);
    let text = answer.text().await?;
    assert_eq!(code, 200, "{text}");
    Ok(status.expect("told"))
}

/// Asks everything again and again until this is done; gives the number of calls.
async fn load<T>(spread: &Spread, until: &JoinHandle<T>) -> usize {
    let mut calls = 0;
    while !until.is_finished() {
        let all = (0..PROMPTS).map(|number| {
            let spread = spread.clone();
            tokio::spawn(async move { spread.ask(&format!("Question {number}")).await })
        });
        for call in all.collect::<Vec<_>>() {
            call.await.unwrap();
            calls += 1;
        }
    }
    calls
}

async fn until_all_are_hits(spread: &Spread) {
    let all = async {
        let mut hits = 0;
        while hits < PROMPTS {
            hits = 0;
            for number in 0..PROMPTS {
                let status = spread.ask(&format!("Question {number}")).await;
                hits += usize::from(status == "hit");
            }
        }
    };
    let soon = timeout(2 * SOON, all).await;
    soon.expect("all that was asked is kept, and found by all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_are_one_cache_while_one_of_them_and_a_master_of_redis_die() {
    let cluster = spawn_blocking(|| Cluster::with_args(&["--cluster-require-full-coverage", "no"]));
    let mut cluster = cluster.await.unwrap();
    let mut nodes = vec![];
    for _ in 0..3 {
        nodes.push(Node::start(&cluster.url()).await);
    }
    let spread = Spread {
        client: client(),
        bases: nodes.iter().map(|node| node.base.clone()).collect(),
        next: Arc::default(),
    };
    until_all_are_hits(&spread).await;

    // What one has asked the others have.
    let new = "What was asked once";
    assert_eq!(
        asked(&spread.client, &nodes[0].base, new).await.unwrap(),
        "miss"
    );
    for node in &nodes {
        let hit = async { while asked(&spread.client, &node.base, new).await.unwrap() != "hit" {} };
        timeout(SOON, hit).await.expect("it is found");
    }

    let name = cluster.node(1).cli(&["RANDOMKEY"]);
    let slot = cluster.slot(&name);
    cluster.node_mut(1).kill();
    nodes[2].kill();
    let failing = spawn_blocking(move || {
        cluster.until_served(slot);
        cluster
    });
    let calls = load(&spread, &failing).await;
    assert!(calls > PROMPTS, "{calls}");
    let _cluster = failing.await.unwrap();
    until_all_are_hits(&spread).await;
}
