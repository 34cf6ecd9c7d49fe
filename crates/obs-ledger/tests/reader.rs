//! What was written is read again, and what cannot be read is told or counted.
use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use obs_core::{Usage, Usd};
use obs_ledger::{
    Attempt, Cached, Decision, Entry, Feedback, LONGEST_LINE, Outcome, Piece, Prompt, ReadError,
    Reader, Record, Role, SCHEMA, Verdict,
};

fn entry(call: &str) -> Entry {
    Entry {
        v: SCHEMA,
        call: call.into(),
        time: 1_795_464_654_123,
        operation: "chat".into(),
        model: "auto".into(),
        ..Entry::default()
    }
}

fn full() -> Entry {
    let mut all = entry("call-1");
    all.work = true;
    all.format = Some("openai".into());
    all.stream = true;
    all.tenant = Some("t".into());
    all.session = Some("s".into());
    all.group = Some("g".into());
    all.key = Some("0123456789abcdef0123456789abcdef".into());
    all.uncacheable = true;
    all.prompt = Some(Prompt {
        bytes: 5,
        chars: 4,
        features: vec![0.1, 1.5],
        pieces: Some(vec![Piece {
            role: Role::User,
            text: "a \"feedback\" ü".into(),
        }]),
    });
    all.answer = Some("yes".into());
    all.decisions = vec![Decision {
        route: "cheap".into(),
        reason: "simple".into(),
        score: Some(0.25),
    }];
    all.route = Some("cheap".into());
    all.cache = Some(Cached {
        status: "miss".into(),
        age_ms: Some(3),
    });
    all.attempts = vec![Attempt {
        route: Some("cheap".into()),
        asked: "small".into(),
        answered: Some("small-2".into()),
        purpose: "first".into(),
        chosen: true,
        usage: Some(Usage {
            input: 10,
            output: 20,
            ..Usage::default()
        }),
        cost: Some(Usd::from_pico(1)),
        estimate: Some(Usd::from_pico(2)),
        at_us: -5,
        latency_us: Some(7),
        first_token_us: Some(3),
        outcome: Some(Outcome::Answered),
        error: Some("upstream".into()),
    }];
    all.paid = Usd::from_pico(1);
    all.unknown_costs = 2;
    all.baseline = Some(Usd::from_pico(10));
    all.baseline_route = Some("premium".into());
    all.saved_by_cache = Some(Usd::from_pico(4));
    all.saved_by_router = Some(Usd::from_pico(-5));
    all.late = true;
    all.latency_us = 9;
    all.first_token_us = Some(8);
    all.outcome = Outcome::TimedOut;
    all.error = Some("timeout".into());
    all
}

fn line(record: &Record) -> String {
    serde_json::to_string(record).unwrap() + "\n"
}

fn call(entry: Entry) -> Record {
    Record::Call(Box::new(entry))
}

fn read(text: impl Into<Vec<u8>>) -> (Vec<Record>, Vec<String>, u64) {
    let mut reader = Reader::of_stream("log", std::io::Cursor::new(text.into()));
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    for record in &mut reader {
        match record {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error.to_string()),
        }
    }
    (records, errors, reader.torn())
}

fn names(reader: Reader) -> Vec<String> {
    let of = |record| match record {
        Ok(Record::Call(entry)) => entry.call.to_string(),
        other => panic!("{other:?}"),
    };
    reader.map(of).collect()
}

#[test]
fn every_field_comes_back_as_it_was() {
    let feedback = Feedback {
        v: SCHEMA,
        feedback: "call-1".into(),
        time: 3,
        score: Some(0.5),
        verdict: Some(Verdict::Bad),
        route: Some("cheap".into()),
        by: Some("shadow".into()),
        tenant: Some("t".into()),
        note: Some("well".into()),
    };
    let written = [
        call(full()),
        call(entry("2")),
        Record::Feedback(feedback),
        Record::Feedback(Feedback {
            feedback: "2".into(),
            ..Feedback::default()
        }),
    ];
    let text: String = written.iter().map(line).collect();
    let (records, errors, torn) = read(text);
    assert_eq!(records, written);
    assert!(errors.is_empty() && torn == 0, "{errors:?}");
}

#[test]
fn what_is_not_known_is_not_written() {
    let text = line(&call(entry("2")));
    assert_eq!(
        text,
        "{\"v\":1,\"call\":\"2\",\"time\":1795464654123,\"operation\":\"chat\",\"model\":\"auto\",\"paid\":\"0\",\
         \"latency_us\":0,\"outcome\":\"cancelled\"}\n"
    );
}

#[test]
fn a_score_counts_before_a_verdict_and_only_within_its_range() {
    let of = |score, verdict| {
        Feedback {
            score,
            verdict,
            ..Feedback::default()
        }
        .quality()
    };
    assert_eq!(of(None, Some(Verdict::Good)), Some(1.0));
    assert_eq!(of(None, Some(Verdict::Bad)), Some(0.0));
    assert_eq!(of(Some(0.25), Some(Verdict::Good)), Some(0.25));
    assert_eq!(of(Some(1.5), Some(Verdict::Good)), None);
    assert_eq!(of(Some(f32::NAN), None), None);
    assert_eq!(of(None, None), None);
}

