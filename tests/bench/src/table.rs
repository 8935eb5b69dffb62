//! The result: one table of contracts, and the raw figures under it.

use std::fmt::Write as _;

use crate::sample::{Sample, Side};

/// What a ratio must be.
#[derive(Debug, Clone, Copy)]
pub enum Must {
    AtLeast(f64),
    AtMost(f64),
    /// Shown, and promised nowhere.
    Nothing,
}

impl Must {
    fn is_reached(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(figure >= least),
            Self::AtMost(most) => Some(figure <= most),
            Self::Nothing => None,
        }
    }
}

/// How two sides are compared. More is better in a ratio of rates, less in one of times.
#[derive(Debug, Clone, Copy)]
pub enum By {
    /// Calls per second of the server's CPU time.
    Cpu,
    /// Calls a second.
    Rate,
    /// A quantile of the latency.
    Latency(f64),
}

#[derive(Debug, Clone)]
pub struct Row {
    path: String,
    subject: String,
    baseline: String,
    figure: String,
    p50: Option<f64>,
    p99: Option<f64>,
    cpu: Option<f64>,
    must: String,
    reached: Option<bool>,
}

impl Row {
    pub fn of(path: &str, subject: &Side, baseline: &Side, by: By, must: Must) -> anyhow::Result<Self> {
        let measure = |sample: &Sample| match by {
            By::Cpu => sample.cpu().map(|micros| 1e6 / micros),
            By::Rate => Some(sample.rate()),
            By::Latency(share) => sample.quantile(share),
        };
        let ratio = subject.to(baseline, measure);
        let ratio = ratio.ok_or_else(|| anyhow::anyhow!("{path}: there is nothing to compare"))?;
        let unit = match by {
            By::Cpu => "calls/CPU s",
            By::Rate => "/s",
            By::Latency(_) => "µs",
        };
        let named = |side: &Side| {
            format!("{}: {} {unit}", side.name, side.median(measure).map_or_else(String::new, short))
        };
        Ok(Self {
            path: path.to_owned(),
            subject: named(subject),
            baseline: named(baseline),
            figure: format!("{ratio:.2}"),
            p50: subject.quantile(0.5),
            p99: subject.quantile(0.99),
            cpu: subject.cpu(),
            must: match must {
                Must::AtLeast(bound) => format!("≥ {bound:.2}"),
                Must::AtMost(bound) => format!("≤ {bound:.2}"),
                Must::Nothing => String::new(),
            },
            reached: must.is_reached(ratio),
        })
    }

    /// A figure that stands alone.
    pub fn alone(path: &str, subject: &str, figure: f64, unit: &str, must: Must) -> Self {
        Self {
            path: path.to_owned(),
            subject: subject.to_owned(),
            baseline: String::new(),
            figure: format!("{} {unit}", short(figure)),
            p50: None,
            p99: None,
            cpu: None,
            must: match must {
                Must::AtLeast(bound) => format!("≥ {} {unit}", short(bound)),
                Must::AtMost(bound) => format!("≤ {} {unit}", short(bound)),
                Must::Nothing => String::new(),
            },
            reached: must.is_reached(figure),
        }
    }
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    sides: Vec<(String, Side)>,
}

impl Report {
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The raw figures of the sides of one comparison.
    pub fn sides(&mut self, path: &str, sides: impl IntoIterator<Item = Side>) {
        self.sides.extend(sides.into_iter().map(|side| (path.to_owned(), side)));
    }

    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| path | subject | baseline | ratio | p50 µs | p99 µs | CPU µs/call | must | reached |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        let cell = |figure: Option<f64>| figure.map_or_else(String::new, short);
        for row in &self.rows {
            let reached = row.reached.map_or("", |reached| if reached { "yes" } else { "NO" });
            let (p50, p99, cpu) = (cell(row.p50), cell(row.p99), cell(row.cpu));
            let Row { path, subject, baseline, figure, must, .. } = row;
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {path} | {subject} | {baseline} | {figure} | {p50} | {p99} | {cpu} | {must} | {reached} |"
            );
        }
        text.push_str(
            "\n| path | side | rounds | calls | calls/s | CPU µs/call | p50 µs | p90 µs | p99 µs | most µs |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for (path, side) in &self.sides {
            let calls: u64 = side.rounds.iter().map(|round| round.calls).sum();
            let [p50, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(|share| cell(side.quantile(share)));
            let (rate, cpu, rounds) = (cell(side.rate()), cell(side.cpu()), side.rounds.len());
            let _ = writeln!(
                text,
                "| {path} | {} | {rounds} | {calls} | {rate} | {cpu} | {p50} | {p90} | {p99} | {most} |",
                side.name
            );
        }
        text
    }
}

/// Three digits or so.
fn short(figure: f64) -> String {
    match figure.abs() {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}
