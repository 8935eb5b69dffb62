//! `tidegate rollout`: what product managers do with rollouts, over gRPC.
//!
//! A verb that changes a rollout reads it first, says in one sentence what will happen, and sends its etag, so that nothing is
//! changed that the person has not seen. The verbs that narrow (pause, rollback, stop) send none: they must work at once,
//! whatever another person changes at the same time.

mod ahead;
mod announce;
mod apply;
mod confirm;
mod exempt;
mod explain;
mod explain_method;
mod export;
mod file;
mod file_plan;
mod funnel;
mod history;
mod instants;
mod ladder;
mod plan;
mod plan_ladder;
mod planned;
mod preview;
mod preview_table;
mod progress;
mod reached;
mod read;
mod revisions;
mod show;
mod show_ladder;
mod stats;
mod verbs;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;

use self::{
    apply::{ApplyArgs, DiffArgs},
    exempt::ExemptionsArgs,
    explain::RolloutExplain,
    export::ExportArgs,
    history::HistoryArgs,
    ladder::LadderCommand,
    preview::RolloutPreviewArgs,
    reached::ReachedArgs,
    read::{GetArgs, ListArgs},
    stats::StatsArgs,
    verbs::{RevertArgs, RollBackArgs, SevereArgs, VerbArgs},
    watch::WatchArgs,
};
pub use self::{
    exempt::{AccountExempt, AccountExtend, OfAccount, end_exemption, exempt, extend_deadline},
    explain::{AccountExplain, account_explain},
};
use crate::{
    output::{OutputArgs, places, plain},
    server::Server,
};

/// What the credential file of these commands holds.
const CREDENTIAL_HELP: &str = "The file that holds the credential. Its role: rollout_manager, admin or operator; \
                               rollout_approver to read and to clear a stop. Without it, the context's, else \
                               operator.credential";

#[derive(Subcommand)]
pub enum RolloutCommand {
    /// Lists the realm's rollouts.
    List(ListArgs),
    /// Shows a rollout as it stands.
    Get(GetArgs),
    /// Creates a rollout from a file. It reaches no account before it is started.
    Create(ApplyArgs),
    /// Creates the rollout of a file, or changes it to what the file says. Waves that have started are never touched.
    Apply(ApplyArgs),
    /// Prints a rollout as the file that `apply` reads. Applying it changes nothing.
    Export(ExportArgs),
    /// Counts the accounts that a change would reach, require two-step of, or lock out. Changes nothing.
    Preview(RolloutPreviewArgs),
    /// From when on two-step is required of whom.
    #[command(subcommand)]
    Ladder(LadderCommand),
    /// Says what `apply` would change, or what differs between two revisions. Changes nothing.
    Diff(DiffArgs),
    /// Starts the first wave.
    Start(SevereArgs),
    /// Pauses a rollout: no wave starts, and accounts that were reached stay reached. Dates of a ladder go on.
    Pause(VerbArgs),
    /// Ends a pause. Asks for the key where a wave above 25 % is overdue, and so starts at once.
    Resume(SevereArgs),
    /// Starts the next wave. Asks for the key where the wave's share is above 25 %.
    Advance(SevereArgs),
    /// Takes back the waves after one of them. Nobody loses a factor.
    Rollback(RollBackArgs),
    /// Ends a rollout without a started wave; it is listed no more.
    Archive(VerbArgs),
    /// Brings an archived rollout back, as it was. Asks for the key where a wave above 25 % is overdue.
    Unarchive(SevereArgs),
    /// Stops a rollout at once: no wave reaches a further account until two persons clear the stop. Dates of a ladder go on.
    Stop(SevereArgs),
    /// Clears a stop. Two persons have to run it.
    Clear(SevereArgs),
    /// Lists the revisions of a rollout, newest first: who changed what, when and why.
    History(HistoryArgs),
    /// Restores what people decided in an earlier revision, its ladder too, as a new revision.
    Revert(RevertArgs),
    /// Lists the accounts that a rollout has reached at a product, one JSON object a line.
    Reached(ReachedArgs),
    /// Lists the accounts that support has exempted from the ladder, until when and why.
    Exemptions(ExemptionsArgs),
    /// Says why a rollout has reached an account, or has not; and what a rollout of a method asks of whom.
    Explain(RolloutExplain),
    /// Says how far a rollout has come, per wave and product, and what its funnel counted.
    Stats(StatsArgs),
    /// Shows a rollout as it happens: its waves, its funnel and who changed it last. The key q leaves.
    Watch(WatchArgs),
}

