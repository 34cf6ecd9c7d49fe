//! Numbers as exact decimals: through a float some would be equal that are not.

/// A JSON number as sign, digits without outer zeros, and the exponent of the last digit. `None`: an exponent that
/// does not fit.
pub(super) fn decimal(text: &str) -> Option<(bool, Digits<'_>, i64)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = Digits { whole, fraction };
    let zeros = digits.zeros_behind();
    let digits = digits.trimmed();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let exponent: i64 = exponent.parse().ok()?;
    let shift = i64::try_from(zeros).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((negative, digits, exponent.checked_add(shift)?))
}

/// The digits of a number, of which some come before the point.
#[derive(Debug)]
pub(super) struct Digits<'a> {
    pub(super) whole: &'a str,
    pub(super) fraction: &'a str,
}

impl Digits<'_> {
    fn zeros_behind(&self) -> usize {
        let zeros = |text: &str| text.len() - text.trim_end_matches('0').len();
        match zeros(self.fraction) {
            all if all == self.fraction.len() => all + zeros(self.whole),
            some => some,
        }
    }

    /// Without outer zeros.
    fn trimmed(self) -> Self {
        let fraction = self.fraction.trim_end_matches('0');
        let whole = match fraction {
            "" => self.whole.trim_end_matches('0'),
            _ => self.whole,
        };
        let whole = whole.trim_start_matches('0');
        let fraction = match whole {
            "" => fraction.trim_start_matches('0'),
            _ => fraction,
        };
        Self { whole, fraction }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// All of them as one, without taking memory for few.
    pub(super) fn with<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        let (whole, fraction) = (self.whole.as_bytes(), self.fraction.as_bytes());
        let mut few = [0; 32];
        let length = whole.len() + fraction.len();
        if fraction.is_empty() {
            take(whole)
        } else if let Some(few) = few.get_mut(..length) {
            few[..whole.len()].copy_from_slice(whole);
            few[whole.len()..].copy_from_slice(fraction);
            take(few)
        } else {
            take(&[whole, fraction].concat())
        }
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.with(|these| other.with(|those| these == those))
    }
}
