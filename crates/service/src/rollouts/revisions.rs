//! Lists the revisions of a rollout, newest first.

use tidegate_core::{Permission, Refusal, Revision, RolloutKey};
use tidegate_store::rollouts::{self, Revised};

use crate::{Error, Page, PageRequest, Query, QueryContext};

#[derive(Debug)]
pub struct ListRevisions {
    pub rollout: RolloutKey,
    pub page: PageRequest,
}

impl Query for ListRevisions {
    const NAME: &'static str = "list_revisions";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Page<Revised>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Revised>, Error> {
        let mut view = cx.view();
        rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let filter = self.rollout.to_string();
        let before = cx.opened(&self.page, &filter)?.parse().unwrap_or(Revision(i64::MAX));
        let found = rollouts::revisions(&mut view, &self.rollout, before, self.page.limit()).await?;
        Ok(cx.page(&self.page, &filter, found, |revised| revised.rollout.revision.to_string())?)
    }
}
