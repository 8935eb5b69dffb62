use tidegate_proto as proto;
use tidegate_service::audit::ListEvents;

use crate::form::Form;

pub(super) fn list(message: proto::ListEventsRequest, form: &mut Form) -> Option<ListEvents> {
    let filter = message.filter.unwrap_or_default();
    let account = form.within("filter", |form| match filter.account.as_str() {
        "" => Some(None),
        account => form.account("account", account).map(Some),
    });
    let page = form.page(message.page_size, &message.page_token);
    Some(ListEvents { account: account?, page: page? })
}
