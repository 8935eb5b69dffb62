use tidegate_proto as proto;
use tidegate_service::pushes::{DeviceProof, ListPushes, RespondPush};

use crate::{answer, enrollments::push_address, form::Form};

pub(super) fn list(message: proto::ListPushesRequest, form: &mut Form) -> Option<ListPushes> {
    let device = device(message.device, form);
    let address = push_address(message.push_address, form);
    Some(ListPushes { method: "ListPushes", device: device?, address: address? })
}

pub(super) fn watch(message: proto::WatchPushesRequest, form: &mut Form) -> Option<ListPushes> {
    let device = device(message.device, form);
    let address = push_address(message.push_address, form);
    Some(ListPushes { method: "WatchPushes", device: device?, address: address? })
}

fn device(wire: Option<proto::DeviceProof>, form: &mut Form) -> Option<DeviceProof> {
    let Some(wire) = wire else { return form.note("device", "must be set") };
    form.within("device", |form| {
        let factor = form.text("factor_id", &wire.factor_id);
        let signed_at = match form.time("sign_time", wire.sign_time) {
            Some(None) => form.note("sign_time", "must be set"),
            signed_at => signed_at.flatten(),
        };
        let signature = answer::signature(wire.signature, form);
        Some(DeviceProof { factor: factor?, signed_at: signed_at?, signature: signature? })
    })
}

pub(super) fn respond(message: proto::RespondPushRequest, form: &mut Form) -> Option<RespondPush> {
    let challenge = form.text("challenge_id", &message.challenge_id);
    let decision = match message.decision {
        None => form.note("decision", "must be set"),
        Some(decision) => form.within("decision", |form| answer::decision(decision, form)),
    };
    Some(RespondPush { challenge: challenge?, decision: decision? })
}
