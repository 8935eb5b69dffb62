//! What happened to an account, as its owner sees it: attempts to sign in, changes, and every message that was sent. What support
//! sees of it is recorded.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Channel, EventId, Fact, Id, MessagePurpose, Method, Permission, ProductKey, RecordedFact, SessionId,
    SignInId, Subject, Timestamp, Word as _,
};
use tidegate_store::events::{self, Which};

use crate::{Command, CommandContext, Error, PageRequest, PageToken};

#[derive(Debug)]
pub struct ListActivity {
    pub subject: Subject,
    pub page: PageRequest,
}

/// Newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Activities {
    pub items: Vec<Activity>,
    /// For the next page.
    pub next: Option<Vec<u8>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Activity {
    pub id: EventId,
    pub at: Timestamp,
    /// The word of the event's kind.
    pub kind: String,
    pub product: Option<ProductKey>,
    /// From where, as far as it is known; may be empty.
    pub client: String,
    pub method: Option<Method>,
    pub session: Option<SessionId>,
    pub sign_in: Option<SignInId>,
    pub message: Option<(Channel, MessagePurpose)>,
    /// Why, or what came of it: a word.
    pub detail: String,
}

/// The kinds of events that an owner is shown.
const KINDS: &[&str] = &[
    "access_pass_issued",
    "account_created",
    "account_deleted",
    "account_exempted",
    "account_exported",
    "account_locked_down",
    "account_reactivated",
    "account_suspended",
    "account_undeleted",
    "challenge_answered",
    "changes_unlocked",
    "check_up_passed",
    "deadline_extended",
    "delivered",
    "delivery_failed",
    "delivery_reported",
    "device_forgotten",
    "device_trust_ended",
    "device_trusted",
    "email_change_requested",
    "email_change_undone",
    "email_changed",
    "email_lost",
    "email_verified",
    "enrollment_postponed",
    "enrollment_reminded",
    "enrollment_skipped",
    "exemption_ended",
    "factor_activated",
    "factor_copied",
    "factor_paused",
    "factor_removed",
    "factor_renamed",
    "factors_reset",
    "new_password_demanded",
    "not_me_reported",
    "password_change_denied",
    "password_changed",
    "password_reset",
    "password_reset_requested",
    "password_set",
    "phone_changed",
    "push_denied",
    "seen_on_behalf",
    "session_ended",
    "sign_in_begun",
    "sign_in_cancelled",
    "sign_in_completed",
    "sign_in_denied",
    "two_step_switched_off",
    "two_step_switched_on",
];

impl Command for ListActivity {
    const NAME: &'static str = "list_activity";
    const PERMISSION: Permission = Permission::SessionsRead;
    type Outcome = Activities;

    async fn run(self, cx: &CommandContext) -> Result<Activities, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.not_signing_in()?;
        let account = acting.account.id;
        let filter = account.to_string();
        let before = cx.query().opened(&self.page, &filter)?.parse().unwrap_or(Id::MAX);
        let kinds = KINDS.iter().map(ToString::to_string).collect();
        let which = Which { account: Some(account), kinds, ..Which::any() };
        let mut view = cx.view();
        let found = events::newest(&mut view, (Id::MIN, before), which, self.page.limit()).await?;
        let page = cx.query().page(&self.page, &filter, found, |logged| logged.event.id.to_string())?;
        let told = cx.query().tell(&mut view, page.items).await?;
        let items = told.into_iter().map(|told| {
            let event = told.logged.event;
            let (kind, _) = event.fact.told();
            let shown = Shown::of(&event.fact);
            let client = told.personal.client().shown();
            let (id, at, product) = (event.id, event.at, event.product);
            let Shown { method, session, sign_in, message, detail } = shown;
            Activity { id, at, kind, product, client, method, session, sign_in, message, detail }
        });
        let listed = Activities { items: items.collect(), next: page.next.map(|PageToken(token)| token) };
        cx.idempotent(async |tx| {
            cx.record_seen(tx, &acting).await?;
            Ok(listed)
        })
        .await
    }
}

/// The fields of a fact that mean something to an owner.
#[derive(Default)]
struct Shown {
    method: Option<Method>,
    session: Option<SessionId>,
    sign_in: Option<SignInId>,
    message: Option<(Channel, MessagePurpose)>,
    detail: String,
}

impl Shown {
    fn of(fact: &RecordedFact) -> Self {
        let RecordedFact::Known(fact) = fact else { return Self::default() };
        let none = Self::default();
        match fact {
            Fact::SignInBegun { sign_in, .. } | Fact::SignInCancelled { sign_in } => {
                Self { sign_in: Some(*sign_in), ..none }
            }
            Fact::SignInCompleted { sign_in, session, proofs, .. } => Self {
                sign_in: Some(*sign_in),
                session: Some(*session),
                method: proofs.last().map(|proof| proof.method),
                ..none
            },
            Fact::SignInDenied { why, .. } | Fact::PasswordChangeDenied { why, .. } => {
                Self { detail: word(why), ..none }
            }
            Fact::ChallengeAnswered { outcome, .. } => Self { detail: word(outcome), ..none },
            Fact::FactorActivated { method, .. }
            | Fact::FactorRemoved { method, .. }
            | Fact::FactorCopied { method, .. } => Self { method: Some(*method), ..none },
            Fact::SessionEnded { session, why } => {
                Self { session: Some(*session), detail: why.as_str().to_owned(), ..none }
            }
            Fact::Delivered { channel, purpose, .. } => Self { message: Some((*channel, *purpose)), ..none },
            Fact::DeliveryFailed { channel, purpose, why, .. } => {
                Self { message: Some((*channel, *purpose)), detail: why.as_str().to_owned(), ..none }
            }
            Fact::DeliveryReported { channel, purpose, delivered, .. } => {
                let detail = if *delivered { "delivered" } else { "not_delivered" };
                Self { message: Some((*channel, *purpose)), detail: detail.to_owned(), ..none }
            }
            Fact::AccountSuspended { reason }
            | Fact::AccountReactivated { reason }
            | Fact::AccountLockedDown { reason }
            | Fact::AccountDeleted { reason }
            | Fact::AccountUndeleted { reason }
            | Fact::AccountExported { reason }
            | Fact::FactorsReset { reason, .. }
            | Fact::AccessPassIssued { reason, .. }
            | Fact::AccountExempted { reason, .. }
            | Fact::ExemptionEnded { reason, .. }
            | Fact::DeadlineExtended { reason, .. }
            | Fact::SeenOnBehalf { reason } => Self { detail: reason.to_string(), ..none },
            _ => none,
        }
    }
}

/// The word of a value: the variant's name, as events spell it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
