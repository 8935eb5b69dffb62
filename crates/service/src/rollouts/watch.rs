//! Follows one rollout: its newest revision, and its numbers. A look is cheap while nothing changes: it reads the rollout's
//! row and the place up to which events are counted. The accounts of the ledger are counted again only now and then.

use tidegate_core::{Permission, Refusal, RolloutKey, Span, Timestamp};
use tidegate_store::{
    View,
    rollout_hours::{self, Folded},
    rollouts::{self, Revised},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    revisions::{Author, author},
    stats::{FunnelRange, Stats, on_record},
};
use crate::{Error, Query, QueryContext, Share};

/// Watchers of one server at most, because each of them looks once a second.
pub const MAX_WATCHERS: usize = 50;
const RETRY_AFTER: Span = Span::seconds(15);
/// The accounts are counted again after this time, because it reads the whole ledger of the realm.
const RECOUNT: Span = Span::seconds(10);

#[derive(Debug)]
pub enum WatchRollout {
    Begin { rollout: RolloutKey },
    Look { watching: Box<Watching>, due: Due },
}

/// What makes a snapshot due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing was sent for long.
    Now,
    /// Something has changed.
    Change,
}

/// What a watcher was told. While it exists, it counts as one of the server's watchers.
#[derive(Debug)]
pub struct Watching {
    _permit: OwnedSemaphorePermit,
    rollout: RolloutKey,
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    folded: Option<Folded>,
    snapshot: RolloutSnapshot,
}

#[derive(Debug, Clone)]
pub struct RolloutSnapshot {
    pub at: Timestamp,
    pub revised: Revised,
    pub author: Author,
    pub stats: Stats,
}

#[derive(Debug)]
pub struct Watched {
    pub watching: Box<Watching>,
    /// `None`: nothing is due.
    pub snapshot: Option<Box<RolloutSnapshot>>,
}

impl Query for WatchRollout {
    const NAME: &'static str = "watch_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Watched;

    async fn run(self, cx: &QueryContext) -> Result<Watched, Error> {
        let (watching, due) = match self {
            Self::Begin { rollout } => {
                let permit = cx.watch_permit().ok_or(Refusal::Busy { retry_after: RETRY_AFTER })?;
                (Box::new(Watching { _permit: permit, rollout, told: None }), Due::Now)
            }
            Self::Look { watching, due } => (watching, due),
        };
        look(cx, watching, due).await
    }
}

async fn look(cx: &QueryContext, mut watching: Box<Watching>, due: Due) -> Result<Watched, Error> {
    let mut view = cx.view();
    let rollout = rollouts::find(&mut view, &watching.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
    let folded = rollout_hours::folded(&mut view).await?;
    let told = watching.told.take();
    let known = told.as_ref().filter(|told| told.snapshot.revised.rollout.revision == rollout.revision);
    if due == Due::Change && known.is_some_and(|told| told.folded == folded) {
        return Ok(Watched { watching: Box::new(Watching { told, ..*watching }), snapshot: None });
    }
    let funnel = rollout_hours::sums(&mut view, &rollout.key, FunnelRange::default().which()).await?;
    let old = known
        .is_none_or(|told| told.snapshot.stats.counted_at.is_none_or(|at| cx.now().since(at) >= RECOUNT));
    if due == Due::Change && known.is_some_and(|told| told.snapshot.stats.funnel == funnel) {
        let told = told.map(|told| Told { folded, ..told });
        return Ok(Watched { watching: Box::new(Watching { told, ..*watching }), snapshot: None });
    }
    let mut snapshot = match known {
        Some(told) if !old => told.snapshot.clone(),
        _ => count(cx, &mut view, &watching.rollout).await?,
    };
    snapshot.at = cx.now();
    snapshot.stats.funnel = funnel;
    snapshot.stats.folded_at = folded.map(|folded| folded.sealed_at);
    watching.told = Some(Told { folded, snapshot: snapshot.clone() });
    Ok(Watched { watching, snapshot: Some(Box::new(snapshot)) })
}

async fn count(cx: &QueryContext, view: &mut View, key: &RolloutKey) -> Result<RolloutSnapshot, Error> {
    // The newest revision, which may be newer than the row that was read before.
    let before = tidegate_core::Revision(i64::MAX);
    let newest = rollouts::revisions(view, key, before, 1).await?.pop();
    let revised = newest.ok_or(Refusal::RolloutNotFound)?;
    let author = author(cx, &revised.by.author).await?;
    let stats = on_record(cx, view, &revised.rollout).await?;
    Ok(RolloutSnapshot { at: cx.now(), revised, author, stats })
}
