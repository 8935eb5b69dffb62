//! The verbs that change how a rollout stands.

use clap::Args;
use prost::{Message, Name};
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;

use super::{CallArgs, ask, confirm::ConfirmArgs, explained, file::percent, history::changed, load, show};
use crate::ambient::request_id;

/// A wave with a greater share than this is started only after a confirmation.
pub const CONFIRM_ABOVE_PPM: u32 = 250_000;

#[derive(Args)]
pub struct VerbArgs {
    /// Key of the rollout.
    rollout: String,
    /// Why; kept with the revision.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// The etag of the state that is meant, as `get` shows it. Without it, verbs that widen take the state that they find.
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    call: CallArgs,
}

#[derive(Args)]
pub struct SevereArgs {
    #[command(flatten)]
    verb: VerbArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args)]
pub struct RollBackArgs {
    /// The last wave that stays; 0 takes back all.
    #[arg(long, value_name = "WAVE")]
    to: u32,
    /// Only at this product; may be given more than once. Without it, at all.
    #[arg(long = "product", value_name = "PRODUCT")]
    products: Vec<String>,
    #[command(flatten)]
    severe: SevereArgs,
}

#[derive(Args)]
pub struct RevertArgs {
    /// The revision to go back to, as `history` lists them.
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    to: i64,
    #[command(flatten)]
    severe: SevereArgs,
}

impl VerbArgs {
    async fn begin(&self) -> anyhow::Result<(Client, proto::Rollout)> {
        let client = self.call.server.connect().await?;
        let rollout = load(&client, &self.rollout).await?;
        Ok((client, rollout))
    }

    /// The etag of a verb that widens.
    fn seen(&self, rollout: &proto::Rollout) -> String {
        self.etag.clone().unwrap_or_else(|| rollout.etag.clone())
    }

    /// The etag of a verb that narrows: any state, unless one is meant.
    fn any(&self) -> String {
        self.etag.clone().unwrap_or_default()
    }

    async fn print<M: Message + Name>(
        &self,
        client: &Client,
        answer: Result<M, Refused>,
        rollout: impl Fn(&M) -> Option<&proto::Rollout>,
    ) -> anyhow::Result<()> {
        match answer {
            Ok(answer) => {
                let table = |answer: &M| rollout(answer).map(show::line).unwrap_or_default();
                self.call.output.print(&answer, table)
            }
            Err(refused) => Err(explained(client, &self.rollout, refused).await),
        }
    }
}

/// Makes the request of a verb, calls it and prints the answer.
macro_rules! change {
    ($verb:expr, $client:expr, $method:ident, $request:ident, $etag:expr $(, $field:ident: $value:expr)*) => {{
        let request = proto::$request {
            rollout: $verb.rollout.clone(),
            etag: $etag,
            request_id: request_id(),
            reason: $verb.reason.clone(),
            $($field: $value,)*
        };
        let answer = ask!($client, rollouts.$method, request);
        $verb.print(&$client, answer, |answer| answer.rollout.as_ref()).await
    }};
}

/// What a wave that starts will do.
fn starts(rollout: &proto::Rollout, wave: &proto::Wave) -> String {
    format!(
        "this starts {}: {} of {} at {}",
        show::wave_name(wave),
        percent(wave.edge_ppm),
        show::audience(wave.audience.as_ref()),
        show::products(rollout, wave)
    )
}

pub async fn start(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    // The server says what is wrong where no wave can start.
    if let Some(wave) = show::next_wave(&rollout).filter(|wave| wave.ordinal == 1) {
        eprintln!("{}", starts(&rollout, wave));
        confirm.ask(&rollout.key)?;
    }
    change!(verb, client, start_rollout, StartRolloutRequest, verb.seen(&rollout))
}

pub async fn advance(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    if let Some(wave) = show::next_wave(&rollout) {
        eprintln!("{}", starts(&rollout, wave));
        if wave.edge_ppm > CONFIRM_ABOVE_PPM {
            confirm.ask(&rollout.key)?;
        }
    }
    change!(verb, client, advance_rollout, AdvanceRolloutRequest, verb.seen(&rollout))
}

