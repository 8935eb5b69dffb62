//! The life of a rollout, from its creation to its end.

use super::*;

pub(super) async fn roll_out(watched: &Watched) {
    let w = watched;
    let wave =
        |edge_ppm| proto::WaveDraft { title: "wave".into(), edge: ppm(edge_ppm), ..Default::default() };
    let rollout = proto::CreateRolloutRequest {
        key: "two-step".into(),
        title: "Two-step".into(),
        products: vec!["kasa".into()],
        waves: vec![wave(1_000_000)],
        ..Default::default()
    };
    let (rollout, etag_1) = etag(w.call(rollout).await.rollout);
    let add = proto::AddWaveRequest {
        rollout: rollout.clone(),
        etag: etag_1,
        wave: Some(wave(0)),
        ..Default::default()
    };
    let (rollout, etag_2) = etag(w.call(add).await.rollout);
    let start = proto::StartRolloutRequest { rollout, etag: etag_2, ..Default::default() };
    let (rollout, etag_3) = etag(w.call(start).await.rollout);
    let advance = proto::AdvanceRolloutRequest { rollout, etag: etag_3, ..Default::default() };
    w.call(advance).await;
    lead_a_life(w).await;
    w.call(proto::GetRolloutRequest { rollout: "two-step".into() }).await;
    w.call(proto::ListRolloutsRequest::default()).await;
    w.call(proto::EvaluateRequest { product: "kasa".into(), account: "ann".into() }).await;
    let items = vec![proto::EvaluationItem { product: "kasa".into(), account: "ann".into() }];
    w.call(proto::BatchEvaluateRequest { items }).await;
    w.call(proto::EvaluateProspectRequest { product: "kasa".into(), ..Default::default() }).await;
}

async fn lead_a_life(w: &Watched) {
    let rollout = || "two-step".to_owned();
    let got = w.call(proto::GetRolloutRequest { rollout: rollout() }).await.rollout;
    let set = w.call(ladders::requiring_nothing(&got.unwrap())).await;
    let none =
        proto::SetLadderRequest { rollout: rollout(), etag: set.rollout.unwrap().etag, ..Default::default() };
    w.call(none).await;
    w.call(proto::PauseRolloutRequest { rollout: rollout(), ..Default::default() }).await;
    let etag = |rollout: Option<proto::Rollout>| etag(rollout).1;
    let paused = etag(w.call(proto::GetRolloutRequest { rollout: rollout() }).await.rollout);
    let resume = proto::ResumeRolloutRequest { rollout: rollout(), etag: paused, ..Default::default() };
    w.call(resume).await;
    let back = proto::RollBackRolloutRequest { rollout: rollout(), to_wave: 1, ..Default::default() };
    let now = etag(w.call(back).await.rollout);
    let (wave, update_mask) =
        (Some(proto::WaveDraft { title: "all".into(), ..Default::default() }), mask("title"));
    let (rollout_key, etag_now) = (rollout(), now);
    let update = proto::UpdateWaveRequest {
        rollout: rollout_key,
        etag: etag_now,
        ordinal: 2,
        wave,
        update_mask,
        ..Default::default()
    };
    let now = etag(w.call(update).await.rollout);
    let title = proto::UpdateRolloutRequest {
        rollout: rollout(),
        etag: now,
        title: "Two steps".into(),
        update_mask: mask("title"),
        ..Default::default()
    };
    let now = etag(w.call(title).await.rollout);
    let revert =
        proto::RevertRolloutRequest { rollout: rollout(), etag: now, revision: 3, ..Default::default() };
    let now = etag(w.call(revert).await.rollout);
    let remove = proto::RemoveWaveRequest { rollout: rollout(), etag: now, ordinal: 2, ..Default::default() };
    w.call(remove).await;
    let back = proto::RollBackRolloutRequest { rollout: rollout(), ..Default::default() };
    let now = etag(w.call(back).await.rollout);
    let archive = proto::ArchiveRolloutRequest { rollout: rollout(), etag: now, ..Default::default() };
    let now = etag(w.call(archive).await.rollout);
    let unarchive = proto::UnarchiveRolloutRequest { rollout: rollout(), etag: now, ..Default::default() };
    let now = etag(w.call(unarchive).await.rollout);
    w.call(proto::StartRolloutRequest { rollout: rollout(), etag: now, ..Default::default() }).await;
    let stopped = w.call(proto::StopRolloutRequest { rollout: rollout(), ..Default::default() }).await;
    let clear = |etag| proto::ClearStopRequest { rollout: rollout(), etag, ..Default::default() };
    let asked = w.call(clear(etag(stopped.rollout))).await;
    let other = w.server.held("approver", Role::RolloutApprover, "Bob").await.quiet();
    assert!(w.call_as(&other, clear(etag(asked.rollout))).await.cleared);
    w.call(proto::GetStatsRequest { rollout: rollout(), count_reached: true, ..Default::default() }).await;
    w.call(reached(&rollout(), "kasa")).await;
    let before = w.events().await;
    w.operator.preview(preview(&rollout(), Change::Stop(true))).await.unwrap();
    w.operator.stream(proto::WatchRolloutRequest { rollout: rollout() }).await.unwrap().one().await;
    w.check("PreviewRollout", w.events().await - before);
    w.check("WatchRollout", w.events().await - before);
    w.call(proto::ListRevisionsRequest { rollout: rollout(), ..Default::default() }).await;
    w.call(proto::DiffRevisionsRequest { rollout: rollout(), from_revision: 1, to_revision: 2 }).await;
    let (product, account) = ("kasa".to_owned(), "ann".to_owned());
    w.call(proto::ExplainRequest { product, account, ..Default::default() }).await;
}
