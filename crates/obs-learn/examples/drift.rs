//! A stream whose domain changes half-way: what the rule, a model, and a model under watch make of it.
//!
//! ```sh
//! cargo run -p obs-learn --release --example drift -- LOG.jsonl.gz [SHARE OF OUTCOMES KNOWN] [untold]
//! ```
//!
//! Half of the log's groups are the old domain: a model is trained on 70 % of their rows, and the rest of them begins the stream. Then
//! come the rows of the other groups, all new to it. Every policy gives the same share of calls to the premium route, so what differs is
//! the quality. Printed is the part of the quality gap that each recovers before and after the change, with standard errors over
//! several splits into domains, and the regret against the best of the fixed policies in hindsight. With `untold`, no policy knows groups.

#[path = "support/log.rs"]
mod log;

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use log::Logged;
use obs_learn::{By, Dataset, Goal, Model, Online, Target, Trainer};

const SHARE: f64 = 0.3;
const SPLITS: u64 = 10;
const POLICIES: [&str; 5] = [
    "random",
    "prompt length",
    "model as trained",
    "model, threshold follows",
    "online",
];
/// Those that learn nothing of what comes.
const FIXED: usize = 4;

/// One part of the stream, over all splits.
#[derive(Default)]
struct Part {
    recovered: Vec<[f64; POLICIES.len()]>,
    by_rule: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let log = log::read(&args.next().ok_or("name a log")?)?;
    let known: f64 = args.next().map_or(Ok(1.0), |share| share.parse())?;
    let told = args.next().as_deref() != Some("untold");
    let mut parts = [Part::default(), Part::default()];
    for split in 0..SPLITS {
        let (train, old, new) = domains(&log, split);
        let mut data = Dataset::new();
        for row in &train {
            data.push(
                row.group.as_deref(),
                row.prompt.as_str(),
                row.quality.weak,
                row.quality.strong,
            )?;
        }
        let trainer = if told {
            Trainer::new()
        } else {
            Trainer::new().prompts_alone()
        };
        let model = Arc::new(
            trainer
                .seed(split)
                .resamples(200)
                .train(&data, |_, _| ())?
                .model,
        );
        let mut policies = Policies::new(&model, split, known, told);
        for (part, rows) in parts.iter_mut().zip([&old, &new]) {
            part.recovered.push(policies.run(rows));
            part.by_rule
                .push(std::mem::take(&mut policies.by_rule) as f64 / rows.len() as f64);
        }
    }
    println!(
        "{SPLITS} splits, {:.0} % of the calls premium, outcomes known of {:.0} %, groups {}",
        SHARE * 100.0,
        known * 100.0,
        if told { "told" } else { "untold" }
    );
    let line = |name: &str, of: &dyn Fn(&Part) -> Vec<f64>| {
        println!(
            "{name:52} {:>18} {:>18}",
            shown(&of(&parts[0])),
            shown(&of(&parts[1]))
        );
    };
    println!(
        "{:52} {:>18} {:>18}",
        "part of the gap recovered", "before", "after"
    );
    for (policy, name) in POLICIES.iter().enumerate() {
        line(name, &|part| {
            part.recovered.iter().map(|of| of[policy]).collect()
        });
    }
    let online = FIXED;
    for (fixed, name) in POLICIES.iter().enumerate().take(FIXED) {
        line(&format!("online over {name}"), &|part| {
            part.recovered
                .iter()
                .map(|of| of[online] - of[fixed])
                .collect()
        });
    }
    line("online over the best fixed one in hindsight", &|part| {
        part.recovered
            .iter()
            .map(|of| of[online] - of[..FIXED].iter().copied().fold(f64::MIN, f64::max))
            .collect()
    });
    line("share of the calls that the rule decided", &|part| {
        part.by_rule.clone()
    });
    Ok(())
}

fn shown(values: &[f64]) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    format!("{mean:+.3} +- {:.3}", (variance / count).sqrt())
}

/// Rows to learn from, the rest of the old domain, and the new domain.
fn domains(log: &[Logged], split: u64) -> (Vec<&Logged>, Vec<&Logged>, Vec<&Logged>) {
    let mut chance = Chance(split * 2 + 1);
    let groups: BTreeSet<_> = log.iter().map(|row| row.group.as_deref()).collect();
    let mut groups: Vec<_> = groups.into_iter().collect();
    chance.shuffle(&mut groups);
    let known: BTreeSet<_> = groups[..groups.len() / 2].iter().copied().collect();
    let (mut old, mut new): (Vec<_>, Vec<_>) = log
        .iter()
        .partition(|row| known.contains(&row.group.as_deref()));
    chance.shuffle(&mut old);
    chance.shuffle(&mut new);
    let rest = old.split_off(old.len() * 7 / 10);
    (old, rest, new)
}

struct Policies {
    chance: Chance,
    known: f64,
    length: Target,
    frozen: f64,
    model: Target,
    online: Online,
    told: bool,
    by_rule: usize,
}

impl Policies {
    fn new(model: &Arc<Model>, split: u64, known: f64, told: bool) -> Self {
        let start = model.threshold(Goal::Share(SHARE));
        Self {
            chance: Chance(split * 2 + 2),
            known,
            length: Target::new(SHARE, f64::from(start.length), 0.005),
            frozen: f64::from(start.gain),
            model: Target::new(SHARE, f64::from(start.gain), 0.0005),
            online: Online::new(Arc::clone(model), Goal::Share(SHARE)).trusting(),
            told,
            by_rule: 0,
        }
    }

    /// The part of the gap that each policy recovers, corrected for the share of calls that it spent.
    fn run(&mut self, rows: &[&Logged]) -> [f64; POLICIES.len()] {
        let mut won = [0.0; POLICIES.len()];
        let mut spent = [0.0; POLICIES.len()];
        let mut gap = 0.0;
        for row in rows {
            let prompt = row.prompt.as_str();
            let group = row.group.as_deref().filter(|_| self.told);
            let online = self.online.decide(group, prompt);
            let evidence = online.evidence;
            let chosen = [
                self.chance.unit() < SHARE,
                self.length.admit(f64::from(evidence.length)),
                f64::from(evidence.gain()) >= self.frozen,
                self.model.admit(f64::from(evidence.gain())),
                online.premium,
            ];
            let delta = f64::from(row.quality.strong - row.quality.weak);
            gap += delta;
            for policy in 0..POLICIES.len() {
                if chosen[policy] {
                    won[policy] += delta;
                    spent[policy] += 1.0;
                }
            }
            self.by_rule += usize::from(online.by == By::Rule);
            if self.chance.unit() < self.known {
                self.online.observe(&online, delta as f32);
            }
        }
        // Each is set against chance at the share that it really spent, and then put at the share that was wished.
        std::array::from_fn(|policy| won[policy] / gap - spent[policy] / rows.len() as f64 + SHARE)
    }
}

/// The same in every run.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.unit() * (last + 1) as f64) as usize);
        }
    }
}
