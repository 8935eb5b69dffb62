//! The decision in process: `cargo bench -p tidegate-bench --bench decide`.

#[path = "../src/decision.rs"]
mod decision;

use std::hint::black_box;

use criterion::Criterion;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, case) in [
        ("simple", decision::simple()),
        ("three_rollouts", decision::three_rollouts()),
        ("five_predicates", decision::five_predicates()),
        ("five_rules", decision::five_rules()),
    ] {
        let case = case?;
        criterion
            .bench_function(name, |bencher| bencher.iter(|| black_box(black_box(&case).decide().reason)));
    }
    criterion.final_summary();
    Ok(())
}
