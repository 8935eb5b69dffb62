//! Exemptions and extensions on the wire, both ways.

use tidegate_proto as proto;
use tidegate_service::{
    Page,
    support::{Eased, EndExemption, Exempt, ExemptedAccount, ExtendDeadline, LadderCase, ListExemptions},
};

use crate::{
    form::Form,
    render::{decision, ladder, page_token, timestamp},
};

/// The days of one extension.
const DAYS: std::ops::RangeInclusive<u32> = 1..=30;

fn case(
    form: &mut Form,
    (account, rollout, product, reason): (&str, &str, &str, &str),
) -> Option<LadderCase> {
    let case = form.case(account, product, reason);
    let rollout = form.text("rollout", rollout);
    Some(LadderCase { case: case?, rollout: rollout? })
}

pub(super) fn exempt(message: proto::ExemptRequest, form: &mut Form) -> Option<Exempt> {
    let of = case(form, (&message.account, &message.rollout, &message.product, &message.reason));
    let until = match form.time("until_time", message.until_time) {
        Some(None) => form.note("until_time", "must be given"),
        read => read.flatten(),
    };
    Some(Exempt { of: of?, until: until? })
}

pub(super) fn end(message: proto::EndExemptionRequest, form: &mut Form) -> Option<EndExemption> {
    case(form, (&message.account, &message.rollout, &message.product, &message.reason)).map(EndExemption)
}

pub(super) fn list(message: proto::ListExemptionsRequest, form: &mut Form) -> Option<ListExemptions> {
    let rollout = form.text("rollout", &message.rollout);
    let page = form.page(message.page_size, &message.page_token);
    Some(ListExemptions { rollout: rollout?, page: page? })
}

pub(super) fn extend(message: proto::ExtendDeadlineRequest, form: &mut Form) -> Option<ExtendDeadline> {
    let of = case(form, (&message.account, &message.rollout, &message.product, &message.reason));
    if !DAYS.contains(&message.days) {
        return form.note("days", format!("must be {} to {}", DAYS.start(), DAYS.end()));
    }
    Some(ExtendDeadline { of: of?, days: message.days })
}

pub(super) fn exempted(eased: Eased) -> proto::ExemptResponse {
    proto::ExemptResponse { decision: Some(decision(eased.decision)), ladder: eased.ladder.map(ladder) }
}

pub(super) fn ended(eased: Eased) -> proto::EndExemptionResponse {
    proto::EndExemptionResponse { decision: Some(decision(eased.decision)), ladder: eased.ladder.map(ladder) }
}

pub(super) fn extended(eased: Eased) -> proto::ExtendDeadlineResponse {
    proto::ExtendDeadlineResponse {
        decision: Some(decision(eased.decision)),
        ladder: eased.ladder.map(ladder),
    }
}

pub(super) fn listed(page: Page<ExemptedAccount>) -> proto::ListExemptionsResponse {
    let exemption = |ExemptedAccount { exemption, external_id }| proto::Exemption {
        account_id: exemption.account.to_string(),
        external_id: external_id.map(String::from).unwrap_or_default(),
        product: exemption.product.into(),
        until_time: Some(timestamp(exemption.until)),
        reason: exemption.reason.into(),
        author: exemption.by.into(),
        since_time: Some(timestamp(exemption.since)),
    };
    let exemptions = page.items.into_iter().map(exemption).collect();
    proto::ListExemptionsResponse { exemptions, next_page_token: page_token(page.next) }
}
