//! Mails that count down to the day from which on two-step is demanded.
//!
//! ```text
//!   told (by an app, or by the scan below) ──► reminders on the days of the rule ──► set up, enforced, or nothing demanded: none
//!                                                   │ exempt: when that ends        │ rollout held: after it goes on
//! ```
//!
//! Where a rule begins its reminders with day 0, the worker also tells accounts that do not sign in: it reads all accounts, page by
//! page, and its place is stored, so that a restart loses nothing.
//!
//! One replica works on a realm at a time, by a lease. That saves work and is not what keeps an account from getting a mail twice:
//! each mail is one transaction that locks the account and moves the reminder by compare-and-set.

mod remind;
mod tell;
mod telling;

pub use remind::{RemindAccount, Reminded};
pub use tell::TellAccount;

use tidegate_core::{HolderId, LadderRule, RealmId, Rollout, Span};
use tidegate_store::{
    leases::{self, LeaseClaim},
    ledger, realms, rollouts,
};

use crate::{App, Error, Fault, Share};

/// The worker of one replica.
pub struct Reminders {
    app: App,
    holder: HolderId,
    max_mails: usize,
}

/// How long other replicas wait for one that is stuck.
const LEASE: Span = Span::minutes(1);
/// Realms that are read at a time.
const PAGE_SIZE: i64 = 100;
/// Accounts of a realm that get a mail in one run, so that a large realm does not keep others waiting.
const MAX_MAILS: usize = 500;

impl Reminders {
    pub fn new(app: App) -> Self {
        let parts = &app.inner.parts;
        let holder = parts.store.claim_id(parts.clock.now(), &*parts.entropy);
        Self { app, holder, max_mails: MAX_MAILS }
    }

    /// The same, with another number of mails in one run.
    #[must_use]
    pub fn at_most(self, max_mails: usize) -> Self {
        Self { max_mails, ..self }
    }

    /// Sends what is due in all realms, within bounds. What is left is sent by the next run. A fault in one realm does not stop the
    /// others; the first one is returned.
    pub async fn run(&self) -> Result<(), Fault> {
        let mut first_fault = Ok(());
        let mut last = String::new();
        loop {
            let mut across = self.app.inner.parts.store.across("reminders").sharing(Share::Ordinary);
            let realms = realms::page(&mut across, &last, PAGE_SIZE).await?;
            let Some(end) = realms.last() else { return first_fault };
            last = end.key.to_string();
            for realm in &realms {
                first_fault = first_fault.and(self.run_realm(realm.id).await);
            }
        }
    }

    async fn run_realm(&self, realm: RealmId) -> Result<(), Fault> {
        let mut view = self.app.inner.parts.store.view("reminders", realm).sharing(Share::Ordinary);
        let (mut first_fault, mut left, mut claimed) = (Ok(()), self.max_mails, false);
        for rollout in rollouts::all(&mut view).await? {
            // The clocks stand still. What is due meanwhile is found after it goes on.
            if rollout.held_since().is_some() || rollout.ladder.iter().all(|rule| rule.reminders.is_empty()) {
                continue;
            }
            claimed = self.claim(realm, LEASE).await?;
            if !claimed {
                return first_fault;
            }
            first_fault = first_fault.and(self.send_due(realm, &rollout, &mut left).await);
            first_fault = first_fault.and(telling::go_on(&self.app, realm, &rollout, &mut left).await);
        }
        if claimed {
            // Whoever runs next need not wait.
            self.claim(realm, Span::ZERO).await?;
        }
        first_fault
    }

    /// Claims the realm's reminders for so long; `false` while another replica has them.
    async fn claim(&self, realm: RealmId, lease: Span) -> Result<bool, Fault> {
        let parts = &self.app.inner.parts;
        let now = parts.clock.now();
        let claim = LeaseClaim { name: "reminders", holder: self.holder, until: now.plus(lease) };
        parts
            .store
            .sharing(Share::Ordinary)
            .tx("reminders", realm, async |tx| Ok(leases::claim(tx, claim, now).await?))
            .await
    }

    async fn send_due(&self, realm: RealmId, rollout: &Rollout, left: &mut usize) -> Result<(), Fault> {
        let parts = &self.app.inner.parts;
        let mut view = parts.store.view("reminders", realm).sharing(Share::Ordinary);
        let limit = i64::try_from(*left).unwrap_or(i64::MAX);
        let mut first_fault = Ok(());
        for due in ledger::due(&mut view, &rollout.key, parts.clock.now(), limit).await? {
            let ledger::DueReminder { account, product, .. } = due;
            let remind = RemindAccount { account, rollout: rollout.key.clone(), product };
            first_fault = first_fault.and(done(self.app.work(WORKER, realm, remind).await));
            *left = left.saturating_sub(1);
        }
        first_fault
    }
}

/// The name of the worker in events.
const WORKER: &str = "reminders";

fn done(result: Result<Reminded, Error>) -> Result<(), Fault> {
    match result {
        Ok(_) | Err(Error::Refused(_)) => Ok(()),
        Err(Error::Failed(fault)) => Err(fault),
    }
}

/// Whether the worker itself tells the accounts of the rule.
fn tells(rule: &LadderRule) -> bool {
    rule.reminders.first() == Some(&0)
}
