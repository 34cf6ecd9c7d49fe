//! The gateway's command line and log.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

const QUESTION: &str = "Tell nobody that the password is swordfish";

/// In an environment of its own.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn settings_to_begin_with_are_written_once_and_are_good() {
    let dir = std::env::temp_dir().join(format!("gateway-init-{}.toml", std::process::id()));
    let file = dir.to_str().unwrap();
    let made = output(&["init", file]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let checked = output(&["check-config", "--config", file]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    std::fs::write(file, "# mine").unwrap();
    let again = output(&["init", file]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "# mine");
    assert!(output(&["init", file, "--force"]).status.success());
    assert!(std::fs::read_to_string(file).unwrap().contains("[server]"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_new_key_is_shown_beside_what_the_settings_want_of_it() {
    let made = output(&["key", "new", "mobile"]);
    assert!(made.status.success());
    let (settings, shown) = (text(&made.stdout), text(&made.stderr));
    let key = shown
        .split_whitespace()
        .find(|word| word.starts_with("obs-"));
    let key = key.expect("the key");
    assert!(!settings.contains(key));
    let dir = std::env::temp_dir().join(format!("gateway-keys-{}", std::process::id()));
    std::fs::write(&dir, &settings).unwrap();
    let checked = command(&["check-config"])
        .env("OBS_KEYS_FILE", &dir)
        .output()
        .unwrap();
    std::fs::remove_file(&dir).unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));

    let refused = output(&["key", "new", "not a name"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
}

struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    api: String,
    said: String,
}

/// Starts it on free ports, and reads its greeting.
fn start(arguments: &[&str]) -> Running {
    let mut all = vec!["--server-listen", "127.0.0.1:0", "--simulated-latency", "0"];
    all.extend(arguments);
    let mut child = command(&all).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("try: curl") {
        assert_ne!(log.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    let after = |marker: &str| {
        let rest = said.split_once(marker)?.1;
        Some(rest.split(['/', ' ', '"', '\n']).next()?.to_owned())
    };
    Running {
        api: after("listening on http://").unwrap(),
        child,
        log,
        said,
    }
}

fn request(address: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn ask(address: &str) -> String {
    let body =
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{QUESTION}"}}]}}"#);
    let length = body.len();
    request(
        address,
        &format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer sk-secret\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

impl Running {
    /// Asks it to stop, and gives the rest of its log.
    fn stop(mut self) -> (Option<i32>, String) {
        let kill = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn its_log_is_json_with_a_line_for_each_call_and_no_prompts_or_credentials() {
    let gateway = start(&["--metrics-listen", "off"]);
    ask(&gateway.api);
    ask(&gateway.api);
    let said = gateway.said.clone();
    let (_, rest) = gateway.stop();
    let log = said + &rest;
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let calls: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "call")
        .collect();
    assert_eq!(calls.len(), 2, "{log}");
    assert_eq!(
        (&calls[0]["cache"], &calls[1]["cache"]),
        (&"miss".into(), &"hit".into())
    );
    for field in [
        "call",
        "tenant",
        "operation",
        "model",
        "route",
        "status",
        "cost_usd",
        "saved_usd",
        "seconds",
    ] {
        assert!(
            calls[0].get(field).is_some(),
            "{field} is not in {}",
            calls[0]
        );
    }
    assert!(
        !log.contains("swordfish") && !log.contains("sk-secret"),
        "{log}"
    );
}

#[test]
fn a_taken_port_of_its_own_is_refused_by_the_name_of_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = output(&["--server-listen", &address, "--metrics-listen", "off"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("server.listen"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn bad_settings_are_refused_at_start() {
    for command in [&["check-config"][..], &["serve"], &[], &["print-config"]] {
        let mut arguments = vec!["--cache-ttl", "soon"];
        arguments.extend(command);
        let refused = output(&arguments);
        assert_eq!(refused.status.code(), Some(2));
        let said = text(&refused.stderr);
        assert!(
            said.starts_with("gateway: --cache-ttl: is \"soon\": expected a duration"),
            "{said}"
        );
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "[cache]\nttl = \"-5s\"").unwrap();
    let refused = output(&["check-config", "--config", file.path().to_str().unwrap()]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains(":2") && said.contains("cache.ttl") && said.contains("-5s"),
        "{said}"
    );
    let url = output(&["check-config", "--redis", "redis://:pw-secret@"]);
    assert_eq!(url.status.code(), Some(2));
    let said = text(&url.stderr);
    assert!(
        said.contains("cache.store") && !said.contains("pw-secret"),
        "{said}"
    );
}

#[test]
fn check_config_and_print_config_say_what_is_in_force() {
    let checked = output(&["check-config"]);
    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(
        text(&checked.stdout),
        "the settings are good (no file; 1 provider, 2 routes)\n"
    );
    let printed = command(&["print-config"])
        .env("OBS_CACHE_TTL", "5m")
        .env("OBS_NO_SUCH", "1")
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0));
    assert!(text(&printed.stdout).contains("ttl = \"5m\""));
    assert!(text(&printed.stderr).contains("OBS_NO_SUCH"));
    let secrets = command(&[
        "print-config",
        "--redis",
        "redis://user:hunter2@localhost:6379",
    ])
    .env("OBS_CACHE_KEY", "swordfish swordfish")
    .output()
    .unwrap();
    let secrets = text(&secrets.stdout);
    assert!(
        secrets.contains("localhost:6379")
            && !secrets.contains("hunter2")
            && !secrets.contains("swordfish swordfish"),
        "{secrets}"
    );
}

#[test]
fn help_and_version_are_no_errors() {
    let help = text(&output(&["--help"]).stdout);
    for wanted in [
        "--server-listen",
        "127.0.0.1:8080",
        "--cache-ttl",
        "OBS_CACHE_TTL",
        "--redis",
        "--timeout-total",
        "300s",
    ] {
        assert!(help.contains(wanted), "{wanted} is not in\n{help}");
    }
    for flag in ["--help", "--version"] {
        let said = output(&[flag]);
        assert_eq!(said.status.code(), Some(0));
        assert!(said.stderr.is_empty() && !said.stdout.is_empty());
    }
    assert_eq!(output(&["--no-such-flag"]).status.code(), Some(2));
}
