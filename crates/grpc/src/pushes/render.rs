use tidegate_core::Answered;
use tidegate_proto as proto;
use tidegate_service::pushes::{Push, PushesListed};

use crate::render::{answered, method, purpose, shown, timestamp};

pub(super) fn listed(listed: PushesListed) -> proto::ListPushesResponse {
    proto::ListPushesResponse { pushes: listed.pushes.into_iter().map(push).collect() }
}

pub(super) fn watched(pushes: Vec<Push>) -> proto::WatchPushesResponse {
    proto::WatchPushesResponse { pushes: pushes.into_iter().map(push).collect() }
}

pub(super) fn responded(outcome: Answered) -> proto::RespondPushResponse {
    let (outcome, _, _) = answered(outcome);
    proto::RespondPushResponse { outcome: outcome.into() }
}

fn push(push: Push) -> proto::Push {
    let told = push.shown;
    proto::Push {
        challenge_id: told.challenge.to_string(),
        method: method(push.method).into(),
        purpose: purpose(told.purpose).into(),
        account_id: told.account.to_string(),
        product: told.product.to_string(),
        product_title: push.product_title,
        context: told.context,
        create_time: Some(timestamp(push.created_at)),
        expire_time: Some(timestamp(told.expires_at)),
        nonce: push.nonce.unwrap_or_default(),
        code: push.code.map(|code| shown(code).0).unwrap_or_default(),
    }
}
