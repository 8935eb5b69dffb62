//! The verbs that change how a rollout stands.

use clap::Args;
use prost::{Message, Name};
use proto::waiting_for::Kind;
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;

use super::{
    CallArgs, ahead, announce::requirements, ask, confirm::ConfirmArgs, explained, file::percent, planned,
    revisions::Compared, show,
};
use crate::ambient::{AuthorityClock, request_id};

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

/// What a verb finds before it acts.
struct Found {
    client: Client,
    answer: proto::GetRolloutResponse,
    rollout: proto::Rollout,
}

impl VerbArgs {
    async fn begin(&self) -> anyhow::Result<Found> {
        let client = self.call.server.connect().await?;
        let request = proto::GetRolloutRequest { rollout: self.rollout.clone() };
        let answer = ask!(client, rollouts.get_rollout, request)?;
        let rollout = answer.rollout.clone().unwrap_or_default();
        Ok(Found { client, answer, rollout })
    }

    /// The etag of a verb that widens.
    fn seen(&self, rollout: &proto::Rollout) -> String {
        self.etag.clone().unwrap_or_else(|| rollout.etag.clone())
    }

    /// The etag of a verb that narrows: any state, unless one is meant.
    fn any(&self) -> String {
        self.etag.clone().unwrap_or_default()
    }

    /// `done` says what the verb did: it is told once the server has done it.
    async fn print<M: Message + Name>(
        &self,
        client: &Client,
        answer: Result<M, Refused>,
        rollout: impl Fn(&M) -> Option<&proto::Rollout>,
        done: &[String],
    ) -> anyhow::Result<()> {
        match answer {
            Ok(answer) => {
                for line in done {
                    eprintln!("{line}");
                }
                let table = |answer: &M| rollout(answer).map(show::line).unwrap_or_default();
                self.call.output.print(&answer, table)
            }
            Err(refused) => Err(explained(client, &self.rollout, refused).await),
        }
    }
}

/// Makes the request of a verb, calls it, and prints what it did and the answer.
macro_rules! change {
    ($verb:expr, $client:expr, $done:expr, $method:ident, $request:ident, $etag:expr $(, $field:ident: $value:expr)*) => {{
        let request = proto::$request {
            rollout: $verb.rollout.clone(),
            etag: $etag,
            request_id: request_id(),
            reason: $verb.reason.clone(),
            $($field: $value,)*
        };
        let answer = ask!($client, rollouts.$method, request);
        $verb.print(&$client, answer, |answer| answer.rollout.as_ref(), $done).await
    }};
}

/// What a wave that starts does, and what it does not wait for.
fn starting(found: &Found, wave: &proto::Wave) -> String {
    format!(
        "{}: {} of {} at {}{}",
        show::wave_name(wave),
        percent(wave.edge_ppm),
        show::audience(wave.audience.as_ref()),
        show::products(&found.rollout, wave),
        planned::skipped(&found.answer)
    )
}

/// Waves that are overdue start as soon as nothing holds them, so a verb that ends their hold starts them. Asks for the key
/// as `advance` does. Returns what is told once the verb is done, where nothing was asked.
fn confirm_overdue(
    found: &Found,
    hold: fn(&Kind) -> bool,
    confirm: &ConfirmArgs,
) -> anyhow::Result<Vec<String>> {
    let waves = ahead::overdue(&found.answer, hold, AuthorityClock::host());
    let is_severe = waves.iter().any(|wave| wave.edge_ppm > CONFIRM_ABOVE_PPM);
    let lines = waves.into_iter().map(|wave| ahead::starts_at_once(&found.rollout, wave));
    if !is_severe {
        return Ok(lines.map(|line| format!("starts at once: {line}")).collect());
    }
    for line in lines {
        eprintln!("this will start at once {line}");
    }
    confirm.ask(&found.rollout.key)?;
    Ok(Vec::new())
}

pub async fn start(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    // The server says what is wrong where no wave can start.
    if let Some(wave) = show::next_wave(&found.rollout).filter(|wave| wave.ordinal == 1) {
        eprintln!("this will start {}", starting(&found, wave));
        confirm.ask(&found.rollout.key)?;
    }
    change!(verb, found.client, &[], start_rollout, StartRolloutRequest, verb.seen(&found.rollout))
}

pub async fn advance(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    let mut done = Vec::new();
    if let Some(wave) = show::next_wave(&found.rollout) {
        let starting = starting(&found, wave);
        if wave.edge_ppm > CONFIRM_ABOVE_PPM {
            eprintln!("this will start {starting}");
            confirm.ask(&found.rollout.key)?;
        } else {
            done.push(format!("started {starting}"));
        }
    }
    change!(verb, found.client, &done, advance_rollout, AdvanceRolloutRequest, verb.seen(&found.rollout))
}

pub async fn pause(verb: VerbArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    let mut done = vec![
        "no wave starts until the rollout is resumed; accounts that were reached stay reached".to_owned(),
    ];
    done.extend(ahead::dates_go_on(&found.rollout, "pause", AuthorityClock::host()));
    change!(verb, found.client, &done, pause_rollout, PauseRolloutRequest, verb.any())
}

