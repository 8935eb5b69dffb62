//! What a change of a rollout would do to the accounts of the realm, before it is made. Every account is decided twice,
//! by the rollouts as they are and with the changed one in its place, by the code that decides sign-ins. Nothing is
//! written, and nothing counts as shown.

use std::collections::{BTreeSet, BinaryHeap};

use tidegate_core::{
    AccountId, Permission, Product, ProductKey, Refusal, Revision, Rollout, RolloutKey, Standing, Timestamp,
};
use tidegate_rollout::{Warning, bucket, decide, warnings, waves};
use tidegate_store::{products, rollouts, scan as accounts};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    PlannedChange,
    change::next_revision,
    scan::{RETRY_AFTER, Scan},
};
use crate::{Error, Query, QueryContext};

/// A step of a preview. The first one only begins; each further one reads a page of accounts.
#[derive(Debug)]
pub enum PreviewRollout {
    Begin(Box<PreviewRequest>),
    GoOn(Box<Preview>),
}

#[derive(Debug, Clone)]
pub struct PreviewRequest {
    pub rollout: RolloutKey,
    /// `None`: whatever its revision is.
    pub etag: Option<Revision>,
    pub change: PlannedChange,
    /// `None`: all products that the rollout covers, before or after.
    pub product: Option<ProductKey>,
    /// At most `MAX_SAMPLE`.
    pub sample: usize,
}

/// Accounts of one sample.
pub const MAX_SAMPLE: usize = 100;

#[derive(Debug)]
pub enum Previewed {
    Going(Box<Preview>),
    Done(Preview),
}

/// How far a preview has come. While it exists, no other use case reads all accounts.
#[derive(Debug)]
pub struct Preview {
    _permit: OwnedSemaphorePermit,
    /// The rollouts that have a say at the products.
    before: Vec<Rollout>,
    after: Vec<Rollout>,
    scan: Scan,
    at: Vec<At>,
    sample: usize,
    progress: PreviewProgress,
    rollout: RolloutKey,
    revision: Revision,
    counted_at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub struct PreviewProgress {
    /// Accounts that were decided.
    pub seen: i64,
    /// Accounts that there were at the beginning.
    pub total: i64,
}

/// A product, and what was counted there.
#[derive(Debug)]
struct At {
    product: Product,
    counts: ProductPreview,
}

#[derive(Debug, Default)]
pub struct ProductPreview {
    pub before: i64,
    pub after: i64,
    pub enter: Group,
    pub leave: Group,
    /// Of those who enter: what the first enrollment needs is missing.
    pub missing: Group,
}

/// A count of accounts, and some of them.
#[derive(Debug, Default)]
pub struct Group {
    pub count: i64,
    /// The accounts with the least random bits: any account is as likely as another, and the same question gets the same
    /// sample.
    kept: BinaryHeap<(u64, AccountId)>,
}

impl Query for PreviewRollout {
    const NAME: &'static str = "preview_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Previewed;

