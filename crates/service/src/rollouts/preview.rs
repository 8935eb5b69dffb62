//! What a change of a rollout would do to the accounts of the realm, before it is made. Every account is decided twice at
//! each instant, by the rollouts as they are and with the changed one in its place, by the code that decides sign-ins. One
//! reading of the accounts serves all instants. Nothing is written, and nothing counts as shown or told.

use std::collections::{BTreeSet, VecDeque};

use tidegate_core::{
    Method, Permission, Product, ProductKey, Refusal, Revision, Rollout, RolloutKey, Timestamp,
};
use tidegate_rollout::{Warning, bucket, method_move, warnings, waves};
use tidegate_store::{View, products, rollouts, scan as accounts};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    PlannedChange,
    change::next_revision,
    foreseen::{GROUPS, ProductPreview, Worlds},
    scan::{RETRY_AFTER, Scan},
};
use crate::{Error, Query, QueryContext, Share};

/// A step of a preview. The first one only begins; each further one reads a page of accounts, or decides some of it.
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
    pub later: LaterInstants,
    pub extent: PreviewExtent,
}

/// How much of a preview is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewExtent {
    /// The change is checked as its calls would check it, and no account is read.
    Checked,
    /// What the change would do to every account is counted, too.
    Counted,
}

/// The instants after the one at which the preview begins.
#[derive(Debug, Clone)]
pub enum LaterInstants {
    /// At most `MAX_INSTANTS`; none is a preview of now alone.
    At(Vec<Timestamp>),
    /// Every phase of the ladder that lies ahead, before or after the change; the first `MAX_DATES`.
    Dates,
}

/// Accounts of one sample.
pub const MAX_SAMPLE: usize = 100;
/// Instants that a caller may name.
pub const MAX_INSTANTS: usize = 10;
const MAX_DATES: usize = 20;
/// Accounts of all samples. They are in memory, and one message holds them.
const MAX_SAMPLED: usize = 60_000;
/// Decisions of one step, so that a message about progress need not wait longer than it may.
const DECISIONS_A_STEP: usize = 100_000;

#[derive(Debug)]
pub enum Previewed {
    Going(Box<Preview>),
    Done(Box<Preview>),
}

/// How far a preview has come. While it exists, no other use case reads all accounts.
#[derive(Debug)]
pub struct Preview {
    /// `None`: it reads no account.
    _permit: Option<OwnedSemaphorePermit>,
    worlds: Worlds,
    scan: Scan,
    /// Accounts that were read and not decided yet.
    page: VecDeque<accounts::ScannedAccount>,
    products: Vec<Product>,
    /// The first is the instant at which the preview began.
    instants: Vec<PreviewedInstant>,
    sample: usize,
    progress: PreviewProgress,
    revision: Option<Revision>,
}

/// An instant, and what was counted for it at each product.
#[derive(Debug)]
struct PreviewedInstant {
    at: Timestamp,
    counts: Vec<ProductPreview>,
}

#[derive(Debug, Clone, Copy)]
pub struct PreviewProgress {
    /// Accounts that were decided.
    pub seen: i64,
    /// Accounts that there were at the beginning.
    pub total: i64,
}

impl Query for PreviewRollout {
    const NAME: &'static str = "preview_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Previewed;

    async fn run(self, cx: &QueryContext) -> Result<Previewed, Error> {
        match self {
            Self::Begin(request) => begin(cx, *request).await,
            Self::GoOn(preview) => go_on(cx, preview).await,
        }
    }
}

async fn begin(cx: &QueryContext, request: PreviewRequest) -> Result<Previewed, Error> {
    let mut view = cx.view();
    let mut before = rollouts::all(&mut view).await?;
    let place = before.iter().position(|rollout| rollout.key == request.rollout);
    let changed = place.and_then(|place| before.get(place));
    let mut rollout = match (request.change.created(cx, &mut view).await?, changed) {
        (None, changed) => next_revision(cx, request.etag, changed.ok_or(Refusal::RolloutNotFound)?)?,
        (Some(created), None) => created,
        (Some(_), Some(_)) => return Err(Refusal::KeyTaken.into()),
    };
    let revision = changed.map(|changed| changed.revision);
    request.change.carry_out(cx, &mut view, &mut rollout).await?;
    let both = (changed, &rollout);
    let instants = instants(request.later, both, cx.now())?;
    let products = match request.extent {
        PreviewExtent::Checked => Vec::new(),
        PreviewExtent::Counted => at_products(cx, &mut view, request.product, both).await?,
    };
    let kind = method_move::brings_two_step(&rollout);
    before.retain(|other| {
        let decides = kind && method_move::brings_two_step(other);
        other.key == rollout.key
            || decides && products.iter().any(|product| waves::covers(other, &product.key))
    });
    let is_new = revision.is_none().then_some(&rollout);
    let after = before.iter().map(|other| if other.key == rollout.key { &rollout } else { other });
    let mut after: Vec<_> = after.chain(is_new).cloned().collect();
    after.sort_by(|one, other| one.key.cmp(&other.key));
    let (permit, total) = match request.extent {
        PreviewExtent::Checked => (None, 0),
        PreviewExtent::Counted => {
            let permit = cx.scan_permit().ok_or(Refusal::Busy { retry_after: RETRY_AFTER })?;
            (Some(permit), accounts::count(&mut view).await?)
        }
    };
    let mut scan = Scan::of(before.iter().chain(&after));
    if after.iter().any(|rollout| !rollout.ladder.is_empty() || rollout.method.is_some()) {
        // Who has a factor is not locked out, or advised to add one.
        scan = scan.with_methods();
    }
    let worlds = Worlds { changed: rollout.key, before, after };
    let counts = || {
        let at = products.iter().map(|product| &product.key);
        at.map(|product| ProductPreview { conflicts: worlds.rivals(product), ..ProductPreview::default() })
    };
    let instants: Vec<_> =
        instants.into_iter().map(|at| PreviewedInstant { at, counts: counts().collect() }).collect();
    let samples = GROUPS * instants.len() * products.len();
    let preview = Box::new(Preview {
        _permit: permit,
        worlds,
        scan,
        page: VecDeque::new(),
        sample: request.sample.min(MAX_SAMPLED / samples.max(1)),
        products,
        instants,
        progress: PreviewProgress { seen: 0, total },
        revision,
    });
    Ok(match request.extent {
        PreviewExtent::Checked => Previewed::Done(preview),
        PreviewExtent::Counted => Previewed::Going(preview),
    })
}

