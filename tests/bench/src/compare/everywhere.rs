//! How long it takes until a stop and a revoked credential are in force: on PostgreSQL at another replica,
//! which has cached the opposite.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tidegate_client::{Client, Settings};
use tidegate_core::Secret;
use tidegate_proto as proto;

use crate::{
    crowd,
    patience::until,
    sample::{Sample, Side, tenths},
    scene::{SLOW, Scene},
    site::Serving,
    table::{Must, Report, Row},
};

/// Measurements of each.
const TIMES: usize = 20;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let here = scene.large.client().await?;
    let other = scene.engine.has_replicas().then(|| scene.large.replica()).transpose()?;
    let address = other.as_ref().map_or(scene.large.serving()?.address, |other: &Serving| other.address);
    let there = async |credential: Secret<String>| {
        let settings = Settings { address: format!("http://{address}"), ..Settings::new(credential) };
        anyhow::Ok(Client::connect(&settings).await?)
    };
    let operator = there(scene.large.operator()?).await?;
    let (_, approver) = credential(&here, proto::RoleType::RolloutApprover, "the second person").await?;
    let approver = there(approver).await?;
    let (mut stops, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        stops.push(stop(&here, &operator, &approver).await?);
        let (id, token) = credential(&here, proto::RoleType::Evaluator, "bench").await?;
        ends.push(revoke(&here, &there(token).await?, id).await?);
    }
    let place = if other.is_some() { "at another replica" } else { "here" };
    for (what, took) in [("a stop", stops), ("a revoked credential", ends)] {
        let path = format!("{what} in force {place} ({})", scene.engine.title());
        let sample = Sample::new(took, Duration::from_secs(1), None);
        let most = sample.quantile(1.0).context("nothing was measured")? / 1e3;
        report.row(Row::alone(&path, "most", most, "ms", Must::AtMost(1_000.0)));
        report.sides(&path, [Side { name: what.to_owned(), rounds: vec![sample] }]);
    }
    Ok(())
}

/// The time from the answer of `StopRollout` until the other replica decides by it. Two persons then clear
/// the stop.
async fn stop(here: &Client, operator: &Client, approver: &Client) -> anyhow::Result<u32> {
    let stopped = proto::DecisionReason::Stopped;
    ensure!(reason(operator).await? != stopped, "it was stopped before");
    let request = proto::StopRolloutRequest { rollout: SLOW.to_owned(), ..Default::default() };
    let rollout = here.rollouts().stop_rollout(request).await?.into_inner().rollout.context("no rollout")?;
    let took = until("a stop is in force", async || Ok(reason(operator).await? == stopped)).await?;
    let clear =
        |etag: String| proto::ClearStopRequest { rollout: SLOW.to_owned(), etag, ..Default::default() };
    let asked =
        here.rollouts().clear_stop(clear(rollout.etag)).await?.into_inner().rollout.context("no rollout")?;
    let cleared = approver.rollouts().clear_stop(clear(asked.etag)).await?.into_inner().cleared;
    ensure!(cleared, "two persons did not clear it");
    until("a stop is cleared", async || Ok(reason(operator).await? != stopped)).await?;
    Ok(tenths(took))
}

async fn reason(client: &Client) -> anyhow::Result<proto::DecisionReason> {
    let account = crowd::account(0).to_string();
    let request = proto::EvaluateRequest { product: SLOW.to_owned(), account };
    let decision = client.evaluations().evaluate(request).await?.into_inner().decision;
    Ok(decision.context("no decision")?.reason())
}

/// The time from the answer of `RevokeCredential` until the other replica refuses the credential.
async fn revoke(here: &Client, holder: &Client, id: String) -> anyhow::Result<u32> {
    let who = || proto::WhoAmIRequest {};
    holder.access().who_am_i(who()).await.context("the credential is not good")?;
    let request = proto::RevokeCredentialRequest { credential: id, ..Default::default() };
    here.access().revoke_credential(request).await?;
    let ended = async || Ok(holder.access().who_am_i(who()).await.is_err());
    Ok(tenths(until("a credential is refused", ended).await?))
}

async fn credential(
    client: &Client,
    role: proto::RoleType,
    holder: &str,
) -> anyhow::Result<(String, Secret<String>)> {
    let request = proto::CreateCredentialRequest {
        role: role.into(),
        all_products: true,
        title: "bench".to_owned(),
        holder: holder.to_owned(),
        ..Default::default()
    };
    let made = client.access().create_credential(request).await?.into_inner();
    Ok((made.credential.context("no credential")?.id, Secret::new(made.token)))
}
