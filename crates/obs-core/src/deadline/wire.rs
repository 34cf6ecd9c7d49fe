//! Deadlines that cross processes, as the time that is left.
use std::{error::Error as StdError, fmt, time::Duration};

use tokio::time::Instant;

use super::Deadline;
use crate::{Elapsed, Error};

/// The largest number in `grpc-timeout`: eight digits.
const MOST: u128 = 99_999_999;

const NANO: u128 = 1;
const MICRO: u128 = 1_000 * NANO;
const MILLI: u128 = 1_000 * MICRO;
const SECOND: u128 = 1_000 * MILLI;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;

/// Ascending, so that the first one in which a time fits tells it most exactly.
const UNITS: [(char, u128); 6] = [
    ('n', NANO),
    ('u', MICRO),
    ('m', MILLI),
    ('S', SECOND),
    ('M', MINUTE),
    ('H', HOUR),
];

/// What came as the time that is left is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTimeout {
    text: String,
    expected: &'static str,
}

/// Deadlines across processes.
///
/// What is sent is the time that is left, never more than that and never the time of day: clocks of two machines differ. A
/// deadline stands still while time passes, so that whatever it is asked last is less by what was spent. The time on the
/// wire is not known, and is not taken off.
///
/// Nothing is left of a deadline that has passed: do not send the request, as nobody waits for the answer
/// ([`inject`](Self::inject) refuses). One that comes in with nothing left is over at once; it is no mistake.
///
/// ```
/// use std::{collections::HashMap, time::Duration};
///
/// use obs_core::Deadline;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let deadline = Deadline::after(Duration::from_secs(3), Duration::ZERO);
/// let mut headers = HashMap::new();
/// deadline.inject(|name, value| {
///     headers.insert(name, value);
/// })?;
/// // On the other side:
/// let deadline = Deadline::extract(|name| headers.get(name).map(String::as_str))?;
/// assert!(deadline.remaining() <= Some(Duration::from_secs(3)));
/// # Ok(())
/// # }
/// ```
impl Deadline {
    /// The name in gRPC metadata of the value of [`to_grpc_timeout`](Self::to_grpc_timeout).
    pub const GRPC_HEADER: &'static str = "grpc-timeout";

    /// The name of the HTTP header with the value of [`to_millis`](Self::to_millis).
    pub const HTTP_HEADER: &'static str = "x-obs-deadline-ms";

    /// Reads the time that is left from now on, as gRPC tells it: at most eight digits, and one of the units `H`, `M`, `S`,
    /// `m`, `u` and `n`. Zero, which some implementations send, is over at once.
    ///
    /// # Errors
    ///
    /// If it is anything else.
    pub fn from_grpc_timeout(text: &str) -> Result<Self, InvalidTimeout> {
        let expected = "1 to 8 digits and one of the units H, M, S, m, u, n";
        let parse = || {
            let unit = text.chars().next_back()?;
            let (_, nanos) = UNITS.iter().find(|(of, _)| *of == unit)?;
            let digits = text.strip_suffix(unit)?;
            (digits.len() <= 8).then_some(())?;
            let value = u128::from(number(digits)?) * nanos;
            let (secs, nanos) = (value / SECOND, value % SECOND);
            // The largest is 99999999 hours.
            Some(Duration::new(secs as u64, nanos as u32))
        };
        let left = parse().ok_or_else(|| InvalidTimeout::new(text, expected))?;
        Ok(Self::after(left, Duration::ZERO))
    }

    /// The time that is left, for the metadata `grpc-timeout`: in the finest unit in which it has at most eight digits, and
    /// rounded down. `None` without a deadline; `0n` if it has passed: do not send then.
    #[must_use]
    pub fn to_grpc_timeout(&self) -> Option<String> {
        let left = self.remaining()?.as_nanos();
        let fits = UNITS.iter().find(|(_, nanos)| left / nanos <= MOST);
        Some(match fits {
            Some((unit, nanos)) => format!("{}{unit}", left / nanos),
            None => format!("{MOST}H"),
        })
    }

    /// Reads the time that is left from now on in whole milliseconds, as `x-obs-deadline-ms` tells it: digits alone, up to
    /// 2^64 - 1. Zero is over at once.
    ///
    /// # Errors
    ///
    /// If it is anything else.
    pub fn from_millis(text: &str) -> Result<Self, InvalidTimeout> {
        let expected = "the time that is left in milliseconds, a whole number, zero or more";
        let left = number(text).ok_or_else(|| InvalidTimeout::new(text, expected))?;
        Ok(Self::after(Duration::from_millis(left), Duration::ZERO))
    }

    /// The time that is left in whole milliseconds, rounded down, for the header `x-obs-deadline-ms`. `None` without a
    /// deadline; zero if less than a millisecond is left: do not send then.
    #[must_use]
    pub fn to_millis(&self) -> Option<u64> {
        let left = self.remaining()?.as_millis();
        Some(u64::try_from(left).unwrap_or(u64::MAX))
    }

    /// Writes the time that is left, in both forms, into whatever has names and values: HTTP headers, gRPC metadata, a map.
    /// Without a deadline nothing is written.
    ///
    /// # Errors
    ///
    /// [`Elapsed`], if less than a millisecond is left. Nothing is written then, and nothing should be sent.
    pub fn inject(&self, mut set: impl FnMut(&'static str, String)) -> Result<(), Error> {
        let (Some(grpc), Some(millis)) = (self.to_grpc_timeout(), self.to_millis()) else {
            return Ok(());
        };
        if millis == 0 {
            return Err(Elapsed::of_deadline(Instant::now()));
        }
        set(Self::GRPC_HEADER, grpc);
        set(Self::HTTP_HEADER, millis.to_string());
        Ok(())
    }

    /// Reads the time that is left, from now on, out of whatever has names and values. Of two forms the one that leaves less
    /// holds; with neither there is no deadline.
    ///
    /// # Errors
    ///
    /// If either is there and is no time.
    pub fn extract<'a>(
        mut get: impl FnMut(&'static str) -> Option<&'a str>,
    ) -> Result<Self, InvalidTimeout> {
        let grpc = get(Self::GRPC_HEADER).map(Self::from_grpc_timeout);
        let millis = get(Self::HTTP_HEADER).map(Self::from_millis);
        let read = [grpc.transpose()?, millis.transpose()?];
        let end = read.iter().flatten().filter_map(Self::end).min();
        Ok(end.map(Self::at).unwrap_or_default())
    }
}

/// Digits alone: no sign, and nothing around them.
fn number(digits: &str) -> Option<u64> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

impl InvalidTimeout {
    fn new(text: &str, expected: &'static str) -> Self {
        // As much as helps to find it: it came from outside.
        let text = text.chars().take(32).collect();
        Self { text, expected }
    }
}

impl fmt::Display for InvalidTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, expected } = self;
        write!(f, "{text:?} is no time that is left: expected {expected}")
    }
}

impl StdError for InvalidTimeout {}