/// Now, and the later instants in order.
fn instants(
    later: LaterInstants,
    (before, after): (Option<&Rollout>, &Rollout),
    now: Timestamp,
) -> Result<Vec<Timestamp>, Refusal> {
    let later: BTreeSet<_> = match later {
        LaterInstants::At(instants) => {
            if instants.iter().any(|at| *at < now) {
                return Err(Refusal::TimeNotAcceptable {
                    field: "at_times",
                    must: "must not lie in the past",
                });
            }
            instants.into_iter().filter(|at| *at > now).collect()
        }
        LaterInstants::Dates => {
            let rules = before.into_iter().chain([after]).flat_map(|rollout| &rollout.ladder);
            let dates =
                rules.flat_map(|rule| rule.phases.iter().map(|phase| phase.from).chain(rule.grace.cap));
            let dates: BTreeSet<_> = dates.filter(|at| *at > now).collect();
            dates.into_iter().take(MAX_DATES).collect()
        }
    };
    Ok(std::iter::once(now).chain(later).collect())
}

/// By key.
async fn at_products(
    cx: &QueryContext,
    view: &mut View,
    only: Option<ProductKey>,
    (before, after): (Option<&Rollout>, &Rollout),
) -> Result<Vec<Product>, Error> {
    let mut found = Vec::new();
    if let Some(product) = only {
        found.push(cx.product(view, &product).await?);
    } else {
        let named: BTreeSet<_> = before.into_iter().chain([after]).flat_map(Rollout::all_products).collect();
        for product in named {
            found.extend(products::find(view, product).await?);
        }
    }
    // A code that cannot be sent is no way in.
    if cx.settings().sms.is_none() {
        let methods = found.iter_mut().map(|product| &mut product.settings.methods);
        methods.for_each(|methods| methods.rules.retain(|rule| rule.method != Method::SmsCode));
    }
    Ok(found)
}

async fn go_on(cx: &QueryContext, mut preview: Box<Preview>) -> Result<Previewed, Error> {
    if preview.page.is_empty() && !preview.scan.ended() {
        preview.page = preview.scan.next(&mut cx.view()).await?.into();
    }
    preview.count_some();
    let done = preview.page.is_empty() && preview.scan.ended();
    Ok(if done { Previewed::Done(preview) } else { Previewed::Going(preview) })
}

impl Preview {
    pub const fn progress(&self) -> PreviewProgress {
        self.progress
    }

    /// The revision that would be changed; `None`: the rollout would be created.
    pub const fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The instants in order, the first of which is when the preview began, and what was counted at each product, by key.
    pub fn into_instants(self) -> impl Iterator<Item = (Timestamp, Vec<(ProductKey, ProductPreview)>)> {
        let products: Vec<_> = self.products.into_iter().map(|product| product.key).collect();
        let counted = move |counts: Vec<_>| products.iter().cloned().zip(counts).collect();
        self.instants.into_iter().map(move |instant| (instant.at, counted(instant.counts)))
    }

    /// What may not be meant of the rollout after the change.
    pub fn warnings(&self) -> Vec<Warning> {
        let worlds = &self.worlds;
        let changed = worlds.after.iter().find(|rollout| rollout.key == worlds.changed);
        let Some(changed) = changed else { return Vec::new() };
        let idle = self.products.iter().filter(|product| method_move::leads_nowhere(changed, product));
        let idle = idle.map(|product| Warning {
            field: "method.better".to_owned(),
            message: format!("{} allows none of them: nobody is advised there", product.key),
        });
        warnings(changed).into_iter().chain(idle).collect()
    }

    fn count_some(&mut self) {
        let decisions = 2 * self.instants.len() * self.products.len();
        let some = (DECISIONS_A_STEP / decisions.max(1)).clamp(1, self.page.len().max(1));
        for mut account in self.page.drain(..some.min(self.page.len())) {
            self.progress.seen += 1;
            // A change keeps the salt, so the buckets are those before and after. What is created is only after it.
            account.standing.buckets = bucket::all(self.worlds.after.iter(), &account.standing);
            for PreviewedInstant { at, counts } in &mut self.instants {
                for (product, counts) in self.products.iter().zip(counts) {
                    counts.count(&self.worlds, (product, &account), *at, self.sample);
                }
            }
        }
    }
}
