//! Queues a notice.

use tidegate_core::{
    Account, Body, Channel, ClientContext, Contact, Email, Message, MessagePurpose, Notice, Product,
    Recipient, Span, Timestamp, Title,
};
use tidegate_factors::{
    enrolled_device,
    sends::{WINDOWS, Windows},
};
use tidegate_store::{Tx, email_changes, factors};

use crate::{CommandContext, Fault, accounts::UNDO_TTL};

/// A notice that could not be sent for so long is old news.
const TTL: Span = Span::days(7);
/// Of sign-ins from clients that name no device, every one of which looks new.
const ONE_A_DAY: Windows = &[(1, Span::hours(24))];

/// What the notice is about, besides its purpose.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// What the owner calls the factor.
    pub(crate) factor: Option<Title>,
    /// How many recovery codes are left.
    pub(crate) codes_left: Option<usize>,
    /// The address, masked.
    pub(crate) address: Option<String>,
    /// Until when it can be taken back.
    pub(crate) until: Option<Timestamp>,
}

impl About {
    pub(crate) fn factor(label: Option<Title>) -> Self {
        Self { factor: label, ..Self::default() }
    }

    pub(crate) fn codes_left(left: usize) -> Self {
        Self { codes_left: Some(left), ..Self::default() }
    }
}

impl CommandContext {
    /// Tells the owner what happened (INV-35): by mail to the verified address, and to one that it took the place of a short time
    /// ago; and on the enrolled devices. An account that has neither is told nothing, but sees it among the activity.
    pub(crate) async fn notify(
        &self,
        tx: &mut Tx,
        (account, product, client): (&Account, &Product, &ClientContext),
        purpose: MessagePurpose,
        about: About,
    ) -> Result<(), Fault> {
        let notice = Notice {
            at: self.now(),
            factor: about.factor,
            codes_left: about.codes_left,
            from: Some(client.shown()).filter(|from| !from.is_empty()),
            address: about.address,
            until: about.until,
            not_me: None,
        };
        let telling = Telling { account, product, client, purpose, notice };
        for mailbox in self.mailboxes(tx, account).await? {
            telling.mail(self, tx, &mailbox.email).await?;
        }
        telling.push(self, tx).await
    }

    /// Where the owner reads: the verified address, and those that can still undo that they were replaced.
    async fn mailboxes(&self, tx: &mut Tx, account: &Account) -> Result<Vec<Contact>, Fault> {
        let mut mailboxes: Vec<Contact> = account.verified().cloned().into_iter().collect();
        let since = self.now().minus(UNDO_TTL);
        let made = email_changes::made_since(tx, account.id, since).await?;
        let formers = made.into_iter().filter_map(|change| change.former);
        for former in formers.filter(|former| former.verified_at.is_some()) {
            let is_same = |one: &Contact| one.email.canonical() == former.email.canonical();
            if !mailboxes.iter().any(is_same) {
                mailboxes.push(former);
            }
        }
        Ok(mailboxes)
    }
}

/// A notice on its way to the owner's mailboxes and devices.
struct Telling<'t> {
    account: &'t Account,
    product: &'t Product,
    client: &'t ClientContext,
    purpose: MessagePurpose,
    notice: Notice,
}

impl Telling<'_> {
    async fn mail(&self, cx: &CommandContext, tx: &mut Tx, to: &Email) -> Result<(), Fault> {
        let of_sign_in = self.purpose == MessagePurpose::NewDevice;
        let windows = if of_sign_in && self.client.device.is_none() { ONE_A_DAY } else { WINDOWS };
        let bytes = to.canonical().as_str().as_bytes();
        let at = self.notice.at;
        // A notice waits until its budget has room, because it must not get lost. Of sign-ins, there may be as many as a device
        // makes: the app shows the rest.
        let may_wait = |next: Timestamp| next == at || !of_sign_in;
        let Ok(permit) = cx.take_send(tx, (bytes, self.purpose, at), windows, may_wait).await? else {
            return Ok(());
        };
        // Of an account that cannot be used, there is nothing to secure.
        let is_out = matches!(
            self.purpose,
            MessagePurpose::AccountSuspended
                | MessagePurpose::AccountLockedDown
                | MessagePurpose::AccountDeleted
                // The program did it after a restore: no person can be reported for it.
                | MessagePurpose::RecoveryCodesVoided
        );
        let not_me =
            if is_out { None } else { Some(cx.not_me_link(tx, (self.account.id, to), self.product).await?) };
        // A new address takes nothing back from itself.
        let is_new = self.purpose == MessagePurpose::AddressChanged
            && self.account.verified().is_some_and(|contact| contact.email.canonical() == to.canonical());
        let until = self.notice.until.filter(|_| !is_new);
        let body = Body::Notice(Notice { not_me, until, ..self.notice.clone() });
        let (to, expires_at) = (Recipient::Mailbox(to.destination()), permit.at().plus(TTL));
        let what = (self.purpose, body);
        let message = Message::of(self.product, self.client.language, what, to, expires_at);
        cx.send(tx, (self.account.id, Channel::Mail), &message, permit).await.map(drop)
    }

    /// Notifies the enrolled devices, as far as a push service reaches them.
    async fn push(&self, cx: &CommandContext, tx: &mut Tx) -> Result<(), Fault> {
        for factor in factors::of_account(tx, self.account.id).await? {
            if !enrolled_device::is_enrolled_by(factor.method) {
                continue;
            }
            let material = cx.query().factor_material(self.account.id, factor.id, factor.material.as_ref());
            let Some(to) = material.and_then(|material| enrolled_device::address(&material)) else {
                continue;
            };
            let (bytes, at) = (factor.id.as_bytes(), self.notice.at);
            let taken = cx.take_send(tx, (bytes, self.purpose, at), WINDOWS, |next| next == at).await?;
            let Ok(permit) = taken else { continue };
            let what = (self.purpose, Body::Notice(self.notice.clone()));
            let (to, expires_at) = (Recipient::Device(to), at.plus(TTL));
            let message = Message::of(self.product, self.client.language, what, to, expires_at);
            cx.send(tx, (self.account.id, Channel::Push), &message, permit).await?;
        }
        Ok(())
    }
}
