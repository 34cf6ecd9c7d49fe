//! The proof: what is saved, and what quality is kept, on public data.
mod data;
mod field;
mod folds;
mod outcome;
mod rules;
mod samples;
mod stage;
mod text;
mod workload;

use std::{io, path::PathBuf};

use obs_core::{Price, PriceError, PriceTable};
use obs_learn::TrainError;

use self::{
    data::Data,
    field::Field,
    folds::{FOLDS, Split, Unit},
    samples::Clusters,
    stage::{Contender, Played, Stage},
    workload::{Law, STRONG, WEAK, mix, questions},
};
pub use self::{
    data::{DataError, needed},
    outcome::{Curve, Lifetime, Mix, Point, Proof, Reached, Row},
    samples::{Figures, Interval},
};

/// Parts of the calls that are exact repeats.
const MIXES: [f64; 4] = [0.01, 0.05, 0.2, 0.6];
/// Savings of which it is asked where they are reached.
const TARGETS: [f64; 3] = [0.3, 0.35, 0.55];
/// Steps of a curve.
const STEPS: u32 = 10;
/// Lifetimes of answers that are tried, in seconds.
const LIFETIMES: [u64; 4] = [60, 300, 900, 3600];
/// Dollars a million tokens, of the data set.
const PRICES: [(&str, &str); 2] = [("cheap", "0.24"), ("premium", "24.7")];

