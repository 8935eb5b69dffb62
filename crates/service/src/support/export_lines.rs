//! The lines of an export: one JSON object each, whose only field says what the line is about. No secret is among them, not
//! sealed either.

use serde::Serialize;
use serde_json::Value;
use tidegate_core::{
    Account, AccountId, AccountState, Channel, Contact, Country, CustomerKey, Delivery, DeliveryProblem,
    DeliveryState, DeviceId, EmailChange, EmailChangeState, EventId, ExternalId, Factor, FactorId,
    KnownDevice, Labels, MessagePurpose, Method, Personal, ProductKey, RolloutKey, Session, SessionEnd,
    SessionId, Timestamp, Title,
};
use tidegate_store::ledger::Reached;

use crate::{Fault, audit::ReadableEvent, factors::ShownOrigin};

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'l> {
    Account {
        id: AccountId,
        external_id: Option<ExternalId>,
        address: Option<Address<'l>>,
        country: Option<Country>,
        customer: Option<CustomerKey>,
        labels: &'l Labels,
        state: AccountState,
        two_step_since: Option<Timestamp>,
        created: Timestamp,
        deleted: Option<Timestamp>,
    },
    AddressChange {
        to: &'l str,
        from: Option<Address<'l>>,
        state: EmailChangeState,
        asked: Timestamp,
        ended: Option<Timestamp>,
    },
    Factor {
        id: FactorId,
        method: Method,
        label: Option<Title>,
        /// Where its codes go, masked.
        destination: Option<String>,
        added: Timestamp,
        added_at: Option<ProductKey>,
        added_from: String,
        last_used: Option<Timestamp>,
    },
    Session {
        id: SessionId,
        product: ProductKey,
        device: Option<DeviceId>,
        from: String,
        methods: Vec<Method>,
        began: Timestamp,
        last_used: Timestamp,
        expires: Timestamp,
        end: Option<SessionEnd>,
    },
    Device {
        product: ProductKey,
        device: DeviceId,
        from: String,
        known_since: Timestamp,
        last_sign_in: Timestamp,
        trusted_until: Option<Timestamp>,
    },
    /// The owner asked for two-step at the product.
    Interest { product: ProductKey, time: Timestamp },
    Rollout {
        rollout: RolloutKey,
        product: ProductKey,
        first_shown: Option<Timestamp>,
        active_since: Option<Timestamp>,
    },
    Message {
        channel: Channel,
        purpose: MessagePurpose,
        state: DeliveryState,
        problem: Option<DeliveryProblem>,
        made: Timestamp,
        ended: Option<Timestamp>,
    },
    Event {
        id: EventId,
        time: Timestamp,
        actor: String,
        product: Option<ProductKey>,
        kind: String,
        data: Option<Value>,
        #[serde(flatten)]
        personal: &'l Personal,
    },
}

#[derive(Serialize)]
pub(super) struct Address<'l> {
    email: &'l str,
    since: Timestamp,
    verified: Option<Timestamp>,
}

impl<'l> From<&'l Contact> for Address<'l> {
    fn from(contact: &'l Contact) -> Self {
        Self { email: contact.email.as_typed(), since: contact.since, verified: contact.verified_at }
    }
}

pub(super) fn write(lines: &mut Vec<u8>, line: &Line<'_>) -> Result<(), Fault> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}

pub(super) fn account(account: &Account) -> Line<'_> {
    Line::Account {
        id: account.id,
        external_id: account.external_id.clone(),
        address: account.contact.as_ref().map(Address::from),
        country: account.country.clone(),
        customer: account.customer.clone(),
        labels: &account.labels,
        state: account.state,
        two_step_since: account.two_step_since,
        created: account.created_at,
        deleted: account.deleted_at,
    }
}

pub(super) fn address_change(change: &EmailChange) -> Line<'_> {
    Line::AddressChange {
        to: change.email.as_typed(),
        from: change.former.as_ref().map(Address::from),
        state: change.state,
        asked: change.created_at,
        ended: change.ended_at,
    }
}

pub(super) fn factor(factor: Factor, origin: Option<ShownOrigin>) -> Line<'static> {
    let (added_at, added_from) = match origin {
        Some(ShownOrigin { product, client }) => (Some(product), client),
        None => (None, String::new()),
    };
    Line::Factor {
        id: factor.id,
        method: factor.method,
        label: factor.label,
        destination: factor.hint,
        added: factor.created_at,
        added_at,
        added_from,
        last_used: factor.last_used_at,
    }
}

pub(super) fn session(session: Session, from: String) -> Line<'static> {
    Line::Session {
        id: session.id,
        product: session.product,
        device: session.device,
        from,
        methods: session.proofs.iter().map(|proof| proof.method).collect(),
        began: session.created_at,
        last_used: session.last_used_at,
        expires: session.expires_at,
        end: session.end,
    }
}

pub(super) fn device(product: ProductKey, known: KnownDevice, from: String) -> Line<'static> {
    Line::Device {
        product,
        device: known.device,
        from,
        known_since: known.created_at,
        last_sign_in: known.rotated_at,
        trusted_until: known.trusted_until,
    }
}

pub(super) fn rollout(reached: Reached) -> Line<'static> {
    let Reached { rollout, product, first_shown_at, active_since } = reached;
    Line::Rollout { rollout, product, first_shown: first_shown_at, active_since }
}

pub(super) fn message(delivery: &Delivery) -> Line<'static> {
    Line::Message {
        channel: delivery.channel,
        purpose: delivery.purpose,
        state: delivery.state,
        problem: delivery.problem,
        made: delivery.created_at,
        ended: delivery.ended_at,
    }
}

pub(super) fn event(told: &ReadableEvent) -> Line<'_> {
    let event = &told.logged.event;
    let (kind, data) = event.fact.told();
    Line::Event {
        id: event.id,
        time: event.at,
        actor: event.actor.to_string(),
        product: event.product.clone(),
        kind,
        data: serde_json::from_str(&data).ok(),
        personal: &told.personal,
    }
}
