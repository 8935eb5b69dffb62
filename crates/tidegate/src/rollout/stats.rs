//! `tidegate rollout stats`: how far a rollout has come.

use clap::Args;
use tidegate_proto as proto;

use super::{CallArgs, ask, file::percent, load, show};
use crate::output::{columns, instant, plain};

#[derive(Args)]
pub struct StatsArgs {
    /// Key of the rollout.
    rollout: String,
    /// Also count the accounts that are reached. This reads every account of the realm.
    #[arg(long)]
    reached: bool,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn stats(stats: StatsArgs) -> anyhow::Result<()> {
    let client = stats.call.server.connect().await?;
    let rollout = load(&client, &stats.rollout).await?;
    let request = proto::GetStatsRequest { rollout: stats.rollout, count_reached: stats.reached };
    let answer = ask!(client, rollouts.get_stats, request)?;
    stats.call.output.print(&answer, |answer| table(answer, &rollout, stats.reached))
}

fn table(stats: &proto::GetStatsResponse, rollout: &proto::Rollout, with_reached: bool) -> String {
    let reached = |count: i64| if with_reached { count.to_string() } else { "-".to_owned() };
    let products = stats.products.iter().map(|product| {
        vec![
            product.product.clone(),
            reached(product.reached_count),
            product.shown_count.to_string(),
            product.started_count.to_string(),
            product.active_count.to_string(),
            product.on_count.to_string(),
            product.interest_count.to_string(),
        ]
    });
    let header = ["product", "reached", "shown", "enrollment begun", "active", "switched on", "wished for"];
    let products = columns(&header, products);
    let waves = stats.waves.iter().map(|counted| {
        let wave = rollout.waves.iter().find(|wave| wave.ordinal == counted.ordinal);
        vec![
            counted.ordinal.to_string(),
            wave.map(|wave| plain(&wave.title)).unwrap_or_default(),
            wave.map(|wave| percent(wave.edge_ppm)).unwrap_or_default(),
            wave.map(show::wave_state).unwrap_or_default(),
            reached(counted.reached_count),
            counted.shown_count.to_string(),
        ]
    });
    let waves = columns(&["wave", "title", "share", "state", "reached first", "shown"], waves);
    let end = if with_reached {
        format!("of {} accounts", stats.account_count)
    } else {
        "--reached counts who is reached".to_owned()
    };
    let at = instant(stats.count_time.as_ref());
    format!("{products}\n{waves}\n{end}; revision {}, {at}\n", stats.revision)
}