/// How to prove it.
#[derive(Clone, Debug)]
pub struct Prove {
    data: PathBuf,
    seed: u64,
    resamples: usize,
    models: [String; 2],
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model could not be learned from them.
    #[error("no model can be trained: {0}")]
    Train(#[from] TrainError),
    /// A price.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The bundled list has no price for a model.
    #[error("the bundled list of prices has no {0:?}")]
    Unpriced(String),
    /// No thread could be made ready.
    #[error("a replay cannot begin: {0}")]
    Runtime(#[from] io::Error),
}

impl Prove {
    /// With the data in this directory, and today's prices of a cheap and a premium model of the bundled list.
    pub fn new(data: impl Into<PathBuf>, models: [&str; 2]) -> Self {
        Self {
            data: data.into(),
            seed: 1,
            resamples: 1000,
            models: models.map(Into::into),
        }
    }

    /// Decides mixes, folds, judges and resamples. 1 unless told.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many resamples make an interval. 1000 unless told.
    #[must_use]
    pub const fn resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    /// Proves it. `progress` hears of how many steps how many are done. The same data and seed give the same proof.
    ///
    /// # Errors
    /// [`ProveError`], before anything long has begun where it is about the data.
    pub fn run(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Proof, ProveError> {
        let data = Data::read(&self.data)?;
        let questions = questions(&data, self.seed);
        let stage = Stage {
            data: &data,
            questions: &questions,
            prices: of_the_data()?,
            today: self.today()?,
        };
        let families = 8;
        let curves =
            families * (u64::from(STEPS) + 1 + TARGETS.len() as u64) * (MIXES.len() as u64 + 1);
        let rows = 28 * MIXES.len() as u64;
        let lives = (LIFETIMES.len() * MIXES.len() * 2) as u64;
        let total = 2 * u64::from(FOLDS) + curves + rows + lives;
        let mut done = 0;
        let mut tick = || {
            done += 1;
            progress(done.min(total), total);
        };
        let splits = [Unit::Row, Unit::Group];
        let [rows, groups] = splits.map(|by| Split::train(&data, by, self.seed, &mut tick));
        let field = Field {
            data: &data,
            questions: &questions,
            splits: [rows?, groups?],
            seed: self.seed,
        };
        let run = Run {
            stage: &stage,
            field: &field,
            prompts: Clusters((0..questions.len() as u32).collect()),
            groups: Clusters(field.groups()),
            how: self,
        };
        let mut proof = Proof::new(self, &data, &questions, field.passed());
        let asked = |repeats, law| {
            mix(
                questions.len(),
                data.arrivals.len(),
                repeats,
                law,
                self.seed,
            )
        };
        let everybody = field.table();
        for repeats in MIXES {
            let asked = asked(repeats, Law::Popular);
            let mut rows = Vec::new();
            for who in &everybody {
                let played = stage.play(who, &asked)?;
                rows.push(Row::new(who, &played, run.figures(who, &played)));
                tick();
            }
            proof.mixes.push(Mix { repeats, rows });
        }
        for (repeats, cached) in MIXES
            .map(|of| (of, true))
            .into_iter()
            .chain([(MIXES[0], false)])
        {
            let asked = asked(repeats, Law::Popular);
            for (at, family) in field.families().into_iter().enumerate() {
                let curve = run.curve(at, cached, &asked, &mut tick)?;
                proof.curves.push(Curve {
                    family,
                    repeats: cached.then_some(repeats),
                    ..curve
                });
            }
        }
        for law in [Law::Popular, Law::Recent] {
            for repeats in MIXES {
                let asked = asked(repeats, law);
                let mut hits = Vec::new();
                for seconds in LIFETIMES {
                    let who = Field::cache_alone(std::time::Duration::from_secs(seconds));
                    hits.push(
                        stage
                            .play(&who, &asked)?
                            .totals
                            .hit_rate()
                            .unwrap_or_default(),
                    );
                    tick();
                }
                proof
                    .lifetimes
                    .push(Lifetime::new(law, repeats, &data, &asked, hits));
            }
        }
        Ok(proof)
    }

    fn today(&self) -> Result<PriceTable, ProveError> {
        let bundled = PriceTable::bundled();
        let mut table = PriceTable::new();
        for ((route, _), model) in PRICES.iter().zip(&self.models) {
            let price = bundled.price(None, model);
            let price = price.ok_or_else(|| ProveError::Unpriced(model.clone()))?;
            table = table.with_route(route, price.clone());
        }
        Ok(table)
    }
}

fn of_the_data() -> Result<PriceTable, PriceError> {
    let mut table = PriceTable::new();
    for ((route, price), model) in PRICES.iter().zip([WEAK, STRONG]) {
        let price = Price::per_million(price, price)?;
        table = table
            .with_route(route, price.clone())
            .with_model(model, price);
    }
    Ok(table)
}

struct Run<'a> {
    stage: &'a Stage<'a>,
    field: &'a Field<'a>,
    prompts: Clusters,
    groups: Clusters,
    how: &'a Prove,
}

impl Run<'_> {
    fn figures(&self, who: &Contender, played: &Played) -> Figures {
        let clusters = match self.field.is_by_group(who) {
            true => &self.groups,
            false => &self.prompts,
        };
        clusters.figures(&played.sums, self.how.resamples, self.how.seed)
    }

    /// A family at every share, and where it reaches the targets.
    fn curve(
        &self,
        family: usize,
        cached: bool,
        asked: &[u32],
        tick: &mut impl FnMut(),
    ) -> Result<Curve, ProveError> {
        let mut points = Vec::new();
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let who = self.field.of_family(family, share, cached);
            points.push(Point::new(share, &self.stage.play(&who, asked)?));
            tick();
        }
        let mut reached = Vec::new();
        for target in TARGETS {
            // The share that saves just so much, and how good that is.
            let of = match share_for(&points, target) {
                None => None,
                Some(share) => {
                    let who: Contender = self.field.of_family(family, share, cached);
                    Some(self.figures(&who, &self.stage.play(&who, asked)?))
                }
            };
            reached.push(Reached {
                target,
                figures: of,
            });
            tick();
        }
        Ok(Curve {
            family: String::new(),
            repeats: None,
            points,
            reached,
        })
    }
}

/// The largest share of premium calls that saves so much, between the points of a curve that falls.
fn share_for(points: &[Point], target: f64) -> Option<f64> {
    let (mut best, mut before) = (None, None::<&Point>);
    for point in points {
        if point.saving >= target {
            best = Some(point.share);
        } else if let Some(last) = before.filter(|last| last.saving >= target) {
            let part = (last.saving - target) / (last.saving - point.saving);
            best = Some(last.share + part * (point.share - last.share));
        }
        before = Some(point);
    }
    best
}
