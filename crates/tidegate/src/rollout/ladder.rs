//! `tidegate rollout ladder set`: from when on two-step is required of whom.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tidegate_proto as proto;

use super::{
    CallArgs, announce::confirm_plan, apply::carry_out, confirm::ConfirmArgs, file::LadderFile,
    file_plan::FilePlan, show,
};

#[derive(Subcommand)]
pub enum LadderCommand {
    /// Puts the ladder of a file in the place of the rollout's. Asks for the key where it requires more than before.
    Set(SetLadderArgs),
}

#[derive(Args)]
pub struct SetLadderArgs {
    /// Key of the rollout.
    rollout: String,
    /// The file with `ladder:`, alone or in the file of the rollout; `-` reads standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Why; kept with the revision.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn ladder(LadderCommand::Set(set): LadderCommand) -> anyhow::Result<()> {
    let file = LadderFile::read(&set.file, &set.rollout)?;
    let client = set.call.server.connect().await?;
    let plan = FilePlan::of_ladder(&client, file, Some(&set.rollout)).await?;
    let Some(step) = plan.steps.first() else {
        let answer = proto::GetRolloutResponse { rollout: plan.found, ..Default::default() };
        return set.call.output.print(&answer, |answer| {
            format!("nothing to change; {}", answer.rollout.as_ref().map(show::line).unwrap_or_default())
        });
    };
    plan.check(&client).await?;
    for change in &step.changes {
        eprintln!("{}", change.line());
    }
    confirm_plan(&set.confirm, &plan)?;
    let rollout = carry_out(&client, &plan, (step, &plan.etag()), &set.reason).await?;
    let answer = proto::SetLadderResponse { rollout };
    set.call.output.print(&answer, |answer| answer.rollout.as_ref().map(show::line).unwrap_or_default())
}