pub async fn pause(verb: VerbArgs) -> anyhow::Result<()> {
    let (client, _) = verb.begin().await?;
    eprintln!("no wave starts until the rollout is resumed; accounts that were reached stay reached");
    change!(verb, client, pause_rollout, PauseRolloutRequest, verb.any())
}

pub async fn resume(verb: VerbArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    eprintln!("waves can start again");
    change!(verb, client, resume_rollout, ResumeRolloutRequest, verb.seen(&rollout))
}

pub async fn roll_back(RollBackArgs { to, products, severe }: RollBackArgs) -> anyhow::Result<()> {
    let SevereArgs { verb, confirm } = severe;
    let (client, rollout) = verb.begin().await?;
    let waves = rollout.waves.iter().filter(|wave| wave.ordinal > to && show::is_started(wave));
    let waves: Vec<_> = waves.map(show::wave_name).collect();
    if !waves.is_empty() {
        let here = if products.is_empty() { String::new() } else { format!(" at {}", products.join(", ")) };
        eprintln!(
            "this takes back {}{here}: accounts that have not enrolled are back to \"not yet\"{here}, the others keep their \
             factors",
            waves.join(", ")
        );
        confirm.ask(&rollout.key)?;
    }
    change!(verb, client, roll_back_rollout, RollBackRolloutRequest, verb.any(), to_wave: to, products: products.clone())
}

pub async fn archive(verb: VerbArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    eprintln!("the rollout is listed no more and gives no reason; no account loses anything");
    change!(verb, client, archive_rollout, ArchiveRolloutRequest, verb.seen(&rollout))
}

pub async fn unarchive(verb: VerbArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    eprintln!("the rollout is again as it was before it was archived");
    change!(verb, client, unarchive_rollout, UnarchiveRolloutRequest, verb.seen(&rollout))
}

pub async fn revert(RevertArgs { to, severe }: RevertArgs) -> anyhow::Result<()> {
    let SevereArgs { verb, confirm } = severe;
    let (client, rollout) = verb.begin().await?;
    let request = proto::DiffRevisionsRequest {
        rollout: verb.rollout.clone(),
        from_revision: rollout.revision,
        to_revision: to,
    };
    for difference in ask!(client, rollouts.diff_revisions, request)?.differences {
        eprintln!("{}", changed(&difference));
    }
    eprintln!(
        "this restores what people decided; waves that have started, pauses and stops stay as they are"
    );
    confirm.ask(&rollout.key)?;
    change!(verb, client, revert_rollout, RevertRolloutRequest, verb.seen(&rollout), revision: to)
}

pub async fn stop(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    eprintln!(
        "no further account is reached and no wave starts until two persons clear the stop; nothing changes for accounts \
         that were shown two-step or enrolled"
    );
    confirm.ask(&rollout.key)?;
    change!(verb, client, stop_rollout, StopRolloutRequest, verb.any())
}

pub async fn clear(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let (client, rollout) = verb.begin().await?;
    if let Some(stop) = &rollout.stop {
        let first = crate::output::plain(&stop.clear_holder);
        if first.is_empty() {
            eprintln!("this asks to clear the stop; another person has to run the same");
        } else {
            eprintln!("{first} asked to clear the stop; this clears it: waves can start again");
        }
        confirm.ask(&rollout.key)?;
    }
    let request = proto::ClearStopRequest {
        rollout: verb.rollout.clone(),
        etag: verb.seen(&rollout),
        request_id: request_id(),
        reason: verb.reason.clone(),
    };
    let answer = match ask!(client, rollouts.clear_stop, request) {
        Ok(answer) => answer,
        Err(refused) => return Err(explained(&client, &verb.rollout, refused).await),
    };
    verb.call.output.print(&answer, |answer| {
        let line = answer.rollout.as_ref().map(show::line).unwrap_or_default();
        let what = if answer.cleared { "the stop is cleared" } else { "asked; another person has to agree" };
        format!("{what}\n{line}")
    })
}
