//! A quarter of an hour in slots of five seconds.
use std::{collections::VecDeque, time::Duration};

use hdrhistogram::Histogram;
use obs_core::Usd;
use serde::Serialize;
use tokio::time::Instant;

use super::seen::Ended;

/// The status of a call whose caller left, as nginx has it.
pub(crate) const LEFT: u16 = 499;

const SLOT: Duration = Duration::from_secs(5);
const SLOTS: u64 = 180;
const MINUTE: u64 = 60 / SLOT.as_secs();

/// Longest time that is told apart from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;

/// The slots in which calls ended, the oldest first.
#[derive(Debug)]
pub(super) struct History {
    start: Instant,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Its place, counted from the start.
    at: u64,
    hits: u64,
    misses: u64,
    /// Neither: the cache was not asked, or the caller left.
    others: u64,
    failed: u64,
    timed_out: u64,
    cost: Usd,
    saved: Usd,
    /// Microseconds, of calls that nobody left.
    took: Histogram<u32>,
}

/// The history as columns of equal length, a row for each slot that is over. Rows without calls have no times.
#[derive(Debug, Default, Serialize)]
pub(super) struct Columns {
    slot_seconds: u64,
    /// Seconds before now at which the slots began.
    ago: Vec<f64>,
    hits: Vec<u64>,
    misses: Vec<u64>,
    others: Vec<u64>,
    failed: Vec<u64>,
    timed_out: Vec<u64>,
    cost_usd: Vec<f64>,
    saved_usd: Vec<f64>,
    p50_seconds: Vec<Option<f64>>,
    p95_seconds: Vec<Option<f64>>,
}

/// How long calls took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    calls: u64,
    p50_seconds: f64,
    p95_seconds: f64,
    p99_seconds: f64,
}

impl History {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            slots: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, now: Instant, call: &Ended) {
        let at = self.place(now);
        while self.slots.front().is_some_and(|slot| slot.at + SLOTS < at) {
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|slot| slot.at < at) {
            self.slots.push_back(Slot::new(at));
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.add(call);
        }
    }

    pub(super) fn columns(&self, now: Instant) -> Columns {
        let mut columns = Columns {
            slot_seconds: SLOT.as_secs(),
            ..Columns::default()
        };
        let since = now.saturating_duration_since(self.start).as_secs_f64();
        let here = self.place(now);
        let mut slots = self.slots.iter().peekable();
        for at in here.saturating_sub(SLOTS)..here {
            while slots.next_if(|slot| slot.at < at).is_some() {}
            let ago = since - (at * SLOT.as_secs()) as f64;
            columns.push(ago, slots.next_if(|slot| slot.at == at));
        }
        columns
    }

    /// `None`: there were no calls.
    pub(super) fn last_minute(&self, now: Instant) -> Option<Latency> {
        let here = self.place(now);
        let mut all = times();
        for slot in self.slots.iter().filter(|slot| slot.at + MINUTE >= here) {
            // Both have the same bounds.
            all.add(&slot.took).ok()?;
        }
        (!all.is_empty()).then(|| Latency {
            calls: all.len(),
            p50_seconds: quantile(&all, 0.5),
            p95_seconds: quantile(&all, 0.95),
            p99_seconds: quantile(&all, 0.99),
        })
    }

    fn place(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / SLOT.as_secs()
    }
}

impl Slot {
    fn new(at: u64) -> Self {
        Self {
            at,
            hits: 0,
            misses: 0,
            others: 0,
            failed: 0,
            timed_out: 0,
            cost: Usd::ZERO,
            saved: Usd::ZERO,
            took: times(),
        }
    }

    fn add(&mut self, call: &Ended) {
        let count = match (call.error, call.hit()) {
            (Some("timeout"), _) => &mut self.timed_out,
            (Some(_), _) => &mut self.failed,
            // Its caller left.
            (None, _) if call.status == LEFT => &mut self.others,
            (None, Some(true)) => &mut self.hits,
            (None, Some(false)) => &mut self.misses,
            (None, None) => &mut self.others,
        };
        *count += 1;
        self.cost += call.cost_usd.unwrap_or(Usd::ZERO);
        self.saved += call.saved_usd.unwrap_or(Usd::ZERO);
        self.took.saturating_record((call.seconds * 1e6) as u64);
    }
}

