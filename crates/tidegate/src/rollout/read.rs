//! `tidegate rollout list` and `get`.

use clap::Args;
use tidegate_client::{Client, pages};
use tidegate_proto as proto;

use super::{CallArgs, ahead, ask, planned, print_warnings, show};
use crate::{
    ambient::AuthorityClock,
    output::{columns, plain},
};

#[derive(Args)]
pub struct ListArgs {
    /// Also the rollouts that are archived.
    #[arg(long)]
    archived: bool,
    #[command(flatten)]
    call: CallArgs,
}

#[derive(Args)]
pub struct GetArgs {
    /// Key of the rollout.
    rollout: String,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn list(list: ListArgs) -> anyhow::Result<()> {
    let client = list.call.server.connect().await?;
    let include_archived = list.archived;
    let first = proto::ListRolloutsRequest { page_size: 1_000, include_archived, ..Default::default() };
    let page = async |request: proto::ListRolloutsRequest| {
        client
            .retrying(async move |client: &Client| client.rollouts().list_rollouts(request.clone()).await)
            .await
    };
    let rollouts = pages(first, page).collect().await?;
    let all = proto::ListRolloutsResponse { rollouts, next_page_token: String::new() };
    list.call.output.print(&all, table)
}

fn table(all: &proto::ListRolloutsResponse) -> String {
    if all.rollouts.is_empty() {
        return "there are no rollouts; `tidegate rollout create -f FILE` makes one\n".to_owned();
    }
    let now = AuthorityClock::host();
    let rows = all.rollouts.iter().map(|rollout| {
        let started = rollout.waves.iter().filter(|wave| show::is_started(wave)).count();
        let waves = if rollout.waves.is_empty() {
            "none".to_owned()
        } else {
            format!("{started} of {}", rollout.waves.len())
        };
        vec![
            rollout.key.clone(),
            plain(&rollout.title),
            ahead::state(rollout, now),
            waves,
            ahead::next_date(rollout, now),
            rollout.products.join(", "),
            rollout.revision.to_string(),
        ]
    });
    columns(&["key", "title", "state", "waves started", "next date", "products", "revision"], rows)
}

pub async fn get(get: GetArgs) -> anyhow::Result<()> {
    let client = get.call.server.connect().await?;
    let request = proto::GetRolloutRequest { rollout: get.rollout };
    let answer = ask!(client, rollouts.get_rollout, request)?;
    print_warnings(&answer.warnings, |_, _| None);
    get.call.output.print(&answer, |answer| {
        let whole = answer.rollout.as_ref().map(show::whole).unwrap_or_default();
        whole + &planned::lines(answer)
    })
}
