//! Answers that are numbers.
use std::fmt;

use obs_core::Finish;

use crate::{Check, Seen};

/// Accepts answers whose last number passes a test: results are at the end, and what can be computed back can be checked.
///
/// Numbers are written with a point, `-` before it or not, and with or without commas between thousands. An answer without any is
/// rejected; one that calls tools is accepted.
///
/// ```
/// use obs_router::Number;
///
/// let percentage = Number::new(|number| (0.0..=100.0).contains(&number));
/// ```
#[derive(Clone, Copy)]
pub struct Number<F>(F);

impl<F: Fn(f64) -> bool> Number<F> {
    /// Those that pass this test.
    pub const fn new(test: F) -> Self {
        Self(test)
    }
}

impl<F: Fn(f64) -> bool> Check for Number<F> {
    fn accepts(&self, answer: &Seen) -> bool {
        answer.finish == Some(Finish::ToolCalls) || last_number(&answer.text).is_some_and(&self.0)
    }
}

impl<F> fmt::Debug for Number<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(..)")
    }
}

/// The last number of a text.
pub(super) fn last_number(text: &str) -> Option<f64> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let of_number = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let head = text[..end].trim_end_matches(of_number);
    let digits = &text[head.len()..end];
    let digits = digits.trim_start_matches(',').replace(',', "");
    let number: f64 = digits.parse().ok()?;
    // A dash between words or numbers is none.
    let negative = head
        .strip_suffix(['-', '\u{2212}'])
        .is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric()));
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::last_number;

    #[test]
    fn the_last_number_is_found_as_people_write_it() {
        let cases = [
            ("The answer is 42.", Some(42.0)),
            ("5 + 7 = 12", Some(12.0)),
            ("$1,234,567.89!", Some(1_234_567.89)),
            ("it is -3.5 degrees", Some(-3.5)),
            ("\u{2212}7", Some(-7.0)),
            ("pages 3-4", Some(4.0)),
            ("x = .5", Some(0.5)),
            ("1.2.3", None),
            ("none at all", None),
            ("", None),
        ];
        for (text, number) in cases {
            assert_eq!(last_number(text), number, "{text}");
        }
    }
}
