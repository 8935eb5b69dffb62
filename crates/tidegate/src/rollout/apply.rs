//! `tidegate rollout create`, `apply` and `diff`: a rollout from its file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate_client::{Client, Refused};
use tidegate_proto::{self as proto, evaluation_result::Result as Evaluated};

use super::{
    CallArgs, ask,
    confirm::ConfirmArgs,
    explained,
    file::PlannedRollout,
    find,
    ladder::confirm_ladder,
    plan::{PlannedCall, PlannedChange, PlannedStep, plan},
    print_warnings,
    revisions::Compared,
    show,
};
use crate::{
    ambient::request_id,
    failure::Usage,
    output::{OutputFormat, plain, print},
};

/// The contract's bound of one `BatchEvaluate`.
const MAX_BATCH: usize = 256;

#[derive(Args)]
pub struct CreateArgs {
    /// The file of the rollout, YAML or JSON; `-` reads standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Why; kept with the revision.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    call: CallArgs,
}

#[derive(Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    create: CreateArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args)]
pub struct DiffArgs {
    /// Key of the rollout, with --from and --to.
    #[arg(requires = "from", conflicts_with = "file")]
    rollout: Option<String>,
    /// The file to compare with the rollout as it stands; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", required_unless_present = "rollout")]
    file: Option<PathBuf>,
    /// The revision to compare from.
    #[arg(long, value_name = "REVISION", requires_all = ["to", "rollout"])]
    from: Option<i64>,
    /// The revision to compare to.
    #[arg(long, value_name = "REVISION", requires_all = ["from", "rollout"])]
    to: Option<i64>,
    #[command(flatten)]
    call: CallArgs,
}

/// What `diff -f` prints as JSON.
#[derive(Serialize)]
struct PlanReport<'p> {
    rollout: &'p str,
    changes: Vec<&'p PlannedChange>,
}

pub async fn create(ApplyArgs { create, confirm }: ApplyArgs) -> anyhow::Result<()> {
    let file = PlannedRollout::read(&create.file)?;
    let client = create.call.server.connect().await?;
    confirm_ladder(&confirm, &file.key, file.ladder.as_deref().unwrap_or_default(), &[])?;
    let request = file.create_request(&create.reason, request_id());
    let mut answer = ask!(client, rollouts.create_rollout, request)?;
    let etag = answer.rollout.as_ref().map(|rollout| rollout.etag.clone()).unwrap_or_default();
    for step in plan(&file, None)?.iter().filter(|step| step.call != PlannedCall::Create) {
        answer.rollout = carry_out(&client, &file, &etag, step, &create.reason).await?;
    }
    create.call.output.print(&answer, |answer| answer.rollout.as_ref().map(show::line).unwrap_or_default())
}

pub async fn apply(ApplyArgs { create: apply, confirm }: ApplyArgs) -> anyhow::Result<()> {
    let file = PlannedRollout::read(&apply.file)?;
    let client = apply.call.server.connect().await?;
    let (file, found) = compared(&client, file).await?;
    let steps = plan(&file, found.as_ref())?;
    let mut rollout = found.unwrap_or_default();
    for step in &steps {
        if let PlannedCall::SetLadder(rules) = &step.call {
            confirm_ladder(&confirm, &file.key, rules, &rollout.ladder)?;
        }
    }
    let format = apply.call.output.format;
    for step in &steps {
        match carry_out(&client, &file, &rollout.etag, step, &apply.reason).await {
            Ok(changed) => rollout = changed.unwrap_or_default(),
            Err(refused) => return Err(explained(&client, &file.key, refused).await),
        }
        for change in &step.changes {
            match format {
                OutputFormat::Table => print(&(change.line() + "\n"))?,
                OutputFormat::Json | OutputFormat::Yaml => eprintln!("{}", change.line()),
            }
        }
    }
    let answer = proto::GetRolloutResponse { rollout: Some(rollout), ..Default::default() };
    apply.call.output.print(&answer, |answer| {
        let line = answer.rollout.as_ref().map(show::line).unwrap_or_default();
        if steps.is_empty() { format!("nothing to change; {line}") } else { line }
    })
}

