//! The decision itself, in this process: an estimate for the table. `cargo bench` measures it well.

use std::{hint::black_box, time::Instant};

use crate::{
    decision::{self, Case},
    sample::median,
    table::{Must, Report, Row},
};

const ROUNDS: usize = 30;
const DECISIONS: u32 = 10_000;

pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for (name, case, most) in [
        ("one rollout", decision::simple(), Must::AtMost(1.0)),
        ("three rollouts", decision::three_rollouts(), Must::Nothing),
        ("five predicates", decision::five_predicates(), Must::AtMost(3.0)),
        ("a ladder of five rules", decision::five_rules(), Must::AtMost(3.0)),
    ] {
        report.row(Row::alone("decision in process", name, micros(&case?), "µs", most));
    }
    Ok(())
}

fn micros(case: &Case) -> f64 {
    let round = || {
        let begun = Instant::now();
        for _ in 0..DECISIONS {
            black_box(black_box(case).decide().reason);
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS)
    };
    median((0..ROUNDS).map(|_| round()).collect()).unwrap_or_default()
}
