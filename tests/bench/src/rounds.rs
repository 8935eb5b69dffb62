//! Interleaving: a round of each side in turn, so that other load on the machine affects all of them alike.

use std::{future::Future, pin::Pin, time::Duration};

use anyhow::Context as _;
use tokio::time::timeout;

use crate::sample::{Sample, Side};

type Round<'r> = Pin<Box<dyn Future<Output = anyhow::Result<Sample>> + 'r>>;

/// A side, and how to run one round of it.
pub struct Contender<'c> {
    name: String,
    run: Box<dyn FnMut() -> Round<'c> + 'c>,
}

impl<'c> Contender<'c> {
    pub fn new<F: Future<Output = anyhow::Result<Sample>> + 'c>(
        name: &str,
        mut run: impl FnMut() -> F + 'c,
    ) -> Self {
        Self { name: name.to_owned(), run: Box::new(move || Box::pin(run())) }
    }
}

/// Longer than any round may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Sides in the order of their contenders. One round of each is thrown away: it warms caches and
/// connections.
pub async fn interleave(rounds: usize, mut contenders: Vec<Contender<'_>>) -> anyhow::Result<Vec<Side>> {
    let mut sides: Vec<_> =
        contenders.iter().map(|one| Side { name: one.name.clone(), rounds: Vec::new() }).collect();
    for round in 0..=rounds {
        for (contender, side) in contenders.iter_mut().zip(&mut sides) {
            let sample = timeout(TIMEOUT, (contender.run)()).await;
            let sample = sample.with_context(|| format!("a round did not end: {}", side.name))??;
            if round > 0 {
                side.rounds.push(sample);
            }
        }
    }
    Ok(sides)
}
