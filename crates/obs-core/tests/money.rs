//! Money is exact: text, sums and products lose nothing, and what is unknown is not zero.
use obs_core::{Paid, Usage, Usd};
use proptest::prelude::*;

fn usd(text: &str) -> Usd {
    text.parse().expect(text)
}

#[test]
fn text_is_read_exactly() {
    for (text, pico) in [
        ("0", 0),
        ("-0", 0),
        ("0e999999999999999999999", 0),
        ("1", 1_000_000_000_000),
        ("$1", 1_000_000_000_000),
        ("-$1.5", -1_500_000_000_000),
        ("+.5", 500_000_000_000),
        ("5.", 5_000_000_000_000),
        ("1.5e-07", 150_000),
        ("1.5E-7", 150_000),
        ("15000e-11", 150_000),
        ("0.000000000001", 1),
        ("0.0000000000010000", 1),
        ("1e-12", 1),
        ("1e+2", 100_000_000_000_000),
        ("0.1", 100_000_000_000),
        ("9007199254740993", 9_007_199_254_740_993_000_000_000_000),
    ] {
        assert_eq!(usd(text), Usd::from_pico(pico), "{text}");
    }
}

#[test]
fn text_that_is_no_amount_is_refused_with_what_would_be_right() {
    for text in [
        "", "-", "$", ".", "e5", "1e", "1e-", "1.2.3", "--1", "1,5", "0x10", "NaN", "inf", "1 ",
        "\u{0661}", "$-1", "1e5.5",
    ] {
        let error = text.parse::<Usd>().expect_err(text).to_string();
        assert!(error.contains("a decimal number such as 0.15"), "{error}");
    }
    let error = "1e-13".parse::<Usd>().expect_err("too fine").to_string();
    assert!(error.starts_with("\"1e-13\" is no amount of dollars"));
    assert!(error.contains("pico-dollar"), "{error}");
    for text in [
        "1e26",
        "999999999999999999999999999",
        "1e999999999999999999999",
    ] {
        let error = text.parse::<Usd>().expect_err(text).to_string();
        assert!(error.contains("below 1e26"), "{error}");
    }
    assert!("1e-999999999999999999999".parse::<Usd>().is_err());
    let long = "x".repeat(10_000).parse::<Usd>().expect_err("no number");
    assert!(long.to_string().len() < 200);
}

#[test]
fn an_amount_is_shown_in_full_or_rounded_half_to_even() {
    assert_eq!(Usd::ZERO.to_string(), "$0");
    assert_eq!(usd("0.000123").to_string(), "$0.000123");
    assert_eq!(usd("-2.50").to_string(), "-$2.5");
    assert_eq!(usd("12").to_string(), "$12");
    assert_eq!(format!("{:.2}", usd("12")), "$12.00");
    assert_eq!(format!("{:.2}", usd("0.005")), "$0.00");
    assert_eq!(format!("{:.2}", usd("0.015")), "$0.02");
    assert_eq!(format!("{:.2}", usd("0.0050001")), "$0.01");
    assert_eq!(format!("{:.2}", usd("0.995")), "$1.00");
    assert_eq!(format!("{:.0}", usd("-1.5")), "-$2");
    assert_eq!(format!("{:.14}", usd("0.5")), "$0.50000000000000");
    assert_eq!(format!("[{:8}]", usd("0.5")), "[    $0.5]");
    assert_eq!(format!("[{:<8}]", usd("0.5")), "[$0.5    ]");
    assert_eq!(
        Usd::from_pico(i128::MIN).to_string(),
        "-$170141183460469231731687303.715884105728"
    );
}

#[test]
fn arithmetic_saturates() {
    let (max, min) = (Usd::from_pico(i128::MAX), Usd::from_pico(i128::MIN));
    let one = Usd::from_pico(1);
    assert_eq!(max + one, max);
    assert_eq!(min - one, min);
    assert_eq!(-min, max);
    assert_eq!(max * 2, max);
    assert_eq!(min * 2, min);
    assert_eq!([max, max].into_iter().sum::<Usd>(), max);
}

#[test]
fn a_float_is_for_export_alone_and_near() {
    assert_eq!(usd("0.15").as_dollars_f64(), 0.15);
    assert_eq!(usd("-1234.5").as_dollars_f64(), -1234.5);
    assert_eq!(Usd::ZERO.as_dollars_f64(), 0.0);
}

#[test]
fn serde_writes_a_decimal_string_and_reads_no_float() {
    let amount = usd("0.1");
    assert_eq!(
        serde_json::to_string(&amount).expect("serialises"),
        "\"0.1\""
    );
    assert_eq!(
        serde_json::from_str::<Usd>("\"1e-1\"").expect("reads"),
        amount
    );
    assert!(serde_json::from_str::<Usd>("0.1").is_err());
    let error = serde_json::from_str::<Usd>("\"ten\"").expect_err("no number");
    assert!(
        error
            .to_string()
            .contains("\"ten\" is no amount of dollars")
    );
}

