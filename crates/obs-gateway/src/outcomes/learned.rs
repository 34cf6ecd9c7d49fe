//! A learned policy in the gateway: its model, its wish, and what it learns of in traffic.
use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

use obs_apm::Telemetry;
use obs_core::{Background, CallContext, LlmRequest};
use obs_learn::{Allowance, By, Goal, Model, Online};
use obs_ledger::{Entry, Feedback, Outcome};
use obs_router::{Complexity, Decision, Explanation, Gains, Learned, Policy};
use tracing::{info, warn};

use super::{
    calls::Calls,
    keeping::{Keeping, Kept},
    showing,
};
use crate::{
    build_error::BuildError,
    clock::WallClock,
    settings::{self, Settings, Wish},
};

/// Share of premium calls while it is not known yet what dollars a day pay for.
const BEFORE_COSTS: f64 = 0.2;

/// What one more answer of the premium route counts for how good they are.
const FRESH: f32 = 0.01;

/// A model in traffic.
#[derive(Debug)]
pub(crate) struct Learning {
    online: Arc<Online>,
    policy: Learned,
    calls: Arc<Calls>,
    cheap: Arc<str>,
    premium: Arc<str>,
    /// Dollars a day, where those are the wish.
    allowance: Option<Mutex<Allowance>>,
    /// How good answers of the premium route are found to be, from 0 to 1.
    premium_good: AtomicU32,
    /// Who decided when it was last looked.
    model_stands: AtomicBool,
    /// Where it outlives the process; `None`: nowhere.
    keeping: Option<Keeping>,
}

