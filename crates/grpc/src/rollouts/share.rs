//! Shares of a line of buckets on the wire: in per cent or in parts per million.

use tidegate_core::Edge;
use tidegate_proto as proto;

use crate::form::{Form, Kind};

/// A share as it was given.
pub(super) enum Share {
    Ppm(u32),
    Percent(String),
}

/// Each oneof of a share is a type of its own.
macro_rules! shares {
    ($($module:ident::$name:ident { $ppm:ident, $percent:ident })+) => {
        $(impl From<proto::$module::$name> for Share {
            fn from(share: proto::$module::$name) -> Self {
                match share {
                    proto::$module::$name::$ppm(ppm) => Self::Ppm(ppm),
                    proto::$module::$name::$percent(percent) => Self::Percent(percent),
                }
            }
        })+
    };
}
shares! {
    wave_draft::Edge { EdgePpm, EdgePercent }
    create_rollout_request::Holdout { HoldoutPpm, HoldoutPercent }
    update_rollout_request::Holdout { HoldoutPpm, HoldoutPercent }
}

pub(super) fn edge(share: Option<Share>, allow_tiny: bool, form: &mut Form) -> Option<Edge> {
    read(("edge_ppm", "edge_percent"), share, allow_tiny, form)
}

pub(super) fn holdout(share: Option<Share>, allow_tiny: bool, form: &mut Form) -> Option<Edge> {
    read(("holdout_ppm", "holdout_percent"), share, allow_tiny, form)
}

fn read(
    (ppm_field, percent_field): (&str, &str),
    share: Option<Share>,
    allow_tiny: bool,
    form: &mut Form,
) -> Option<Edge> {
    let (field, edge) = match &share {
        None => return form.note(percent_field, format!("must be given, or {ppm_field}")),
        Some(Share::Ppm(ppm)) => (ppm_field, Edge::try_from(*ppm)),
        Some(Share::Percent(percent)) => (percent_field, Edge::from_percent(percent)),
    };
    match edge {
        Ok(edge) if edge.is_tiny() && !allow_tiny => {
            let meant =
                meant(edge, share.as_ref()).map(|share| format!("did you mean {percent_field} {share:?}? "));
            let what =
                format!("is {edge}: {}set allow_tiny if so little is meant", meant.unwrap_or_default());
            form.note_as(Kind::Tiny, field, what)
        }
        Ok(edge) => Some(edge),
        Err(error) => form.note_as(Kind::Edge, field, error),
    }
}

/// The share in per cent that a tiny one may be meant for: a fraction of 1 for one in per cent, and a number of per cent
/// for one in parts per million.
fn meant(edge: Edge, share: Option<&Share>) -> Option<String> {
    let ppm = match share {
        Some(Share::Ppm(_)) => edge.ppm().checked_mul(10_000),
        _ => edge.ppm().checked_mul(100),
    };
    ppm.and_then(|ppm| Edge::try_from(ppm).ok()).map(Edge::percent)
}
