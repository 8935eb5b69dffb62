//! `tidegate rollout preview`: what a change would do, before it is made.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use proto::{preview_rollout_request::Change, preview_rollout_response::Part};
use tidegate_client::{Client, Refused};
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{
    CallArgs, file::timestamp, file_plan::FilePlan, instants::instant, preview_table, print_warnings,
    progress::Progress,
};

#[derive(Args)]
#[command(group = ArgGroup::new("change").required(true))]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
pub struct RolloutPreviewArgs {
    /// Key of the rollout. May be left out with a --file that names it.
    #[arg(required_unless_present = "file")]
    rollout: Option<String>,
    /// What `start` would do.
    #[arg(long, group = "change")]
    start: bool,
    /// What `advance` would do.
    #[arg(long, group = "change")]
    advance: bool,
    /// What `rollback --to WAVE` would do; 0 takes back all.
    #[arg(long, group = "change", value_name = "WAVE")]
    roll_back_to: Option<u32>,
    /// With --roll-back-to: key of a product at which the waves are taken back; else all. May be given several times.
    #[arg(long, value_name = "PRODUCT", requires = "roll_back_to")]
    at_product: Vec<String>,
    /// What `stop` would do.
    #[arg(long, group = "change")]
    stop: bool,
    /// What `revert --to REVISION` would do.
    #[arg(long, group = "change", value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    revert_to: Option<i64>,
    /// What `apply -f FILE` would do; `-` reads standard input.
    #[arg(short, long, group = "change", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Also starts the next wave after it: alone, a wave that is added or changed reaches nobody.
    #[arg(long)]
    then_start: bool,
    /// Counts also at each instant that lies ahead at which a phase of the ladder begins.
    #[arg(long, conflicts_with = "at")]
    dates: bool,
    /// Counts also at this instant: `2027-01-22T00:00 Europe/Berlin`, a date with its zone, or 2027-01-22T00:00:00Z; at most
    /// ten.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    at: Vec<Timestamp>,
    /// Key of the product to count at; else all that the rollout names.
    #[arg(long, default_value = "", hide_default_value = true)]
    product: String,
    /// How many accounts to name of each count, 0 to 100.
    #[arg(long, default_value_t = 0, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(0..=100))]
    sample: i32,
    #[command(flatten)]
    call: CallArgs,
}

pub async fn preview(preview: RolloutPreviewArgs) -> anyhow::Result<()> {
    let client = preview.call.server.connect().await?;
    let plan = match &preview.file {
        Some(path) => Some(FilePlan::read(&client, path, preview.rollout.as_deref()).await?),
        None => None,
    };
    let (rollout, change) = match &plan {
        Some(plan) => (plan.key.clone(), plan.change()),
        None => (preview.rollout.clone().unwrap_or_default(), verb(&preview)),
    };
    let Some(change) = change else {
        let unchanged = format!("nothing differs: `apply` would change nothing of `{rollout}`\n");
        return preview.call.output.print(&proto::RolloutPreview::default(), |_| unchanged);
    };
    let request = proto::PreviewRolloutRequest {
        rollout,
        etag: String::new(),
        change: Some(change),
        then_start: preview.then_start,
        product: preview.product,
        sample_size: preview.sample,
        at_times: preview.at.into_iter().map(timestamp).collect(),
        all_dates: preview.dates,
        roll_back_products: preview.at_product,
        check_only: false,
    };
    let result = match (watched(&client, request).await, &plan) {
        (Err(error), Some(plan)) => return Err(plan.told(&client, error).await),
        (result, _) => result?,
    };
    match &plan {
        Some(plan) => plan.warn(&result.warnings),
        None => print_warnings(&result.warnings, |_, _| None),
    }
    preview.call.output.print(&result, preview_table::table)
}

fn verb(preview: &RolloutPreviewArgs) -> Option<Change> {
    let verbs = [
        preview.start.then_some(Change::Start(true)),
        preview.advance.then_some(Change::Advance(true)),
        preview.stop.then_some(Change::Stop(true)),
        preview.roll_back_to.map(Change::RollBackToWave),
        preview.revert_to.map(Change::RevertToRevision),
    ];
    verbs.into_iter().flatten().next()
}

pub async fn watched(
    client: &Client,
    request: proto::PreviewRolloutRequest,
) -> anyhow::Result<proto::RolloutPreview> {
    let client = client.without_deadline();
    let begin = async move |client: &Client| client.rollouts().preview_rollout(request.clone()).await;
    let mut stream = client.retrying(begin).await?.into_inner();
    let mut progress = Progress::begin("accounts decided");
    let mut result = None;
    while let Some(message) = stream.message().await.map_err(|status| Refused::of(&status))? {
        match message.part {
            Some(Part::Progress(now)) => progress.tell(now.account_count, now.total_count),
            Some(Part::Result(told)) => result = Some(told),
            None => {}
        }
    }
    progress.end();
    result.context("the preview ended without its result")
}