impl Columns {
    fn push(&mut self, ago: f64, slot: Option<&Slot>) {
        let count = |of: fn(&Slot) -> u64| slot.map_or(0, of);
        let dollars = |of: fn(&Slot) -> Usd| slot.map_or(0.0, |slot| of(slot).as_dollars_f64());
        let time = |q| slot.map(|slot| quantile(&slot.took, q));
        self.ago.push(ago);
        self.hits.push(count(|slot| slot.hits));
        self.misses.push(count(|slot| slot.misses));
        self.others.push(count(|slot| slot.others));
        self.failed.push(count(|slot| slot.failed));
        self.timed_out.push(count(|slot| slot.timed_out));
        self.cost_usd.push(dollars(|slot| slot.cost));
        self.saved_usd.push(dollars(|slot| slot.saved));
        self.p50_seconds.push(time(0.5));
        self.p95_seconds.push(time(0.95));
    }
}

fn times() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are in order")
}

fn quantile(of: &Histogram<u32>, q: f64) -> f64 {
    of.value_at_quantile(q) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cache: Option<&'static str>, error: Option<&'static str>, seconds: f64) -> Ended {
        Ended {
            call: "call-1".into(),
            operation: "chat",
            model: "auto".into(),
            stream: false,
            cache,
            route: None,
            decisions: Vec::new(),
            attempts: 1,
            status: if error.is_some() { 500 } else { 200 },
            error,
            late: false,
            cost_usd: Some(Usd::from_pico(1_000_000_000_000)),
            saved_usd: None,
            seconds,
        }
    }

    #[test]
    fn calls_are_in_the_slot_in_which_they_ended_and_the_one_under_way_is_left_out() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::new(start);
        assert!(history.columns(at(4)).ago.is_empty());
        history.add(at(0), &call(Some("hit"), None, 0.1));
        history.add(at(4), &call(Some("miss"), None, 0.3));
        history.add(at(11), &call(Some("miss"), Some("timeout"), 5.0));
        history.add(at(12), &call(None, Some("upstream"), 1.0));
        history.add(at(13), &call(Some("bypass"), None, 1.0));
        history.add(at(16), &call(Some("coalesced"), None, 1.0));
        let columns = history.columns(at(17));
        assert_eq!(columns.ago, [17.0, 12.0, 7.0]);
        assert_eq!(columns.hits, [1, 0, 0]);
        assert_eq!(columns.misses, [1, 0, 0]);
        assert_eq!(columns.others, [0, 0, 1]);
        assert_eq!(columns.timed_out, [0, 0, 1]);
        assert_eq!(columns.failed, [0, 0, 1]);
        assert_eq!(columns.cost_usd, [2.0, 0.0, 3.0]);
        let close = |found: Option<f64>, wanted: f64| {
            let found = found.expect("there were calls");
            assert!((found / wanted - 1.0).abs() < 0.01, "{found}");
        };
        close(columns.p50_seconds[0], 0.1);
        close(columns.p95_seconds[0], 0.3);
        assert_eq!(columns.p50_seconds[1], None);
        close(columns.p95_seconds[2], 5.0);
        let last = history.last_minute(at(17)).expect("there were calls");
        assert_eq!(last.calls, 6);
        assert!(history.last_minute(at(90)).is_none());
    }

    #[test]
    fn a_quarter_of_an_hour_is_kept() {
        let start = Instant::now();
        let mut history = History::new(start);
        for slot in 0..400 {
            history.add(start + SLOT * slot, &call(Some("hit"), None, 0.001));
        }
        assert!(history.slots.len() as u64 <= SLOTS + 1);
        let columns = history.columns(start + SLOT * 400);
        assert_eq!(columns.hits, [1; SLOTS as usize]);
        // Nothing has happened for long.
        let columns = history.columns(start + SLOT * 2000);
        assert_eq!(columns.hits, [0; SLOTS as usize]);
    }
}
