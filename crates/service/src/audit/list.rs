//! Lists events, newest first, with their personal fields opened. Events that are not sealed yet are listed too.

use tidegate_core::{EventId, Id, Permission, Span, Timestamp};
use tidegate_store::events;
use uuid::Uuid;

use super::{EventFilter, ReadableEvent, filter};
use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListEvents {
    pub filter: EventFilter,
    pub page: PageRequest,
}

/// An id is made a moment before its event's time is read. So a search by time begins this much earlier.
const CLOCK_MARGIN: Span = Span::minutes(1);

impl Query for ListEvents {
    const NAME: &'static str = "list_events";
    const PERMISSION: Permission = Permission::AuditRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<ReadableEvent>;

    async fn run(self, cx: &QueryContext) -> Result<Page<ReadableEvent>, Error> {
        let mut view = cx.view();
        let which = self.filter.which(cx, &mut view).await?;
        let filter = filter::text(&which);
        let before = match cx.opened(&self.page, &filter)?.parse() {
            Ok(before) => before,
            Err(_) => self.filter.until.map_or(Id::MAX, |until| first_id(until.plus(CLOCK_MARGIN))),
        };
        let least = self.filter.from.map_or(Id::MIN, |from| first_id(from.minus(CLOCK_MARGIN)));
        let found = events::newest(&mut view, (least, before), which, self.page.limit()).await?;
        let page = cx.page(&self.page, &filter, found, |logged| logged.event.id.to_string())?;
        Ok(Page { items: cx.tell(&mut view, page.items).await?, next: page.next })
    }
}

/// The lowest id that can be made at this time.
fn first_id(at: Timestamp) -> EventId {
    let millis = u128::try_from(at.unix_micros().div_euclid(1_000)).unwrap_or(0);
    Id::from_uuid(Uuid::from_u128(millis.min((1 << 48) - 1) << 80))
}
