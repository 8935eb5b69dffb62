//! `tidegate rollout history`: who changed what, when and why.

use std::fmt::Write as _;

use clap::Args;
use tidegate_client::Client;
use tidegate_proto as proto;

use super::{CallArgs, ask, revisions::Compared};
use crate::output::{OutputFormat, instant};

#[derive(Args)]
pub struct HistoryArgs {
    /// Key of the rollout.
    rollout: String,
    /// How many revisions, the newest first.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn history(history: HistoryArgs) -> anyhow::Result<()> {
    let client = history.call.server.connect().await?;
    let key = history.rollout;
    let page_size = history.limit;
    let request = proto::ListRevisionsRequest { rollout: key.clone(), page_size, page_token: String::new() };
    let answer = ask!(client, rollouts.list_revisions, request)?;
    let mut table = String::new();
    if history.call.output.format == OutputFormat::Table {
        for (place, revision) in answer.revisions.iter().enumerate() {
            let before = answer.revisions.get(place + 1).and_then(|before| before.rollout.as_ref());
            table += &entry(&client, &key, revision, before).await?;
        }
    }
    history.call.output.print(&answer, |_| table)
}

async fn entry(
    client: &Client,
    key: &str,
    revision: &proto::RolloutRevision,
    before: Option<&proto::Rollout>,
) -> anyhow::Result<String> {
    let rollout = revision.rollout.clone().unwrap_or_default();
    let number = rollout.revision;
    let (at, author) = (instant(revision.revise_time.as_ref()), super::show::author(revision));
    let mut text = format!("{number}  {at}  {author}{}\n", super::show::reason(&revision.reason));
    if number <= 1 {
        return Ok(text + "   created\n");
    }
    let request = proto::DiffRevisionsRequest {
        rollout: key.to_owned(),
        from_revision: number - 1,
        to_revision: number,
    };
    let differences = ask!(client, rollouts.diff_revisions, request)?.differences;
    let compared = match before {
        Some(before) => Compared::new(before.clone(), rollout, differences),
        // The one before it is not listed.
        None => Compared::read(client, key, differences, (number - 1, number)).await?,
    };
    for line in compared.lines() {
        let _ = writeln!(text, "   {line}");
    }
    Ok(text)
}
