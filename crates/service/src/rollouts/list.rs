//! Lists the realm's rollouts.

use tidegate_core::{Permission, Rollout};
use tidegate_store::rollouts;

use crate::{Error, Page, PageRequest, Query, QueryContext};

#[derive(Debug)]
pub struct ListRollouts {
    pub page: PageRequest,
}

impl Query for ListRollouts {
    const NAME: &'static str = "list_rollouts";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Page<Rollout>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Rollout>, Error> {
        let after = cx.opened(&self.page, "")?;
        let found = rollouts::page(&mut cx.view(), &after, self.page.limit()).await?;
        Ok(cx.page(&self.page, "", found, |rollout| rollout.key.to_string())?)
    }
}
