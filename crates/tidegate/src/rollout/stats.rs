//! `tidegate rollout stats`: how far a rollout has come.

use clap::Args;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{CallArgs, ask, file::percent, funnel, instants::instant as parsed_instant, load, show};
use crate::output::{columns, instant, plain};

#[derive(Args)]
pub struct StatsArgs {
    /// Key of the rollout.
    rollout: String,
    /// Also count the accounts that are reached, and whom draft waves would reach. This reads every account of the realm.
    #[arg(long)]
    reached: bool,
    /// The funnel counts events from this hour on: `2027-01-22T00:00 Europe/Berlin`, a date with its zone, or
    /// 2027-01-22T00:00:00Z.
    #[arg(long, value_parser = parsed_instant)]
    from: Option<Timestamp>,
    /// The funnel counts the hours before this instant, written likewise.
    #[arg(long, value_parser = parsed_instant)]
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

/// The accounts that are reached and that no wave reaches: they are let in by name, or were reached before and stay so. Without
/// them the waves do not add up to what the products have. Counted once for each product.
fn by_name(stats: &proto::GetStatsResponse, rollout: &proto::Rollout) -> Option<Vec<String>> {
    let reached: i64 = stats.products.iter().map(|product| product.reached_count).sum();
    let of_waves = stats.waves.iter().flat_map(|wave| &wave.products).map(|product| product.reached_count);
    let rest = (reached - of_waves.sum::<i64>()).max(0);
    let names = rollout.allow.as_ref();
    let any = names.is_some_and(|named| !named.accounts.is_empty() || !named.customers.is_empty());
    let none = String::new;
    let title = if rollout.ladder.is_empty() {
        "by name, or for good"
    } else {
        "by name, by the ladder, or for good"
    };
    let title = title.to_owned();
    (any || rest > 0).then(|| vec![none(), title, none(), none(), none(), rest.to_string(), none(), none()])
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
    let waves = columns(&header, waves.chain(by_name(stats, rollout).filter(|_| with_reached)));
    let any_started = rollout.waves.iter().any(show::is_started);
    let end = match (with_reached, any_started) {
        (true, true) => format!("of {} accounts; \"-\" means: has started", stats.account_count),
        (true, false) => format!("of {} accounts", stats.account_count),
        (false, _) => "\"-\" means: not counted; --reached counts who is reached".to_owned(),
    };
    let (at, funnel) = (instant(stats.count_time.as_ref()), funnel::tables(stats));
    let people = rules(stats) + &methods(stats);
    format!("{products}\n{waves}\n{people}{end}; revision {}, {at}\n\n{funnel}", stats.revision)
}

/// How accounts stand under the ladder; nothing without --reached, or without a ladder.
fn rules(stats: &proto::GetStatsResponse) -> String {
    if stats.ladder.is_empty() {
        return String::new();
    }
    let rows = stats.ladder.iter().map(|at| {
        let name = vec![at.rule.to_string(), plain(&at.title), at.product.clone()];
        let counts = [
            at.account_count,
            at.on_count,
            at.told_count,
            at.in_grace_count,
            at.enforced_count,
            at.exempt_count,
            at.locked_out_count,
        ];
        name.into_iter().chain(counts.map(|count| count.to_string())).collect()
    });
    let header = [
        "ladder rule",
        "title",
        "product",
        "accounts",
        "switched on",
        "told",
        "still have time",
        "asked to set up",
        "exempted",
        "cannot sign in",
    ];
    columns(&header, rows) + "\n"
}

/// Of a rollout of a method.
fn methods(stats: &proto::GetStatsResponse) -> String {
    if stats.methods.is_empty() {
        return String::new();
    }
    let rows = stats.methods.iter().map(|at| {
        let counts = [at.advised_count, at.better_count, at.weaker_count];
        std::iter::once(at.product.clone()).chain(counts.map(|count| count.to_string())).collect()
    });
    columns(&["product", "advised", "have a better method", "have a weaker one"], rows) + "\n"
}
