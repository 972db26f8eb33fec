//! What was measured, as a table and as JSON. It must never say more than was measured.

use std::time::Duration;

use serde_json::{Value, json};

/// In what a figure is counted.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
    /// Millions of bytes.
    Megabytes,
    /// One figure by another.
    Ratio,
    /// Pieces.
    Count,
    /// Pieces in a second.
    PerSecond,
    /// Millions of bytes in a second.
    MegabytesPerSecond,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Megabytes => "MB",
            Self::Ratio => "ratio",
            Self::Count => "count",
            Self::PerSecond => "/s",
            Self::MegabytesPerSecond => "MB/s",
        }
    }
}

/// What a figure should be.
#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

/// One thing that was measured, once or often.
pub struct Figure {
    name: String,
    unit: Unit,
    values: Vec<f64>,
    aim: Option<Aim>,
    note: Option<String>,
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
        Self { name: name.into(), unit, values, aim: None, note: None, left_out: None }
    }

    /// Ours by theirs, round by round.
    pub fn ratio(name: impl Into<String>, ours: &[f64], theirs: &[f64]) -> Self {
        let values = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Self::values(name, Unit::Ratio, values)
    }

    /// What could not be measured, and why.
    pub fn left_out(name: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self { left_out: Some(why.into()), ..Self::values(name, unit, Vec::new()) }
    }

    /// The most that it should be, in the figure's unit.
    pub fn aim(self, aim: f64) -> Self {
        Self { aim: Some(Aim::AtMost(aim)), ..self }
    }

    /// The least that it should be, in the figure's unit.
    pub fn aim_at_least(self, aim: f64) -> Self {
        Self { aim: Some(Aim::AtLeast(aim)), ..self }
    }

    /// What else is to be known about it.
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()).filter(|note| !note.is_empty()), ..self }
    }

    /// With every single value, so that others can compute something else of them.
    pub fn to_json(&self) -> Value {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let aim = self.aim.map(|aim| match aim {
            Aim::AtMost(value) => json!({ "at_most": value }),
            Aim::AtLeast(value) => json!({ "at_least": value }),
        });
        json!({
            "name": self.name, "unit": self.unit.name(), "n": self.values.len(), "median": median(&sorted),
            "min": sorted.first(), "max": sorted.last(), "aim": aim, "note": self.note, "values": self.values,
            "left_out": self.left_out,
        })
    }
}

/// The middle of what was measured, which is in order.
fn median(sorted: &[f64]) -> Option<f64> {
    let (upper, lower) = (sorted.get(sorted.len() / 2)?, sorted.get((sorted.len() - 1) / 2)?);
    Some(f64::midpoint(*upper, *lower))
}

/// The heads of [`cells`].
pub const HEADS: [&str; 6] = ["figure", "n", "median", "min", "max", "aim"];

/// A figure as it is in the results, in the columns of a table; nothing for one that was left out.
pub fn cells(figure: &Value) -> Option<[String; 6]> {
    if figure["left_out"].is_string() {
        return None;
    }
    let unit = figure["unit"].as_str().unwrap_or_default();
    let cell = |value: &Value| value.as_f64().map_or_else(|| "-".into(), |value| spell(value, unit));
    let (most, least) = (&figure["aim"]["at_most"], &figure["aim"]["at_least"]);
    let aim = match (most.as_f64(), least.as_f64()) {
        (Some(most), _) => format!("<= {}", spell(most, unit)),
        (_, Some(least)) => format!(">= {}", spell(least, unit)),
        _ => "-".into(),
    };
    let name = figure["name"].as_str().unwrap_or_default().to_owned();
    let n = figure["n"].to_string();
    Some([name, n, cell(&figure["median"]), cell(&figure["min"]), cell(&figure["max"]), aim])
}

fn spell(value: f64, unit: &str) -> String {
    match unit {
        "count" => format!("{value}"),
        "ratio" => format!("{value:.2}"),
        _ if value >= 1000.0 => format!("{value:.0} {unit}"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// The figures in columns, and below them what was left out.
pub fn table(figures: &[Figure]) -> String {
    let figures: Vec<Value> = figures.iter().map(Figure::to_json).collect();
    let rows = [HEADS.map(str::to_owned)].into_iter().chain(figures.iter().filter_map(cells));
    let rows: Vec<_> = rows.collect();
    let widths: Vec<usize> = (0..6)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in &rows {
        let numbers = row.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        text += &format!("{:<width$}{}\n", row[0], numbers.collect::<String>(), width = widths[0]);
    }
    text + &remarks(&figures, "").join("\n")
}

/// What is to be known besides the numbers, a line each.
pub fn remarks(figures: &[Value], bullet: &str) -> Vec<String> {
    let remark = |figure: &Value| {
        let name = figure["name"].as_str()?;
        let left_out = figure["left_out"].as_str().map(|why| format!("{bullet}left out: {name}: {why}"));
        left_out.or_else(|| figure["note"].as_str().map(|note| format!("{bullet}{name}: {note}")))
    };
    figures.iter().filter_map(remark).collect()
}
