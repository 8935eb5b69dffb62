//! Lists the realm's rollouts.

use tidegate_core::{Permission, Rollout};
use tidegate_store::rollouts;

use crate::{Error, Page, PageRequest, Query, QueryContext};

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
    type Outcome = Page<Rollout>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Rollout>, Error> {
        let filter = match self.archived {
            Archived::Listed => "archived",
            Archived::LeftOut => "",
        };
        let mut after = cx.opened(&self.page, filter)?;
        let (mut view, limit) = (cx.view(), self.page.limit());
        let mut found = Vec::new();
        // Whether a rollout is archived stands in its document, which no statement looks into.
        loop {
            let read = rollouts::page(&mut view, &after, limit).await?;
            let ended = i64::try_from(read.len()).is_ok_and(|read| read < limit);
            if let Some(last) = read.last() {
                after = last.key.to_string();
            }
            found.extend(
                read.into_iter()
                    .filter(|rollout| self.archived == Archived::Listed || rollout.archived_at.is_none()),
            );
            if ended || i64::try_from(found.len()).is_ok_and(|found| found >= limit) {
                break;
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(cx.page(&self.page, filter, found, |rollout| rollout.key.to_string())?)
    }
}
