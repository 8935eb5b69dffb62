//! Finds the accounts that nobody has told yet. It reads all accounts again each day, because accounts are created and labelled
//! at any time, and at once after the rollout was changed or a phase has begun.

use std::collections::BTreeSet;

use tidegate_core::{AccountId, Id, Product, RealmId, Rollout, Rung, Span, Timestamp};
use tidegate_rollout::ladder;
use tidegate_store::{
    View, products,
    scan::ScannedAccount,
    tellings::{self, Telling},
};

use super::{TellAccount, WORKER, done, tell::is_untold, tells};
use crate::{
    App, Fault, Share,
    rollouts::scan::{Scan, seen_by},
};

/// Pages of accounts that one run reads at most.
const MAX_PAGES: usize = 10;
/// When it begins again after it was through.
const AGAIN: Span = Span::days(1);

/// Goes on where the last run ended, on whatever replica.
pub(super) async fn go_on(
    app: &App,
    realm: RealmId,
    rollout: &Rollout,
    left: &mut usize,
) -> Result<(), Fault> {
    let store = app.inner.parts.store.sharing(Share::Ordinary);
    let now = app.inner.parts.clock.now();
    let mut view = store.view("reminders", realm);
    let products = products_told(&mut view, rollout, now).await?;
    if products.is_empty() {
        return Ok(());
    }
    let kept = tellings::find(&mut view, &rollout.key).await?;
    let begun = Telling { revision: rollout.revision, after: Id::MIN, began_at: now, ended_at: None };
    let mut telling = kept.filter(|kept| is_current(kept, rollout, now)).unwrap_or(begun);
    for _ in 0..MAX_PAGES {
        if telling.ended_at.is_some() || *left == 0 {
            return Ok(());
        }
        let page = TellingPage { realm, rollout, products: &products };
        let (after, ended) = page.tell(app, telling.after, left).await?;
        telling = Telling { after, ended_at: ended.then_some(now), ..telling };
        store
            .tx("reminders", realm, async |tx| {
                Ok::<_, Fault>(tellings::put(tx, &rollout.key, telling).await?)
            })
            .await?;
    }
    Ok(())
}

/// Whether its place still counts, or its result.
fn is_current(kept: &Telling, rollout: &Rollout, now: Timestamp) -> bool {
    let mut phases = rollout.ladder.iter().flat_map(|rule| &rule.phases);
    let turned = phases.any(|phase| kept.began_at < phase.from && phase.from <= now);
    let again = kept.ended_at.is_some_and(|ended| ended.plus(AGAIN) <= now);
    kept.revision == rollout.revision && !turned && !again
}

/// The products at which the worker tells accounts now.
async fn products_told(view: &mut View, rollout: &Rollout, now: Timestamp) -> Result<Vec<Product>, Fault> {
    let asks = |rung: Rung| rung >= Rung::Nudge;
    let rules = rollout.ladder.iter().filter(|rule| {
        tells(rule)
            && ladder::demanding(rule).is_some()
            && ladder::phase(rule, now).is_some_and(|phase| asks(phase.rung))
    });
    let keys: BTreeSet<_> = rules.flat_map(|rule| ladder::products(rollout, rule)).collect();
    let mut found = Vec::new();
    for key in keys {
        found.extend(products::find(view, key).await?);
    }
    Ok(found)
}

/// One page of accounts.
struct TellingPage<'p> {
    realm: RealmId,
    rollout: &'p Rollout,
    products: &'p [Product],
}

impl TellingPage<'_> {
    /// Tells those of a page, as long as mails are left. Returns the last account that is done, and whether it was the last of
    /// all.
    async fn tell(&self, app: &App, after: AccountId, left: &mut usize) -> Result<(AccountId, bool), Fault> {
        let mut view = app.inner.parts.store.view("reminders", self.realm).sharing(Share::Ordinary);
        let now = app.inner.parts.clock.now();
        let mut scan = Scan::of(std::iter::once(self.rollout)).from(after);
        let mut done_to = after;
        for ScannedAccount { mut standing, .. } in scan.next(&mut view).await? {
            seen_by(self.rollout, &mut standing);
            for product in self.products {
                if !is_untold(self.rollout, product, &standing, now) {
                    continue;
                }
                if *left == 0 {
                    return Ok((done_to, false));
                }
                let (rollout, product) = (self.rollout.key.clone(), product.key.clone());
                let tell = TellAccount { account: standing.account, rollout, product };
                done(app.work(WORKER, self.realm, tell).await)?;
                *left = left.saturating_sub(1);
            }
            done_to = standing.account;
        }
        Ok((scan.place(), scan.ended()))
    }
}
