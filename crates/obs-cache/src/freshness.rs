//! Whether a stored answer will do.
use obs_core::CacheDirectives;

use crate::{Entry, Timestamp};

/// Whether this answer may be given to a caller who asks so. A caller can ask for more than the operator's time to
/// live, and never for less: `max-stale` widens nothing.
pub(crate) fn will_do(entry: &Entry, now: Timestamp, asked: &CacheDirectives) -> bool {
    let (age, left) = (now.since(entry.created), entry.fresh_until.since(now));
    !left.is_zero()
        && asked.max_age.is_none_or(|most| age <= most)
        && asked.min_fresh.is_none_or(|least| left >= least)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use obs_core::MaxStale;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// An answer that is ten minutes old, and good for an hour.
    fn ask(asked: &CacheDirectives) -> bool {
        let created = Timestamp::from_millis(1_000_000);
        let entry = Entry::new(Bytes::new(), created, 60 * MINUTE);
        will_do(&entry, created.after(10 * MINUTE), asked)
    }

    #[test]
    fn it_is_good_until_its_last_moment() {
        let created = Timestamp::from_millis(1_000_000);
        let entry = Entry::new(Bytes::new(), created, MINUTE);
        let asked = CacheDirectives::default();
        let millis = Duration::from_millis(1);
        assert!(will_do(&entry, created, &asked));
        assert!(will_do(&entry, created.after(MINUTE - millis), &asked));
        assert!(!will_do(&entry, created.after(MINUTE), &asked));
        // A clock that is behind the one that wrote it.
        assert!(will_do(&entry, Timestamp::from_millis(0), &asked));
    }

    #[test]
    fn a_caller_can_ask_for_a_younger_one() {
        let max_age = |minutes| CacheDirectives::default().max_age(minutes * MINUTE);
        assert!(ask(&max_age(10)));
        assert!(!ask(&max_age(9)));
        assert!(!ask(&max_age(0)));
    }

    #[test]
    fn a_caller_can_ask_for_one_that_stays_fresh() {
        let min_fresh = |minutes| {
            let mut asked = CacheDirectives::default();
            asked.min_fresh = Some(minutes * MINUTE);
            asked
        };
        assert!(ask(&min_fresh(50)));
        assert!(!ask(&min_fresh(51)));
    }

    #[test]
    fn a_caller_cannot_ask_for_an_older_one() {
        let created = Timestamp::from_millis(1_000_000);
        let entry = Entry::new(Bytes::new(), created, MINUTE);
        let mut asked = CacheDirectives::default();
        asked.max_stale = Some(MaxStale::Any);
        asked.max_age = Some(Duration::MAX);
        assert!(!will_do(&entry, created.after(MINUTE), &asked));
    }
}
