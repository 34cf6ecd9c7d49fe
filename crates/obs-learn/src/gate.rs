//! Whether a model is worth more than the rule it would stand in for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evaluate::{Comparison, Estimate};

/// The judgement on a model, made when it was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whether the model is better than the rule on every count. One that is not should not be switched on without a second thought.
    pub better: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that a model has to be better than.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// On what: `held-out groups` or `held-out rows`.
    pub on: String,
    /// Than what.
    pub against: String,
    /// By how much APGR is higher than the other's, on the same resamples.
    pub apgr: Estimate,
}

impl Gate {
    /// Passes where the lower end of each interval is above zero.
    pub(crate) fn judge<'a>(
        checks: impl IntoIterator<Item = (&'a str, &'a Comparison, &'a str, &'a str)>,
    ) -> Self {
        let checks: Vec<Check> = checks
            .into_iter()
            .filter_map(|(on, comparison, model, against)| {
                let apgr = comparison.difference(model, against)?;
                Some(Check {
                    on: on.to_owned(),
                    against: against.to_owned(),
                    apgr,
                })
            })
            .collect();
        Self {
            better: !checks.is_empty() && checks.iter().all(Check::passes),
            checks,
        }
    }
}

impl Check {
    /// Whether the difference is above zero by more than its interval.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.apgr.low > 0.0
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.better {
            "better than the rule"
        } else {
            "not better than the rule"
        })?;
        for (i, check) in self.checks.iter().enumerate() {
            let Estimate {
                value, low, high, ..
            } = check.apgr;
            let (join, sign) = (
                if i == 0 { ": " } else { "; " },
                if check.passes() { "above" } else { "not above" },
            );
            write!(
                f,
                "{join}{sign} the {} on {} by {value:+.3} ({low:+.3} to {high:+.3})",
                check.against, check.on
            )?;
        }
        Ok(())
    }
}