impl Learning {
    /// `None`: another policy decides.
    pub(super) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        calls: &Arc<Calls>,
        clock: &WallClock,
        background: &Background,
    ) -> Result<Option<Arc<Self>>, BuildError> {
        let of = &settings.router;
        if !of.policy.learns() {
            return Ok(None);
        }
        let (Some(first), Some(last)) = (settings.routes.first(), settings.routes.last()) else {
            return Ok(None);
        };
        let (online, allowance) = online(settings)?;
        if !online.model().gate().better && !of.trust_model {
            warn!(
                gate = %online.model().gate(),
                "the model of router.model is not better than the rule: the rule decides until outcomes show otherwise \
                 (router.trust_model begins with the model)"
            );
        }
        let online = Arc::new(online);
        let keeping = of.state.as_ref().map(|file| {
            Keeping::open(file, clock, background).map_err(|error| {
                let file = file.display();
                BuildError::new(format!("router.state: {file} cannot be written: {error}"))
            })
        });
        let learning = Arc::new(Self {
            policy: policy(settings, &online),
            calls: calls.clone(),
            cheap: first.name.clone(),
            premium: last.name.clone(),
            allowance: allowance.map(Mutex::new),
            premium_good: AtomicU32::new(
                (online.model().header().trained.premium as f32).to_bits(),
            ),
            model_stands: AtomicBool::new(true),
            keeping: keeping.transpose()?,
            online,
        });
        learning.go_on();
        learning
            .model_stands
            .store(learning.stands() == By::Model, Relaxed);
        showing::show(&learning.online, telemetry);
        Ok(Some(learning))
    }

    /// Takes up what was kept, where that can be used.
    fn go_on(&self) {
        let Some(keeping) = &self.keeping else {
            return;
        };
        let Kept { online, spent, .. } = match keeping.read() {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(problem) => {
                warn!("router.state: what was learned in traffic begins anew: {problem}");
                return;
            }
        };
        if let (Some(allowance), Some(spent)) = (&self.allowance, spent) {
            let mut allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
            allowance.restore(spent);
            // Before the rest: a threshold belongs to a share.
            if let Some(share) = allowance.share() {
                self.online.set_share(share);
            }
        }
        match self.online.restore(&online) {
            Ok(()) => info!(
                outcomes = online.watch().outcomes,
                trust = online.watch().trust,
                "goes on with what was learned in traffic"
            ),
            Err(error) => {
                warn!("router.state: what was learned in traffic begins anew: {error}");
            }
        }
    }

    /// Something was learned: it is kept, now or later.
    fn keep(self: &Arc<Self>) {
        if let Some(keeping) = &self.keeping {
            let learning = self.clone();
            keeping.changed(move || learning.write());
        }
    }

    /// Writes what is not kept yet, and **blocks** for as long.
    pub(super) fn write(&self) {
        let Some(keeping) = &self.keeping else {
            return;
        };
        keeping.write(|| {
            let spent = self.allowance.as_ref().map(|allowance| {
                let allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
                allowance.spent().clone()
            });
            Kept::new(self.online.state(), spent)
        });
    }

    /// Who decides now.
    pub(super) fn stands(&self) -> By {
        self.online.stands()
    }

    /// How good routes are by what the model foresees, and by what they were on average in training.
    pub(super) fn gains(&self) -> Gains {
        gains(&self.online)
    }

    /// What the model foresees of a call, kept until somebody says what came of it. No threshold moves.
    pub(super) fn look<R: LlmRequest>(
        &self,
        request: &R,
        context: &CallContext,
    ) -> obs_learn::Decision {
        let seen = self.policy.look(request, context);
        if let Some(call) = &context.id {
            self.calls.foreseen(call, seen);
        }
        seen
    }

    /// A call has ended.
    pub(super) fn ended(self: &Arc<Self>, entry: &Entry) {
        let Some(route) = &entry.route else {
            return;
        };
        let (Some(allowance), Some(cost)) = (&self.allowance, entry.paid().exact()) else {
            return;
        };
        let is_routed = entry.decision().is_some() && entry.outcome == Outcome::Answered;
        if !is_routed || (*route != self.cheap && *route != self.premium) {
            return;
        }
        let mut allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (entry.time + entry.latency_us / 1000) as f64 / 1000.0;
        allowance.observe(at, *route == self.premium, cost.as_dollars_f64());
        if let Some(share) = allowance.share() {
            self.online.set_share(share);
        }
        drop(allowance);
        self.keep();
    }

    /// Somebody says how good an answer was.
    pub(super) fn feedback(self: &Arc<Self>, feedback: &Feedback) {
        let (Some(quality), Some(answered)) = (
            feedback.quality(),
            self.calls.answered_by(&feedback.feedback),
        ) else {
            return;
        };
        let route = feedback.route.as_ref().unwrap_or(&answered);
        let (is_cheap, is_premium) = (*route == self.cheap, *route == self.premium);
        if !is_cheap && !is_premium {
            return;
        }
        let Some(seen) = self.calls.take(&feedback.feedback) else {
            return;
        };
        if is_cheap {
            let trained = &self.online.model().header().trained;
            // How often the premium answer is right where the cheap one is not.
            let rescued = trained.gain / (1.0 - trained.cheap).max(1e-6);
            let gain = (1.0 - f64::from(quality)) * rescued.min(1.0);
            self.observe(&seen, gain as f32);
        } else {
            self.online
                .suppose(&seen, self.premium_gain(&seen, quality));
            self.keep();
        }
    }

    /// What a premium answer tells of a gain. With a bad one nothing was gained, whatever the cheap one would have been. With a good one a gain is the
    /// more probable the fewer are good, so that both together shift nothing where as many are good as ever.
    fn premium_gain(&self, seen: &obs_learn::Decision, quality: f32) -> f32 {
        let before = f32::from_bits(self.premium_good.load(Relaxed));
        // Of two that come at a time, one may not count.
        let now = before + FRESH * (quality - before);
        self.premium_good.store(now.to_bits(), Relaxed);
        let foreseen = 1.0 / (1.0 + (-seen.logit).exp());
        quality * (foreseen / now.max(foreseen).max(f32::EPSILON))
    }

    /// The premium answer to this call was so much better than the cheap one, from -1 to 1.
    pub(super) fn compared(self: &Arc<Self>, call: &str, better: f32) {
        if let Some(seen) = self.calls.take(call) {
            self.observe(&seen, better.max(0.0));
        }
    }

    /// This gain came of a call.
    fn observe(self: &Arc<Self>, seen: &obs_learn::Decision, gain: f32) {
        self.online.observe(seen, gain);
        self.keep();
        let stands = self.online.stands() == By::Model;
        if self.model_stands.swap(stands, Relaxed) != stands {
            let watch = self.online.watch();
            match stands {
                true => info!(trust = watch.trust, "the learned model decides again"),
                false => warn!(
                    trust = watch.trust,
                    predicted = watch.predicted,
                    observed = watch.observed,
                    "the learned model foresees outcomes no better than the rule, which decides from now on"
                ),
            }
        }
    }
}

impl<R: LlmRequest> Policy<R> for Learning {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        let seen = self.policy.foresee(request, context);
        if let Some(call) = &context.id {
            self.calls.foreseen(call, seen);
        }
        self.policy.conclude(&seen, request, context)
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        self.policy.explain(request, context)
    }
}

