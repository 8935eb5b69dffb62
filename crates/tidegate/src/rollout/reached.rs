//! `tidegate rollout reached`: the accounts that a rollout has reached at a product, to a file.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tidegate_client::{Client, pages};
use tidegate_proto as proto;

use super::{CREDENTIAL_HELP, explain::only_product, load, progress::Progress};
use crate::{export_file::ExportFile, output::instant, server::Server};

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(CREDENTIAL_HELP)))]
pub struct ReachedArgs {
    /// Key of the rollout.
    rollout: String,
    /// Key of the product. May be left out where the rollout names one product only.
    #[arg(long)]
    product: Option<String>,
    /// Only accounts that this wave is the first to reach.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    wave: u32,
    /// The file to make; `-` writes to standard output.
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// One line, with the JSON names of the contract as `-o json` has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReachedLine<'r> {
    account_id: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    external_id: &'r str,
    /// The first wave that reaches it now. Left out: none does; it was allowed, or reached before.
    #[serde(skip_serializing_if = "Option::is_none")]
    wave: Option<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_show_time: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    active_time: String,
}

pub async fn reached(reached: ReachedArgs) -> anyhow::Result<()> {
    let mut output = ExportFile::open(&reached.export)?;
    let client = reached.server.connect().await?;
    let rollout = load(&client, &reached.rollout).await?;
    let product = match reached.product {
        Some(product) => product,
        None => only_product(&rollout)?,
    };
    let first = proto::ListReachedRequest {
        rollout: reached.rollout,
        product,
        wave: reached.wave,
        page_size: 1_000,
        page_token: String::new(),
    };
    let call = async |request: proto::ListReachedRequest| {
        client
            .retrying(async move |client: &Client| client.rollouts().list_reached(request.clone()).await)
            .await
    };
    let mut progress = Progress::begin("accounts written");
    let (mut pages, mut count) = (pages(first, call), 0);
    while let Some(accounts) = pages.next().await? {
        let mut lines = Vec::new();
        for account in &accounts {
            serde_json::to_writer(&mut lines, &line(account))?;
            lines.push(b'\n');
            count += 1;
        }
        output.write(&lines).context("failed to write")?;
        progress.tell(count, 0);
    }
    progress.end();
    output.finish()?;
    eprintln!("{count} accounts are reached");
    Ok(())
}

fn line(account: &proto::ReachedAccount) -> ReachedLine<'_> {
    ReachedLine {
        account_id: &account.account_id,
        external_id: &account.external_id,
        wave: (account.wave > 0).then_some(account.wave),
        first_show_time: instant(account.first_show_time.as_ref()),
        active_time: instant(account.active_time.as_ref()),
    }
}
