//! `tidegate rollout create`, `apply` and `diff`: a rollout from its file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;

use super::{
    CallArgs,
    announce::confirm_plan,
    ask,
    confirm::ConfirmArgs,
    file::PlannedRollout,
    file_plan::FilePlan,
    plan::{PlannedCall, PlannedChange, PlannedStep},
    revisions::Compared,
    show,
};
use crate::{
    ambient::request_id,
    output::{OutputFormat, print},
};

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
    /// Key of the rollout, with --from and --to, or with a file that holds a ladder alone.
    #[arg(required_unless_present = "file")]
    rollout: Option<String>,
    /// The file to compare with the rollout as it stands; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    file: Option<PathBuf>,
    /// The revision to compare from.
    #[arg(long, value_name = "REVISION", requires_all = ["to", "rollout"], required_unless_present = "file")]
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
    let plan = FilePlan::of_new(file)?;
    let warnings = plan.check(&client).await?;
    confirm_plan(&confirm, &plan)?;
    let mut rollout = None;
    for step in &plan.steps {
        let etag = rollout.as_ref().map(|rollout: &proto::Rollout| rollout.etag.clone()).unwrap_or_default();
        rollout = carry_out(&client, &plan, (step, &etag), &create.reason).await?;
    }
    let answer = proto::CreateRolloutResponse { rollout, warnings };
    create.call.output.print(&answer, |answer| answer.rollout.as_ref().map(show::line).unwrap_or_default())
}

pub async fn apply(ApplyArgs { create: apply, confirm }: ApplyArgs) -> anyhow::Result<()> {
    let file = PlannedRollout::read(&apply.file)?;
    let client = apply.call.server.connect().await?;
    let plan = FilePlan::of(&client, file).await?;
    plan.check(&client).await?;
    confirm_plan(&confirm, &plan)?;
    let mut rollout = plan.found.clone().unwrap_or_default();
    let format = apply.call.output.format;
    for step in &plan.steps {
        let changed = carry_out(&client, &plan, (step, &rollout.etag), &apply.reason).await?;
        rollout = changed.unwrap_or_default();
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
        if plan.steps.is_empty() { format!("nothing to change; {line}") } else { line }
    })
}

/// Makes the call of a step.
pub async fn carry_out(
    client: &Client,
    plan: &FilePlan,
    (step, etag): (&PlannedStep, &str),
    reason: &str,
) -> anyhow::Result<Option<proto::Rollout>> {
    match call(client, &plan.key, (step, etag), reason).await {
        Ok(rollout) => Ok(rollout),
        // Another person may have changed something since it was checked.
        Err(refused) => Err(plan.told(client, refused.into()).await),
    }
}

/// What the server warns of was printed when the whole plan was checked.
async fn call(
    client: &Client,
    key: &str,
    (step, etag): (&PlannedStep, &str),
    reason: &str,
) -> Result<Option<proto::Rollout>, Refused> {
    let (rollout, etag, reason) = (key.to_owned(), etag.to_owned(), reason.to_owned());
    let request_id = request_id();
    Ok(match step.call.clone() {
        PlannedCall::Create(create) => {
            let request = create_request(*create, reason, request_id);
            ask!(client, rollouts.create_rollout, request)?.rollout
        }
        PlannedCall::Update(update) => {
            let request = update_request(*update, (rollout, etag), reason, request_id);
            ask!(client, rollouts.update_rollout, request)?.rollout
        }
        PlannedCall::UpdateWave(ordinal, wave, fields) => {
            let paths = fields.iter().map(ToString::to_string).collect();
            let (wave, update_mask) = (Some(wave), Some(proto::FieldMask { paths }));
            let request =
                proto::UpdateWaveRequest { rollout, etag, ordinal, wave, request_id, reason, update_mask };
            ask!(client, rollouts.update_wave, request)?.rollout
        }
        PlannedCall::RemoveWave(ordinal) => {
            let request = proto::RemoveWaveRequest { rollout, etag, ordinal, request_id, reason };
            ask!(client, rollouts.remove_wave, request)?.rollout
        }
        PlannedCall::AddWave(_, wave) => {
            let wave = Some(wave);
            let request = proto::AddWaveRequest { rollout, etag, wave, request_id, reason };
            ask!(client, rollouts.add_wave, request)?.rollout
        }
        PlannedCall::SetLadder(rules) => {
            let request = proto::SetLadderRequest { rollout, etag, rules, request_id, reason };
            ask!(client, rollouts.set_ladder, request)?.rollout
        }
    })
}

fn create_request(
    create: proto::PlannedCreate,
    reason: String,
    request_id: String,
) -> proto::CreateRolloutRequest {
    use proto::{create_rollout_request::Holdout, planned_create};
    proto::CreateRolloutRequest {
        key: create.key,
        title: create.title,
        products: create.products,
        waves: create.waves,
        request_id,
        reason,
        unit: create.unit,
        holdout: create.holdout.map(|holdout| match holdout {
            planned_create::Holdout::HoldoutPpm(ppm) => Holdout::HoldoutPpm(ppm),
            planned_create::Holdout::HoldoutPercent(percent) => Holdout::HoldoutPercent(percent),
        }),
        allow: create.allow,
        deny: create.deny,
        method: create.method,
        advance_window: create.advance_window,
        allow_tiny: create.allow_tiny,
    }
}

fn update_request(
    update: proto::PlannedUpdate,
    (rollout, etag): (String, String),
    reason: String,
    request_id: String,
) -> proto::UpdateRolloutRequest {
    use proto::{planned_update, update_rollout_request::Holdout};
    proto::UpdateRolloutRequest {
        rollout,
        etag,
        title: update.title,
        products: update.products,
        holdout: update.holdout.map(|holdout| match holdout {
            planned_update::Holdout::HoldoutPpm(ppm) => Holdout::HoldoutPpm(ppm),
            planned_update::Holdout::HoldoutPercent(percent) => Holdout::HoldoutPercent(percent),
        }),
        allow: update.allow,
        deny: update.deny,
        method: update.method,
        update_mask: update.update_mask,
        request_id,
        reason,
        advance_window: update.advance_window,
        allow_tiny: update.allow_tiny,
    }
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
    let plan = FilePlan::read(&client, &path, diff.rollout.as_deref()).await?;
    plan.check(&client).await?;
    let changes = plan.steps.iter().flat_map(|step| &step.changes).collect();
    diff.call.output.print_value(&PlanReport { rollout: &plan.key, changes }, |report| {
        some_or(report.changes.iter().map(|change| change.ahead() + "\n").collect(), "nothing differs\n")
    })
}

fn some_or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}
