//! Decimal text to whole numbers, exactly: no figure of money is ever a float.
use std::{error::Error, fmt};

/// Digits that `i128` always holds.
const DIGITS: usize = 38;

/// What to do with digits finer than the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finer {
    Refuse,
    /// To the nearest, and from the middle to the even one.
    Round,
}

/// Why text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseUsdError {
    text: Box<str>,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    NoNumber,
    TooFine,
    TooLarge,
}

impl ParseUsdError {
    fn new(text: &str, problem: Problem) -> Self {
        // Whatever was pasted here by mistake need not fill the log.
        let text = text.chars().take(60).collect::<String>().into();
        Self { text, problem }
    }

    /// What would have been right.
    pub(crate) fn allowed(&self) -> &'static str {
        match self.problem {
            Problem::NoNumber => "a decimal number such as 0.15 or 1.5e-07",
            Problem::TooFine => "a number without digits finer than a pico-dollar (12 decimals)",
            Problem::TooLarge => "a number below 1e26",
        }
    }
}

impl fmt::Display for ParseUsdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = self.allowed();
        write!(
            f,
            "{:?} is no amount of dollars: expected {allowed}",
            self.text
        )
    }
}

impl Error for ParseUsdError {}

/// `text` times ten to the power of `scale`.
pub(crate) fn parse(text: &str, scale: i64, finer: Finer) -> Result<i128, ParseUsdError> {
    let fail = |problem| ParseUsdError::new(text, problem);
    let (negative, number) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = number.strip_prefix('$').unwrap_or(number);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let some_digits = !whole.is_empty() || !fraction.is_empty();
    if !some_digits || !is_digits(whole) || !is_digits(fraction) {
        return Err(fail(Problem::NoNumber));
    }
    let exponent = self::exponent(exponent).ok_or_else(|| fail(Problem::NoNumber))?;

    let digits = format!("{whole}{fraction}");
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    // The number is `digits` times ten to the power of `shift`.
    let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let shift = scale
        .saturating_add(exponent)
        .saturating_add(length(trailing))
        .saturating_sub(length(fraction.len()));
    let kept = length(digits.len()).saturating_add(shift);
    if shift < 0 && finer == Finer::Refuse {
        return Err(fail(Problem::TooFine));
    }
    if kept > DIGITS as i64 {
        return Err(fail(Problem::TooLarge));
    }
    let value = if shift >= 0 {
        format!("{digits}{:0>1$}", "", shift as usize)
    } else {
        digits[..kept.max(0) as usize].to_owned()
    };
    let mut value = match value.as_str() {
        "" => 0,
        value => value.parse::<i128>().map_err(|_| fail(Problem::TooLarge))?,
    };
    if shift < 0 && kept >= 0 {
        // The last digit is no zero, so that a lone 5 is the exact middle.
        let rest = &digits[kept as usize..];
        let up = match rest.as_bytes()[0] {
            b'5' if rest.len() == 1 => value % 2 == 1,
            first => first >= b'5',
        };
        value += i128::from(up);
    }
    Ok(if negative { -value } else { value })
}

/// One that no number needs is as good as the largest.
fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if negative { -size } else { size })
}
