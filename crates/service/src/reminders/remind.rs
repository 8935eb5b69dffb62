//! Sends one account the newest reminder that is due, and plans the next one.
//!
//! Everything is decided anew, because the rule, the account or its factors may have changed since it was planned. Of the days that
//! an outage missed only the newest is sent.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountId, AccountState, Body, Channel, Fact, LadderDecision, Message, MessagePurpose,
    Permission, Product, ProductKey, Recipient, Reminder, Rollout, RolloutKey, Rung, Span, Standing,
    Timestamp,
};
use tidegate_factors::sends::WINDOWS;
use tidegate_rollout::ladder;
use tidegate_store::{
    Tx, accounts,
    ledger::{self, DueReminder, LedgerKey},
    products, rollouts, standings,
};

use crate::{Command, CommandContext, Error, Fault, decisions, idempotency::outcomes, offers::has_factor};

/// The worker's own command. No call of the contract runs it.
#[derive(Debug)]
pub struct RemindAccount {
    pub account: AccountId,
    pub rollout: RolloutKey,
    pub product: ProductKey,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Reminded {}

outcomes!(Reminded);

/// A reminder that could not be sent for so long is old news.
const TTL: Span = Span::days(7);
/// When an account that is suspended, locked down or deleted is looked at again.
const UNUSABLE: Span = Span::days(1);

impl Command for RemindAccount {
    const NAME: &'static str = "remind_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Reminded;

