//! A log is written whole, within its bounds, and never at the expense of a call.
use std::{fs, path::Path, thread, time::Duration};

use obs_ledger::{Entry, Feedback, LogFile, Reader, Record, SCHEMA, Writer};

const MINUTE: Duration = Duration::from_secs(60);

fn entry(call: usize) -> Entry {
    Entry {
        v: SCHEMA,
        call: call.to_string().into(),
        ..Entry::default()
    }
}

/// What the log holds, in its order, and how many lines of it are torn.
fn calls(path: &Path) -> (Vec<usize>, u64) {
    let mut reader = Reader::open(path).unwrap();
    let of = |record| match record {
        Ok(Record::Call(entry)) => entry.call.parse().unwrap(),
        other => panic!("{other:?}"),
    };
    let all = (&mut reader).map(of).collect();
    (all, reader.torn())
}

fn write(writer: &Writer, calls: std::ops::Range<usize>) {
    for call in calls {
        writer.write(entry(call));
    }
    assert!(writer.flush(MINUTE));
}

#[test]
fn what_was_handed_over_is_in_the_file_after_a_flush_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/calls.jsonl");
    let writer = LogFile::new(&path).flush_every(MINUTE).open().unwrap();
    write(&writer, 0..1000);
    assert_eq!(calls(&path), ((0..1000).collect(), 0));
    let stats = writer.stats();
    assert_eq!((stats.written, stats.dropped, stats.failed), (1000, 0, 0));
    assert_eq!(stats.bytes, fs::metadata(&path).unwrap().len());
    writer.write(Feedback::new("7", 0.5));
    assert!(writer.flush(MINUTE));
    let last = Reader::open(&path).unwrap().last().unwrap().unwrap();
    assert_eq!(last, Feedback::new("7", 0.5).into());
}

#[test]
fn nothing_stays_in_memory_for_longer_than_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let every = Duration::from_millis(1);
    let writer = LogFile::new(&path).flush_every(every).open().unwrap();
    writer.write(entry(1));
    // Nobody asks for it.
    while writer.stats().written == 0 {
        thread::yield_now();
    }
    assert_eq!(calls(&path).0, [1]);
}

#[test]
fn the_last_handle_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let writer = LogFile::new(&path).flush_every(MINUTE).open().unwrap();
    let other = writer.clone();
    drop(writer);
    other.write(entry(1));
    drop(other);
    while fs::metadata(&path).unwrap().len() == 0 {
        thread::yield_now();
    }
    assert_eq!(calls(&path).0, [1]);
}

#[test]
fn a_full_file_is_put_aside_and_the_oldest_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let line = serde_json::to_vec(&entry(10)).unwrap().len() as u64 + 1;
    let log = LogFile::new(&path).max_bytes(4 * line).files(3);
    let writer = log.open().unwrap();
    for call in 10..30 {
        write(&writer, call..call + 1);
    }
    assert_eq!(
        calls(&path).0,
        (18..30).collect::<Vec<_>>(),
        "four in each of three"
    );
    assert_eq!(writer.stats().rotations, 4);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    for file in fs::read_dir(dir.path()).unwrap() {
        assert!(file.unwrap().metadata().unwrap().len() <= 4 * line);
    }
}

#[test]
fn one_file_alone_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let writer = LogFile::new(&path).max_bytes(1).files(1).open().unwrap();
    for call in 0..3 {
        write(&writer, call..call + 1);
    }
    assert_eq!(calls(&path).0, [2]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn after_a_crash_a_torn_line_spoils_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let whole = serde_json::to_string(&entry(1)).unwrap() + "\n";
    fs::write(&path, format!("{whole}{}", &whole[..9])).unwrap();
    let writer = LogFile::new(&path).open().unwrap();
    write(&writer, 2..4);
    assert_eq!(calls(&path), (vec![1, 2, 3], 1));
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let log = LogFile::new(dir.path().join("calls.jsonl"));
    let writer = log.flush_every(MINUTE).queue(4, 1 << 20).open().unwrap();
    // Faster than any thread wakes up: some are lost, and each is counted.
    for call in 0..10_000 {
        writer.write(entry(call));
    }
    assert!(writer.flush(MINUTE));
    let stats = writer.stats();
    assert_eq!(stats.written + stats.dropped, 10_000);
    assert!(stats.dropped > 0 && stats.written >= 4, "{stats:?}");
}

#[test]
fn a_text_that_is_larger_than_all_of_the_room_goes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let log = LogFile::new(&path).queue(9, 10);
    let writer = log.flush_every(MINUTE).open().unwrap();
    let mut large = entry(1);
    large.answer = Some("x".repeat(1000).into());
    writer.write(large);
    assert!(writer.flush(MINUTE));
    assert_eq!(calls(&path).0, [1]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_entries_and_nothing_else() {
    let writer = LogFile::new("/dev/full").open().unwrap();
    write(&writer, 0..100);
    let stats = writer.stats();
    assert_eq!((stats.written, stats.failed, stats.dropped), (0, 100, 0));
    write(&writer, 0..1);
    assert_eq!(writer.stats().failed, 101);
}

/// Runs itself again as a process whose files may not grow beyond some 100 blocks.
#[cfg(target_os = "linux")]
#[test]
fn of_lines_that_do_not_fit_nothing_is_left() {
    const NAME: &str = "of_lines_that_do_not_fit_nothing_is_left";
    const FILE: &str = "OBS_TEST_SMALL_FILE";
    let Ok(path) = std::env::var(FILE) else {
        let dir = tempfile::tempdir().unwrap();
        let small = "trap '' XFSZ; ulimit -f 100; exec \"$0\" --exact \"$1\"";
        let done = std::process::Command::new("sh")
            .args(["-c", small])
            .arg(std::env::current_exe().unwrap())
            .arg(NAME)
            .env(FILE, dir.path().join("calls.jsonl"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        return;
    };
    let writer = LogFile::new(&path).open().unwrap();
    write(&writer, 0..3);
    write(&writer, 3..3000);
    write(&writer, 3000..3003);
    let (all, torn) = calls(Path::new(&path));
    assert_eq!(
        (&all[..3], &all[all.len() - 3..], torn),
        (&[0, 1, 2][..], &[3000, 3001, 3002][..], 0)
    );
    let stats = writer.stats();
    assert_eq!(
        (stats.written, stats.failed),
        (all.len() as u64, 3003 - all.len() as u64)
    );
    assert!(stats.failed > 0, "some did not fit");
}

#[test]
fn a_place_that_cannot_be_written_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    assert!(LogFile::new(dir.path()).open().is_err());
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let writer = LogFile::new(&path).max_bytes(1).open().unwrap();
    write(&writer, 0..1);
    write(&writer, 1..2);
    for file in fs::read_dir(dir.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
