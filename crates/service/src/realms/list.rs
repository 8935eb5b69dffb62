//! Lists the realms of the installation.

use tidegate_core::{Permission, Realm};
use tidegate_store::realms;

use crate::{Desk, Error, Page, PageRequest, Query};

#[derive(Debug)]
pub struct ListRealms {
    pub page: PageRequest,
}

impl Query for ListRealms {
    const NAME: &'static str = "list_realms";
    const PERMISSION: Permission = Permission::RealmsRead;
    type Outcome = Page<Realm>;

    async fn run(self, desk: &Desk) -> Result<Page<Realm>, Error> {
        let after = desk.opened(&self.page, "")?;
        let found = realms::page(&mut desk.across(), &after, self.page.limit()).await?;
        Ok(desk.page(&self.page, "", found, |realm| realm.key.to_string())?)
    }
}