    async fn run(self, cx: &QueryContext) -> Result<Previewed, Error> {
        match self {
            Self::Begin(request) => Ok(Previewed::Going(Box::new(begin(cx, *request).await?))),
            Self::GoOn(preview) => go_on(cx, preview).await,
        }
    }
}

async fn begin(cx: &QueryContext, request: PreviewRequest) -> Result<Preview, Error> {
    let mut view = cx.view();
    let mut before = rollouts::all(&mut view).await?;
    let place = before.iter().position(|rollout| rollout.key == request.rollout);
    let changed = place.and_then(|place| before.get(place)).ok_or(Refusal::RolloutNotFound)?;
    let (mut rollout, revision) = (next_revision(cx, request.etag, changed)?, changed.revision);
    let named: BTreeSet<_> = changed.all_products().cloned().collect();
    request.change.carry_out(cx, &mut view, &mut rollout).await?;
    let products = match request.product {
        Some(product) => BTreeSet::from([cx.product(&mut view, &product).await?.key]),
        None => named.into_iter().chain(rollout.all_products().cloned()).collect(),
    };
    let mut at = Vec::new();
    for product in &products {
        let product = products::find(&mut view, product).await?;
        at.extend(product.map(|product| At { product, counts: ProductPreview::default() }));
    }
    before.retain(|other| {
        other.key == rollout.key || products.iter().any(|product| waves::covers(other, product))
    });
    let after: Vec<_> =
        before.iter().map(|other| if other.key == rollout.key { &rollout } else { other }).cloned().collect();
    let permit = cx.scan_permit().ok_or(Refusal::Busy { retry_after: RETRY_AFTER })?;
    let total = accounts::count(&mut view).await?;
    Ok(Preview {
        _permit: permit,
        scan: Scan::of(before.iter().chain(&after)),
        before,
        after,
        at,
        sample: request.sample,
        progress: PreviewProgress { seen: 0, total },
        rollout: request.rollout,
        revision,
        counted_at: cx.now(),
    })
}

async fn go_on(cx: &QueryContext, mut preview: Box<Preview>) -> Result<Previewed, Error> {
    for standing in preview.scan.next(&mut cx.view()).await? {
        preview.count(standing);
    }
    Ok(if preview.scan.ended() { Previewed::Done(*preview) } else { Previewed::Going(preview) })
}

impl Preview {
    pub const fn progress(&self) -> PreviewProgress {
        self.progress
    }

    /// The revision that would be changed.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// What may not be meant of the rollout after the change.
    pub fn warnings(&self) -> Vec<Warning> {
        let changed = self.after.iter().find(|rollout| rollout.key == self.rollout);
        changed.map(warnings).unwrap_or_default()
    }

    /// When it began.
    pub const fn counted_at(&self) -> Timestamp {
        self.counted_at
    }

    /// By key.
    pub fn into_products(self) -> impl Iterator<Item = (ProductKey, ProductPreview)> {
        self.at.into_iter().map(|at| (at.product.key, at.counts))
    }

    fn count(&mut self, mut standing: Standing) {
        self.progress.seen += 1;
        // A change keeps the salt, so the buckets are those before and after.
        standing.buckets = bucket::all(self.before.iter(), &standing);
        for At { product, counts } in &mut self.at {
            let before = decide(product, self.before.iter(), &standing, self.counted_at).visible();
            let verdict = decide(product, self.after.iter(), &standing, self.counted_at);
            let after = verdict.visible();
            counts.before += i64::from(before);
            counts.after += i64::from(after);
            match (before, after) {
                (false, true) => {
                    counts.enter.add(standing.account, self.sample);
                    if verdict.missing().is_some() {
                        counts.missing.add(standing.account, self.sample);
                    }
                }
                (true, false) => counts.leave.add(standing.account, self.sample),
                _ => {}
            }
        }
    }
}

impl Group {
    fn add(&mut self, account: AccountId, most: usize) {
        self.count += 1;
        let rank = account.uuid().as_u64_pair().1;
        if self.kept.len() < most {
            self.kept.push((rank, account));
        } else if let Some(mut greatest) = self.kept.peek_mut()
            && (rank, account) < *greatest
        {
            *greatest = (rank, account);
        }
    }

    /// By id.
    pub fn into_sample(self) -> Vec<AccountId> {
        let mut accounts: Vec<_> = self.kept.into_iter().map(|(_, account)| account).collect();
        accounts.sort_unstable();
        accounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(millis: u64, random: u64) -> AccountId {
        AccountId::from_uuid(uuid::Uuid::from_u64_pair(millis, random))
    }

    #[test]
    fn a_sample_keeps_the_least_random_bits_in_any_order() {
        let all: Vec<_> = [5, 1, 4, 2, 3].iter().zip(1..).map(|(random, at)| account(at, *random)).collect();
        for accounts in [all.clone(), all.into_iter().rev().collect()] {
            let mut group = Group::default();
            for account in accounts {
                group.add(account, 2);
            }
            assert_eq!(group.count, 5);
            assert_eq!(group.into_sample(), [account(2, 1), account(4, 2)]);
        }
    }

    #[test]
    fn a_sample_may_be_empty() {
        let mut group = Group::default();
        group.add(account(1, 1), 0);
        assert_eq!((group.count, group.into_sample().len()), (1, 0));
    }
}
