//! The proof, on a tiny world of its own.
use std::{fmt::Write, fs, path::Path};

use obs_replay::prove::{DataError, Proof, Prove, ProveError};

const MODELS: [&str; 2] = ["gpt-6-luna", "gpt-6.1-sol"];

/// 160 prompts of nine groups, in which long ones are hard, and 120 calls.
fn world(dir: &Path) {
    let (mut mmlu, mut gsm8k, mut trace) = (String::new(), String::new(), String::new());
    for n in 0..140 {
        let hard = n % 3 == 0;
        let prompt = match hard {
            true => format!(
                "Prove that lemma {n} holds for every group of order {n}, and say which axioms it takes."
            ),
            false => format!("Spell the number {n}."),
        };
        let weak = if hard && n % 4 > 0 { 0.0 } else { 1.0 };
        let strong = if n % 17 == 0 { 0.0 } else { 1.0 };
        let group = format!("subject {}", n % 8);
        writeln!(
            mmlu,
            r#"{{"group":"{group}","prompt":"{prompt}","quality":{{"weak":{weak},"strong":{strong}}}}}"#
        )
        .unwrap();
    }
    for n in 0..20 {
        writeln!(
            gsm8k,
            r#"{{"group":"math","prompt":"Ann has {n} pears and eats one.","quality":{{"weak":{},"strong":1}},"response_chars":{{"weak":{},"strong":{}}}}}"#,
            n % 2,
            200 + n,
            400 - n
        )
        .unwrap();
    }
    for n in 0..120 {
        writeln!(trace, r#"{{"t":{},"in":1,"out":1}}"#, f64::from(n) * 1.7).unwrap();
    }
    fs::write(dir.join("routing_mmlu.jsonl"), mmlu).unwrap();
    fs::write(dir.join("routing_gsm8k.jsonl"), gsm8k).unwrap();
    fs::write(dir.join("trace_azure2023_code.jsonl"), trace).unwrap();
}

fn proof() -> Proof {
    let dir = tempfile::tempdir().unwrap();
    world(dir.path());
    let mut steps = Vec::new();
    let proof = Prove::new(dir.path(), MODELS)
        .resamples(50)
        .run(&mut |done, total| steps.push((done, total)))
        .unwrap();
    assert!(steps.is_sorted());
    assert!(steps.iter().all(|(done, total)| done <= total));
    proof
}

#[test]
fn a_proof_says_everything_that_it_found() {
    let proof = proof();
    assert_eq!(
        proof.mixes.iter().map(|of| of.repeats).collect::<Vec<_>>(),
        [0.01, 0.05, 0.2, 0.6]
    );
    for mix in &proof.mixes {
        let row = |name: &str| mix.rows.iter().find(|row| row.name == name).expect(name);
        let (premium, cheap, cache) = (
            row("always premium"),
            row("always cheap"),
            row("cache alone"),
        );
        assert_eq!(premium.paid, premium.baseline);
        assert!((premium.figures.kept.value - 1.0).abs() < 1e-9);
        assert!(cheap.figures.kept.value.abs() < 1e-9);
        assert!(cheap.paid < premium.paid);
        assert!((cache.figures.kept.value - 1.0).abs() < 1e-9);
        assert!((cache.hit_rate.unwrap() - mix.repeats).abs() < 0.15);
        for row in &mix.rows {
            // Nothing is lost between the accounts.
            let parts = row.by_cache + row.by_router + row.by_cascade + row.besides;
            assert_eq!(row.baseline - row.paid, parts, "{}", row.name);
            let figures = row.figures;
            for of in [figures.saving[0], figures.saving[1], figures.right] {
                assert!(
                    of.low <= of.value + 0.05 && of.value <= of.high + 0.05,
                    "{}",
                    row.name
                );
            }
        }
        // A judge that finds everything is better than one that guesses.
        let perfect = row("cascade, judge 100 % / 10 %").figures.kept.value;
        assert!(perfect > row("cascade, judge 30 % / 30 %").figures.kept.value);
    }
    let json = serde_json::to_value(&proof).unwrap();
    assert!(
        json["mixes"][0]["rows"][0]["paid"].is_string(),
        "money is exact text"
    );
    let (text, html) = (proof.text(), proof.html());
    assert!(text.contains("Modelled: lengths of answers"));
    assert!(text.contains("| always premium |"));
    assert!(text.contains("- Caching alone saves "), "{text}");
    assert!(!text.contains("NaN"), "{text}");
    assert!(html.contains("<svg") && !html.contains("src=") && !html.contains("href="));
    assert!(html.contains("<td>always premium"));
}

#[test]
fn what_is_missing_is_named_with_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let error = Prove::new(dir.path(), MODELS)
        .run(&mut |_, _| ())
        .unwrap_err();
    assert!(matches!(error, ProveError::Data(DataError::Missing(_))));
    let told = error.to_string();
    assert!(
        told.contains("routing_mmlu.jsonl") && told.contains("github.com/lm-sys/RouteLLM"),
        "{told}"
    );
    assert!(told.contains("AzurePublicDataset"), "{told}");
}

#[test]
fn bad_lines_and_small_data_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    world(dir.path());
    let run = || {
        Prove::new(dir.path(), MODELS)
            .run(&mut |_, _| ())
            .unwrap_err()
            .to_string()
    };
    fs::write(dir.path().join("trace_azure2023_code.jsonl"), "{\"t\":0}\n").unwrap();
    assert!(
        run().contains("1 arrivals; at least 100 are needed"),
        "{}",
        run()
    );
    fs::write(dir.path().join("routing_gsm8k.jsonl"), "{\"t\":0}\n").unwrap();
    let told = run();
    assert!(
        told.contains("routing_gsm8k.jsonl") && told.contains("line 1"),
        "{told}"
    );
}