pub async fn resume(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    let mut done = vec!["waves can start again".to_owned()];
    if found.rollout.pause_time.is_some() {
        done.extend(confirm_overdue(&found, |kind| matches!(kind, Kind::Resume(_)), &confirm)?);
    }
    change!(verb, found.client, &done, resume_rollout, ResumeRolloutRequest, verb.seen(&found.rollout))
}

pub async fn roll_back(RollBackArgs { to, products, severe }: RollBackArgs) -> anyhow::Result<()> {
    let SevereArgs { verb, confirm } = severe;
    let Found { client, rollout, .. } = verb.begin().await?;
    let waves = rollout.waves.iter().filter(|wave| wave.ordinal > to && show::is_started(wave));
    let waves: Vec<_> = waves.map(show::wave_name).collect();
    if !waves.is_empty() {
        let here = if products.is_empty() { String::new() } else { format!(" at {}", products.join(", ")) };
        eprintln!(
            "this will take back {}{here}: accounts that have not enrolled will be back to \"not yet\"{here}, the others keep \
             their factors",
            waves.join(", ")
        );
        confirm.ask(&rollout.key)?;
    }
    change!(verb, client, &[], roll_back_rollout, RollBackRolloutRequest, verb.any(), to_wave: to, products: products.clone())
}

pub async fn archive(verb: VerbArgs) -> anyhow::Result<()> {
    let Found { client, rollout, .. } = verb.begin().await?;
    let done = ["the rollout is listed no more and gives no reason; no account loses anything".to_owned()];
    change!(verb, client, &done, archive_rollout, ArchiveRolloutRequest, verb.seen(&rollout))
}

pub async fn unarchive(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    let mut done = vec!["the rollout is again as it was before it was archived".to_owned()];
    if found.rollout.archive_time.is_some() {
        done.extend(confirm_overdue(&found, |_| false, &confirm)?);
    }
    change!(verb, found.client, &done, unarchive_rollout, UnarchiveRolloutRequest, verb.seen(&found.rollout))
}

pub async fn revert(RevertArgs { to, severe }: RevertArgs) -> anyhow::Result<()> {
    let SevereArgs { verb, confirm } = severe;
    let Found { client, rollout, .. } = verb.begin().await?;
    let request = proto::DiffRevisionsRequest {
        rollout: verb.rollout.clone(),
        from_revision: rollout.revision,
        to_revision: to,
    };
    let differences = ask!(client, rollouts.diff_revisions, request)?.differences;
    let compared = Compared::read(&client, &verb.rollout, differences, (rollout.revision, to)).await?;
    let lines = compared.restored_lines(AuthorityClock::host());
    for line in &lines {
        eprintln!("{line}");
    }
    let what = if lines.is_empty() {
        "this will change nothing, because what it restores is the same"
    } else {
        "this is all that will change"
    };
    eprintln!(
        "{what}; accounts that were reached, waves that have started, pauses and stops stay as they are"
    );
    let (stands, earlier) = compared.ladders();
    let required = requirements(earlier, stands, &rollout.products);
    if !required.is_empty() {
        eprintln!("this makes two-step required:\n{}", required.join("\n"));
    }
    if !lines.is_empty() {
        eprintln!("`tidegate rollout preview {} --revert-to {to} --dates` counts of whom", rollout.key);
    }
    confirm.ask(&rollout.key)?;
    change!(verb, client, &[], revert_rollout, RevertRolloutRequest, verb.seen(&rollout), revision: to)
}

pub async fn stop(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let Found { client, rollout, .. } = verb.begin().await?;
    eprintln!(
        "this will stop `{}`: no wave will reach a further account or start until two persons clear the stop; nothing will \
         change for accounts that were shown two-step or enrolled",
        rollout.key
    );
    for line in ahead::dates_go_on(&rollout, "stop", AuthorityClock::host()) {
        eprintln!("{line}");
    }
    confirm.ask(&rollout.key)?;
    change!(verb, client, &[], stop_rollout, StopRolloutRequest, verb.any())
}

pub async fn clear(SevereArgs { verb, confirm }: SevereArgs) -> anyhow::Result<()> {
    let found = verb.begin().await?;
    let Found { client, rollout, .. } = &found;
    if let Some(stop) = &rollout.stop {
        let first = crate::output::plain(&stop.clear_holder);
        if first.is_empty() {
            eprintln!("this will ask to clear the stop; another person has to run the same");
        } else {
            eprintln!(
                "{first} asked to clear the stop; run by another person, this will clear it: waves can start again"
            );
            let is_held = |kind: &Kind| matches!(kind, Kind::ClearStop(_));
            for wave in ahead::overdue(&found.answer, is_held, AuthorityClock::host()) {
                eprintln!("this will start at once {}", ahead::starts_at_once(rollout, wave));
            }
        }
        confirm.ask(&rollout.key)?;
    }
    let request = proto::ClearStopRequest {
        rollout: verb.rollout.clone(),
        etag: verb.seen(rollout),
        request_id: request_id(),
        reason: verb.reason.clone(),
    };
    let answer = match ask!(client, rollouts.clear_stop, request) {
        Ok(answer) => answer,
        Err(refused) => return Err(explained(client, &verb.rollout, refused).await),
    };
    verb.call.output.print(&answer, |answer| {
        let line = answer.rollout.as_ref().map(show::line).unwrap_or_default();
        let what = if answer.cleared { "the stop is cleared" } else { "asked; another person has to agree" };
        format!("{what}\n{line}")
    })
}