#[test]
fn feedback_is_to_the_call_of_its_name_and_of_no_other_tenant() {
    let entry = Entry {
        tenant: Some("t".into()),
        ..entry("a")
    };
    let of = |call: &str, tenant: Option<&str>| {
        let tenant = tenant.map(Into::into);
        let feedback = Feedback::new(call, 1.0);
        Feedback { tenant, ..feedback }.is_of(&entry)
    };
    assert!(of("a", Some("t")) && of("a", None));
    assert!(!of("b", Some("t")) && !of("a", Some("u")));
}

#[test]
fn what_is_no_record_is_told_by_its_line_and_the_rest_is_read() {
    let good = line(&call(entry("a")));
    let text = format!(
        "{good}\n{{\"other\":1}}\nno json\n{{\"v\":2,\"call\":\"b\"}}\n{{\"feedback\":7}}\n{good}"
    );
    let (records, errors, torn) = read(text);
    assert_eq!((records.len(), torn), (2, 0));
    for (error, (place, says)) in errors.iter().zip([
        ("log, line 3: ", "neither a call"),
        ("log, line 4: ", "expected"),
        ("log, line 5: ", "of version 2 of the schema"),
        ("log, line 6: ", "invalid type"),
    ]) {
        assert!(error.starts_with(place) && error.contains(says), "{error}");
    }
    assert_eq!(errors.len(), 4);
}

#[test]
fn fields_of_later_versions_are_passed_over_and_missing_ones_have_their_defaults() {
    let (records, ..) =
        read(r#"{"v":1,"call":"a","newer":{"x":[1]},"outcome":"answered","paid":"0.5"}"#);
    let mut expected = Entry {
        v: 1,
        call: "a".into(),
        outcome: Outcome::Answered,
        ..Entry::default()
    };
    expected.paid = "0.5".parse().unwrap();
    assert_eq!(records, [call(expected)]);
}

#[test]
fn lines_that_a_crash_tore_are_counted_wherever_they_are() {
    let good = line(&call(full()));
    for cut in [1, 20, good.len() / 2, good.len() - 2] {
        let (records, errors, torn) = read(format!("{}\n{good}{}", &good[..cut], &good[..cut]));
        assert_eq!((records.len(), torn), (1, 2), "{cut}: {errors:?}");
        assert!(errors.is_empty());
    }
}

#[test]
fn a_last_line_without_an_end_is_read_where_it_is_complete() {
    let (records, _, torn) = read(line(&call(entry("a"))).trim_end());
    assert_eq!((records.len(), torn), (1, 0));
}

#[test]
fn files_that_are_put_aside_while_they_are_read_are_read_once_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [new, older, oldest] =
        ["calls.jsonl", "calls.jsonl.1", "calls.jsonl.2"].map(|name| dir.path().join(name));
    for (path, name) in [(&new, "new"), (&older, "older"), (&oldest, "oldest")] {
        fs::write(path, line(&call(entry(name))) + "\n").unwrap();
    }
    let reader = Reader::open(&new).unwrap();
    fs::rename(&older, &oldest).unwrap();
    fs::rename(&new, &older).unwrap();
    fs::write(&new, line(&call(entry("newest")))).unwrap();
    assert_eq!(names(reader), ["oldest", "older", "new"]);
}

#[test]
fn a_rotated_set_is_read_from_its_oldest_file_on_and_compressed_ones_too() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("calls.jsonl");
    fs::write(&base, line(&call(entry("new")))).unwrap();
    fs::write(
        dir.path().join("calls.jsonl.1"),
        line(&call(entry("older"))),
    )
    .unwrap();
    gzip(
        &dir.path().join("calls.jsonl.2.gz"),
        &[&line(&call(entry("oldest"))), &line(&call(entry("old")))],
    );
    let reader = Reader::open(&base).unwrap();
    let total = reader.total_bytes();
    assert!(total.is_some_and(|total| total > 0));
    let mut reader = reader;
    let all: Vec<_> = (&mut reader).map(|record| record.unwrap()).collect();
    assert_eq!(Some(reader.bytes()), total);
    assert_eq!(all.len(), 4);
    assert_eq!(
        names(Reader::open(&base).unwrap()),
        ["oldest", "old", "older", "new"]
    );
}

/// One member for each part, as `cat a.gz b.gz` makes them.
fn gzip(path: &Path, parts: &[&str]) {
    let mut file = fs::File::create(path).unwrap();
    for part in parts {
        let mut packer = GzEncoder::new(&mut file, Compression::fast());
        packer.write_all(part.as_bytes()).unwrap();
        packer.finish().unwrap();
    }
}

#[test]
fn a_file_that_is_not_there_is_refused_by_name() {
    let error = Reader::open("nowhere/calls.jsonl").unwrap_err();
    assert_eq!(
        error.to_string(),
        "nowhere/calls.jsonl: there is no such file"
    );
    let mut gone = Reader::of_files(["nowhere/a".into()]);
    assert!(matches!(gone.next(), Some(Err(ReadError::File { .. }))));
    assert!(gone.next().is_none());
}

#[test]
fn a_line_beyond_all_measure_is_passed_over_in_bounded_memory() {
    let long = std::io::repeat(b'x').take(LONGEST_LINE + 100);
    let after = "\n".to_owned() + &line(&call(entry("a")));
    let stream = long.chain(std::io::Cursor::new(after));
    let mut reader = Reader::of_stream("log", stream);
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "log, line 1: longer than 64 MiB");
    assert!(matches!(reader.next(), Some(Ok(Record::Call(_)))));
    assert!(reader.next().is_none());
}
