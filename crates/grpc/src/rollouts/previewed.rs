//! What a preview answers, on the wire.

use tidegate_core::ProductKey;
use tidegate_proto::{self as proto, preview_rollout_response::Part};
use tidegate_service::rollouts::{Group, LadderConflict, Preview, PreviewProgress, ProductPreview};

use super::render;
use crate::render::timestamp;

pub(super) fn progress(progress: PreviewProgress) -> proto::PreviewRolloutResponse {
    let PreviewProgress { seen, total } = progress;
    let progress = proto::PreviewProgress { account_count: seen, total_count: total };
    proto::PreviewRolloutResponse { part: Some(Part::Progress(progress)) }
}

pub(super) fn result(preview: Preview) -> proto::PreviewRolloutResponse {
    let account_count = preview.progress().seen;
    let revision = preview.revision().map_or(0, |revision| revision.0);
    let warnings = render::warned(preview.warnings());
    let mut instants = preview.into_instants().map(|(at, counted)| proto::PreviewedInstant {
        at_time: Some(timestamp(at)),
        products: counted.into_iter().map(product).collect(),
    });
    // The first instant is the one at which the preview began.
    let now = instants.next().unwrap_or_default();
    let result = proto::RolloutPreview {
        products: now.products,
        account_count,
        revision,
        count_time: now.at_time,
        instants: instants.collect(),
        warnings,
    };
    proto::PreviewRolloutResponse { part: Some(Part::Result(result)) }
}

fn product((product, counts): (ProductKey, ProductPreview)) -> proto::ProductPreview {
    proto::ProductPreview {
        product: product.into(),
        before_count: counts.before,
        after_count: counts.after,
        enter: sample(counts.enter),
        leave: sample(counts.leave),
        enter_missing: sample(counts.missing),
        required_before_count: counts.required_before,
        required_after_count: counts.required_after,
        become_required: sample(counts.become_required),
        cease_required: sample(counts.cease_required),
        enforced: sample(counts.enforced),
        in_grace: sample(counts.in_grace),
        locked_out: sample(counts.locked_out),
        required_missing: sample(counts.required_missing),
        required_on: sample(counts.required_on),
        advised: sample(counts.advised),
        conflicts: counts.conflicts.into_iter().map(conflict).collect(),
    }
}

fn conflict(conflict: LadderConflict) -> proto::LadderConflict {
    proto::LadderConflict {
        rollout: conflict.rollout.into(),
        account_count: conflict.accounts,
        decides_count: conflict.decides,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a message in a message may be absent")]
fn sample(group: Group) -> Option<proto::AccountSample> {
    let count = group.count;
    let account_ids = group.into_sample().iter().map(ToString::to_string).collect();
    Some(proto::AccountSample { count, account_ids })
}
