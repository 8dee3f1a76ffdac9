//! Wall time: what the stopwatch has printed, as ratios between commands of one run.
//!
//! A ratio is the median over rounds of one command's time by another's in the same round; its
//! interval is a bootstrap of that median (95 of 100), with a fixed seed so that the same times
//! always give the same interval.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::Machine;

/// Where the stopwatch lies in the machine.
pub const STOPWATCH: &str = "/root/stopwatch";
const RESAMPLES: usize = 1000;

/// Times of several commands, round by round, in nanoseconds.
#[derive(Debug)]
pub struct Times {
    rounds: Vec<Vec<f64>>,
}

/// A ratio of two medians with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Times {
    /// Runs the commands in turn, `rounds` times; `before` runs ahead of each, untimed.
    pub fn of(
        machine: &Machine,
        rounds: u32,
        before: Option<&str>,
        commands: &[&str],
    ) -> Result<Self> {
        let before = before.map(|program| format!(" --before {program}")).unwrap_or_default();
        let script = format!("{STOPWATCH} {rounds}{before} -- {}", commands.join(" -- "));
        let output = machine.run_with(&script, b"", Duration::from_secs(600))?;
        ensure!(output.code == 0, "{script}: {output}");
        let numbers = |line: &str| {
            line.split(' ')
                .map(|n| n.parse::<f64>().context("no number"))
                .collect::<Result<Vec<_>>>()
        };
        let rounds = output.stdout.lines().map(numbers).collect::<Result<Vec<_>>>()?;
        ensure!(rounds.iter().all(|round| round.len() == commands.len()), "{script}: {output}");
        Ok(Self { rounds })
    }

    /// Median of a command, in seconds.
    pub fn median(&self, command: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[command]).collect()) / 1e9
    }

    /// The median of what command `a` takes longer than `b` in the same round, in seconds.
    pub fn added(&self, a: usize, b: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[a] - round[b]).collect()) / 1e9
    }

    /// How long command `a` takes, in times of command `b`.
    pub fn ratio(&self, a: usize, b: usize) -> Ratio {
        let ratios: Vec<f64> = self.rounds.iter().map(|round| round[a] / round[b]).collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| median(ratios.iter().map(|_| ratios[random.below(ratios.len())]).collect()))
            .collect();
        medians.sort_by(f64::total_cmp);
        Ratio {
            value: median(ratios),
            low: medians[RESAMPLES / 40],
            high: medians[RESAMPLES - 1 - RESAMPLES / 40],
        }
    }
}

/// The exponent of growth: the slope of log time over log size, by least squares.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let (mx, my) = logs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let over: f64 = logs.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    let under: f64 = logs.iter().map(|(x, _)| (x - mx) * (x - mx)).sum();
    over / under
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// xorshift64; only to draw samples.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_and_exponents() {
        let rounds = (1..=20).map(|n| vec![3.0 * f64::from(n), f64::from(n)]).collect();
        let ratio = Times { rounds }.ratio(0, 1);
        assert_eq!((ratio.value, ratio.low, ratio.high), (3.0, 3.0, 3.0));
        let squares: Vec<(f64, f64)> = (1..5).map(|n| (f64::from(n), f64::from(n * n))).collect();
        assert!((exponent(&squares) - 2.0).abs() < 1e-9);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
