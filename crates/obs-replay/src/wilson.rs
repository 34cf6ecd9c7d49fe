//! The interval around a share.

/// The 95 % interval around a share, from 0 to 1, of so many: Wilson's score interval, which stays within 0 and 1 and has sense for few. A mean of
/// scores between 0 and 1 spreads less than a share, so that its interval is no wider than this one. Of none it is 0 to 1.
#[must_use]
pub fn wilson(share: f64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.96;
    if of == 0 {
        return (0.0, 1.0);
    }
    let count = of as f64;
    let whole = 1.0 + Z * Z / count;
    let middle = (share + Z * Z / (2.0 * count)) / whole;
    let room = Z / whole * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    // The ends of shares that are ends themselves, without what rounding leaves.
    let low = if share <= 0.0 {
        0.0
    } else {
        (middle - room).max(0.0)
    };
    let high = if share >= 1.0 {
        1.0
    } else {
        (middle + room).min(1.0)
    };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_tables() {
        // Agresti and Coull, "Approximate is better than exact", 1998: 1 of 10 and 5 of 10.
        for (share, of, low, high) in [(0.1, 10, 0.018, 0.404), (0.5, 10, 0.237, 0.763)] {
            let found = wilson(share, of);
            assert!(
                (found.0 - low).abs() < 1e-3 && (found.1 - high).abs() < 1e-3,
                "{found:?}"
            );
        }
        assert_eq!(wilson(0.0, 0), (0.0, 1.0));
        for of in [9, 787, 523] {
            assert_eq!((wilson(0.0, of).0, wilson(1.0, of).1), (0.0, 1.0));
        }
    }
}
