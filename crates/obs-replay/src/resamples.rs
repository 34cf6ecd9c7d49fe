//! Intervals around qualities, in bounded memory.
use crate::rng::mixed;

/// How many resamples there are.
const RESAMPLES: usize = 200;
/// Of these, the 2.5 % at either end are left out.
const ENDS: usize = RESAMPLES / 40;
/// Fewest calls of which an interval says something.
const FEWEST: u64 = 20;
/// How often of 65,536 times a question is drawn at most 0, 1, .. 6 times where it is drawn once on average: Poisson's law.
const DRAWN: [u16; 7] = [24_109, 48_219, 60_273, 64_292, 65_296, 65_497, 65_531];

/// Sums of resamples of questions (Poisson's bootstrap): each question is in each resample so often, by its key, so that all calls
/// that ask it are in it together. Nothing is kept of questions.
#[derive(Clone, Debug)]
pub(crate) struct Resamples {
    calls: u64,
    both: u64,
    sums: Vec<Sums>,
}

/// Of one resample.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: f64,
    quality: f64,
    /// Of calls of which the quality on the first route and on the baseline is known, too: those two, and what they had.
    first: f64,
    baseline: f64,
    both: f64,
}

impl Resamples {
    pub(crate) fn new() -> Self {
        Self {
            calls: 0,
            both: 0,
            sums: vec![Sums::default(); RESAMPLES],
        }
    }

    /// A call to this question had an answer of this quality; `ends`: and would have had these on first route and baseline.
    pub(crate) fn add(&mut self, key: u128, quality: f64, ends: Option<(f64, f64)>) {
        self.calls += 1;
        self.both += u64::from(ends.is_some());
        let seed = mixed(mixed(key as u64 ^ 0x5bf0_3635) ^ (key >> 64) as u64);
        for (at, four) in self.sums.chunks_mut(4).enumerate() {
            let bits =
                mixed(seed.wrapping_add((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            for (lane, sums) in four.iter_mut().enumerate() {
                let draw = (bits >> (16 * lane)) as u16;
                let times = DRAWN.iter().filter(|most| draw >= **most).count();
                if times == 0 {
                    continue;
                }
                let times = times as f64;
                sums.calls += times;
                sums.quality += times * quality;
                if let Some((first, baseline)) = ends {
                    sums.first += times * first;
                    sums.baseline += times * baseline;
                    sums.both += times * quality;
                }
            }
        }
    }

    /// The 95 % interval of the mean quality. `None`: of too few calls.
    pub(crate) fn mean(&self) -> Option<(f64, f64)> {
        if self.calls < FEWEST {
            return None;
        }
        interval(self.sums.iter().map(|of| of.quality / of.calls))
    }

    /// The 95 % interval of the part of the gap that is kept. `None`: of too few calls, or the gap itself may be none.
    pub(crate) fn kept(&self) -> Option<(f64, f64)> {
        if self.both < FEWEST {
            return None;
        }
        interval(self.sums.iter().map(|of| {
            let gap = of.baseline - of.first;
            match gap > 0.0 {
                true => (of.both - of.first) / gap,
                false => f64::NAN,
            }
        }))
    }
}

/// Between the ends that are left out. What is no number may be anything: there may be as few of it as stand at one end.
fn interval(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = values.filter(|of| of.is_finite()).collect();
    let lost = RESAMPLES - values.len();
    if lost > ENDS {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |from_low: usize| values[from_low.min(values.len() - 1)];
    Some((at(ENDS), at(RESAMPLES - 1 - ENDS - lost)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Answers that are right so often, on the first route so often, at the baseline so often.
    fn draws(questions: u32, repeats: u32, seed: u64) -> Resamples {
        let (mut rng, mut of) = (Rng::new(seed), Resamples::new());
        for _ in 0..questions {
            let key = u128::from(rng.next());
            let first = f64::from(u8::from(rng.unit() < 0.5));
            let baseline = f64::from(u8::from(rng.unit() < 0.8));
            let quality = if rng.unit() < 0.5 { first } else { baseline };
            for _ in 0..repeats {
                of.add(key, quality, Some((first, baseline)));
            }
        }
        of
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let held = |interval: Option<(f64, f64)>, truth: f64| {
            let (low, high) = interval.unwrap();
            usize::from(low <= truth && truth <= high)
        };
        let (mut mean, mut kept) = (0, 0);
        for seed in 0..200 {
            let of = draws(400, 1, seed);
            mean += held(of.mean(), 0.65);
            kept += held(of.kept(), 0.5);
        }
        assert!((180..=199).contains(&mean), "{mean} of 200");
        assert!((180..=199).contains(&kept), "{kept} of 200");
    }

    #[test]
    fn repeats_of_a_question_tell_nothing_new() {
        let width = |of: Resamples| of.mean().map(|(low, high)| high - low).unwrap();
        let (once, often) = (width(draws(300, 1, 3)), width(draws(300, 9, 3)));
        assert!((once - often).abs() < 1e-9, "{once} and {often}");
    }

    #[test]
    fn few_calls_and_gaps_that_may_be_none_have_no_interval() {
        let mut few = Resamples::new();
        (0..19).for_each(|key| few.add(key, 1.0, None));
        assert_eq!(few.mean(), None);
        few.add(19, 1.0, None);
        assert_eq!((few.mean(), few.kept()), (Some((1.0, 1.0)), None));
        let mut alike = Resamples::new();
        (0..100).for_each(|key| alike.add(key, 1.0, Some((1.0, 1.0))));
        assert_eq!(alike.kept(), None);
    }
}
