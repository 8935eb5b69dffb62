//! What must be done after the database was restored from a copy. The copy does not know what was used since it was made, and
//! every token that was replaced since is in it as if it were good. So whatever was issued before is voided (INV-48):
//!
//! - sign-ins, challenges, links, enrollments, changes of addresses and sessions under way end, and devices are forgotten;
//! - epochs rise, TOTP codes that are right now count as used, recovery codes are void and their owners are told;
//! - messages that wait are not sent: a code of yesterday would only confuse;
//! - resume tokens of the lost part of the record are refused by the record itself, see `audit/resume.rs`.
//!
//! Passwords, security keys and enrolled devices stay: their answers are to a challenge, so that none can be used twice. A
//! security key's counter that went back with the copy is lower than the key's own, so the key's next answer raises it.
//!
//! It runs while no server does, page by page, each in a transaction of its own. A mark in the database keeps servers from
//! starting until it is complete; run again, it goes on.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountId, AccountState, ClientContext, Fact, Factor, Id, MessagePurpose, Method, Permission,
    ProductKey, RealmId, SessionEnd, Title,
};
use tidegate_factors::method;
use tidegate_store::{
    Tx, accounts, installation,
    master_keys::{self, KeyHolder},
    products, realms, recovery_codes,
    restores::{self, AccountRange},
};

use crate::{
    App, Command, CommandContext, Error, Fault, factors, idempotency::outcomes, notices::About,
    sessions::ending,
};

/// Who says that the database was restored, and why.
#[derive(Debug, Clone)]
pub struct Restore {
    pub by: Title,
    pub reason: Title,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    Now(Voided),
    NotInitialised,
    /// Servers are running on the database: so many were seen within the last half minute.
    Running(usize),
}

/// What was voided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voided {
    pub accounts: u64,
    pub sessions: u64,
    pub totp: u64,
    pub recovery_codes: u64,
}

outcomes!(Voided);

/// Accounts of one transaction.
const PAGE_SIZE: i64 = 100;
/// Realms that are read at a time.
const REALMS: i64 = 100;
/// A server that was not seen for so long does not run.
pub(super) const SEEN: tidegate_core::Span = tidegate_core::Span::seconds(30);
/// The name in events.
const WORKER: &str = "restored";

/// Voids everything that was issued before, in all realms. `progress` is told after each page how many accounts of a realm are
/// done. A restore that was begun and not completed goes on where it was. `gone`: what was found of servers some seconds ago;
/// one that was not seen since does not run, and its row came with the copy.
pub async fn restored(
    app: &App,
    restore: &Restore,
    gone: &[KeyHolder],
    mut progress: impl FnMut(&str, u64),
) -> Result<Restored, Fault> {
    let (store, clock) = (&app.inner.parts.store, &app.inner.parts.clock);
    let Some(found) = installation::find(&mut store.across(WORKER)).await? else {
        return Ok(Restored::NotInitialised);
    };
    let mut view = store.view(WORKER, found.first_realm);
    let mut running = master_keys::holders(&mut view, clock.now().minus(SEEN)).await?;
    running.retain(|holder| !gone.contains(holder));
    if !running.is_empty() {
        return Ok(Restored::Running(running.len()));
    }
    if found.restore_began_at.is_none() {
        // Of a restore before the copy was made.
        forget_places(app).await?;
        let begin = async |tx: &mut Tx| Ok::<_, Fault>(installation::begin_restore(tx, clock.now()).await?);
        store.tx(WORKER, found.first_realm, begin).await?;
    }
    let timeline =
        installation::find(&mut store.across(WORKER)).await?.map_or(1, |installation| installation.timeline);
    let mut voided = Voided::default();
    let mut last = String::new();
    loop {
        let page = realms::page(&mut store.across(WORKER), &last, REALMS).await?;
        let Some(end) = page.last() else { break };
        last = end.key.to_string();
        for realm in &page {
            let begin = RestoreRealm { restore: restore.clone(), timeline };
            done(app.work(WORKER, realm.id, begin).await)?;
            let name = realm.key.to_string();
            voided.add(void(app, realm.id, |accounts| progress(&name, accounts)).await?);
        }
    }
    // From here on servers start.
    let end = async |tx: &mut Tx| Ok::<_, Fault>(installation::end_restore(tx).await?);
    store.tx(WORKER, found.first_realm, end).await?;
    Ok(Restored::Now(voided))
}

async fn forget_places(app: &App) -> Result<(), Fault> {
    let store = &app.inner.parts.store;
    let mut last = String::new();
    loop {
        let page = realms::page(&mut store.across(WORKER), &last, REALMS).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = end.key.to_string();
        for realm in &page {
            store.tx(WORKER, realm.id, async |tx| Ok::<_, Fault>(restores::forget(tx).await?)).await?;
        }
    }
}

/// The accounts of one realm, from where an earlier run came to.
async fn void(app: &App, realm: RealmId, mut progress: impl FnMut(u64)) -> Result<Voided, Fault> {
    let mut voided = Voided::default();
    loop {
        let mut view = app.inner.parts.store.view(WORKER, realm);
        let place = restores::find(&mut view).await?.ok_or(Fault::Dangling("a restore that was begun"))?;
        if place.ended_at.is_some() {
            return Ok(voided);
        }
        voided.add(done(app.work(WORKER, realm, RestoreAccounts { after: place.after }).await)?);
        progress(voided.accounts);
    }
}

