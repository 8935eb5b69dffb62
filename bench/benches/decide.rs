//! The decision in process: `cargo bench -p tidegate-bench --bench decide`.

#[path = "../src/decision.rs"]
mod decision;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

fn decide(criterion: &mut Criterion) {
    for (name, case) in [
        ("simple", decision::simple()),
        ("three_rollouts", decision::three_rollouts()),
        ("five_predicates", decision::five_predicates()),
    ] {
        if let Some(case) = case {
            criterion
                .bench_function(name, |bencher| bencher.iter(|| black_box(black_box(&case).decide().reason)));
        }
    }
}

criterion_group!(benches, decide);
criterion_main!(benches);
