//! Lists the realms of the installation.

use tidegate_core::{Permission, Realm};
use tidegate_store::realms;

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListRealms {
    pub page: PageRequest,
}

impl Query for ListRealms {
    const NAME: &'static str = "list_realms";
    const PERMISSION: Permission = Permission::RealmsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Realm>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Realm>, Error> {
        let after = cx.opened(&self.page, "")?;
        let found = realms::page(&mut cx.across(), &after, self.page.limit()).await?;
        Ok(cx.page(&self.page, "", found, |realm| realm.key.to_string())?)
    }
}