fn done<T>(result: Result<T, Error>) -> Result<T, Fault> {
    result.map_err(|error| match error {
        Error::Failed(fault) => fault,
        // A worker is refused nothing but when the program stops.
        Error::Refused(_) => Fault::Closing,
    })
}

impl Voided {
    const fn add(&mut self, more: Self) {
        self.accounts += more.accounts;
        self.sessions += more.sessions;
        self.totp += more.totp;
        self.recovery_codes += more.recovery_codes;
    }
}

/// Begins a realm: what belongs to no account. No call of the contract runs it.
#[derive(Debug)]
pub struct RestoreRealm {
    pub restore: Restore,
    pub timeline: i64,
}

impl Command for RestoreRealm {
    const NAME: &'static str = "restore_realm";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Voided;

    async fn run(self, cx: &CommandContext) -> Result<Voided, Error> {
        let Self { restore: Restore { by, reason }, timeline } = self;
        cx.idempotent(async |tx| {
            if restores::begin(tx, Id::MIN).await? {
                restores::void_realm(tx, cx.now()).await?;
                let fact = Fact::DatabaseRestored { timeline, by, reason };
                cx.event(fact).record(tx).await?;
            }
            Ok(Voided::default())
        })
        .await
    }
}

/// Voids what the next accounts of a realm have. No call of the contract runs it.
#[derive(Debug)]
pub struct RestoreAccounts {
    pub after: AccountId,
}

impl Command for RestoreAccounts {
    const NAME: &'static str = "restore_accounts";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Voided;

    async fn run(self, cx: &CommandContext) -> Result<Voided, Error> {
        cx.idempotent(async |tx| {
            let page = accounts::page(tx, self.after, None, PAGE_SIZE).await?;
            let Some(last) = page.last().map(|account| account.id) else {
                restores::end(tx, cx.now()).await?;
                return Ok(Voided::default());
            };
            let range = AccountRange { after: self.after, last };
            let mut voided = Voided { accounts: u64::try_from(page.len()).unwrap_or(0), ..Voided::default() };
            restores::void_accounts(tx, range, cx.now()).await?;
            voided.sessions = end_sessions(cx, tx, (&page, range)).await?;
            for account in restores::forget_devices(tx, range).await? {
                let event = cx.event(Fact::DeviceForgotten {});
                event.of(of(&page, account)?).record(tx).await?;
            }
            voided.totp = raise_floors(cx, tx, range).await?;
            voided.recovery_codes = void_codes(cx, tx, (&page, range)).await?;
            restores::advance(tx, last).await?;
            Ok(voided)
        })
        .await
    }
}

fn of(page: &[Account], id: AccountId) -> Result<&Account, Fault> {
    page.iter().find(|account| account.id == id).ok_or(Fault::Dangling("account"))
}

async fn end_sessions(
    cx: &CommandContext,
    tx: &mut Tx,
    (page, range): (&[Account], AccountRange),
) -> Result<u64, Fault> {
    let mut ended = 0;
    for session in restores::sessions(tx, range, cx.now()).await? {
        let whose = (of(page, session.account)?, &ClientContext::default());
        ended += u64::from(ending::end(cx, tx, whose, &session, SessionEnd::Restored).await?);
    }
    Ok(ended)
}

/// A factor whose material cannot be read proves nothing, so it needs no floor.
async fn raise_floors(cx: &CommandContext, tx: &mut Tx, range: AccountRange) -> Result<u64, Fault> {
    let mut raised = 0;
    for factor in restores::factors(tx, range, Method::Totp).await? {
        let material = cx.query().factor_material(factor.account, factor.id, factor.material.as_ref());
        let floor = material.and_then(|material| method::floor(factor.method, &material, cx.now()).ok());
        if let Some(floor) = floor.flatten() {
            raised += u64::from(restores::raise_mark(tx, factor.account, factor.id, floor).await?);
        }
    }
    Ok(raised)
}

async fn void_codes(
    cx: &CommandContext,
    tx: &mut Tx,
    (page, range): (&[Account], AccountRange),
) -> Result<u64, Fault> {
    let mut voided = 0;
    for set in restores::factors(tx, range, Method::RecoveryCodes).await? {
        let account = of(page, set.account)?;
        let own = recovery_codes::own(tx, account.id, set.id).await?;
        let Some(product) = product(tx, &set).await? else { continue };
        let client = ClientContext::default();
        factors::remove(cx, tx, (account, &product, &client), &set).await?;
        voided += 1;
        // An access pass alone is no set of the owner's.
        if own.is_none() || account.state != AccountState::Active {
            continue;
        }
        if let Some(product) = products::find(tx, &product).await? {
            let whose = (account, &product, &client);
            cx.notify(tx, whose, MessagePurpose::RecoveryCodesVoided, About::default()).await?;
        }
    }
    Ok(voided)
}

/// Where the codes were made; where that is not known, the realm's first product.
async fn product(tx: &mut Tx, set: &Factor) -> Result<Option<ProductKey>, Fault> {
    if let Some(origin) = &set.origin {
        return Ok(Some(origin.product.clone()));
    }
    Ok(products::page(tx, "", 1).await?.pop().map(|product| product.key))
}