async fn carry_out(
    client: &Client,
    file: &PlannedRollout,
    etag: &str,
    step: &PlannedStep,
    reason: &str,
) -> Result<Option<proto::Rollout>, Refused> {
    let (rollout, etag, reason) = (file.key.clone(), etag.to_owned(), reason.to_owned());
    let request_id = request_id();
    Ok(match &step.call {
        PlannedCall::Create => {
            let answer = ask!(client, rollouts.create_rollout, file.create_request(&reason, request_id))?;
            print_warnings(&answer.warnings);
            answer.rollout
        }
        PlannedCall::Update(fields) => {
            let mask = proto::FieldMask { paths: fields.iter().map(ToString::to_string).collect() };
            let request = proto::UpdateRolloutRequest {
                rollout,
                etag,
                title: file.title.clone(),
                products: file.products.clone(),
                holdout: Some(file.new_holdout()),
                allow_tiny: file.allow_tiny(),
                allow: Some(file.allow.clone()),
                deny: Some(file.deny.clone()),
                method: file.method.clone(),
                advance_window: file.advance_window.clone(),
                update_mask: Some(mask),
                request_id,
                reason,
            };
            ask!(client, rollouts.update_rollout, request)?.rollout
        }
        PlannedCall::UpdateWave(ordinal, wave, fields) => {
            let (ordinal, wave) = (*ordinal, Some(wave.clone()));
            let update_mask =
                Some(proto::FieldMask { paths: fields.iter().map(ToString::to_string).collect() });
            let request =
                proto::UpdateWaveRequest { rollout, etag, ordinal, wave, request_id, reason, update_mask };
            let answer = ask!(client, rollouts.update_wave, request)?;
            print_warnings(&answer.warnings);
            answer.rollout
        }
        PlannedCall::RemoveWave(ordinal) => {
            let ordinal = *ordinal;
            let request = proto::RemoveWaveRequest { rollout, etag, ordinal, request_id, reason };
            ask!(client, rollouts.remove_wave, request)?.rollout
        }
        PlannedCall::AddWave(wave) => {
            let wave = Some(wave.clone());
            let request = proto::AddWaveRequest { rollout, etag, wave, request_id, reason };
            let answer = ask!(client, rollouts.add_wave, request)?;
            print_warnings(&answer.warnings);
            answer.rollout
        }
        PlannedCall::SetLadder(rules) => {
            let rules = rules.clone();
            let request = proto::SetLadderRequest { rollout, etag, rules, request_id, reason };
            ask!(client, rollouts.set_ladder, request)?.rollout
        }
    })
}

pub async fn diff(diff: DiffArgs) -> anyhow::Result<()> {
    let client = diff.call.server.connect().await?;
    let Some(path) = diff.file else {
        let rollout = diff.rollout.unwrap_or_default();
        let (from_revision, to_revision) = (diff.from.unwrap_or_default(), diff.to.unwrap_or_default());
        let request = proto::DiffRevisionsRequest { rollout: rollout.clone(), from_revision, to_revision };
        let answer = ask!(client, rollouts.diff_revisions, request)?;
        let differences = answer.differences.clone();
        let compared = Compared::read(&client, &rollout, differences, (from_revision, to_revision)).await?;
        return diff.call.output.print(&answer, |_| {
            let lines = compared.lines().into_iter().map(|line| line + "\n");
            some_or(lines.collect(), "nothing differs\n")
        });
    };
    let (file, found) = compared(&client, PlannedRollout::read(&path)?).await?;
    let steps = plan(&file, found.as_ref())?;
    let changes = steps.iter().flat_map(|step| &step.changes).collect();
    diff.call.output.print_value(&PlanReport { rollout: &file.key, changes }, |report| {
        some_or(report.changes.iter().map(|change| change.line() + "\n").collect(), "nothing differs\n")
    })
}

fn some_or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}

/// The file, and the rollout as it stands, with accounts named as the file names them: an account can be named by its id or
/// by its external id, and the server answers the name that it was given.
pub async fn compared(
    client: &Client,
    file: PlannedRollout,
) -> anyhow::Result<(PlannedRollout, Option<proto::Rollout>)> {
    let mut found = find(client, &file.key).await?;
    if let Some(rollout) = &mut found {
        let product = file.products.first().cloned().unwrap_or_default();
        let lists = [("allow", &file.allow, &mut rollout.allow), ("deny", &file.deny, &mut rollout.deny)];
        for (list, wanted, named) in lists {
            let wanted_ids = account_ids(client, &product, list, &wanted.accounts, Unknown::Refused).await?;
            let Some(named) = named else { continue };
            let ids = account_ids(client, &product, list, &named.accounts, Unknown::Kept).await?;
            let both = wanted.accounts.iter().zip(&wanted_ids).filter(|(_, id)| ids.contains(id));
            let other = ids.iter().filter(|id| !wanted_ids.contains(id));
            named.accounts = both.map(|(name, _)| name).chain(other).cloned().collect();
        }
    }
    Ok((file, found))
}

/// What becomes of a name that no account has.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    Refused,
    Kept,
}

/// The ids of accounts that are named by id or external id. A decision carries the id and no personal field, so this reads no
/// account.
async fn account_ids(
    client: &Client,
    product: &str,
    list: &str,
    names: &[String],
    unknown: Unknown,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for batch in names.chunks(MAX_BATCH) {
        let item =
            |account: &String| proto::EvaluationItem { product: product.into(), account: account.clone() };
        let request = proto::BatchEvaluateRequest { items: batch.iter().map(item).collect() };
        let answer = ask!(client, evaluations.batch_evaluate, request)?;
        for (name, result) in batch.iter().zip(answer.results) {
            match result.result {
                Some(Evaluated::Decision(decision)) => ids.push(decision.account_id),
                _ if unknown == Unknown::Refused && result_is_of_account(&result) => {
                    let text = format!("`{list}` names `{}`, and there is no such account", plain(name));
                    return Err(Usage::new(text).into());
                }
                // The product is wrong: the server says so when it is asked to change the rollout.
                _ => ids.push(name.clone()),
            }
        }
    }
    Ok(ids)
}

fn result_is_of_account(result: &proto::EvaluationResult) -> bool {
    let not_found = i32::from(proto::ErrorReason::AccountNotFound);
    matches!(result.result, Some(Evaluated::Error(reason)) if reason == not_found)
}
