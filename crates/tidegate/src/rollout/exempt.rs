//! `tidegate account exempt`, `end-exemption` and `extend-deadline`, and `tidegate rollout exemptions`: what support does about
//! one account's place on a ladder, and who has it.

use std::process::ExitCode;

use clap::Args;
use tidegate_client::{Client, Refused, pages};
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{ask, explain::only_product, file::timestamp, find, instants::instant};
use crate::{
    ambient::request_id,
    failure::Usage,
    output::{OutputArgs, columns, instant as told_instant, plain},
    server::Server,
};

/// What the credential file of these commands holds.
const SUPPORT_HELP: &str = "The file that holds the credential. Its role: support, admin or operator. Without it, the \
                            context's, else operator.credential";

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(SUPPORT_HELP)))]
pub struct OfAccount {
    /// The account: `acct_…` or its external id.
    account: String,
    /// Key of the rollout that has the ladder.
    #[arg(long, value_name = "KEY")]
    rollout: String,
    /// Key of the product. May be left out where the rollout names one product only and the credential may read rollouts.
    #[arg(long)]
    product: Option<String>,
    /// Why; kept for good.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
pub struct AccountExempt {
    /// Until when, at most 90 days ahead: `2026-05-01T00:00 Europe/Berlin`, a date with its zone, or 2026-05-01T00:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Timestamp,
    #[command(flatten)]
    of: OfAccount,
}

#[derive(Args)]
pub struct AccountExtend {
    /// How many days more, 1 to 30.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=30))]
    days: u32,
    #[command(flatten)]
    of: OfAccount,
}

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(SUPPORT_HELP)))]
pub struct ExemptionsArgs {
    /// Key of the rollout.
    rollout: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: OutputArgs,
}

impl OfAccount {
    async fn begin(&self) -> anyhow::Result<(Client, String)> {
        let client = self.server.connect().await?;
        let product = match &self.product {
            Some(product) => product.clone(),
            None => self.product_of_rollout(&client).await?,
        };
        Ok((client, product))
    }

    /// The ladder that was named, and the one that decides where that is stricter.
    fn told(&self, named: Option<&proto::LadderDecision>, decision: Option<&proto::Decision>) -> String {
        let product = decision.map(|decision| plain(&decision.product)).unwrap_or_default();
        let at = format!("{} at {product}", plain(&self.account));
        let mut text = match named {
            Some(ladder) => standing(&at, ladder),
            None => format!("the ladder of `{}` asks nothing of {at} now\n", plain(&self.rollout)),
        };
        let strictest = decision.and_then(|decision| decision.ladder.as_ref());
        if let Some(other) = strictest.filter(|other| other.rollout != self.rollout) {
            text = format!("{text}another ladder decides, because it is stricter: {}", standing(&at, other));
        }
        text
    }

    async fn product_of_rollout(&self, client: &Client) -> anyhow::Result<String> {
        match find(client, &self.rollout).await {
            Ok(rollout) => only_product(&rollout.unwrap_or_default()),
            Err(Refused { reason: Some(proto::ErrorReason::PermissionDenied), .. }) => {
                let text = "give --product: this credential may not read the rollout, which would say it";
                Err(Usage::new(text).into())
            }
            Err(refused) => Err(refused.into()),
        }
    }
}

pub async fn exempt(AccountExempt { until, of }: AccountExempt) -> anyhow::Result<ExitCode> {
    let (client, product) = of.begin().await?;
    let request = proto::ExemptRequest {
        account: of.account.clone(),
        rollout: of.rollout.clone(),
        product,
        until_time: Some(timestamp(until)),
        reason: of.reason.clone(),
        request_id: request_id(),
    };
    let answer = ask!(client, rollouts.exempt, request)?;
    of.output.print(&answer, |answer| of.told(answer.ladder.as_ref(), answer.decision.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

pub async fn end_exemption(of: OfAccount) -> anyhow::Result<ExitCode> {
    let (client, product) = of.begin().await?;
    let request = proto::EndExemptionRequest {
        account: of.account.clone(),
        rollout: of.rollout.clone(),
        product,
        reason: of.reason.clone(),
        request_id: request_id(),
    };
    let answer = ask!(client, rollouts.end_exemption, request)?;
    of.output.print(&answer, |answer| of.told(answer.ladder.as_ref(), answer.decision.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

pub async fn extend_deadline(AccountExtend { days, of }: AccountExtend) -> anyhow::Result<ExitCode> {
    let (client, product) = of.begin().await?;
    let request = proto::ExtendDeadlineRequest {
        account: of.account.clone(),
        rollout: of.rollout.clone(),
        product,
        days,
        reason: of.reason.clone(),
        request_id: request_id(),
    };
    let answer = ask!(client, rollouts.extend_deadline, request)?;
    of.output.print(&answer, |answer| of.told(answer.ladder.as_ref(), answer.decision.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

/// How the account stands on a ladder now.
fn standing(at: &str, ladder: &proto::LadderDecision) -> String {
    let of = format!("(ladder of `{}`)", plain(&ladder.rollout));
    if ladder.exempt_until_time.is_some() {
        let until = told_instant(ladder.exempt_until_time.as_ref());
        return format!("two-step is not demanded of {at} until {until}, by an exemption {of}\n");
    }
    if ladder.enforced {
        return format!("two-step is demanded of {at} now {of}\n");
    }
    let held = if ladder.held { "; the rollout is paused or stopped, so these days stand still" } else { "" };
    match (&ladder.enroll_by_time, &ladder.required_from_time) {
        (Some(by), _) => {
            format!("two-step is demanded of {at} from {} on {of}{held}\n", told_instant(Some(by)))
        }
        (None, Some(from)) => format!(
            "two-step is not demanded of {at} yet: it is required from {} on, and the account's own days begin when it \
             is told {of}\n",
            told_instant(Some(from))
        ),
        (None, None) => format!("two-step is not demanded of {at} {of}\n"),
    }
}

pub async fn exemptions(asked: ExemptionsArgs) -> anyhow::Result<()> {
    let client = asked.server.connect().await?;
    let rollout = asked.rollout;
    let first = proto::ListExemptionsRequest { rollout, page_size: 1_000, page_token: String::new() };
    let page = async |request: proto::ListExemptionsRequest| {
        client
            .retrying(async move |client: &Client| client.rollouts().list_exemptions(request.clone()).await)
            .await
    };
    let exemptions = pages(first, page).collect().await?;
    let all = proto::ListExemptionsResponse { exemptions, next_page_token: String::new() };
    asked.output.print(&all, table)
}

fn table(all: &proto::ListExemptionsResponse) -> String {
    if all.exemptions.is_empty() {
        return "no account is exempted\n".to_owned();
    }
    let rows = all.exemptions.iter().map(|exemption| {
        vec![
            exemption.account_id.clone(),
            plain(&exemption.external_id),
            exemption.product.clone(),
            told_instant(exemption.until_time.as_ref()),
            told_instant(exemption.since_time.as_ref()),
            plain(&exemption.author),
            plain(&exemption.reason),
        ]
    });
    columns(&["account", "external id", "product", "until", "since", "by", "reason"], rows)
}
