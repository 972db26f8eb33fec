//! What was measured, as a table and as JSON. It must never say more than was measured.

use std::time::Duration;

use serde_json::{Value, json};

/// In what a figure is counted.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Millions of bytes.
    Megabytes,
    /// One figure by another.
    Ratio,
    /// Pieces.
    Count,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::Ratio => "ratio",
            Self::Count => "count",
        }
    }

    fn spell(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Ratio => format!("{value:.2}"),
            Self::Count => format!("{value}"),
        }
    }
}

/// One thing that was measured, once or often.
pub struct Figure {
    name: String,
    unit: Unit,
    values: Vec<f64>,
    aim: Option<f64>,
    left_out: Option<String>,
}

impl Figure {
    /// Times.
    pub fn times(name: impl Into<String>, times: &[Duration]) -> Self {
        let values = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        Self::values(name, Unit::Milliseconds, values)
    }

    /// Bytes.
    pub fn bytes(name: impl Into<String>, bytes: u64) -> Self {
        Self::values(name, Unit::Megabytes, vec![bytes as f64 / 1e6])
    }

    /// Anything, in order of measurement.
    pub fn values(name: impl Into<String>, unit: Unit, values: Vec<f64>) -> Self {
        Self { name: name.into(), unit, values, aim: None, left_out: None }
    }

    /// What could not be measured, and why.
    pub fn left_out(name: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self { left_out: Some(why.into()), ..Self::values(name, unit, Vec::new()) }
    }

    /// The most that it should be, in the figure's unit.
    pub fn aim(self, aim: f64) -> Self {
        Self { aim: Some(aim), ..self }
    }

    /// The middle of what was measured.
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let (upper, lower) = (sorted.get(sorted.len() / 2)?, sorted.get((sorted.len() - 1) / 2)?);
        Some(f64::midpoint(*upper, *lower))
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// With every single value, so that others can compute something else of them.
    pub fn to_json(&self) -> Value {
        let sorted = self.sorted();
        json!({
            "name": self.name, "unit": self.unit.name(), "n": self.values.len(), "median": self.median(),
            "min": sorted.first(), "max": sorted.last(), "aim": self.aim, "values": self.values,
            "left_out": self.left_out,
        })
    }

    fn row(&self) -> [String; 6] {
        let spell = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| self.unit.spell(value));
        let sorted = self.sorted();
        let aim = self.aim.map_or_else(|| "-".into(), |aim| format!("<= {}", self.unit.spell(aim)));
        let n = self.values.len().to_string();
        let (least, most) = (spell(sorted.first().copied()), spell(sorted.last().copied()));
        [self.name.clone(), n, spell(self.median()), least, most, aim]
    }
}

/// The figures in columns, and below them what was left out.
pub fn table(figures: &[Figure]) -> String {
    let heads = ["figure", "n", "median", "min", "max", "aim"].map(str::to_owned);
    let rows: Vec<_> = [heads].into_iter().chain(figures.iter().map(Figure::row)).collect();
    let widths: Vec<usize> = (0..6)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in &rows {
        let numbers = row.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        text += &format!("{:<width$}{}\n", row[0], numbers.collect::<String>(), width = widths[0]);
    }
    for figure in figures {
        if let Some(why) = &figure.left_out {
            text += &format!("left out: {}: {why}\n", figure.name);
        }
    }
    text
}
