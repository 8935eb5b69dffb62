use tidegate_core::Revision;
use tidegate_proto as proto;
use tidegate_service::evaluations::{BatchEvaluate, Evaluate, EvaluateProspect, Explain, Item};

use crate::form::Form;

/// How many pairs a batch has.
pub(super) const ITEMS: std::ops::RangeInclusive<usize> = 1..=256;

pub(super) fn evaluate(message: proto::EvaluateRequest, form: &mut Form) -> Option<Evaluate> {
    let product = form.owned("product", message.product);
    let account = form.owned_account("account", message.account);
    Some(Evaluate { product: product?, account: account? })
}

pub(super) fn batch(message: proto::BatchEvaluateRequest, form: &mut Form) -> Option<BatchEvaluate> {
    if !ITEMS.contains(&message.items.len()) {
        return form.note("items", format!("must be 1 to {}", ITEMS.end()));
    }
    let mut items = Vec::with_capacity(message.items.len());
    for (place, item) in message.items.into_iter().enumerate() {
        items.push(form.within_item("items", place, |form| {
            let product = form.owned("product", item.product);
            let account = form.owned_account("account", item.account);
            Some(Item { product: product?, account: account? })
        }));
    }
    let items: Option<Vec<_>> = items.into_iter().collect();
    Some(BatchEvaluate { items: items? })
}

pub(super) fn prospect(message: proto::EvaluateProspectRequest, form: &mut Form) -> Option<EvaluateProspect> {
    let product = form.owned("product", message.product);
    let customer = form.optional("customer", &message.customer);
    let country = form.optional("country", &message.country);
    Some(EvaluateProspect { product: product?, customer: customer?, country: country? })
}

pub(super) fn explain(message: proto::ExplainRequest, form: &mut Form) -> Option<Explain> {
    let product = form.text("product", &message.product);
    let account = form.account("account", &message.account);
    let at = form.time("at_time", message.at_time);
    let under = match (message.rollout.as_str(), message.revision) {
        ("", 0) => Some(None),
        ("", _) => form.note("rollout", "must be given with revision"),
        (_, ..=0) => form.note("revision", "must be given with rollout, from 1"),
        (key, number) => form.text("rollout", key).map(|key| Some((key, Revision(number)))),
    };
    Some(Explain { product: product?, account: account?, at: at?, under: under? })
}
