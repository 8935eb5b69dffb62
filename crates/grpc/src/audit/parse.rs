use tidegate_core::{Actor, Anchor, Sequence};
use tidegate_proto::{self as proto, tail_events_request::Start as Begin};
use tidegate_service::audit::{
    BeginExport, BeginTail, EventFilter, ListEvents, MAX_KINDS, ResumeToken, Start, VerifyChain,
};

use crate::form::Form;

/// Longer than the name of any kind.
const MAX_KIND_BYTES: usize = 64;

pub(super) fn list(message: proto::ListEventsRequest, form: &mut Form) -> Option<ListEvents> {
    let filter = filter(message.filter, form);
    let page = form.page(message.page_size, &message.page_token);
    Some(ListEvents { filter: filter?, page: page? })
}

pub(super) fn tail(message: proto::TailEventsRequest, form: &mut Form) -> Option<BeginTail> {
    let filter = filter(message.filter, form);
    let start = match message.start {
        Some(Begin::FromBeginning(true)) => Some(Start::Beginning),
        Some(Begin::FromNow(true)) => Some(Start::Now),
        Some(Begin::FromBeginning(false)) => form.note("from_beginning", "must be true, or not be given"),
        Some(Begin::FromNow(false)) => form.note("from_now", "must be true, or not be given"),
        Some(Begin::ResumeToken(token)) => resume(&token, form).map(Start::After),
        None => form.note("start", "must be from_beginning, from_now or resume_token"),
    };
    Some(BeginTail { filter: filter?, start: start? })
}

pub(super) fn export(message: proto::ExportEventsRequest, form: &mut Form) -> Option<BeginExport> {
    let filter = filter(message.filter, form);
    let from = sequence("from_sequence", message.from_sequence, form);
    let to = sequence("to_sequence", message.to_sequence, form);
    let after = match message.resume_token.as_str() {
        "" => Some(None),
        token => resume(token, form).map(Some),
    };
    if message.from_sequence > 0 && !message.resume_token.is_empty() {
        form.note::<()>("from_sequence", "must not be given with a resume_token");
    }
    Some(BeginExport { filter: filter?, from: from?, to: to?, after: after? })
}

pub(super) fn verify(message: proto::VerifyChainRequest, form: &mut Form) -> Option<VerifyChain> {
    let from = sequence("from_sequence", message.from_sequence, form);
    let to = sequence("to_sequence", message.to_sequence, form);
    let anchor = match message.anchor {
        None => Some(None),
        Some(anchor) => form.within("anchor", |form| {
            let sequence = sequence("sequence", anchor.sequence, form);
            let digest = form.text("digest", &anchor.digest);
            Some(Some(Anchor { sequence: sequence?.unwrap_or(Sequence::START), digest: digest? }))
        }),
    };
    Some(VerifyChain { from: from?, to: to?, anchor: anchor? })
}

fn filter(filter: Option<proto::EventFilter>, form: &mut Form) -> Option<EventFilter> {
    let filter = filter.unwrap_or_default();
    form.within("filter", |form| {
        let account = match filter.account.as_str() {
            "" => Some(None),
            account => form.account("account", account).map(Some),
        };
        let product = form.optional("product", &filter.product);
        let kinds = kinds(filter.kinds, form);
        let actor = form.optional::<Actor>("actor", &filter.actor);
        let times = form.times(("from_time", filter.from_time), ("to_time", filter.to_time));
        let (from, until) = times?;
        Some(EventFilter { account: account?, product: product?, actor: actor?, kinds: kinds?, from, until })
    })
}

/// Accepts kinds that this version does not know: a newer version may have written them.
fn kinds(kinds: Vec<String>, form: &mut Form) -> Option<Vec<String>> {
    if kinds.len() > MAX_KINDS {
        return form.note("kinds", format!("must be at most {MAX_KINDS}"));
    }
    let sound = |kind: &String| {
        (1..=MAX_KIND_BYTES).contains(&kind.len())
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    if let Some(place) = kinds.iter().position(|kind| !sound(kind)) {
        return form
            .note(&format!("kinds[{place}]"), format!("must be 1 to {MAX_KIND_BYTES} bytes of a-z and _"));
    }
    Some(kinds)
}

/// Zero means none.
fn sequence(field: &str, number: u64, form: &mut Form) -> Option<Option<Sequence>> {
    match i64::try_from(number) {
        Ok(0) => Some(None),
        Ok(number) => Some(Some(Sequence(number))),
        Err(_) => form.note(field, "must be at most 9223372036854775807"),
    }
}

fn resume(token: &str, form: &mut Form) -> Option<ResumeToken> {
    match crate::render::read_page_token(token).filter(|bytes| !bytes.is_empty()) {
        Some(bytes) => Some(ResumeToken(bytes)),
        None => form.note("resume_token", "must be one as it was returned"),
    }
}
