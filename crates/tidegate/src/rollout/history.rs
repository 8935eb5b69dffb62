//! `tidegate rollout history`: who changed what, when and why.

use std::fmt::Write as _;

use clap::Args;
use tidegate_client::Client;
use tidegate_proto as proto;

use super::{CallArgs, ask};
use crate::output::{OutputFormat, instant, plain};

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
        for revision in &answer.revisions {
            table += &entry(&client, &key, revision).await?;
        }
    }
    history.call.output.print(&answer, |_| table)
}

async fn entry(client: &Client, key: &str, revision: &proto::RolloutRevision) -> anyhow::Result<String> {
    let number = revision.rollout.as_ref().map(|rollout| rollout.revision).unwrap_or_default();
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
    for difference in ask!(client, rollouts.diff_revisions, request)?.differences {
        let _ = writeln!(text, "   {}", changed(&difference));
    }
    Ok(text)
}

/// `waves[1].state: "draft" -> "live"`
pub fn changed(difference: &proto::RevisionDifference) -> String {
    let value = |value: &str| if value.is_empty() { "nothing".to_owned() } else { plain(value) };
    let (before, after) = (value(&difference.before), value(&difference.after));
    format!("{}: {before} -> {after}", plain(&difference.field))
}
