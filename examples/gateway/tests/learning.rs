//! `gateway train`, `eval` and `import`, as they are run.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

const ROWS: usize = 900;

fn gateway(dir: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.current_dir(dir.path()).output().unwrap()
}

#[track_caller]
fn done(of: &Output) -> String {
    let (out, err) = (text(&of.stdout), text(&of.stderr));
    assert!(of.status.success(), "{out}\n{err}");
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Steele and Vigna's SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Prompts that were judged on both routes, in twelve groups. Of those that want a proof the cheap answer is mostly bad, where there
/// is a signal; else nothing tells the good from the bad.
fn outcomes(dir: &TempDir, name: &str, seed: u64, signal: bool) -> PathBuf {
    let mut dice = Dice(seed);
    let mut lines = String::new();
    let words = ["river", "stone", "cloud", "engine", "letter", "garden"];
    for row in 0..ROWS {
        let proof = dice.roll(3) == 0;
        let mut words = (0..4 + dice.roll(9)).map(|_| words[dice.roll(6) as usize]);
        let rest = words.by_ref().collect::<Vec<_>>().join(" ");
        let verb = if proof { "Prove that" } else { "Say that" };
        let fails = if !signal {
            dice.roll(10) < 3
        } else if proof {
            dice.roll(10) < 8
        } else {
            dice.roll(10) < 1
        };
        let line = json!({
            "id": format!("{name}-{row}"), "group": format!("g{}", dice.roll(12)), "prompt": format!("{verb} {rest}."),
            "quality": {"cheap": u8::from(!fails), "premium": u8::from(dice.roll(20) > 0)},
        });
        lines += &format!("{line}\n");
    }
    let file = dir.path().join(name);
    fs::write(&file, lines).unwrap();
    file
}

/// Imported, and trained.
fn trained(dir: &TempDir, signal: bool) -> String {
    outcomes(dir, "rows.jsonl", 1, signal);
    let import = ["import", "rows.jsonl", "-o", "calls.jsonl", "--prompts"];
    done(&gateway(dir, &import));
    done(&gateway(dir, &["train", "calls.jsonl"]))
}

fn exists(dir: &TempDir, name: &str) -> bool {
    Path::is_file(&dir.path().join(name))
}

#[test]
fn a_signal_is_learned_proved_drawn_and_found_again_on_another_log() {
    let dir = tempfile::tempdir().unwrap();
    let said = trained(&dir, true);
    for part in [
        "900 calls; both answers judged of 900",
        "rows held out",
        "groups held out",
        "prompt length",
        "APGR",
        "CPT(80)",
        "written: router.json",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(!said.contains("not better than the rule"), "{said}");
    let svg = fs::read_to_string(dir.path().join("router.svg")).unwrap();
    for curve in ["oracle", "random", "prompt length", "structure"] {
        assert!(svg.contains(curve), "{curve} is not in the picture");
    }
    let model = fs::read(dir.path().join("router.json")).unwrap();
    assert!(model.len() < 1_000_000);

    outcomes(&dir, "other.jsonl", 2, true);
    done(&gateway(
        &dir,
        &[
            "import",
            "other.jsonl",
            "-o",
            "other-calls.jsonl",
            "--prompts",
        ],
    ));
    let eval = [
        "eval",
        "router.json",
        "other-calls.jsonl",
        "--picture",
        "curve.html",
    ];
    let said = done(&gateway(&dir, &eval));
    let over = said
        .lines()
        .find(|line| line.starts_with("over prompt length: +"));
    assert!(over.is_some(), "{said}");
    assert!(
        said.contains("gain predicted: 0.") && exists(&dir, "curve.html"),
        "{said}"
    );

    // A gateway with it says that all is well.
    let check = [
        "check-config",
        "--router-policy",
        "learned",
        "--router-model",
        "router.json",
    ];
    done(&gateway(&dir, &check));
}

#[test]
fn noise_does_not_pass_the_gate() {
    let dir = tempfile::tempdir().unwrap();
    let said = trained(&dir, false);
    assert!(said.contains("not better than the rule"), "{said}");
    assert!(
        said.contains("router.trust_model"),
        "and how to use it all the same:\n{said}"
    );
    assert!(exists(&dir, "router.json"), "it is kept, and says so");
}

#[test]
fn a_log_without_text_teaches_structure() {
    let dir = tempfile::tempdir().unwrap();
    outcomes(&dir, "rows.jsonl", 1, true);
    done(&gateway(
        &dir,
        &["import", "rows.jsonl", "-o", "calls.jsonl"],
    ));
    let log = fs::read_to_string(dir.path().join("calls.jsonl")).unwrap();
    assert!(!log.contains("Prove that"));
    let said = done(&gateway(
        &dir,
        &["train", "calls.jsonl", "-o", "dense.json"],
    ));
    assert!(said.contains("0 of them with the text"), "{said}");
    assert!(said.contains("model: structure;"), "{said}");
}

#[test]
fn what_was_judged_on_one_side_is_used_only_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for row in 0..400 {
        let (route, bad) = if row % 2 == 0 {
            ("cheap", row % 4 == 0)
        } else {
            ("premium", false)
        };
        let call = json!({
            "v": 1, "call": format!("c{row}"), "route": route, "outcome": "answered", "tenant": "t",
            "prompt": {"features": vec![row as f32 % 7.0; 28]},
        });
        let said = json!({"feedback": format!("c{row}"), "score": u8::from(!bad), "tenant": "t"});
        // By somebody else: it does not count.
        let other = json!({"feedback": format!("c{row}"), "score": 0, "tenant": "u"});
        lines += &if row < 300 {
            format!("{call}\n{said}\n")
        } else {
            format!("{call}\n{other}\n")
        };
    }
    fs::write(dir.path().join("calls.jsonl"), lines).unwrap();
    let refused = gateway(&dir, &["train", "calls.jsonl"]);
    assert!(!refused.status.success());
    let (out, err) = (text(&refused.stdout), text(&refused.stderr));
    assert!(
        out.contains("one of 300") && out.contains("--one-sided"),
        "{out}"
    );
    assert!(err.contains("0 rows"), "{err}");
    let said = done(&gateway(&dir, &["train", "calls.jsonl", "--one-sided"]));
    assert!(said.contains("300 rows"), "{said}");
}

#[test]
fn logs_that_are_none_are_refused_by_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (
            &["train", "nowhere.jsonl"][..],
            "nowhere.jsonl: there is no such file",
        ),
        (&["train", "-"], "standard input can be read once"),
        (&["train", "bad.jsonl"], "bad.jsonl, line 2"),
        (
            &["eval", "bad.jsonl", "bad.jsonl"],
            "bad.jsonl: not a model",
        ),
        (&["import", "bad.jsonl"], "no line is a request"),
    ] {
        fs::write(
            dir.path().join("bad.jsonl"),
            "{\"v\":1,\"call\":\"a\"}\nno record\n",
        )
        .unwrap();
        let refused = gateway(&dir, arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let err = text(&refused.stderr);
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
}

#[test]
fn another_gateways_log_becomes_a_log_of_calls() {
    let dir = tempfile::tempdir().unwrap();
    let line = json!({
        "id": "chat-1", "request": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "swordfish"}]},
        "response": {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 10, "completion_tokens": 20}},
        "latency_ms": 12.5, "timestamp": 1_795_428_000, "feedback": "good",
    });
    let mut rated = line.clone();
    rated["feedback"] = json!("meh");
    let lines = format!("{line}\nno json\n{rated}\n");
    fs::write(dir.path().join("other.jsonl"), lines).unwrap();
    let imported = gateway(&dir, &["import", "other.jsonl"]);
    let out = done(&imported);
    assert_eq!(
        out.lines().count(),
        3,
        "two calls, and what was said of the first: {out}"
    );
    assert!(
        out.contains("\"call\":\"chat-1\"") && !out.contains("swordfish"),
        "{out}"
    );
    let err = text(&imported.stderr);
    for told in [
        "line 2",
        "line 3: \"meh\" is no judgement",
        "2 calls imported, 1 lines passed over",
        "1 judgements could not be read",
    ] {
        assert!(err.contains(told), "{err}");
    }
}
