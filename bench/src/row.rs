//! One figure with its goal.

use serde_json::{Value, json};

use crate::timing::Ratio;

/// What a figure is measured against.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// A figure to know, without a goal.
    None,
}

/// Times at several sizes, for a plot.
#[derive(Debug, Clone)]
pub struct Series {
    /// Size and seconds.
    pub points: Vec<(f64, f64)>,
    /// What the sizes count.
    pub axis: &'static str,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub goal: &'static str,
    pub what: String,
    pub unit: &'static str,
    /// None: it could not be measured, and `note` says why.
    pub figure: Option<f64>,
    pub interval: Option<(f64, f64)>,
    pub bound: Bound,
    pub note: String,
    pub series: Option<Series>,
}

impl Row {
    pub fn new(
        goal: &'static str,
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
        bound: Bound,
    ) -> Self {
        let (what, note) = (what.into(), String::new());
        Self { goal, what, unit, figure: Some(figure), interval: None, bound, note, series: None }
    }

    /// How many times longer (`AtMost`) ours takes than the other.
    pub fn ratio(goal: &'static str, what: impl Into<String>, ratio: Ratio, bound: Bound) -> Self {
        let row = Self::new(goal, what, ratio.value, "×", bound);
        Self { interval: Some((ratio.low, ratio.high)), ..row }
    }

    pub fn missing(goal: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        let row = Self::new(goal, what, 0.0, "", Bound::None);
        Self { figure: None, note: why.into(), ..row }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    #[must_use]
    pub fn series(mut self, points: Vec<(f64, f64)>, axis: &'static str) -> Self {
        self.series = Some(Series { points, axis });
        self
    }

    pub fn verdict(&self) -> &'static str {
        match (self.figure, self.bound) {
            (None, _) => "not measured",
            (Some(_), Bound::None) => "-",
            (Some(figure), Bound::AtMost(most)) if figure <= most => "met",
            (Some(figure), Bound::AtLeast(least)) if figure >= least => "met",
            (Some(_), _) => "MISSED",
        }
    }

    pub fn cells(&self) -> [String; 5] {
        let figure = match (self.figure, self.interval) {
            (None, _) => "-".to_owned(),
            (Some(f), None) => format!("{} {}", number(f), self.unit).trim().to_owned(),
            (Some(f), Some((low, high))) => {
                format!("{} {} ({}–{})", number(f), self.unit, number(low), number(high))
            }
        };
        let bound = match self.bound {
            Bound::AtMost(most) => format!("≤ {}", number(most)),
            Bound::AtLeast(least) => format!("≥ {}", number(least)),
            Bound::None => String::new(),
        };
        let what = if self.note.is_empty() {
            self.what.clone()
        } else {
            format!("{}; {}", self.what, self.note)
        };
        [self.goal.to_owned(), what, figure, bound, self.verdict().to_owned()]
    }

    pub fn json(&self) -> Value {
        json!({ "goal": self.goal, "what": self.what, "figure": self.figure, "unit": self.unit,
            "interval": self.interval.map(|(low, high)| [low, high]), "verdict": self.verdict(),
            "note": self.note })
    }
}

/// Three figures, and no more than needed.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let cases = [
            (Bound::AtMost(2.0), 2.0, "met"),
            (Bound::AtMost(2.0), 2.1, "MISSED"),
            (Bound::AtLeast(2.0), 1.9, "MISSED"),
            (Bound::AtLeast(2.0), 2.0, "met"),
            (Bound::None, 9.0, "-"),
        ];
        for (bound, figure, expected) in cases {
            assert_eq!(
                Row::new("G0", "x", figure, "", bound).verdict(),
                expected,
                "{bound:?} {figure}"
            );
        }
        assert_eq!(Row::missing("G0", "x", "why").verdict(), "not measured");
    }
}