/// What goes by this model, and by the rule that stands in for it: the length of the prompt where there is a wish, so that it stays true, and else the
/// complexity.
fn policy(settings: &Settings, online: &Arc<Online>) -> Learned {
    let of = &settings.router;
    let rules = Complexity::new().threshold((of.threshold as f32).clamp(0.0, 1.0));
    let policy = Learned::new(online.clone()).otherwise(rules);
    match keeps_wish(settings) {
        true => policy.otherwise_by_length(),
        false => policy,
    }
}

/// Whether something is wished for that has to stay true whoever decides.
pub(crate) fn keeps_wish(settings: &Settings) -> bool {
    settings.router.policy == settings::Policy::Learned
}

/// How good this model takes routes for.
pub(crate) fn gains(online: &Arc<Online>) -> Gains {
    let trained = &online.model().header().trained;
    let share = |share: f64| share.clamp(0.0, 1.0) as f32;
    // Where the cheap answer is right and the premium one is not.
    let lost = trained.cheap - (trained.premium - trained.gain);
    Gains::new(online.clone(), share(trained.premium)).lost(share(lost))
}

/// The model of the settings as a gateway begins with it, and what finds the share of premium calls, where dollars are the wish.
pub(crate) fn online(settings: &Settings) -> Result<(Online, Option<Allowance>), BuildError> {
    let of = &settings.router;
    let (goal, allowance) = match of.wish {
        Wish::Share(share) => (Goal::Share(share), None),
        Wish::Quality(part) => (Goal::Recovered(part), None),
        Wish::UsdPerDay(most) => {
            let allowance = Allowance::new(most.as_dollars_f64());
            (Goal::Share(BEFORE_COSTS), Some(allowance))
        }
    };
    let online = Online::new(Arc::new(load(settings)?), goal);
    Ok(match of.trust_model {
        true => (online.trusting(), allowance),
        false => (online, allowance),
    })
}

fn load(settings: &Settings) -> Result<Model, BuildError> {
    let Some(file) = &settings.router.model else {
        return Err(BuildError::new(
            "router.model: unset, and router.policy decides by it: name a file that `gateway train` wrote".into(),
        ));
    };
    let shown = file.display();
    let bad = |problem: String| BuildError::new(format!("router.model: {shown}: {problem}"));
    let bytes = fs::read(file).map_err(|error| bad(format!("cannot be read: {error}")))?;
    Model::from_json(&bytes).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use obs_apm::Config;
    use obs_learn::{Dataset, Trainer};

    use super::*;
    use crate::settings::{Environment, Sources, load};

    fn learning() -> Arc<Learning> {
        let mut data = Dataset::new();
        for row in 0..300_u16 {
            let hard = row % 3 == 0;
            let prompt = format!("{} number {row}.", if hard { "Prove" } else { "Spell" });
            let (cheap, premium) = (if hard { 0.0 } else { 1.0 }, f32::from(row % 5 != 0));
            let group = format!("g{}", row % 7);
            data.push(Some(&group), prompt.as_str(), cheap, premium)
                .unwrap();
        }
        let trainer = Trainer::new().folds(3).resamples(100);
        let model = trainer.train(&data, |_, _| ()).unwrap().model;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, model.to_json()).unwrap();
        let file = file.path().display().to_string();
        let environment = Environment::from_iter([
            ("OBS_ROUTER_POLICY", "learned"),
            ("OBS_ROUTER_MODEL", &*file),
        ]);
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        let settings = load(&sources).unwrap().settings;
        let telemetry =
            Telemetry::build(Config::new().no_listener().no_console().variables(|_| None));
        let (clock, background) = (WallClock::default(), Background::new(1));
        let learning = Learning::new(&settings, &telemetry, &Arc::default(), &clock, &background);
        learning.unwrap().unwrap()
    }

    #[test]
    fn premium_answers_as_good_as_ever_shift_nothing_and_worse_ones_do() {
        let learning = learning();
        let look = || learning.online.look(Some("g1"), "Prove number 1.");
        let seen = look();
        let outcomes = learning.online.watch().outcomes;
        // Four of five are good, as in training.
        for call in 0..500 {
            let gain = learning.premium_gain(&seen, f32::from(u8::from(call % 5 != 0)));
            assert!((0.0..=1.0).contains(&gain), "{gain}");
            learning.online.suppose(&look(), gain);
        }
        let after = look().logit;
        assert!(
            (after - seen.logit).abs() < 0.15,
            "{after} from {}",
            seen.logit
        );
        for _ in 0..500 {
            let gain = learning.premium_gain(&look(), 0.0);
            learning.online.suppose(&look(), gain);
        }
        assert!(look().logit < after - 0.5, "{} from {after}", look().logit);
        assert_eq!(learning.online.watch().outcomes, outcomes);
    }
}
