//! `tidegate rollout explain` and `tidegate account explain`: a decision and the rules that were asked, in the server's words.
//! What a rollout of a method does, to whomever it comes, is said here.

use std::process::ExitCode;

use clap::Args;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{CallArgs, ask, explain_method, file::timestamp, instants::instant, revisions};
use crate::{
    ambient::AuthorityClock,
    failure::Usage,
    output::{instant as told_instant, plain},
};

#[derive(Args)]
pub struct RolloutExplain {
    /// Key of the rollout.
    rollout: String,
    /// The account: `acct_…` or its external id. May be left out with a rollout of a method: what the rollout does is said then.
    account: Option<String>,
    /// Key of the product. May be left out where the rollout names one product only.
    #[arg(long, requires = "account")]
    product: Option<String>,
    /// Answers as if the rollout were in this revision.
    #[arg(long, requires = "account", value_parser = clap::value_parser!(i64).range(1..))]
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
    #[arg(long, requires = "account", value_name = "INSTANT", value_parser = instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn rollout_explain(explain: RolloutExplain) -> anyhow::Result<()> {
    let client = explain.asked.call.server.connect().await?;
    let request = proto::GetRolloutRequest { rollout: explain.rollout.clone() };
    let found = ask!(client, rollouts.get_rollout, request)?;
    let mut rollout = found.rollout.clone().unwrap_or_default();
    let Some(account) = explain.account else {
        return whole(&explain.asked, &rollout, &found);
    };
    let product = match explain.product {
        Some(product) => product,
        None => only_product(&rollout)?,
    };
    let is_of_method = rollout.method.is_some();
    let revision = explain.revision.or_else(|| is_of_method.then_some(rollout.revision));
    let tried = revision.map(|_| rollout.key.clone()).unwrap_or_default();
    let request = proto::ExplainRequest {
        product,
        account,
        at_time: explain.asked.at.map(timestamp),
        rollout: tried,
        revision: revision.unwrap_or_default(),
    };
    let answer = ask!(client, evaluations.explain, request)?;
    if let Some(revision) = explain.revision.filter(|_| is_of_method) {
        let mut tried = revisions::read(&client, &rollout.key, &[revision]).await?;
        rollout = tried.remove(&revision).unwrap_or(rollout);
    }
    let now = explain.asked.at.unwrap_or_else(AuthorityClock::host);
    explain.asked.call.output.print(&answer, |answer| {
        if !is_of_method {
            return table(answer, Some(&rollout.key));
        }
        let told = told_method(&rollout, answer);
        let sentences = explain_method::sentences(&rollout, now).join("\n");
        format!("{told}\n{}:\n{sentences}\n", brought(&rollout))
    })
}

/// What a rollout of a method does, to whomever it comes.
fn whole(
    asked: &ExplainArgs,
    rollout: &proto::Rollout,
    found: &proto::GetRolloutResponse,
) -> anyhow::Result<()> {
    if rollout.method.is_none() {
        let text = format!(
            "name an account, `tidegate rollout explain {0} ACCOUNT`; `tidegate rollout get {0}` shows the rollout",
            rollout.key
        );
        return Err(Usage::new(text).into());
    }
    let sentences = explain_method::sentences(rollout, AuthorityClock::host()).join("\n");
    asked.call.output.print(found, |_| format!("{}:\n{sentences}\n", brought(rollout)))
}

/// `codes 'Away from text messages' brings no two-step, but a better method`
fn brought(rollout: &proto::Rollout) -> String {
    let (key, title) = (plain(&rollout.key), plain(&rollout.title));
    format!("{key} '{title}' brings no two-step, but a better method to accounts that have it")
}

/// What the rollout of a method says of the account, and its rules. The server's summary speaks of two-step itself.
fn told_method(rollout: &proto::Rollout, answer: &proto::ExplainResponse) -> String {
    let said = answer.methods.first().cloned();
    let said = said.unwrap_or_else(|| format!("the rollout `{}` is not for this product", rollout.key));
    let at = answer.decision.as_ref().filter(|_| answer.standing_of_today);
    let as_of = at.map(|decision| format!("as of {}: ", told_instant(decision.evaluate_time.as_ref())));
    let summary = format!("{}{said}", as_of.unwrap_or_default());
    table(&proto::ExplainResponse { summary, ..answer.clone() }, Some(&rollout.key))
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
    // A rollout of a method decides nothing of two-step, so it has no rule above.
    for said in answer.methods.iter().filter(|_| rollout.is_none()) {
        lines.push(String::new());
        lines.push(plain(said));
    }
    if answer.standing_of_today {
        lines.push(String::new());
        lines.push("what is known of the account is as of today".to_owned());
    }
    lines.join("\n") + "\n"
}
