//! `tidegate health`: whether a server takes calls, for probes and scripts.

use std::process::ExitCode;

use anyhow::bail;
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
    let asked = client.check_health().await;
    match asked.map_err(|status| anyhow::anyhow!("failed to ask for its health: {}", status.message()))? {
        Health::Serving => println!("SERVING"),
        Health::NotServing => bail!("the server is NOT_SERVING"),
        Health::Unknown => bail!("the server does not know its health"),
    }
    Ok(ExitCode::SUCCESS)
}