#[test]
fn an_unknown_cost_is_counted_and_not_zero() {
    let (a, b) = (usd("0.5"), usd("0.25"));
    let paid: Paid = [Some(a), None, Some(b)].into_iter().sum();
    assert_eq!(
        paid,
        Paid {
            known: usd("0.75"),
            unknown: 1
        }
    );
    assert_eq!(paid.exact(), None);
    assert_eq!(Paid::from(Some(a)).exact(), Some(a));
    assert_eq!(Paid::default().exact(), Some(Usd::ZERO));
    let both = paid.merge(Paid::from(None));
    assert_eq!(
        both,
        Paid {
            known: usd("0.75"),
            unknown: 2
        }
    );
    let many = Paid {
        known: Usd::ZERO,
        unknown: u32::MAX,
    };
    assert_eq!(many.merge(paid).unknown, u32::MAX);
    assert_eq!([paid, both].into_iter().sum::<Paid>().unknown, 3);
}

#[test]
fn usage_merges_by_the_larger_figure_and_adds_without_wrapping() {
    let early = Usage {
        input: 10,
        output: 1,
        ..Usage::default()
    };
    let late = Usage {
        input: 10,
        cached_input: 4,
        output: 7,
        reasoning: 2,
        ..Usage::default()
    };
    assert_eq!(early.max(late), late);
    let told = serde_json::to_string(&late).expect("JSON");
    assert!(!told.contains("search") && !told.contains("1h"), "{told}");
    let searched = Usage {
        searches: 1,
        cache_write_1h: 2,
        ..late
    };
    let told = serde_json::to_string(&searched).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Usage>(&told).expect("usage"),
        searched
    );
    assert_eq!((searched + searched).searches, 2);
    assert_eq!(late.max(early), late);
    assert_eq!((early + late).input, 20);
    let full = Usage {
        input: u64::MAX,
        output: u64::MAX,
        ..Usage::default()
    };
    assert_eq!((full + late).input, u64::MAX);
    assert_eq!(full.total(), u64::MAX);
    assert_eq!([early, late].into_iter().sum::<Usage>(), early + late);
    let partial: Usage = serde_json::from_str(r#"{"input": 3}"#).expect("the rest is zero");
    assert_eq!(
        partial,
        Usage {
            input: 3,
            ..Usage::default()
        }
    );
}

/// Whole numbers of any size, the last digit first.
fn times(a: &str, b: &str) -> String {
    let digits = |text: &str| {
        text.bytes()
            .rev()
            .map(|b| u32::from(b - b'0'))
            .collect::<Vec<_>>()
    };
    let (a, b) = (digits(a), digits(b));
    let mut product = vec![0; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0;
        for (j, y) in b.iter().enumerate() {
            let sum = product[i + j] + x * y + carry;
            (product[i + j], carry) = (sum % 10, sum / 10);
        }
        product[i + b.len()] += carry;
    }
    let text: String = product.iter().rev().map(u32::to_string).collect();
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        text => text.to_owned(),
    }
}

proptest! {
    #[test]
    fn text_comes_back_as_it_was(pico in any::<i128>()) {
        // All but the last few of what fits: text of more is refused.
        let amount = Usd::from_pico(pico / 2);
        prop_assert_eq!(amount.to_string().parse::<Usd>(), Ok(amount));
        let json = serde_json::to_string(&amount).expect("serialises");
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).expect("reads"), amount);
    }

    #[test]
    fn the_same_number_is_read_the_same_in_every_form(digits in 0..10_u64.pow(15), exponent in 0_i32..=11) {
        let plain = Usd::from_pico(i128::from(digits) * 10_i128.pow(12 - exponent as u32));
        prop_assert_eq!(format!("{digits}e-{exponent}").parse::<Usd>(), Ok(plain));
        prop_assert_eq!(format!("{digits}000E-{}", exponent + 3).parse::<Usd>(), Ok(plain));
        prop_assert_eq!(format!("0.{digits:020}e{}", 20 - exponent).parse::<Usd>(), Ok(plain));
        prop_assert_eq!(format!("00{plain:.12}", plain = plain).replace('$', "").parse::<Usd>(), Ok(plain));
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in ".{0,40}", number in "[-+$0-9.eE]{0,30}") {
        let _ = text.parse::<Usd>();
        if let Ok(amount) = number.parse::<Usd>() {
            prop_assert_eq!(amount.to_string().parse::<Usd>(), Ok(amount));
        }
    }

    #[test]
    fn tokens_at_a_price_are_exact(tokens in any::<u64>(), pico in 0..=i128::MAX) {
        let exact = times(&tokens.to_string(), &pico.to_string());
        let cost = Usd::from_pico(pico) * tokens;
        prop_assert_eq!(cost.pico(), exact.parse().unwrap_or(i128::MAX));
    }

    #[test]
    fn precision_shows_the_nearest(pico in any::<i64>(), precision in 0_usize..12) {
        let amount = Usd::from_pico(i128::from(pico));
        let shown: Usd = format!("{amount:.precision$}").parse().expect("an amount");
        let off = (amount - shown).pico().abs() * 2;
        prop_assert!(off <= 10_i128.pow(12 - precision as u32));
    }

    #[test]
    fn sums_do_not_depend_on_the_order(mut pico in prop::collection::vec(any::<i64>(), 0..20)) {
        let sum = |pico: &[i64]| pico.iter().map(|p| Usd::from_pico(i128::from(*p))).sum::<Usd>();
        let forward = sum(&pico);
        pico.sort_unstable();
        prop_assert_eq!(sum(&pico), forward);
        prop_assert_eq!(forward.pico(), pico.iter().map(|p| i128::from(*p)).sum::<i128>());
    }
}
