use tidegate_core::{Anchor, BreakKind, Cut, Sequence, Timestamp};
use tidegate_proto as proto;
use tidegate_service::{
    Page, PageToken,
    audit::{Break, Chunk, ReadableEvent, ResumeToken, Verified},
};

use crate::render::{page_token, timestamp};

pub(super) fn listed(page: Page<ReadableEvent>) -> proto::ListEventsResponse {
    let events = page.items.into_iter().map(event).collect();
    proto::ListEventsResponse { events, next_page_token: page_token(page.next) }
}

pub(super) fn tailed(told: ReadableEvent, token: ResumeToken) -> proto::TailEventsResponse {
    let (event, resume_token) = (Some(event(told)), resume_token(token));
    proto::TailEventsResponse { event, heartbeat_time: None, resume_token }
}

pub(super) fn heartbeat(now: Timestamp, token: ResumeToken) -> proto::TailEventsResponse {
    let (heartbeat_time, resume_token) = (Some(timestamp(now)), resume_token(token));
    proto::TailEventsResponse { event: None, heartbeat_time, resume_token }
}

pub(super) fn chunk(chunk: Chunk, end: Option<Anchor>) -> proto::ExportEventsResponse {
    let resume_token = resume_token(chunk.resume);
    proto::ExportEventsResponse { lines: chunk.lines, resume_token, head: end.map(point) }
}

pub(super) fn verified(verified: Verified) -> proto::VerifyChainResponse {
    proto::VerifyChainResponse {
        valid: verified.broken.is_none(),
        verified_count: u64::try_from(verified.count).unwrap_or(0),
        head: Some(point(verified.head)),
        cut: verified.cut.map(cut),
        first_break: verified.broken.map(broken),
        next_sequence: verified.next.map_or(0, sequence),
        anchor_checked: verified.anchor_checked,
    }
}

fn event(told: ReadableEvent) -> proto::Event {
    let event = told.logged.event;
    let (kind, data) = event.fact.told();
    proto::Event {
        id: event.id.to_string(),
        event_time: Some(timestamp(event.at)),
        actor: event.actor.to_string(),
        product: event.product.map(String::from).unwrap_or_default(),
        account_id: event.account.map(|id| id.to_string()).unwrap_or_default(),
        kind,
        data,
        email: told.personal.email.unwrap_or_default(),
        ip: told.personal.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: told.personal.user_agent.unwrap_or_default(),
        sequence: told.logged.sequence.map_or(0, sequence),
    }
}

fn resume_token(token: ResumeToken) -> String {
    page_token(Some(PageToken(token.0)))
}

fn sequence(sequence: Sequence) -> u64 {
    u64::try_from(sequence.0).unwrap_or(0)
}

fn point(anchor: Anchor) -> proto::ChainPoint {
    proto::ChainPoint { sequence: sequence(anchor.sequence), digest: anchor.digest.to_string() }
}

fn cut(cut: Cut) -> proto::ChainCut {
    proto::ChainCut {
        sequence: sequence(cut.last),
        digest: cut.digest.to_string(),
        cut_time: Some(timestamp(cut.cut_at)),
    }
}

fn broken(broken: Break) -> proto::ChainBreak {
    let kind = match broken.kind {
        BreakKind::EventMissing => proto::BreakKind::EventMissing,
        BreakKind::EventInserted => proto::BreakKind::EventInserted,
        BreakKind::EventChanged => proto::BreakKind::EventChanged,
        BreakKind::LinkBroken => proto::BreakKind::LinkBroken,
        BreakKind::SealWrong => proto::BreakKind::SealWrong,
        BreakKind::HeadMissing => proto::BreakKind::HeadMissing,
    };
    proto::ChainBreak {
        kind: kind.into(),
        first_sequence: sequence(broken.first),
        last_sequence: sequence(broken.last),
    }
}
