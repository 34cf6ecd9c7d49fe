//! A share of premium calls that dollars a day pay for.

use serde::{Deserialize, Serialize};

/// Time within which what was seen fades to a third, in seconds.
const MEMORY: f64 = 3600.0;
/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Time within which what was spent too much, or too little, is made up for, in seconds.
const MAKES_UP: f64 = DAY / 4.0;
/// By how much time may run backwards and still be calls that ended out of order, in seconds: beyond it a clock was set.
const OUT_OF_ORDER: f64 = 60.0;
/// Calls of each route that have to be seen before their mean cost says anything.
const FEWEST: f64 = 5.0;

/// Finds the share of premium calls that spends so many dollars a day, from what calls cost and how often they come.
///
/// It foresees spending by the last hour or so, and makes up for what the hours before cost too much or too little within the next six. It knows no clock: whoever tells it of calls tells the time, in seconds. Calls may be told out of order by
/// up to a minute; a clock that is set back by more is believed.
#[derive(Clone, Debug)]
pub struct Allowance {
    per_day: f64,
    spent: Spent,
}

/// What an [`Allowance`] knows of the calls so far: to be kept where it should outlive the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    last: Option<f64>,
    /// Seconds that were watched, fading as the rest does.
    watched: f64,
    cheap: Seen,
    premium: Seen,
    /// Dollars that were spent beyond what the time allowed; below zero: less.
    owed: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    calls: f64,
    dollars: f64,
}

impl Allowance {
    /// So many dollars a day.
    ///
    /// # Panics
    ///
    /// When that is not a finite number above zero.
    #[must_use]
    pub fn new(dollars_a_day: f64) -> Self {
        assert!(
            dollars_a_day.is_finite() && dollars_a_day > 0.0,
            "an allowance is above zero"
        );
        Self {
            per_day: dollars_a_day,
            spent: Spent::default(),
        }
    }

    /// What it knows, for [`Allowance::restore`].
    #[must_use]
    pub const fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Goes on from there, also with other dollars a day. `false`: these are no figures that an allowance has, and nothing changed.
    pub fn restore(&mut self, spent: Spent) -> bool {
        let Spent {
            last,
            watched,
            cheap,
            premium,
            owed,
        } = spent;
        let counts = [
            watched,
            cheap.calls,
            cheap.dollars,
            premium.calls,
            premium.dollars,
        ];
        let sound = counts
            .iter()
            .all(|count| count.is_finite() && *count >= 0.0)
            && owed.is_finite()
            && last.is_none_or(f64::is_finite);
        if sound {
            let most = self.most_owed();
            self.spent = Spent {
                owed: owed.clamp(-most, most),
                ..spent
            };
        }
        sound
    }

    /// A call went to this route at this time, and cost so much. A cost that is not finite is not counted.
    pub fn observe(&mut self, at: f64, premium: bool, dollars: f64) {
        if !at.is_finite() || !dollars.is_finite() {
            return;
        }
        let (per_day, most) = (self.per_day, self.most_owed());
        let spent = &mut self.spent;
        let last = spent.last.unwrap_or(at);
        let passed = (at - last).max(0.0);
        // Each second is counted once: else a thousand calls a second, each a little late, would make days of hours.
        spent.last = Some(if last - at > OUT_OF_ORDER {
            at
        } else {
            last.max(at)
        });
        let kept = (-passed / MEMORY).exp();
        spent.watched = spent.watched * kept + MEMORY * (1.0 - kept);
        for seen in [&mut spent.cheap, &mut spent.premium] {
            seen.calls *= kept;
            seen.dollars *= kept;
        }
        let owed = spent.owed + dollars - per_day * passed / DAY;
        spent.owed = owed.clamp(-most, most);
        let seen = if premium {
            &mut spent.premium
        } else {
            &mut spent.cheap
        };
        seen.calls += 1.0;
        seen.dollars += dollars;
    }

    /// The share of premium calls that it pays for, from 0 to 1; `None` before enough calls of both routes were seen.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let spent = &self.spent;
        if spent.cheap.calls.min(spent.premium.calls) < FEWEST || spent.watched <= 0.0 {
            return None;
        }
        let (cheap, premium) = (spent.cheap.mean(), spent.premium.mean());
        if premium <= cheap {
            return Some(1.0);
        }
        let calls_a_day = (spent.cheap.calls + spent.premium.calls) / spent.watched * DAY;
        let each = (self.per_day - spent.owed * DAY / MAKES_UP) / calls_a_day;
        // Never none at all: of a route that is not taken nobody hears what it costs.
        Some(((each - cheap) / (premium - cheap)).clamp(0.01, 1.0))
    }

    /// What a quiet night left is not all spent in the morning.
    fn most_owed(&self) -> f64 {
        self.per_day / 4.0
    }
}

impl Seen {
    fn mean(self) -> f64 {
        self.dollars / self.calls
    }
}
