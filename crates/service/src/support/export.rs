//! Everything that is stored about one account, for its owner (a subject access request), as lines of JSON. It is read page
//! by page, so that the memory it takes does not depend on the account. That it was exported is recorded before the first
//! line.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountId, AccountRef, DeliveryId, EmailChangeId, EventId, Fact, Id, Permission, Products,
    Refusal, SessionId, Title,
};
use tidegate_keyring::PersonalContext;
use tidegate_store::{
    View, accounts, deliveries, devices, email_changes,
    events::{self, Which},
    factors, interest, ledger, sessions,
};

use super::export_lines::{self as lines, Line};
use crate::{Command, CommandContext, Error, Fault, Query, QueryContext, Share, idempotency::outcomes};

#[derive(Debug)]
pub struct BeginAccountExport {
    pub account: AccountRef,
    pub reason: Title,
}

/// A reader's place, between two queries.
#[derive(Debug, Serialize, Deserialize)]
pub struct AccountExport {
    account: AccountId,
    next: Part,
}

outcomes!(AccountExport);

/// What comes next, and after which row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Part {
    Account,
    AddressChanges(EmailChangeId),
    Factors,
    Sessions(SessionId),
    Devices,
    Interest,
    Rollouts,
    /// The newest first, as events.
    Messages(DeliveryId),
    Events(EventId),
}

#[derive(Debug)]
pub struct ReadAccountExport(pub AccountExport);

#[derive(Debug)]
pub struct AccountExported {
    /// Whole lines; may be empty.
    pub lines: Vec<u8>,
    /// `None`: this was the end.
    pub next: Option<AccountExport>,
}

/// Rows of one answer.
const PAGE_SIZE: i64 = 500;

impl Command for BeginAccountExport {
    const NAME: &'static str = "export_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    const SHARE: Share = Share::Bulk;
    type Outcome = AccountExport;

    async fn run(self, cx: &CommandContext) -> Result<AccountExport, Error> {
        // What is stored belongs to all products.
        if *cx.agent().products() != Products::All {
            return Err(Refusal::ProductNotPermitted.into());
        }
        cx.idempotent(async |tx| {
            let account = accounts::find(tx, &self.account).await?.ok_or(Refusal::AccountNotFound)?;
            cx.event(Fact::AccountExported { reason: self.reason }).of(&account).record(tx).await?;
            Ok(AccountExport { account: account.id, next: Part::Account })
        })
        .await
    }
}

impl Query for ReadAccountExport {
    const NAME: &'static str = "read_account_export";
    const PERMISSION: Permission = Permission::AccountsSupport;
    const SHARE: Share = Share::Bulk;
    type Outcome = AccountExported;

    async fn run(self, cx: &QueryContext) -> Result<AccountExported, Error> {
        let Self(AccountExport { account: id, next }) = self;
        let mut view = cx.view();
        let account = accounts::get(&mut view, id).await?.ok_or(Fault::Dangling("account"))?;
        let mut lines = Vec::new();
        let next = match next {
            Part::Account => {
                lines::write(&mut lines, &lines::account(&account))?;
                Some(Part::AddressChanges(Id::MIN))
            }
            Part::AddressChanges(after) => address_changes(&mut view, &account, after, &mut lines).await?,
            Part::Factors => factors(cx, &mut view, &account, &mut lines).await?,
            Part::Sessions(after) => sessions(cx, &mut view, &account, after, &mut lines).await?,
            Part::Devices => devices(cx, &mut view, &account, &mut lines).await?,
            Part::Interest => {
                for wish in interest::of_account(&mut view, id).await? {
                    lines::write(&mut lines, &Line::Interest { product: wish.product, time: wish.at })?;
                }
                Some(Part::Rollouts)
            }
            Part::Rollouts => {
                for reached in ledger::of_account(&mut view, id).await? {
                    lines::write(&mut lines, &lines::rollout(reached))?;
                }
                Some(Part::Messages(Id::MAX))
            }
            Part::Messages(before) => messages(&mut view, &account, before, &mut lines).await?,
            Part::Events(before) => events(cx, &mut view, &account, before, &mut lines).await?,
        };
        Ok(AccountExported { lines, next: next.map(|next| AccountExport { account: id, next }) })
    }
}

async fn address_changes(
    view: &mut View,
    account: &Account,
    after: EmailChangeId,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    let page = email_changes::page(view, account.id, after, PAGE_SIZE).await?;
    let last = page.last().map(|last| last.id);
    for change in page {
        lines::write(to, &lines::address_change(&change))?;
    }
    Ok(Some(last.map_or(Part::Factors, Part::AddressChanges)))
}

async fn factors(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    for factor in factors::of_account(view, account.id).await? {
        let origin = cx.shown_origin(account, &factor);
        lines::write(to, &lines::factor(factor, origin))?;
    }
    Ok(Some(Part::Sessions(Id::MIN)))
}

async fn sessions(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    after: SessionId,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    let page = sessions::page(view, account.id, after, PAGE_SIZE).await?;
    let last = page.last().map(|last| last.id);
    for session in page {
        let context = PersonalContext::SessionClient(session.id);
        let client = cx.shown_client(account, context, session.client.as_ref());
        lines::write(to, &lines::session(session, client))?;
    }
    Ok(Some(last.map_or(Part::Devices, Part::Sessions)))
}

async fn devices(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    for devices::DeviceAt { product, device } in devices::of_account(view, account.id).await? {
        let context = PersonalContext::DeviceClient(device.series);
        let client = cx.shown_client(account, context, device.client.as_ref());
        lines::write(to, &lines::device(product, device, client))?;
    }
    Ok(Some(Part::Interest))
}

async fn messages(
    view: &mut View,
    account: &Account,
    before: DeliveryId,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    let page = deliveries::page(view, before, (Some(account.id), None), PAGE_SIZE).await?;
    let last = page.last().map(|last| last.id);
    for delivery in page {
        lines::write(to, &lines::message(&delivery))?;
    }
    Ok(Some(last.map_or(Part::Events(Id::MAX), Part::Messages)))
}

async fn events(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    before: EventId,
    to: &mut Vec<u8>,
) -> Result<Option<Part>, Fault> {
    let which = Which { account: Some(account.id), ..Which::any() };
    let page = events::newest(view, (Id::MIN, before), which, PAGE_SIZE).await?;
    let last = page.last().map(|last| last.event.id);
    for told in cx.tell(view, page).await? {
        lines::write(to, &lines::event(&told))?;
    }
    Ok(last.map(Part::Events))
}