    async fn run(self, cx: &CommandContext) -> Result<Reminded, Error> {
        cx.idempotent(async |tx| {
            let account = accounts::lock(tx, self.account).await?.ok_or(Fault::Dangling("account"))?;
            let rollout = rollouts::find(tx, &self.rollout).await?;
            let product = products::find(tx, &self.product).await?;
            if let (Some(rollout), Some(product)) = (rollout, product) {
                remind(cx, tx, &account, (&rollout, &product)).await?;
            }
            Ok(Reminded {})
        })
        .await
    }
}

/// What comes of a reminder that is due.
#[derive(Debug)]
enum Plan {
    /// No reminder is sent any more.
    End,
    Later(Timestamp, usize),
    /// Two-step is on.
    StaysOn,
    Send {
        day: u32,
        deadline: Timestamp,
        next: Option<(Timestamp, usize)>,
    },
}

/// The account must be locked.
pub(super) async fn remind(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (rollout, product): (&Rollout, &Product),
) -> Result<(), Fault> {
    let at = LedgerKey { account: account.id, rollout: &rollout.key, product: &product.key };
    let now = cx.now();
    let found = ledger::reminder(tx, at).await?;
    let Some(due) = found.filter(|due| due.remind_at <= now && rollout.held_since().is_none()) else {
        return Ok(());
    };
    let plan = plan(cx, tx, account, (rollout, product), &due).await?;
    let next = match plan {
        Plan::End | Plan::StaysOn => None,
        Plan::Later(at, which) => Some((at, which)),
        Plan::Send { next, .. } => next,
    };
    if !ledger::remind(tx, at, due.remind_at, next).await? {
        return Ok(());
    }
    match plan {
        Plan::End | Plan::Later(..) => Ok(()),
        Plan::StaysOn => {
            mail(cx, tx, (account, product), MessagePurpose::TwoStepStaysOn, None).await?;
            Ok(())
        }
        Plan::Send { day, deadline, .. } => {
            let purpose = MessagePurpose::EnrollmentReminder;
            if mail(cx, tx, (account, product), purpose, Some(deadline)).await? {
                let event = cx.event(Fact::EnrollmentReminded { rollout: rollout.key.clone(), day });
                event.at(&product.key).of(account).record(tx).await?;
            }
            Ok(())
        }
    }
}

async fn plan(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (rollout, product): (&Rollout, &Product),
    due: &DueReminder,
) -> Result<Plan, Fault> {
    let (now, which) = (cx.now(), due.reminder);
    match account.state {
        AccountState::Active => {}
        // It may come back.
        AccountState::Suspended | AccountState::LockedDown | AccountState::Deleted => {
            return Ok(Plan::Later(now.plus(UNUSABLE), which));
        }
        AccountState::Purged => return Ok(Plan::End),
    }
    // It was told by a ladder that was taken away meanwhile.
    if rollout.ladder_since.is_some_and(|since| due.told_at < since) {
        return Ok(Plan::End);
    }
    let known = standings::get(tx, account.id).await?.ok_or(Fault::Dangling("account"))?.standing;
    let decision = decisions::by_rollout(product, rollout, &known, now);
    let Some(ladder) = decision.ladder.filter(decisions::warns) else { return Ok(Plan::End) };
    let has_it = decision.on && has_factor(cx.query(), tx, account, (product, ladder.demands)).await?;
    if has_it {
        return Ok(stays_on(&ladder, &known, due));
    }
    if ladder.enforced {
        return Ok(Plan::End);
    }
    if let Some(until) = ladder.exempt_until {
        return Ok(Plan::Later(until, which));
    }
    Ok(newest((rollout, &ladder), product, &known, (due, now)))
}

/// Who had two-step on when they were told is told once more, when they cannot switch it off.
fn stays_on(ladder: &LadderDecision, known: &Standing, due: &DueReminder) -> Plan {
    if due.reminder > 0 || known.two_step_since.is_none_or(|since| due.told_at < since) {
        return Plan::End;
    }
    match ladder.required_from.filter(|_| ladder.rung < Rung::Required) {
        Some(from) => Plan::Later(from, due.reminder),
        None => Plan::StaysOn,
    }
}

/// The newest reminder that is due, and the next one after it.
fn newest(
    (rollout, decision): (&Rollout, &LadderDecision),
    product: &Product,
    known: &Standing,
    (due, now): (&DueReminder, Timestamp),
) -> Plan {
    let Some(rule) = decisions::rule(rollout, decision) else { return Plan::End };
    let Some(deadline) = ladder::foreseen(rollout, rule, &product.key, known, now) else { return Plan::End };
    let days = rule.reminders.iter().copied().enumerate().skip(due.reminder);
    let planned = days
        .filter_map(|(which, day)| Some((which, day, ladder::reminder_at(rollout, due.told_at, day, now)?)));
    let (mut newest, mut next) = (None, None);
    for (which, day, at) in planned {
        if at <= now {
            newest = Some(day);
        } else if next.is_none() {
            next = Some((at, which));
        }
    }
    match (newest, next) {
        (Some(day), next) => Plan::Send { day, deadline, next },
        // The days stood still meanwhile.
        (None, Some((at, which))) => Plan::Later(at, which),
        (None, None) => Plan::End,
    }
}

/// Queues a mail to the verified address, in the product's language. `false`: there is none.
async fn mail(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product): (&Account, &Product),
    purpose: MessagePurpose,
    deadline: Option<Timestamp>,
) -> Result<bool, Fault> {
    let Some(contact) = account.verified() else { return Ok(false) };
    let (now, to) = (cx.now(), contact.email.canonical().as_str().as_bytes());
    let Ok(permit) = cx.take_send(tx, (to, purpose, now), WINDOWS, |_| true).await? else {
        return Ok(false);
    };
    let expires_at = permit.at().plus(TTL);
    let expires_at = deadline.map_or(expires_at, |deadline| expires_at.min(deadline));
    let deadline = deadline.map(|at| (at, days_left(at, now)));
    let page = product.settings.link_url.clone();
    let what = (purpose, Body::Reminder(Reminder { page, deadline }));
    let to = Recipient::Mailbox(contact.email.destination());
    let message = Message::of(product, None, what, to, expires_at);
    cx.send(tx, (account.id, Channel::Mail), &message, permit).await?;
    Ok(true)
}

/// Rounded to the nearest day: a mail of day 0 that goes out some minutes later still says 45.
fn days_left(deadline: Timestamp, now: Timestamp) -> u32 {
    let day = Span::days(1).micros();
    u32::try_from((deadline.since(now).micros() + day / 2) / day).unwrap_or(0)
}
