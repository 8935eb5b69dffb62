use tidegate_core::DeliveryState;
use tidegate_proto as proto;
use tidegate_service::deliveries::ListDeliveries;

use crate::form::Form;

pub(super) fn list(message: proto::ListDeliveriesRequest, form: &mut Form) -> Option<ListDeliveries> {
    let account = if message.account.is_empty() {
        Some(None)
    } else {
        form.account("account", &message.account).map(Some)
    };
    let state =
        if message.state == 0 { Some(None) } else { form.word("state", message.state, state).map(Some) };
    let page = form.page(message.page_size, &message.page_token);
    Some(ListDeliveries { account: account?, state: state?, page: page? })
}

fn state(wire: proto::DeliveryState) -> Option<DeliveryState> {
    match wire {
        proto::DeliveryState::Unspecified => None,
        proto::DeliveryState::Queued => Some(DeliveryState::Queued),
        proto::DeliveryState::Sent => Some(DeliveryState::Sent),
        proto::DeliveryState::Delivered => Some(DeliveryState::Delivered),
        proto::DeliveryState::Failed => Some(DeliveryState::Failed),
    }
}
