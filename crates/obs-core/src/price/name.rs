//! The names under which a model may stand in a table.

/// The name as it is, then without its provider, without its date, and without both.
pub(super) fn forms(model: &str) -> impl Iterator<Item = &str> {
    let bare = model
        .split_once('/')
        .map(|(_, rest)| rest)
        .filter(|rest| !rest.is_empty());
    let undated = undated(model);
    let both = bare.and_then(self::undated);
    [Some(model), bare, undated, both].into_iter().flatten()
}

/// `None` where there is no date at the end. Shorter figures (`-0613`, `-001`) are versions, and not stripped.
fn undated(model: &str) -> Option<&str> {
    let strip = |length: usize, separators: &[u8], is_date: fn(&[u8]) -> bool| {
        let at = model.len().checked_sub(length + 1)?;
        let bytes = model.as_bytes();
        let found = at > 0 && separators.contains(&bytes[at]) && is_date(&bytes[at + 1..]);
        found.then(|| &model[..at])
    };
    strip(8, b"-@", |d| is_day(&d[..4], &d[4..6], &d[6..])).or_else(|| {
        strip(10, b"-@", |d| {
            d[4] == b'-' && d[7] == b'-' && is_day(&d[..4], &d[5..7], &d[8..])
        })
    })
}

fn is_day(year: &[u8], month: &[u8], day: &[u8]) -> bool {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |n, digit| {
            digit
                .is_ascii_digit()
                .then(|| n * 10 + u32::from(digit - b'0'))
        })
    };
    let within = |digits, range: std::ops::RangeInclusive<u32>| {
        number(digits).is_some_and(|n| range.contains(&n))
    };
    within(year, 2000..=2099) && within(month, 1..=12) && within(day, 1..=31)
}
