//! Lists the realm's rollouts.

use tidegate_core::{Permission, Rollout};
use tidegate_store::rollouts;

use super::size::{PageOfDocuments, READ};
use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListRollouts {
    pub page: PageRequest,
    pub archived: Archived,
}

/// Whether archived rollouts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    Listed,
    LeftOut,
}

impl Query for ListRollouts {
    const NAME: &'static str = "list_rollouts";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Rollout>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Rollout>, Error> {
        let filter = match self.archived {
            Archived::Listed => "archived",
            Archived::LeftOut => "",
        };
        let mut after = cx.opened(&self.page, filter)?;
        let (mut view, mut page) = (cx.view(), PageOfDocuments::of(self.page.size));
        // Whether a rollout is archived stands in its document, which no statement looks into.
        let next = 'full: loop {
            let read = rollouts::page(&mut view, &after, READ).await?;
            let Some(last) = read.last() else { break None };
            let end = last.key.to_string();
            for rollout in read {
                if self.archived == Archived::LeftOut && rollout.archived_at.is_some() {
                    continue;
                }
                let key = rollout.key.to_string();
                if !page.take(rollout, |rollout| rollout)? {
                    break 'full Some(cx.page_token(filter, after)?);
                }
                after = key;
            }
            after = end;
        };
        Ok(Page { items: page.items, next })
    }
}
