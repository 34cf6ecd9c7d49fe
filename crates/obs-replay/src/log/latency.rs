//! How long a route takes, as a line that is fitted to what was seen.
use std::time::Duration;

use obs_core::Usage;

/// Fewest answers that a line is fitted to; below that their mean stands.
const FEWEST: u64 = 30;

/// Sums of answers, for the line of least squares over tokens read and written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    count: u64,
    /// Products of (1, read, written) with themselves.
    products: [[f64; 3]; 3],
    /// And with the time, in milliseconds.
    times: [f64; 3],
}

/// Milliseconds at the least, for a token read, and for a token written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line([f64; 3]);

impl Sums {
    pub(super) fn add(&mut self, usage: &Usage, millis: f64) {
        let of = [1.0, usage.input as f64, usage.output as f64];
        self.count += 1;
        for row in 0..3 {
            self.times[row] += of[row] * millis;
            for column in 0..3 {
                self.products[row][column] += of[row] * of[column];
            }
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// `None`: nothing was seen.
    pub(super) fn line(&self) -> Option<Line> {
        if self.count == 0 {
            return None;
        }
        let mean = Line([self.times[0] / self.count as f64, 0.0, 0.0]);
        let solved = (self.count >= FEWEST).then(|| self.solve()).flatten();
        // A line that grows shorter with tokens is no model of anything.
        let sound = |line: &Line| line.0.iter().all(|of| of.is_finite() && *of >= 0.0);
        Some(solved.filter(sound).unwrap_or(mean))
    }

    /// Gauss, with a little on the diagonal so that tokens that never differ do no harm.
    fn solve(&self) -> Option<Line> {
        let (mut a, mut b) = (self.products, self.times);
        for (at, row) in a.iter_mut().enumerate().skip(1) {
            row[at] = row[at] * (1.0 + 1e-9) + 1e-6;
        }
        for pivot in 0..3 {
            let best =
                (pivot..3).max_by(|x, y| a[*x][pivot].abs().total_cmp(&a[*y][pivot].abs()))?;
            a.swap(pivot, best);
            b.swap(pivot, best);
            if a[pivot][pivot].abs() < 1e-12 {
                return None;
            }
            let (of, at) = (a[pivot], b[pivot]);
            for row in pivot + 1..3 {
                let times = a[row][pivot] / of[pivot];
                for column in pivot..3 {
                    a[row][column] -= times * of[column];
                }
                b[row] -= times * at;
            }
        }
        let mut line = [0.0; 3];
        for row in (0..3).rev() {
            let known: f64 = (row + 1..3)
                .map(|column| a[row][column] * line[column])
                .sum();
            line[row] = (b[row] - known) / a[row][row];
        }
        Some(Line(line))
    }
}

impl Line {
    pub(super) fn took(&self, usage: &Usage) -> Duration {
        let [least, read, written] = self.0;
        let millis = least + read * usage.input as f64 + written * usage.output as f64;
        Duration::from_millis(millis.round() as u64)
    }

    pub(super) const fn parts(&self) -> [f64; 3] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, output: u64) -> Usage {
        Usage {
            input,
            output,
            ..Usage::default()
        }
    }

    #[test]
    fn a_line_is_found_again() {
        let mut sums = Sums::default();
        for n in 0..100 {
            let of = usage(n * 13 % 97, n * 7 % 31);
            sums.add(&of, 500.0 + 0.25 * of.input as f64 + 8.0 * of.output as f64);
        }
        let line = sums.line().unwrap();
        assert_eq!(line.took(&usage(1000, 100)), Duration::from_millis(1550));
    }

    #[test]
    fn few_answers_and_answers_that_are_alike_have_a_mean() {
        let mut sums = Sums::default();
        assert_eq!(sums.line(), None);
        sums.add(&usage(10, 10), 100.0);
        sums.add(&usage(20, 90), 300.0);
        assert_eq!(
            sums.line().unwrap().took(&usage(99, 99)),
            Duration::from_millis(200)
        );
        let mut alike = Sums::default();
        (0..50).for_each(|_| alike.add(&usage(10, 10), 100.0));
        let took = alike.line().unwrap().took(&usage(10, 10));
        assert!(took.abs_diff(Duration::from_millis(100)) <= Duration::from_millis(1));
    }

    #[test]
    fn a_line_that_falls_is_not_believed() {
        let mut sums = Sums::default();
        for n in 0..100 {
            sums.add(&usage(n, n * 3 % 7), 500.0 - n as f64);
        }
        assert_eq!(sums.line().unwrap().parts()[1], 0.0);
    }
}
