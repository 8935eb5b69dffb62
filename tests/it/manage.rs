//! What a product manager does with a rollout, in short. `Managed` keeps the newest etag.

use std::sync::{Arc, Mutex};

use proto::{Rollout, WaveDraft, update_rollout_request::Holdout, wave_draft::Edge};
use tidegate_client::Refused;
use tidegate_proto as proto;

use crate::{actor::Actor, rpc::Rpc};

#[derive(Clone)]
pub struct Managed {
    pub manager: Actor,
    pub key: String,
    etag: Arc<Mutex<String>>,
}

/// Answers that contain the rollout.
pub trait Rollouts {
    fn rollout(self) -> Rollout;
}

macro_rules! answers {
    ($($answer:ident)+) => {
        $(impl Rollouts for proto::$answer { fn rollout(self) -> Rollout { self.rollout.unwrap() } })+
    };
}
answers! {
    AddWaveResponse UpdateWaveResponse RemoveWaveResponse UpdateRolloutResponse SetLadderResponse
    StartRolloutResponse
    AdvanceRolloutResponse PauseRolloutResponse ResumeRolloutResponse RollBackRolloutResponse
    StopRolloutResponse RevertRolloutResponse ArchiveRolloutResponse UnarchiveRolloutResponse
}

/// `fn verb(&self, …)` and its refused counterpart, for requests that differ in a few fields only.
macro_rules! verbs {
    ($($verb:ident, $refused:ident($($name:ident: $kind:ty),*) = $request:ident { $($field:ident: $value:expr),* })+) => {
        $(
            #[expect(clippy::allow_attributes, reason = "some verbs are used, and some are not")]
            #[allow(dead_code, reason = "not every verb is carried out in a story")]
            pub async fn $verb(&self $(, $name: $kind)*) -> Rollout {
                self.change(proto::$request { rollout: self.key.clone(), $($field: $value,)* etag: self.etag(), ..Default::default() }).await
            }
            #[expect(clippy::allow_attributes, reason = "some verbs are used, and some are not")]
            #[allow(dead_code, reason = "not every verb is refused in a story")]
            pub async fn $refused(&self $(, $name: $kind)*) -> Refused {
                self.manager.refused(proto::$request { rollout: self.key.clone(), $($field: $value,)* etag: self.etag(), ..Default::default() }).await
            }
        )+
    };
}

impl Managed {
    pub fn new(manager: &Actor, rollout: &Rollout) -> Self {
        let etag = Arc::new(Mutex::new(rollout.etag.clone()));
        Self { manager: manager.clone(), key: rollout.key.clone(), etag }
    }

    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { manager: self.manager.quiet(), ..self.clone() }
    }

    pub fn etag(&self) -> String {
        self.etag.lock().unwrap().clone()
    }

    pub fn keep(&self, rollout: &Rollout) {
        rollout.etag.clone_into(&mut self.etag.lock().unwrap());
    }

    async fn change<M: Rpc<Answer: Rollouts>>(&self, request: M) -> Rollout {
        let rollout = self.manager.ok(request).await.rollout();
        self.keep(&rollout);
        rollout
    }

    verbs! {
        start, start_refused() = StartRolloutRequest {}
        advance, advance_refused() = AdvanceRolloutRequest {}
        pause, pause_refused() = PauseRolloutRequest {}
        resume, resume_refused() = ResumeRolloutRequest {}
        roll_back, roll_back_refused(to_wave: u32) = RollBackRolloutRequest { to_wave: to_wave }
        roll_back_at, roll_back_at_refused(to_wave: u32, products: &[&str])
            = RollBackRolloutRequest { to_wave: to_wave, products: products.iter().map(ToString::to_string).collect() }
        archive, archive_refused() = ArchiveRolloutRequest {}
        unarchive, unarchive_refused() = UnarchiveRolloutRequest {}
        stop, stop_refused(reason: &str) = StopRolloutRequest { reason: reason.to_owned() }
        set_ladder, set_ladder_refused(rules: Vec<proto::LadderRule>) = SetLadderRequest { rules: rules }
        revert, revert_refused(revision: i64) = RevertRolloutRequest { revision: revision }
        remove_wave, remove_wave_refused(ordinal: u32) = RemoveWaveRequest { ordinal: ordinal }
        add_wave, add_wave_refused(title: &str, edge_ppm: u32, products: &[&str])
            = AddWaveRequest { wave: Some(draft(title, edge_ppm, products)) }
        update_wave, update_wave_refused(ordinal: u32, title: &str, edge_ppm: u32)
            = UpdateWaveRequest { ordinal: ordinal, wave: Some(draft(title, edge_ppm, &[])), update_mask: whole_wave() }
        aim, aim_refused(ordinal: u32, audience: proto::Audience)
            = UpdateWaveRequest { ordinal: ordinal, wave: Some(WaveDraft { audience: Some(audience), ..draft("wave", 1_000_000, &[]) }), update_mask: whole_wave() }
        retitle, retitle_refused(title: &str) = UpdateRolloutRequest { title: title.to_owned(), update_mask: mask("title") }
        plan, plan_refused(ordinal: u32, wave: WaveDraft) = UpdateWaveRequest { ordinal: ordinal, wave: Some(wave), update_mask: mask("planned_start") }
        keep_to, keep_to_refused(window: proto::AdvanceWindow)
            = UpdateRolloutRequest { advance_window: Some(window), update_mask: mask("advance_window") }
        hold_out, hold_out_refused(holdout_ppm: u32)
            = UpdateRolloutRequest { holdout: Some(Holdout::HoldoutPpm(holdout_ppm)), allow_tiny: true, update_mask: mask("holdout") }
        allow, allow_refused(accounts: &[&str])
            = UpdateRolloutRequest { allow: Some(named(accounts)), update_mask: mask("allow") }
        deny, deny_refused(accounts: &[&str])
            = UpdateRolloutRequest { deny: Some(named(accounts)), update_mask: mask("deny") }
    }

    /// Whether the stop is off.
    pub async fn clear(&self, approver: &Actor) -> bool {
        let (rollout, etag) = (self.key.clone(), self.etag());
        let answer = approver.ok(proto::ClearStopRequest { rollout, etag, ..Default::default() }).await;
        self.keep(&answer.rollout.unwrap());
        answer.cleared
    }

    pub async fn clear_refused(&self, approver: &Actor) -> Refused {
        let (rollout, etag) = (self.key.clone(), self.etag());
        approver.refused(proto::ClearStopRequest { rollout, etag, ..Default::default() }).await
    }
}

pub fn draft(title: &str, edge_ppm: u32, products: &[&str]) -> WaveDraft {
    let products = products.iter().map(ToString::to_string).collect();
    WaveDraft {
        title: title.to_owned(),
        edge: ppm(edge_ppm),
        products,
        allow_tiny: true,
        ..Default::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a draft's edge may be absent")]
pub fn ppm(edge: u32) -> Option<Edge> {
    Some(Edge::EdgePpm(edge))
}

/// Everything that a draft says.
#[expect(clippy::unnecessary_wraps, reason = "a request's mask may be absent")]
pub fn whole_wave() -> Option<prost_types::FieldMask> {
    let paths = ["title", "edge", "products", "audience"].map(str::to_owned).to_vec();
    Some(prost_types::FieldMask { paths })
}

#[expect(clippy::unnecessary_wraps, reason = "a request's mask may be absent")]
pub fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.to_owned()] })
}

pub fn named(accounts: &[&str]) -> proto::NamedAccounts {
    proto::NamedAccounts { accounts: accounts.iter().map(ToString::to_string).collect(), customers: vec![] }
}
