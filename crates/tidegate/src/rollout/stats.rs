//! `tidegate rollout stats`: how far a rollout has come.

use clap::Args;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{CallArgs, ask, file::percent, funnel, load, show};
use crate::output::{columns, instant, plain};

#[derive(Args)]
pub struct StatsArgs {
    /// Key of the rollout.
    rollout: String,
    /// Also count the accounts that are reached, and whom draft waves would reach. This reads every account of the realm.
    #[arg(long)]
    reached: bool,
    /// The funnel counts events from this hour on, such as 2026-03-02T00:00:00Z.
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// The funnel counts the hours before this instant.
    #[arg(long, value_parser = time)]
    before: Option<Timestamp>,
    /// Also show the funnel hour by hour.
    #[arg(long)]
    by_hour: bool,
    /// The funnel counts only events of accounts that this wave has reached.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    wave: u32,
    /// The funnel counts only events at this product.
    #[arg(long, default_value = "", hide_default_value = true)]
    product: String,
    /// The funnel counts only events of this method, such as totp.
    #[arg(long, value_parser = method)]
    method: Option<proto::Method>,
    #[command(flatten)]
    call: CallArgs,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_rfc3339(text).ok_or_else(|| "not an instant such as 2026-03-02T00:00:00Z".to_owned())
}

fn method(text: &str) -> Result<proto::Method, String> {
    let name = format!("METHOD_{}", text.to_uppercase().replace([' ', '-'], "_"));
    let method = proto::Method::from_str_name(&name).filter(|method| *method != proto::Method::Unspecified);
    method.ok_or_else(|| "not a method such as totp, webauthn or sms_code".to_owned())
}

fn wire(at: Timestamp) -> proto::Timestamp {
    proto::Timestamp { seconds: at.unix_seconds(), nanos: 0 }
}

pub async fn stats(stats: StatsArgs) -> anyhow::Result<()> {
    let client = stats.call.server.connect().await?;
    let rollout = load(&client, &stats.rollout).await?;
    let request = proto::GetStatsRequest {
        rollout: stats.rollout,
        count_reached: stats.reached,
        from_time: stats.from.map(wire),
        before_time: stats.before.map(wire),
        by_hour: stats.by_hour,
        wave: stats.wave,
        product: stats.product,
        method: stats.method.unwrap_or_default().into(),
    };
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
        let started = wave.is_some_and(show::is_started);
        vec![
            counted.ordinal.to_string(),
            wave.map(|wave| plain(&wave.title)).unwrap_or_default(),
            wave.map(|wave| percent(wave.edge_ppm)).unwrap_or_default(),
            wave.map(show::wave_state).unwrap_or_default(),
            wave.map(|wave| show::products(rollout, wave)).unwrap_or_default(),
            reached(counted.reached_count),
            if started { "-".to_owned() } else { reached(counted.would_reach_count) },
            counted.shown_count.to_string(),
        ]
    });
    let header = ["wave", "title", "share", "state", "products", "reached first", "would reach", "shown"];
    let waves = columns(&header, waves);
    let end = if with_reached {
        format!("of {} accounts", stats.account_count)
    } else {
        "--reached counts who is reached".to_owned()
    };
    let (at, funnel) = (instant(stats.count_time.as_ref()), funnel::tables(stats));
    format!("{products}\n{waves}\n{end}; revision {}, {at}\n\n{funnel}", stats.revision)
}
