//! Lists the revisions of a rollout, newest first.

use std::collections::BTreeMap;

use tidegate_core::{Actor, Permission, Refusal, Revision, RolloutKey};
use tidegate_store::{
    accounts, credentials,
    rollouts::{self, Revised},
};

use super::size::{PageOfDocuments, READ};
use crate::{Error, Fault, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListRevisions {
    pub rollout: RolloutKey,
    pub page: PageRequest,
}

/// The name of the person who answers for an author. `None`: it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author(pub Option<String>);

#[derive(Debug)]
pub struct AuthoredRevision {
    pub revised: Revised,
    pub author: Author,
}

impl Query for ListRevisions {
    const NAME: &'static str = "list_revisions";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<AuthoredRevision>;

    async fn run(self, cx: &QueryContext) -> Result<Page<AuthoredRevision>, Error> {
        let mut view = cx.view();
        rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let filter = self.rollout.to_string();
        let mut before = cx.opened(&self.page, &filter)?.parse().unwrap_or(Revision(i64::MAX));
        let mut page = PageOfDocuments::of(self.page.size);
        let next = 'full: loop {
            let read = rollouts::revisions(&mut view, &self.rollout, before, READ).await?;
            if read.is_empty() {
                break None;
            }
            for revised in read {
                let number = revised.rollout.revision;
                if !page.take(revised, |revised| &revised.rollout)? {
                    break 'full Some(cx.page_token(&filter, before.to_string())?);
                }
                before = number;
            }
        };
        // A page has few authors.
        let (mut names, mut items) = (BTreeMap::<String, Author>::new(), Vec::new());
        for revised in page.items {
            let id = revised.by.author.to_string();
            if !names.contains_key(&id) {
                names.insert(id.clone(), author(cx, &revised.by.author).await?);
            }
            let author = names.get(&id).cloned().unwrap_or_default();
            items.push(AuthoredRevision { revised, author });
        }
        Ok(Page { items, next })
    }
}

/// Who that is, for readers who may not list credentials. An operator's credential may belong to another realm.
pub(super) async fn author(cx: &QueryContext, actor: &Actor) -> Result<Author, Fault> {
    Ok(Author(match actor {
        Actor::Credential(id) => {
            let found = credentials::find(&mut cx.across(), *id).await?;
            found.map(|found| found.credential.holder.to_string())
        }
        Actor::Person(account) => {
            let found = accounts::get(&mut cx.view(), *account).await?;
            found.and_then(|account| account.external_id).map(|name| name.to_string())
        }
        Actor::Worker(name) => Some(name.clone()),
    }))
}