/// The server that is called, and how the answer is printed.
#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(CREDENTIAL_HELP)))]
struct CallArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(command: RolloutCommand) -> anyhow::Result<ExitCode> {
    match command {
        RolloutCommand::List(list) => read::list(list).await?,
        RolloutCommand::Get(get) => read::get(get).await?,
        RolloutCommand::Create(create) => apply::create(create).await?,
        RolloutCommand::Apply(apply) => apply::apply(apply).await?,
        RolloutCommand::Export(export) => export::export(export).await?,
        RolloutCommand::Exemptions(asked) => exempt::exemptions(asked).await?,
        RolloutCommand::Preview(preview) => preview::preview(preview).await?,
        RolloutCommand::Ladder(command) => ladder::ladder(command).await?,
        RolloutCommand::Diff(diff) => apply::diff(diff).await?,
        RolloutCommand::Start(start) => verbs::start(start).await?,
        RolloutCommand::Pause(pause) => verbs::pause(pause).await?,
        RolloutCommand::Resume(resume) => verbs::resume(resume).await?,
        RolloutCommand::Advance(advance) => verbs::advance(advance).await?,
        RolloutCommand::Rollback(roll_back) => verbs::roll_back(roll_back).await?,
        RolloutCommand::Archive(archive) => verbs::archive(archive).await?,
        RolloutCommand::Unarchive(unarchive) => verbs::unarchive(unarchive).await?,
        RolloutCommand::Stop(stop) => verbs::stop(stop).await?,
        RolloutCommand::Clear(clear) => verbs::clear(clear).await?,
        RolloutCommand::History(history) => history::history(history).await?,
        RolloutCommand::Revert(revert) => verbs::revert(revert).await?,
        RolloutCommand::Reached(reached) => reached::reached(reached).await?,
        RolloutCommand::Explain(explain) => explain::rollout_explain(explain).await?,
        RolloutCommand::Stats(stats) => stats::stats(stats).await?,
        RolloutCommand::Watch(watch) => return watch::watch(watch).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a call, with retries where it may be retried, and returns its message.
macro_rules! ask {
    ($client:expr, $service:ident.$method:ident, $request:expr) => {{
        let request = $request;
        let call =
            async move |client: &tidegate_client::Client| client.$service().$method(request.clone()).await;
        $client.retrying(call).await.map(tonic::Response::into_inner)
    }};
}
use ask;

/// The rollout as it stands; `None`: there is none of that key.
async fn find(client: &Client, key: &str) -> Result<Option<proto::Rollout>, Refused> {
    let request = proto::GetRolloutRequest { rollout: key.to_owned() };
    match ask!(client, rollouts.get_rollout, request) {
        Ok(answer) => Ok(answer.rollout),
        Err(refused) if refused.reason == Some(proto::ErrorReason::RolloutNotFound) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// What the server warns of, on stderr, so that the answer stays what programs read. `told` says a path, with its places counted
/// from 0, in the words of a file.
fn print_warnings(warnings: &[proto::RolloutWarning], told: impl Fn(&str, &str) -> Option<String>) {
    for warning in warnings {
        let (field, what) = (plain(&warning.field), plain(&warning.message));
        // A warning counts waves from 1, as people do.
        let wave = field.strip_prefix("waves[").and_then(|rest| rest.split_once("]."));
        let wave = wave.and_then(|(ordinal, rest)| Some((ordinal.parse::<usize>().ok()?, rest)));
        let path = match wave {
            Some((ordinal, rest)) => format!("waves[{}].{rest}", ordinal.saturating_sub(1)),
            None => field.clone(),
        };
        let named = || format!("{}: {what}", places(&field, 1));
        eprintln!("warning: {}", told(&path, &what).unwrap_or_else(named));
    }
}

async fn load(client: &Client, key: &str) -> anyhow::Result<proto::Rollout> {
    let request = proto::GetRolloutRequest { rollout: key.to_owned() };
    Ok(ask!(client, rollouts.get_rollout, request)?.rollout.unwrap_or_default())
}

/// An etag that does not match says that another person changed the rollout meanwhile: who, when and why is in its newest
/// revision.
async fn explained(client: &Client, key: &str, refused: Refused) -> anyhow::Error {
    if refused.reason != Some(proto::ErrorReason::EtagMismatch) {
        return refused.into();
    }
    let request = proto::ListRevisionsRequest { rollout: key.to_owned(), page_size: 1, ..Default::default() };
    let newest = ask!(client, rollouts.list_revisions, request).ok();
    let newest = newest.and_then(|answer| answer.revisions.into_iter().next());
    let who = newest.map(|newest| show::authored(&newest)).unwrap_or_default();
    anyhow::anyhow!(
        "nothing was changed, because `{key}` was changed meanwhile{who}; look again with \
         `tidegate rollout get {key}` (ETAG_MISMATCH)"
    )
}
