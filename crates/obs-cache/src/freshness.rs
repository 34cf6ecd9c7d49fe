//! For how long an answer is good, and whether a stored one will do.
use std::time::Duration;

use obs_core::{CacheDirectives, Key, MaxStale};

use crate::{Entry, Timestamp};

/// What the operator allows of answers that are no longer fresh: for how long after their end of freshness.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Windows {
    /// To anybody, while a new one is asked for.
    pub(crate) while_revalidating: Duration,
    /// To who says `max-stale`.
    pub(crate) on_request: Duration,
    /// In the place of an error.
    pub(crate) if_error: Duration,
}

/// What a stored answer is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer.
    Fresh,
    /// It will do, and should be renewed.
    Stale,
    /// It will do if there is no other.
    IfError,
    /// Nothing.
    Unfit,
}

impl Windows {
    /// For how long after its end of freshness an answer may be of use.
    pub(crate) fn longest(&self) -> Duration {
        self.while_revalidating
            .max(self.on_request)
            .max(self.if_error)
    }

    /// What this answer is good for to a caller who asks so. A caller can ask for more than the operator does, and
    /// never for less: `max-stale` shortens what the operator allows, and opens only what the operator allows on
    /// request.
    pub(crate) fn judge(&self, entry: &Entry, now: Timestamp, asked: &CacheDirectives) -> Verdict {
        let (age, left) = (now.since(entry.created), entry.fresh_until.since(now));
        if asked.max_age.is_some_and(|most| age > most) {
            return Verdict::Unfit;
        }
        if !left.is_zero() {
            return match asked.min_fresh.is_none_or(|least| left >= least) {
                true => Verdict::Fresh,
                false => Verdict::Unfit,
            };
        }
        // RFC 9111, 5.2.1.1: who gives a `max-age` wants nothing stale, unless it says so too.
        let wants_fresh = asked.min_fresh.is_some()
            || (asked.max_age.is_some() && asked.max_stale.is_none())
            || entry.keep_for(now).is_none();
        let staleness = now.since(entry.fresh_until);
        let is_too_stale = match asked.max_stale {
            Some(MaxStale::For(most)) => staleness > most,
            Some(MaxStale::Any) | None => false,
        };
        let unasked = self.while_revalidating;
        let given = match asked.max_stale {
            Some(_) => unasked.max(self.on_request),
            None => unasked,
        };
        match staleness {
            _ if wants_fresh || is_too_stale => Verdict::Unfit,
            _ if staleness < given => Verdict::Stale,
            _ if staleness < self.if_error => Verdict::IfError,
            _ => Verdict::Unfit,
        }
    }
}

/// The time to live of one answer: up to this part shorter, so that answers that were kept together do not end
/// together. The same for the same key and moment.
pub(crate) fn jittered(ttl: Duration, part: f64, key: &Key, created: Timestamp) -> Duration {
    let shortened = ttl.mul_f64(1.0 - part * share_of(key, created.as_millis()));
    shortened.max(Duration::from_millis(1))
}

