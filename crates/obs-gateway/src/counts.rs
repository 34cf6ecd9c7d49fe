//! What the gateway itself counts: what it refuses before any layer sees it, and what its operator asks of it.
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::StatusCode;
use obs_metrics::{Count, Level, Metrics};
use opentelemetry::KeyValue;

/// The statuses that are counted by themselves; any other is `other`.
const STATUSES: [(u16, &str); 13] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (429, "429"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (504, "504"),
];

/// The counts of one gateway, however often its settings change.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    refused: [Count; STATUSES.len() + 1],
    admin: [[Count; Outcome::ALL.len()]; Action::ALL.len()],
    connections: Level,
    reloaded: Count,
    reloads_refused: Count,
    /// Seconds since 1970.
    settings_since: Level,
}

/// A connection that is open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection(Arc<Counts>);

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Stats,
    Delete,
    BadHit,
    Purge,
    /// Nobody knows what: it was not let in, or there is no such thing.
    Unknown,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It could not be understood, or was not allowed.
    Refused,
    /// The store could not be reached.
    Failed,
}

impl Counts {
    /// Counts that are shown from now on.
    pub(crate) fn new(metrics: &Metrics) -> Arc<Self> {
        let counts = Arc::new(Self::default());
        let of = counts.clone();
        let what = "Requests that the gateway refused by itself, before any layer saw them.";
        metrics.counter("gateway_refused_total", what, move |tell| {
            let names = STATUSES.iter().map(|(_, name)| *name).chain(["other"]);
            for (name, count) in names.zip(&of.refused) {
                tell(&[KeyValue::new("status", name)], count.get());
            }
        });
        let of = counts.clone();
        let what = "Requests to the admin endpoint.";
        metrics.counter("gateway_admin_requests_total", what, move |tell| {
            for action in Action::ALL {
                for outcome in Outcome::ALL {
                    let labels = [
                        KeyValue::new("action", action.as_str()),
                        KeyValue::new("outcome", outcome.as_str()),
                    ];
                    tell(&labels, of.admin[action as usize][outcome as usize].get());
                }
            }
        });
        let of = counts.clone();
        let what = "Connections to the API that are open.";
        metrics.up_down("gateway_connections", what, move |tell| {
            tell(&[], of.connections.get())
        });
        let of = counts.clone();
        let what = "Settings that were loaded again, by whether they were taken.";
        metrics.counter("gateway_config_reloads_total", what, move |tell| {
            for (outcome, count) in [("done", &of.reloaded), ("refused", &of.reloads_refused)] {
                tell(&[KeyValue::new("outcome", outcome)], count.get());
            }
        });
        let of = counts.clone();
        let (name, what) = (
            "gateway_config_last_success_timestamp_seconds",
            "When the settings that are in force were taken, in seconds since 1970.",
        );
        metrics.up_down(name, what, move |tell| tell(&[], of.settings_since.get()));
        counts
    }

    /// New settings are in force from now on.
    pub(crate) fn settings(&self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.settings_since.set(since);
    }

    /// Settings were loaded again, and taken or not.
    pub(crate) fn reload(&self, taken: Outcome) {
        match taken {
            Outcome::Done => self.reloaded.inc(),
            Outcome::Refused | Outcome::Failed => self.reloads_refused.inc(),
        }
    }

    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        self.connections.inc();
        Connection(self.clone())
    }

    pub(crate) fn refused(&self, status: StatusCode) {
        let place = STATUSES
            .iter()
            .position(|(known, _)| *known == status.as_u16());
        self.refused[place.unwrap_or(STATUSES.len())].inc();
    }

    pub(crate) fn admin(&self, action: Action, outcome: Outcome) {
        self.admin[action as usize][outcome as usize].inc();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

impl Action {
    pub(crate) const ALL: [Self; 5] = [
        Self::Stats,
        Self::Delete,
        Self::BadHit,
        Self::Purge,
        Self::Unknown,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Delete => "delete",
            Self::BadHit => "bad_hit",
            Self::Purge => "purge",
            Self::Unknown => "unknown",
        }
    }
}

impl Outcome {
    pub(crate) const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_and_outcome_has_its_own_place() {
        for (at, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action as usize, at);
        }
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }

    #[test]
    fn a_status_that_is_not_listed_is_other() {
        let counts = Counts::default();
        counts.refused(StatusCode::IM_A_TEAPOT);
        counts.refused(StatusCode::NOT_FOUND);
        assert_eq!(counts.refused[STATUSES.len()].get(), 1);
        assert_eq!(counts.refused[3].get(), 1);
    }
}
