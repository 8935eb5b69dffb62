//! `tidegate rollout ladder get`, `set` and `remove`: from when on two-step is required of whom.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tidegate_proto as proto;

use super::{
    CallArgs, announce::confirm_plan, apply::carry_out, ask, confirm::ConfirmArgs, explained,
    file::LadderFile, file_plan::FilePlan, load, show, show_ladder,
};
use crate::ambient::request_id;

#[derive(Subcommand)]
pub enum LadderCommand {
    /// Shows the ladder as it stands.
    Get(GetLadderArgs),
    /// Puts the ladder of a file in the place of the rollout's. Asks for the key where it requires more than before.
    Set(SetLadderArgs),
    /// Removes the ladder: the rollout requires two-step of no account any more. Asks for the key.
    Remove(RemoveLadderArgs),
}

#[derive(Args)]
pub struct GetLadderArgs {
    /// Key of the rollout.
    rollout: String,
    #[command(flatten)]
    call: CallArgs,
}

#[derive(Args)]
pub struct RemoveLadderArgs {
    /// Key of the rollout.
    rollout: String,
    /// Why; kept with the revision.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    call: CallArgs,
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

pub async fn ladder(command: LadderCommand) -> anyhow::Result<()> {
    match command {
        LadderCommand::Get(get) => get_ladder(get).await,
        LadderCommand::Set(set) => set_ladder(set).await,
        LadderCommand::Remove(remove) => remove_ladder(remove).await,
    }
}

async fn get_ladder(get: GetLadderArgs) -> anyhow::Result<()> {
    let client = get.call.server.connect().await?;
    let rules = load(&client, &get.rollout).await?.ladder;
    get.call.output.print(&proto::PlannedLadder { rules }, |ladder| {
        if ladder.rules.is_empty() {
            return format!("`{}` has no ladder: it requires two-step of no account\n", get.rollout);
        }
        show_ladder::table(&ladder.rules)
    })
}

async fn remove_ladder(remove: RemoveLadderArgs) -> anyhow::Result<()> {
    let client = remove.call.server.connect().await?;
    let rollout = load(&client, &remove.rollout).await?;
    if rollout.ladder.is_empty() {
        let text = format!("nothing to change; {}", show::line(&rollout));
        let answer = proto::SetLadderResponse { rollout: Some(rollout) };
        return remove.call.output.print(&answer, |_| text);
    }
    for (place, rule) in rollout.ladder.iter().enumerate() {
        eprintln!("ladder rule {}: removed: {}", place + 1, show_ladder::described(rule));
    }
    eprintln!(
        "this will remove the ladder of `{0}`: from then on `{0}` requires two-step of no account, and no account has a \
         deadline by it; accounts that have two-step keep it, and other rollouts require what they required",
        rollout.key
    );
    remove.confirm.ask(&rollout.key)?;
    let request = proto::SetLadderRequest {
        rollout: remove.rollout.clone(),
        etag: rollout.etag,
        rules: Vec::new(),
        reason: remove.reason,
        request_id: request_id(),
    };
    match ask!(client, rollouts.set_ladder, request) {
        Ok(answer) => remove
            .call
            .output
            .print(&answer, |answer| answer.rollout.as_ref().map(show::line).unwrap_or_default()),
        Err(refused) => Err(explained(&client, &remove.rollout, refused).await),
    }
}

async fn set_ladder(set: SetLadderArgs) -> anyhow::Result<()> {
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