/// A number from 0 to below 1 that looks like chance, the same for the same key and number.
pub(crate) fn share_of(key: &Key, number: u64) -> f64 {
    let word = key.id().first_chunk().copied().unwrap_or_default();
    // SplitMix64: all bits of both count.
    let mut bits = u64::from_le_bytes(word) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use obs_core::Fingerprint;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// An answer that is good for an hour, so many minutes after it was made, kept for a day.
    fn ask_at(minutes: u32, windows: Windows, asked: &CacheDirectives) -> Verdict {
        let created = Timestamp::from_millis(1_000_000);
        let mut entry = Entry::new(Bytes::new(), created, 60 * MINUTE);
        entry.keep_until = created.after(24 * 60 * MINUTE);
        windows.judge(&entry, created.after(minutes * MINUTE), asked)
    }

    fn windows(while_revalidating: u32, on_request: u32, if_error: u32) -> Windows {
        Windows {
            while_revalidating: while_revalidating * MINUTE,
            on_request: on_request * MINUTE,
            if_error: if_error * MINUTE,
        }
    }

    fn none() -> CacheDirectives {
        CacheDirectives::default()
    }

    fn max_stale(most: MaxStale) -> CacheDirectives {
        let mut asked = none();
        asked.max_stale = Some(most);
        asked
    }

    fn min_fresh(minutes: u32) -> CacheDirectives {
        let mut asked = none();
        asked.min_fresh = Some(minutes * MINUTE);
        asked
    }

    #[test]
    fn it_is_fresh_until_its_last_moment() {
        let created = Timestamp::from_millis(1_000_000);
        let entry = Entry::new(Bytes::new(), created, MINUTE);
        let at = |now| Windows::default().judge(&entry, now, &none());
        let millis = Duration::from_millis(1);
        assert_eq!(at(created), Verdict::Fresh);
        assert_eq!(at(created.after(MINUTE - millis)), Verdict::Fresh);
        assert_eq!(at(created.after(MINUTE)), Verdict::Unfit);
        // A clock that is behind the one that wrote it.
        assert_eq!(at(Timestamp::from_millis(0)), Verdict::Fresh);
    }

    #[test]
    fn a_caller_can_ask_for_a_younger_one_and_for_one_that_stays_fresh() {
        let all = windows(90, 90, 90);
        assert_eq!(
            ask_at(10, all, &none().max_age(10 * MINUTE)),
            Verdict::Fresh
        );
        assert_eq!(ask_at(10, all, &none().max_age(9 * MINUTE)), Verdict::Unfit);
        assert_eq!(ask_at(10, all, &min_fresh(50)), Verdict::Fresh);
        assert_eq!(ask_at(10, all, &min_fresh(51)), Verdict::Unfit);
        // Nothing stale, for who asks for either.
        assert_eq!(ask_at(61, all, &min_fresh(0)), Verdict::Unfit);
        assert_eq!(
            ask_at(61, all, &none().max_age(90 * MINUTE)),
            Verdict::Unfit
        );
        let mut both = max_stale(MaxStale::Any).max_age(61 * MINUTE);
        assert_eq!(ask_at(61, all, &both), Verdict::Stale);
        both.max_age = Some(60 * MINUTE);
        assert_eq!(ask_at(61, all, &both), Verdict::Unfit);
    }

    #[test]
    fn each_window_ends_where_the_operator_says() {
        let each = windows(10, 20, 30);
        assert_eq!(each.longest(), 30 * MINUTE);
        for (minutes, unasked, asked) in [
            (59, Verdict::Fresh, Verdict::Fresh),
            (60, Verdict::Stale, Verdict::Stale),
            (69, Verdict::Stale, Verdict::Stale),
            (70, Verdict::IfError, Verdict::Stale),
            (79, Verdict::IfError, Verdict::Stale),
            (80, Verdict::IfError, Verdict::IfError),
            (89, Verdict::IfError, Verdict::IfError),
            (90, Verdict::Unfit, Verdict::Unfit),
        ] {
            assert_eq!(ask_at(minutes, each, &none()), unasked, "{minutes}");
            let any = max_stale(MaxStale::Any);
            assert_eq!(ask_at(minutes, each, &any), asked, "{minutes}");
        }
    }

    #[test]
    fn a_caller_can_ask_for_one_that_is_less_stale() {
        let each = windows(10, 20, 30);
        let five = max_stale(MaxStale::For(5 * MINUTE));
        assert_eq!(ask_at(65, each, &five), Verdict::Stale);
        assert_eq!(ask_at(66, each, &five), Verdict::Unfit);
        let none_at_all = max_stale(MaxStale::For(Duration::ZERO));
        assert_eq!(ask_at(61, each, &none_at_all), Verdict::Unfit);
    }

    #[test]
    fn what_should_be_gone_is_not_used() {
        let created = Timestamp::from_millis(1_000_000);
        let entry = Entry::new(Bytes::new(), created, MINUTE);
        let judged = windows(9, 9, 9).judge(&entry, created.after(MINUTE), &none());
        assert_eq!(judged, Verdict::Unfit);
    }

    proptest! {
        /// Whatever a caller says, without the operator's leave nothing stale is given; and with it, never more
        /// than that.
        #[test]
        fn no_caller_widens_anything(
            minutes in 0..200_u32,
            ages in proptest::option::of(0..200_u32),
            fresh in proptest::option::of(0..200_u32),
            stale in proptest::option::of(proptest::option::of(0..200_u32)),
            (revalidate, request, error) in (0..50_u32, 0..50_u32, 0..50_u32),
        ) {
            let mut asked = none();
            asked.max_age = ages.map(|minutes| minutes * MINUTE);
            asked.min_fresh = fresh.map(|minutes| minutes * MINUTE);
            asked.max_stale = stale.map(|most| {
                most.map_or(MaxStale::Any, |minutes| MaxStale::For(minutes * MINUTE))
            });
            let judged = ask_at(minutes, windows(revalidate, request, error), &asked);
            let staleness = minutes.saturating_sub(60);
            match judged {
                Verdict::Fresh => prop_assert!(minutes < 60),
                Verdict::Stale => prop_assert!(staleness < revalidate.max(request)),
                Verdict::IfError => prop_assert!(staleness < error),
                Verdict::Unfit => {}
            }
        }

        #[test]
        fn jitter_shortens_and_by_no_more_than_its_part(
            question in any::<u64>(),
            millis in any::<u32>(),
            part in 0.0..=1.0_f64,
        ) {
            let key = Fingerprint::new().field("q", &question.to_le_bytes()).finish();
            let at = Timestamp::from_millis(millis.into());
            let ttl = jittered(MINUTE, part, &key, at);
            prop_assert!(ttl <= MINUTE);
            prop_assert!(ttl.as_secs_f64() >= 60.0 * (1.0 - part) - 1e-6);
            prop_assert!(ttl >= Duration::from_millis(1));
            prop_assert_eq!(jittered(MINUTE, 0.0, &key, at), MINUTE);
        }
    }

    #[test]
    fn jitter_spreads_evenly() {
        let mut tenths = [0; 10];
        for question in 0..2000_u32 {
            let key = Fingerprint::new()
                .field("q", &question.to_le_bytes())
                .finish();
            let ttl = jittered(MINUTE, 0.5, &key, Timestamp::from_millis(7));
            let share = (60.0 - ttl.as_secs_f64()) / 30.0;
            tenths[((share * 10.0) as usize).min(9)] += 1;
        }
        assert!(
            tenths.iter().all(|&n| (140..=260).contains(&n)),
            "{tenths:?}"
        );
    }
}
