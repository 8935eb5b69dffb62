//! The start of a rollout's next wave, with many accounts and with few; and how long it takes until decisions
//! use it, on PostgreSQL at another replica.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tidegate_client::Client;
use tidegate_proto as proto;

use crate::{
    crowd,
    options::Options,
    patience::until,
    rounds::{Contender, interleave},
    sample::{Sample, Side, tenths},
    scene::{SLOW, Scene},
    site::{Serving, Site},
    table::{By, Must, Report, Row},
};

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let few = scene.small.client().await?;
    let many = scene.large.client().await?;
    let other = scene.engine.has_replicas().then(|| scene.large.replica()).transpose()?;
    let elsewhere = elsewhere(&scene.large, other.as_ref()).await?;
    let everywhere = std::cell::RefCell::new(Vec::new());
    let sides = interleave(
        rounds(&scene.options),
        vec![
            Contender::new("1 000 accounts", || async { Ok(advance(&few).await?.0) }),
            Contender::new("many accounts", || async {
                let (begun, (sample, revision)) = (Instant::now(), advance(&many).await?);
                until("a wave decides", async || decides(&elsewhere, revision).await).await?;
                everywhere.borrow_mut().push(tenths(begun.elapsed()));
                Ok(sample)
            }),
        ],
    )
    .await?;
    let path = format!("wave advance, {} accounts ({})", scene.size, scene.engine.title());
    if let [few, many] = sides.as_slice() {
        report.row(Row::of(&path, many, few, By::Latency(0.5), Must::AtMost(1.5))?);
    }
    report.sides(&path, sides);
    let effective = Sample::new(everywhere.into_inner(), Duration::from_secs(1), None);
    let most = effective.quantile(1.0).context("no wave was started")? / 1e3;
    let whom = if other.is_some() { "effective at another replica, most" } else { "effective, most" };
    report.row(Row::alone(&path, whom, most, "ms", Must::AtMost(1_000.0)));
    report.sides(&path, [Side { name: whom.to_owned(), rounds: vec![effective] }]);
    Ok(())
}

/// Each round is one call, and a rollout may have 100 waves.
fn rounds(options: &Options) -> usize {
    (options.rounds() * 10).min(90)
}

/// How many waves are started, the warm-up round included.
pub fn waves(options: &Options) -> usize {
    rounds(options) + 1
}

/// The client that asks whether the wave is in force.
async fn elsewhere(site: &Site, other: Option<&Serving>) -> anyhow::Result<Client> {
    let Some(other) = other else { return site.client().await };
    let settings = tidegate_client::Settings {
        address: format!("http://{}", other.address),
        ..tidegate_client::Settings::new(site.operator()?)
    };
    Ok(Client::connect(&settings).await?)
}

/// Starts the next wave. Returns how long that took, and the new revision.
async fn advance(client: &Client) -> anyhow::Result<(Sample, i64)> {
    let rollout = proto::GetRolloutRequest { rollout: SLOW.to_owned() };
    let rollout = client.rollouts().get_rollout(rollout).await?.into_inner().rollout.context("no rollout")?;
    let (rollout, etag) = (rollout.key, rollout.etag);
    let request = proto::AdvanceRolloutRequest { rollout, etag, ..Default::default() };
    let begun = Instant::now();
    let done = client.rollouts().advance_rollout(request).await?.into_inner();
    let took = begun.elapsed();
    let revision = done.rollout.context("no rollout")?.revision;
    Ok((Sample::new(vec![tenths(took)], took, None), revision))
}

/// Whether a decision uses this revision.
async fn decides(client: &Client, revision: i64) -> anyhow::Result<bool> {
    let request = proto::EvaluateRequest { product: SLOW.to_owned(), account: crowd::account(0).to_string() };
    let decision = client.evaluations().evaluate(request).await?.into_inner().decision;
    Ok(decision.context("no decision")?.revision >= revision)
}
