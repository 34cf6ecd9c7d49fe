//! The field of contenders.
use std::{sync::Arc, time::Duration};

use obs_learn::Goal;

use super::{
    folds::{Split, groups},
    rules::{By, Cascade, Deciding},
    stage::Contender,
};
use crate::{ModelledJudge, Question, prove::data::Data};

/// Shares of bad answers that judges find.
pub(crate) const DETECTION: [f64; 4] = [0.7, 0.8, 0.9, 1.0];
/// Share of good answers that a judge sends back.
pub(crate) const FALSE_ALARM: f64 = 0.1;
/// The judge of the rows that put everything together.
const USUAL: f64 = 0.8;
/// For how long answers are kept, but where it is told: the default of the layer.
pub(crate) const TTL: Duration = Duration::from_secs(3600);
/// What a good answer is worth, in dollars, where money decides.
const WORTH: [&str; 3] = ["0.01", "0.03", "0.10"];

pub(crate) struct Field<'a> {
    pub(crate) data: &'a Data,
    pub(crate) questions: &'a [Arc<Question>],
    /// Held out by row, and by group.
    pub(crate) splits: [Split; 2],
    pub(crate) seed: u64,
}

impl Field<'_> {
    /// Everybody in the table.
    pub(crate) fn table(&self) -> Vec<Contender> {
        let mut all = self.without_answers();
        all.extend(self.with_judges());
        all.extend(self.with_cache());
        all
    }

    /// Policies that see prompts alone.
    fn without_answers(&self) -> Vec<Contender> {
        let [rows, groups] = &self.splits;
        let (most, half) = (Goal::Recovered(0.9), Goal::Recovered(0.5));
        let plain = |name, deciding| contender(name, deciding, None, false);
        vec![
            plain("always premium", Deciding::always(By::Premium)),
            plain("always cheap", Deciding::always(By::Cheap)),
            plain(
                "rules (complexity), as they come",
                Deciding::always(By::Rules),
            ),
            plain("prompt length, for 90 %", self.goal(rows, By::Length, most)),
            plain(
                "complexity, for 90 %",
                self.goal(rows, By::Complexity, most),
            ),
            plain("learned, rows held out, for 90 %", self.learned(rows, most)),
            plain(
                "learned, groups held out, for 90 %",
                self.learned(groups, most),
            ),
            plain("prompt length, for 50 %", self.goal(rows, By::Length, half)),
            plain("learned, rows held out, for 50 %", self.learned(rows, half)),
            plain(
                "learned, groups held out, for 50 %",
                self.learned(groups, half),
            ),
        ]
    }

    /// Cascades.
    fn with_judges(&self) -> Vec<Contender> {
        let cheap = || Deciding::always(By::Cheap);
        let judged = |detection: f64, false_alarm: f64| {
            let name = format!(
                "cascade, judge {:.0} % / {:.0} %",
                detection * 100.0,
                false_alarm * 100.0
            );
            let judge = self.judge(detection, false_alarm);
            contender(&name, cheap(), Some(judge), false)
        };
        let usual = Some(self.judge(USUAL, FALSE_ALARM));
        let rows = &self.splits[0];
        let mut all = DETECTION.map(|of| judged(of, FALSE_ALARM)).to_vec();
        all.push(judged(USUAL, 0.3));
        all.push(judged(0.3, 0.3));
        all.push(contender(
            "learned, 10 % straight to premium, else cascade 80 % / 10 %",
            self.learned(rows, Goal::Share(0.1)),
            usual,
            false,
        ));
        all.push(self.expected(rows, "expected cost", "0.03", USUAL, false));
        all
    }

    /// Behind a cache.
    fn with_cache(&self) -> Vec<Contender> {
        let [rows, groups] = &self.splits;
        let most = Goal::Recovered(0.9);
        let cached = |name, deciding, judge| contender(name, deciding, judge, true);
        let judge = Some(self.judge(USUAL, FALSE_ALARM));
        let mut all = vec![
            cached("cache alone", Deciding::always(By::Premium), None),
            cached(
                "cache, prompt length for 90 %",
                self.goal(rows, By::Length, most),
                None,
            ),
            cached(
                "cache, learned (rows) for 90 %",
                self.learned(rows, most),
                None,
            ),
            cached(
                "cache, learned (groups) for 90 %",
                self.learned(groups, most),
                None,
            ),
            cached(
                "cache, cascade 80 % / 10 %",
                Deciding::always(By::Cheap),
                judge,
            ),
        ];
        for worth in WORTH {
            all.push(self.expected(rows, "all together", worth, USUAL, true));
        }
        all.push(self.expected(rows, "all together", WORTH[1], DETECTION[0], true));
        all.push(self.expected(
            groups,
            "all together, groups held out",
            WORTH[1],
            USUAL,
            true,
        ));
        all
    }

    fn learned(&self, split: &Split, goal: Goal) -> Deciding {
        self.goal(split, split.learned(), goal)
    }

    /// Money decides.
    fn expected(
        &self,
        split: &Split,
        what: &str,
        worth: &str,
        detection: f64,
        cached: bool,
    ) -> Contender {
        let judge = self.judge(detection, FALSE_ALARM);
        let name = format!(
            "{what}, a good answer worth ${worth}, judge {:.0} % / 10 %",
            detection * 100.0
        );
        let worth = worth.parse().expect("written here as dollars");
        let by = split.expected(worth, judge);
        contender(
            &name,
            self.goal(split, by, Goal::Share(0.0)),
            Some(judge),
            cached,
        )
    }

    /// Those of whom a whole curve is drawn, each at this share of calls that go (straight) to the strong model.
    pub(crate) fn families(&self) -> Vec<String> {
        let mut names: Vec<String> = [
            "by chance",
            "prompt length",
            "learned, rows held out",
            "learned, groups held out",
        ]
        .map(Into::into)
        .to_vec();
        names.extend(DETECTION.map(|of| format!("cascade, judge {:.0} % / 10 %", of * 100.0)));
        names
    }

    /// One of a family.
    pub(crate) fn of_family(&self, family: usize, share: f64, cached: bool) -> Contender {
        let [rows, groups] = &self.splits;
        let goal = Goal::Share(share);
        let (deciding, judge) = match family {
            0 => (self.goal(rows, By::Chance, goal), None),
            1 => (self.goal(rows, By::Length, goal), None),
            2 => (self.goal(rows, rows.learned(), goal), None),
            3 => (self.goal(groups, groups.learned(), goal), None),
            of => {
                let judge = self.judge(DETECTION[of - 4], FALSE_ALARM);
                (self.goal(rows, rows.learned(), goal), Some(judge))
            }
        };
        contender("", deciding, judge, cached)
    }

    /// All calls to the strong model, and answers kept for so long.
    pub(crate) fn cache_alone(ttl: Duration) -> Contender {
        let mut of = contender("", Deciding::always(By::Premium), None, true);
        of.ttl = Some(ttl);
        of
    }

    /// Whether its models were tested on whole groups, which are then resampled whole.
    pub(crate) fn is_by_group(&self, who: &Contender) -> bool {
        self.splits[1].made(&who.deciding)
    }

    /// How many models pass the gate: of those tested on rows, and on groups.
    pub(crate) fn passed(&self) -> [usize; 2] {
        self.splits.each_ref().map(Split::passed)
    }

    /// The group of each prompt.
    pub(crate) fn groups(&self) -> Vec<u32> {
        groups(self.data)
    }

    fn goal(&self, split: &Split, by: By, goal: Goal) -> Deciding {
        split.deciding(self.data, self.questions, by, goal)
    }

    fn judge(&self, detection: f64, false_alarm: f64) -> ModelledJudge {
        ModelledJudge {
            detection,
            false_alarm,
            seed: self.seed,
        }
    }
}

fn contender(
    name: &str,
    deciding: Deciding,
    judge: Option<ModelledJudge>,
    cached: bool,
) -> Contender {
    Contender {
        name: name.to_owned(),
        deciding,
        cascade: Cascade { judge },
        ttl: cached.then_some(TTL),
    }
}
