//! `tidegate rollout explain` and `tidegate account explain`: a decision and the rules that were asked, in the server's words.

use std::process::ExitCode;

use clap::Args;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{CallArgs, ask, file::timestamp, instants::instant, load};
use crate::{failure::Usage, output::plain};

#[derive(Args)]
pub struct RolloutExplain {
    /// Key of the rollout.
    rollout: String,
    /// The account: `acct_…` or its external id.
    account: String,
    /// Key of the product. May be left out where the rollout names one product only.
    #[arg(long)]
    product: Option<String>,
    /// Answers as if the rollout were in this revision.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    revision: Option<i64>,
    #[command(flatten)]
    asked: ExplainArgs,
}

#[derive(Args)]
pub struct AccountExplain {
    /// The account: `acct_…` or its external id.
    account: String,
    /// Key of the product.
    #[arg(long)]
    product: String,
    #[command(flatten)]
    asked: ExplainArgs,
}

#[derive(Args)]
struct ExplainArgs {
    /// The instant to answer for: `2027-01-22T00:00 Europe/Berlin`, a date with its zone, or 2027-01-22T00:00:00Z; else now.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn rollout_explain(explain: RolloutExplain) -> anyhow::Result<()> {
    let client = explain.asked.call.server.connect().await?;
    let rollout = load(&client, &explain.rollout).await?;
    let product = match explain.product {
        Some(product) => product,
        None => only_product(&rollout)?,
    };
    let tried = explain.revision.map(|_| rollout.key.clone()).unwrap_or_default();
    let request = proto::ExplainRequest {
        product,
        account: explain.account,
        at_time: explain.asked.at.map(timestamp),
        rollout: tried,
        revision: explain.revision.unwrap_or_default(),
    };
    let answer = ask!(client, evaluations.explain, request)?;
    explain.asked.call.output.print(&answer, |answer| table(answer, Some(&rollout.key)))
}

pub fn only_product(rollout: &proto::Rollout) -> anyhow::Result<String> {
    let mut all: Vec<_> =
        rollout.waves.iter().flat_map(|wave| &wave.products).chain(&rollout.products).collect();
    all.extend(rollout.ladder.iter().flat_map(|rule| &rule.products));
    all.sort();
    all.dedup();
    match all.as_slice() {
        [product] => Ok((*product).clone()),
        all => {
            let all: Vec<_> = all.iter().map(|product| product.as_str()).collect();
            Err(Usage::new(format!("give --product: the rollout names {}", all.join(", "))).into())
        }
    }
}

pub async fn account_explain(explain: AccountExplain) -> anyhow::Result<ExitCode> {
    let client = explain.asked.call.server.connect().await?;
    let at_time = explain.asked.at.map(timestamp);
    let AccountExplain { account, product, .. } = explain;
    let request = proto::ExplainRequest { product, account, at_time, ..Default::default() };
    let answer = ask!(client, evaluations.explain, request)?;
    explain.asked.call.output.print(&answer, |answer| table(answer, None))?;
    Ok(ExitCode::SUCCESS)
}

/// With a rollout, its rules only.
fn table(answer: &proto::ExplainResponse, rollout: Option<&str>) -> String {
    let mut lines = vec![plain(&answer.summary)];
    let rules = answer.rules.iter().filter(|rule| rollout.is_none_or(|rollout| rule.rollout == rollout));
    let mut of = None;
    for rule in rules {
        if of.replace(&rule.rollout) != Some(&rule.rollout) {
            lines.push(String::new());
            lines.push(format!("{}:", plain(&rule.rollout)));
        }
        let mark = if rule.holds { "*" } else { "-" };
        lines.push(format!("{mark} {}", plain(&rule.sentence)));
    }
    if of.is_some() {
        lines.push(String::new());
        lines.push("* holds; - does not hold".to_owned());
    }
    if answer.standing_of_today {
        lines.push(String::new());
        lines.push("what is known of the account is as of today".to_owned());
    }
    lines.join("\n") + "\n"
}
