//! `tidegate health`: whether a server takes calls, for probes and scripts.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_client::Health;

use crate::server::Reach;

#[derive(Args)]
pub struct HealthArgs {
    #[command(flatten)]
    reach: Reach,
}

pub async fn health(asked: HealthArgs) -> anyhow::Result<ExitCode> {
    let client = asked.reach.connect().await?;
    match client.check_health().await.context("failed to ask for its health")? {
        Health::Serving => println!("SERVING"),
        Health::NotServing => bail!("the server is NOT_SERVING"),
        Health::Unknown => bail!("the server does not know its health"),
    }
    Ok(ExitCode::SUCCESS)
}
