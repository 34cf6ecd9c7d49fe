//! The later of two commit points.
use obs_core::Commit;

/// What is reached when both are.
pub(crate) const fn later(one: Commit, other: Commit) -> Commit {
    use Commit::{After, Complete, FirstContent, Head, Tokens};
    match (one, other) {
        (Complete, _) | (_, Complete) => Complete,
        (Head, other) | (other, Head) => other,
        (FirstContent, other) | (other, FirstContent) => other,
        (Tokens(m), Tokens(n)) => Tokens(if m > n { m } else { n }),
        (After(m), After(n)) => After(if m.as_nanos() > n.as_nanos() { m } else { n }),
        // Two different measures: who sees all has seen either.
        _ => Complete,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_the_one_that_shows_more_whichever_comes_first() {
        let after = |millis| Commit::After(Duration::from_millis(millis));
        let ascending = [
            [Commit::Head, Commit::FirstContent],
            [Commit::FirstContent, Commit::Tokens(2)],
            [Commit::Tokens(2), Commit::Tokens(3)],
            [Commit::FirstContent, after(0)],
            [after(1), after(2)],
            [Commit::Tokens(3), Commit::Complete],
            [after(3), Commit::Complete],
        ];
        for [sooner, then] in ascending {
            assert_eq!(later(sooner, then), then);
            assert_eq!(later(then, sooner), then);
            assert_eq!(later(then, then), then);
        }
        assert_eq!(later(after(1), Commit::Tokens(1)), Commit::Complete);
    }
}
