//! Exact money, and sums of which some parts may be unknown.
mod decimal;

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::decimal::ParseUsdError;
pub(crate) use self::decimal::{Finer, parse};

/// Decimals of a dollar that are kept.
const DECIMALS: usize = 12;
const PICO: u128 = 10_u128.pow(DECIMALS as u32);

/// An exact amount of US dollars, counted in pico-dollars (10⁻¹² dollars), which may be negative.
///
/// Published prices are whole pico-dollars a token, so that costs and sums of costs are exact. Arithmetic **saturates**
/// at ±1.7·10²⁶ dollars: it neither wraps nor panics.
///
/// As text an amount is a decimal number: [`Display`](fmt::Display) writes `$0.000123`, all of it unless a precision is
/// asked for (`{:.6}`, rounded half to even); [`FromStr`] reads `0.000123`, `$0.000123` and `1.23e-4`, and refuses
/// digits finer than a pico-dollar. With serde it is a string such as `"0.000123"`. None of these goes through a float.
///
/// ```
/// # use obs_core::Usd;
/// let token: Usd = "1.5e-7".parse()?;
/// assert_eq!(token, Usd::from_pico(150_000));
/// assert_eq!((token * 820).to_string(), "$0.000123");
/// # Ok::<(), obs_core::ParseUsdError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i128);

/// A sum of costs of which some may not be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paid {
    /// The sum of the costs that are known.
    pub known: Usd,
    /// How many costs are not in it, because nobody knows them.
    pub unknown: u32,
}

impl Usd {
    /// Nothing: a price that is known, and is zero.
    pub const ZERO: Self = Self(0);

    /// So many pico-dollars.
    #[must_use]
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// The amount in pico-dollars.
    #[must_use]
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// The nearest float, in dollars: for export to metrics alone, which know nothing else.
    #[must_use]
    pub fn as_dollars_f64(self) -> f64 {
        // Both conversions round to nearest, and the division once more: within one unit of the last place.
        self.0 as f64 / PICO as f64
    }

    /// The number without the sign of the currency.
    fn decimal(self, precision: Option<usize>) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let pico = self.0.unsigned_abs();
        let cut = DECIMALS - precision.unwrap_or(DECIMALS).min(DECIMALS);
        let unit = 10_u128.pow(cut as u32);
        let (mut units, rest) = (pico / unit, pico % unit);
        if rest * 2 > unit || (rest * 2 == unit && units % 2 == 1) {
            units += 1;
        }
        let pico = units * unit;
        let fraction = format!("{:012}", pico % PICO);
        let fraction = match precision {
            Some(precision) if precision > DECIMALS => format!("{fraction:0<precision$}"),
            Some(precision) => fraction[..precision].to_owned(),
            None => fraction.trim_end_matches('0').to_owned(),
        };
        let whole = pico / PICO;
        match fraction.as_str() {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.decimal(f.precision());
        let text = match number.strip_prefix('-') {
            Some(number) => format!("-${number}"),
            None => format!("${number}"),
        };
        let padding = f.width().unwrap_or(0).saturating_sub(text.len());
        match f.align() {
            Some(fmt::Alignment::Left) => write!(f, "{text}{:padding$}", ""),
            _ => write!(f, "{:padding$}{text}", ""),
        }
    }
}

impl FromStr for Usd {
    type Err = ParseUsdError;

    fn from_str(text: &str) -> Result<Self, ParseUsdError> {
        parse(text, DECIMALS as i64, Finer::Refuse).map(Self)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.decimal(None))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Usd {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// So many times the amount: tokens at a price.
impl Mul<u64> for Usd {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(i128::from(times)))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Usd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Paid {
    /// The sum, where all of it is known.
    #[must_use]
    pub fn exact(self) -> Option<Usd> {
        (self.unknown == 0).then_some(self.known)
    }

    /// Both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            known: self.known + other.known,
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }
}

/// One cost; `None` is one that is not known.
impl From<Option<Usd>> for Paid {
    fn from(cost: Option<Usd>) -> Self {
        Self {
            known: cost.unwrap_or_default(),
            unknown: u32::from(cost.is_none()),
        }
    }
}

impl Sum<Option<Usd>> for Paid {
    fn sum<I: Iterator<Item = Option<Usd>>>(costs: I) -> Self {
        costs.map(Self::from).sum()
    }
}

impl Sum for Paid {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Self::merge)
    }
}
