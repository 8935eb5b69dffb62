//! Lists the accounts that a rollout reaches at a product.

use std::collections::HashMap;

use tidegate_core::{
    AccountId, ExternalId, Id, Ordinal, Permission, ProductKey, Refusal, Rollout, RolloutKey, Standing,
    Timestamp,
};
use tidegate_rollout::{decide_by, waves};
use tidegate_store::{rollouts, scan::ScannedAccount, standings};

use super::scan::{Scan, seen_by};
use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListReached {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    /// Only those that this wave reaches.
    pub wave: Option<Ordinal>,
    pub page: PageRequest,
}

#[derive(Debug)]
pub struct ReachedAccount {
    pub account: AccountId,
    pub external_id: Option<ExternalId>,
    /// `None`: by name, or before.
    pub wave: Option<Ordinal>,
    pub shown_at: Option<Timestamp>,
    pub active_since: Option<Timestamp>,
}

/// Pages of accounts that one answer reads at most. A rollout that reaches few would otherwise read all accounts of the
/// realm for a page.
const MOST_READ: usize = 10;

impl Query for ListReached {
    const NAME: &'static str = "list_reached";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<ReachedAccount>;

    async fn run(self, cx: &QueryContext) -> Result<Page<ReachedAccount>, Error> {
        let mut view = cx.view();
        let product = cx.product(&mut view, &self.product).await?;
        let rollout = rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        if self.wave.is_some_and(|wave| rollout.wave(wave).is_none()) {
            return Err(Refusal::WaveNotFound.into());
        }
        let wave = self.wave.map_or(0, |wave| wave.0);
        let filter = format!("{} {} {wave}", rollout.key, product.key);
        let after: AccountId = cx.opened(&self.page, &filter)?.parse().unwrap_or(Id::MIN);
        // Where most accounts are reached, one more than a page shows is enough.
        let first = usize::try_from(self.page.size).unwrap_or_default().saturating_add(1);
        let mut scan = Scan::of(std::iter::once(&rollout)).from(after).with_first_page(first);
        let mut found = Vec::new();
        for _ in 0..MOST_READ {
            for ScannedAccount { mut standing, .. } in scan.next(&mut view).await? {
                seen_by(&rollout, &mut standing);
                let verdict = decide_by(&rollout, &product, &standing, cx.now());
                if verdict.visible() && (self.wave.is_none() || verdict.wave == self.wave) {
                    found.push(reached(&rollout, &product.key, &standing, verdict.wave));
                }
            }
            if scan.ended() || i64::try_from(found.len()).is_ok_and(|count| count > self.page.size) {
                break;
            }
        }
        let mut page = cx.page(&self.page, &filter, found, |reached| reached.account.to_string())?;
        if page.next.is_none() && !scan.ended() {
            page.next = Some(cx.page_token(&filter, scan.place().to_string())?);
        }
        let ids = page.items.iter().map(|reached| reached.account).collect();
        let known = standings::many(&mut view, ids, Vec::new()).await?;
        let mut names: HashMap<_, _> =
            known.into_iter().map(|known| (known.standing.account, known.external_id)).collect();
        for reached in &mut page.items {
            reached.external_id = names.remove(&reached.account).flatten();
        }
        Ok(page)
    }
}

fn reached(
    rollout: &Rollout,
    product: &ProductKey,
    standing: &Standing,
    wave: Option<Ordinal>,
) -> ReachedAccount {
    let entry = standing.ledger.iter().find(|entry| entry.product == *product);
    let shown =
        entry.and_then(|entry| entry.shown).filter(|shown| waves::still_shown(rollout, product, *shown));
    ReachedAccount {
        account: standing.account,
        external_id: None,
        wave,
        shown_at: shown.map(|shown| shown.at),
        active_since: entry.and_then(|entry| entry.active_since),
    }
}
