//! Lists the realm's rollouts.

use tidegate_core::{Permission, Rollout};
use tidegate_store::rollouts;

use crate::{Desk, Error, Page, PageRequest, Query};

#[derive(Debug)]
pub struct ListRollouts {
    pub page: PageRequest,
}

impl Query for ListRollouts {
    const NAME: &'static str = "list_rollouts";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Page<Rollout>;

    async fn run(self, desk: &Desk) -> Result<Page<Rollout>, Error> {
        let after = desk.opened(&self.page, "")?;
        let found = rollouts::page(&mut desk.view(), &after, self.page.limit()).await?;
        Ok(desk.page(&self.page, "", found, |rollout| rollout.key.to_string())?)
    }
}
