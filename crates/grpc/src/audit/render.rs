use tidegate_proto as proto;
use tidegate_service::{Page, audit::Told};

use crate::render::{page_token, timestamp};

pub(super) fn listed(page: Page<Told>) -> proto::ListEventsResponse {
    let events = page.items.into_iter().map(event).collect();
    proto::ListEventsResponse { events, next_page_token: page_token(page.next) }
}

fn event(told: Told) -> proto::Event {
    let (kind, data) = told.event.fact.told();
    proto::Event {
        id: told.event.id.to_string(),
        event_time: Some(timestamp(told.event.at)),
        actor: told.event.actor.to_string(),
        product: told.event.product.map(String::from).unwrap_or_default(),
        account_id: told.event.account.map(|id| id.to_string()).unwrap_or_default(),
        kind,
        data,
        email: told.personal.email.unwrap_or_default(),
        ip: told.personal.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: told.personal.user_agent.unwrap_or_default(),
    }
}
