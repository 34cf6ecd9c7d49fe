//! The program.
use std::process::{Output, Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::client::question;

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fault-server"));
    command
        .kill_on_drop(true)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn run(flags: &[&str]) -> Output {
    command().args(flags).output().await.expect("runs")
}

#[tokio::test]
async fn it_serves_and_says_where() {
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--model",
        "small=503-once",
        "--chunks",
        "3",
        "--faster",
        "20",
    ];
    let mut program = command().args(flags).spawn().expect("runs");
    let mut lines = BufReader::new(program.stdout.take().expect("is piped")).lines();
    let line = lines
        .next_line()
        .await
        .expect("is text")
        .expect("says something");
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .expect("says where");
    let url = format!("{}/chat/completions", url.trim_end_matches(','));
    let client = crate::reqwests::builder().build().expect("a client");
    let ask = || client.post(&url).json(&question("small", true)).send();
    assert_eq!(ask().await.expect("is answered").status(), 503);
    let text = ask()
        .await
        .expect("is answered")
        .text()
        .await
        .expect("is whole");
    assert_eq!(text.matches("data: ").count(), 1 + 3 + 1 + 1 + 1);
    program.kill().await.expect("ends");
}

#[tokio::test]
async fn it_tells_all_faults() {
    let list = String::from_utf8(run(&["--list"]).await.stdout).expect("is text");
    for fault in fault_server::FAMILIES
        .iter()
        .flat_map(|family| family.faults())
    {
        assert!(list.contains(&format!("  {:22}{}", fault.name(), fault.about())));
    }
}

#[tokio::test]
async fn its_help_tells_each_flag_and_page() {
    let help = String::from_utf8(run(&["--help"]).await.stdout).expect("is text");
    for word in [
        "--listen",
        "127.0.0.1:8090",
        "--model",
        "--faster",
        "--tls",
        "x-fault",
        "/_faults/log",
        "-for-60s",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

#[tokio::test]
async fn mistakes_are_told() {
    let cases = [
        (["--model", "small"], "MODEL=FAULT"),
        (["--model", "small=5o3"], "did you mean `503`?"),
        (["--listen", "here"], "invalid socket address"),
        (["--tls", "rot13"], "garbage, alert, close, silent"),
        (["--faster", "0"], "zero"),
        (["--gap", "soon"], "expected number"),
    ];
    for (flags, part) in cases {
        let output = run(&flags).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(part),
            "{flags:?}: {said}"
        );
    }
    let taken = fault_server::FaultServer::start()
        .await
        .expect("there is a free port");
    let address = taken.address().expect("it listens").to_string();
    let said = String::from_utf8(run(&["--listen", &address]).await.stderr).expect("is text");
    assert!(
        said.contains(&address) && said.contains("--listen"),
        "{said}"
    );
}
