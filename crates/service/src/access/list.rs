//! Lists the realm's credentials.

use tidegate_core::{Credential, CredentialId, Id, Permission};
use tidegate_store::credentials;

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListCredentials {
    pub page: PageRequest,
}

impl Query for ListCredentials {
    const NAME: &'static str = "list_credentials";
    const PERMISSION: Permission = Permission::AccessRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Credential>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Credential>, Error> {
        let after: CredentialId = cx.opened(&self.page, "")?.parse().unwrap_or(Id::MIN);
        let found = credentials::page(&mut cx.view(), after, self.page.limit()).await?;
        let found = found.into_iter().map(|kept| kept.credential).collect();
        Ok(cx.page(&self.page, "", found, |credential: &Credential| credential.id.to_string())?)
    }
}
