//! Deadlines across processes: `grpc-timeout`, `x-obs-deadline-ms`, and maps.
use std::{collections::HashMap, time::Duration};

use obs_core::{Deadline, Elapsed, Limit};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const S: Duration = Duration::from_secs(1);

/// With a clock that stands still.
fn paused<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(test)
}

fn left(deadline: Duration) -> Deadline {
    Deadline::after(deadline, Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn grpc_timeouts_are_read_in_every_unit() {
    for (text, expected) in [
        ("1H", 3_600 * S),
        ("2M", 120 * S),
        ("30S", 30 * S),
        ("1500m", Duration::from_millis(1_500)),
        ("7u", Duration::from_micros(7)),
        ("99999999n", Duration::from_nanos(99_999_999)),
        ("00000001S", S),
        ("0n", Duration::ZERO),
        ("0S", Duration::ZERO),
    ] {
        let deadline = Deadline::from_grpc_timeout(text).expect(text);
        assert_eq!(deadline.remaining(), Some(expected), "{text}");
        assert_eq!(deadline.late(), deadline.end(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_grpc_timeout_is_refused() {
    for text in [
        "",
        "S",
        "1",
        "1s",
        "1h",
        "1 S",
        " 1S",
        "1S ",
        "-1S",
        "+1S",
        "1.5S",
        "123456789n",
        "000000001S",
        "1é",
        "é",
        "１S",
        "1SS",
        "0x1S",
    ] {
        let error = Deadline::from_grpc_timeout(text).expect_err(text);
        let told = error.to_string();
        assert!(told.contains(&format!("{text:?}")), "{told}");
        assert!(told.contains("1 to 8 digits"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_timeouts_are_written_as_exactly_as_eight_digits_can() {
    for (time, expected) in [
        (Duration::ZERO, "0n"),
        (Duration::from_nanos(1), "1n"),
        (Duration::from_millis(99), "99000000n"),
        (Duration::from_millis(100), "100000u"),
        (S, "1000000u"),
        (99 * S, "99000000u"),
        (100 * S, "100000m"),
        (
            Duration::from_micros(99_999_999) + Duration::from_nanos(999),
            "99999999u",
        ),
        (Duration::from_secs(99_999), "99999000m"),
        (Duration::from_secs(100_000), "100000S"),
        (Duration::from_secs(99_999_999), "99999999S"),
        (Duration::from_secs(100_000_000), "1666666M"),
        (Duration::from_secs(99_999_999 * 60), "99999999M"),
        (Duration::from_secs(100_000_000 * 60), "1666666H"),
    ] {
        assert_eq!(left(time).to_grpc_timeout().as_deref(), Some(expected));
    }
    assert_eq!(Deadline::default().to_grpc_timeout(), None);
}

#[tokio::test(start_paused = true)]
async fn milliseconds_are_digits_alone() {
    let deadline = Deadline::from_millis("1500").expect("a time");
    assert_eq!(deadline.remaining(), Some(Duration::from_millis(1_500)));
    assert_eq!(deadline.to_millis(), Some(1_500));
    assert!(Deadline::from_millis("0").expect("a time").is_over());
    // 584 million years: more than can be told in hours.
    let endless = Deadline::from_millis("18446744073709551615").expect("a time");
    assert_eq!(endless.to_millis(), Some(u64::MAX));
    assert_eq!(endless.to_grpc_timeout().as_deref(), Some("99999999H"));
    for text in [
        "",
        "-1",
        "+1",
        "1.5",
        "1e3",
        " 1",
        "1ms",
        "soon",
        "18446744073709551616",
    ] {
        let error = Deadline::from_millis(text).expect_err(text);
        assert!(error.to_string().contains("in milliseconds"), "{error}");
    }
    let rounded = left(Duration::from_micros(1_999));
    assert_eq!(rounded.to_millis(), Some(1));
    assert_eq!(Deadline::default().to_millis(), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_is_taken_off() {
    let deadline = Deadline::from_grpc_timeout("3S").expect("a time");
    advance(2 * S).await;
    assert_eq!(deadline.to_grpc_timeout().as_deref(), Some("1000000u"));
    assert_eq!(deadline.to_millis(), Some(1_000));
    // A layer of ours may leave less.
    assert_eq!(
        deadline.within(S / 2, Duration::ZERO).to_millis(),
        Some(500)
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_process_has_as_long_as_the_one_before_has_left() {
    let mut headers = HashMap::new();
    let here = left(3 * S);
    advance(S).await;
    here.inject(|name, value| drop(headers.insert(name, value)))
        .expect("time is left");
    assert_eq!(headers["grpc-timeout"], "2000000u");
    assert_eq!(headers["x-obs-deadline-ms"], "2000");
    let there = Deadline::extract(|name| headers.get(name).map(String::as_str));
    assert_eq!(there.expect("times").end(), here.end());
}

#[tokio::test(start_paused = true)]
async fn of_two_times_the_shorter_one_holds() {
    for (grpc, millis) in [
        (Some("1S"), Some("2000")),
        (Some("2S"), Some("1000")),
        (Some("1S"), None),
        (None, Some("1000")),
    ] {
        let deadline = Deadline::extract(|name| match name {
            "grpc-timeout" => grpc,
            _ => millis,
        });
        assert_eq!(deadline.expect("times").remaining(), Some(S));
    }
    let none = Deadline::extract(|_| None).expect("nothing is wrong with nothing");
    assert_eq!(none.end(), None);
    assert!(
        Deadline::extract(|_| Some("1S")).is_err(),
        "one of two is wrong"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_nothing_is_left() {
    let start = Instant::now();
    for deadline in [
        Deadline::at(start),
        Deadline::at(start + Duration::from_micros(999)),
    ] {
        let error = deadline
            .inject(|name, _| panic!("{name} was written"))
            .expect_err("over");
        assert_eq!(
            error.find::<Elapsed>().expect("a limit").limit(),
            Limit::Deadline
        );
    }
    Deadline::default()
        .inject(|name, _| panic!("{name} was written"))
        .expect("no deadline is no mistake");
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_no_more_and_hardly_less(nanos in 0..=u64::MAX) {
        // Small ones as often as large ones.
        let nanos = nanos >> (nanos % 64);
        paused(async move {
            let time = Duration::from_nanos(nanos);
            let deadline = left(time);
            let text = deadline.to_grpc_timeout().expect("a deadline");
            prop_assert!(text.len() <= 9 && text.is_ascii(), "{}", text);
            let read = Deadline::from_grpc_timeout(&text).expect("ours").remaining().expect("a deadline");
            prop_assert!(read <= time);
            // Eight digits: the error is less than one unit, of which there are at least a hundred thousand.
            prop_assert!(time - read <= time / 100_000, "{} for {:?}", text, time);
            let millis = deadline.to_millis().expect("a deadline");
            prop_assert_eq!(u128::from(millis), time.as_millis());
            Ok(())
        })?;
    }

    #[test]
    fn every_text_of_the_grammar_is_read_exactly(value in 0_u64..=99_999_999, unit in 0_usize..6, zeros in 0_usize..8) {
        let (unit, nanos) = [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000), ("H", 3_600_000_000_000_u128)][unit];
        let digits = value.to_string();
        let text = format!("{}{digits}{unit}", "0".repeat(zeros.min(8 - digits.len())));
        paused(async move {
            let deadline = Deadline::from_grpc_timeout(&text).expect("of the grammar");
            prop_assert_eq!(deadline.remaining().map(|left| left.as_nanos()), Some(u128::from(value) * nanos));
            Ok(())
        })?;
    }

    #[test]
    fn nothing_else_is_read_and_nothing_panics(text in "\\PC{0,12}") {
        let well = text.len() >= 2
            && text.len() <= 9
            && text.is_ascii()
            && text[..text.len() - 1].bytes().all(|b| b.is_ascii_digit())
            && "HMSmun".contains(&text[text.len() - 1..]);
        paused(async move {
            prop_assert_eq!(Deadline::from_grpc_timeout(&text).is_ok(), well);
            prop_assert_eq!(Deadline::from_millis(&text).is_ok(), !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
            Ok(())
        })?;
    }
}
