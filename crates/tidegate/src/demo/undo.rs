//! The rest of a rollout's life: a second app joins, then everything is undone, and no account
//! loses its protection. Each scene checks what it prints.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tidegate_client::{Client, Refused};
use tidegate_proto::{self as proto, DecisionReason as Why, ErrorReason};

use super::{TIMEOUT, cast::Demo, owner::OwnerApp, scenes::ROLLOUT, teller};

/// `enrolled` has two-step on; `shown` was shown it and did nothing.
pub async fn all(demo: &Demo, enrolled: &str, shown: &str) -> anyhow::Result<()> {
    second_app(demo, enrolled).await?;
    pause(demo).await?;
    roll_back(demo, enrolled, shown).await?;
    stop(demo, shown).await?;
    record(demo, enrolled).await
}

async fn etag(demo: &Demo) -> anyhow::Result<String> {
    let request = proto::GetRolloutRequest { rollout: ROLLOUT.into() };
    let found = demo.manager.rollouts().get_rollout(request).await.context("GetRollout")?;
    Ok(found.into_inner().rollout.context("a rollout")?.etag)
}

async fn advance(demo: &Demo) -> Result<proto::Rollout, tonic::Status> {
    let etag = etag(demo).await.map_err(|error| tonic::Status::unknown(error.to_string()))?;
    let request = proto::AdvanceRolloutRequest { rollout: ROLLOUT.into(), etag, ..Default::default() };
    Ok(demo.manager.rollouts().advance_rollout(request).await?.into_inner().rollout.unwrap_or_default())
}

/// The reason why the server refuses to advance.
async fn advance_refused(demo: &Demo) -> anyhow::Result<ErrorReason> {
    let refused = advance(demo).await.err().context("expected a refusal")?;
    Refused::of(&refused).reason.context("a reason")
}

/// Why the account gets its answer: the decision in one sentence, then every rule that was asked.
pub async fn explain(demo: &Demo, product: &str, account: &str) -> anyhow::Result<Why> {
    let request =
        proto::ExplainRequest { product: product.into(), account: account.into(), ..Default::default() };
    let explained = demo.manager.evaluations().explain(request).await.context("Explain")?.into_inner();
    let decision = explained.decision.context("a decision")?;
    teller::say(&format!("why does {account} get its answer at {product}?"));
    teller::answer(&explained.summary);
    for asked in &explained.rules {
        teller::picture(&format!(
            "- {}{}",
            asked.sentence,
            if asked.holds { " <- this decides" } else { "" }
        ));
    }
    Ok(decision.reason())
}

async fn second_app(demo: &Demo, enrolled: &str) -> anyhow::Result<()> {
    teller::title("A second app joins by a wave of its own: 'tapo', 100 % of all accounts");
    let wave = proto::WaveDraft {
        title: "tapo".into(),
        edge: Some(proto::wave_draft::Edge::EdgePercent("100".into())),
        products: vec!["tapo".into()],
        ..Default::default()
    };
    let request = proto::AddWaveRequest {
        rollout: ROLLOUT.into(),
        etag: etag(demo).await?,
        wave: Some(wave),
        reason: "tapo is ready".into(),
        ..Default::default()
    };
    demo.manager.rollouts().add_wave(request).await.context("AddWave")?;
    advance(demo).await.context("AdvanceRollout")?;
    let begun = OwnerApp::new(demo, enrolled, "tapo-tablet").begin("tapo").await?;
    ensure!(begun.sign_in.state() == proto::SignInState::PendingChallenge, "expected: a challenge at tapo");
    teller::answer(&format!("{enrolled} is asked for a second step at tapo too, without enrolling again"));
    Ok(())
}

async fn pause(demo: &Demo) -> anyhow::Result<()> {
    teller::title("A pause: no wave starts until it is resumed");
    let reason = "support is short-handed".to_owned();
    let request = proto::PauseRolloutRequest { rollout: ROLLOUT.into(), reason, ..Default::default() };
    demo.manager.rollouts().pause_rollout(request).await.context("PauseRollout")?;
    ensure!(advance_refused(demo).await? == ErrorReason::RolloutPaused, "expected: paused");
    teller::answer("the next wave is refused; every account that is reached stays reached");
    let (rollout, etag) = (ROLLOUT.to_owned(), etag(demo).await?);
    let request = proto::ResumeRolloutRequest { rollout, etag, ..Default::default() };
    demo.manager.rollouts().resume_rollout(request).await.context("ResumeRollout")?;
    teller::answer("resumed: the next wave could start");
    Ok(())
}

async fn roll_back(demo: &Demo, enrolled: &str, shown: &str) -> anyhow::Result<()> {
    teller::title("A roll back to the first wave");
    teller::say("before the roll back:");
    ensure!(explain(demo, "kasa", shown).await? == Why::Shown, "expected: shown");
    let request = proto::RollBackRolloutRequest {
        rollout: ROLLOUT.into(),
        to_wave: 1,
        reason: "codes arrive late".into(),
        ..Default::default()
    };
    demo.manager.rollouts().roll_back_rollout(request).await.context("RollBackRollout")?;
    teller::answer("rolled back, because codes arrive late: only wave 1 'first look' is left");
    ensure!(explain(demo, "kasa", shown).await? == Why::NotYet, "expected: not yet");
    teller::answer(&format!("{shown}, who was shown it and did nothing, is back to not yet"));
    ensure!(explain(demo, "kasa", enrolled).await? == Why::Active, "expected: active");
    for product in ["kasa", "tapo"] {
        let begun = OwnerApp::new(demo, enrolled, "another").begin(product).await?;
        ensure!(begun.sign_in.state() == proto::SignInState::PendingChallenge, "expected: a challenge");
    }
    teller::answer(&format!("{enrolled}, who enrolled, is asked as before at kasa and at tapo"));
    Ok(())
}

async fn stop(demo: &Demo, shown: &str) -> anyhow::Result<()> {
    teller::title("A stop, and two persons who clear it");
    let reason = "sign-ins fail".to_owned();
    let request = proto::StopRolloutRequest { rollout: ROLLOUT.into(), reason, ..Default::default() };
    demo.manager.rollouts().stop_rollout(request).await.context("StopRollout")?;
    ensure!(advance_refused(demo).await? == ErrorReason::RolloutStopped, "expected: stopped");
    teller::answer("the next wave is refused, and no further account is reached");
    ensure!(explain(demo, "kasa", shown).await? == Why::Stopped, "expected: stopped");
    ensure!(!clear(demo, &demo.ann).await.context("ClearStop")?, "expected: not cleared by one");
    let refused = clear(demo, &demo.ann).await.err().context("expected a refusal")?;
    ensure!(
        Refused::of(&refused).reason == Some(ErrorReason::SecondPersonNeeded),
        "expected: a second person"
    );
    teller::answer("Ann clears it: it stays on, and she cannot be the second person as well");
    ensure!(clear(demo, &demo.bob).await.context("ClearStop")?, "expected: cleared by two");
    teller::answer("Bob agrees: it is cleared, and waves can start again");
    Ok(())
}

async fn clear(demo: &Demo, approver: &Client) -> Result<bool, tonic::Status> {
    let etag = etag(demo).await.map_err(|error| tonic::Status::unknown(error.to_string()))?;
    let request = proto::ClearStopRequest { rollout: ROLLOUT.into(), etag, ..Default::default() };
    Ok(approver.rollouts().clear_stop(request).await?.into_inner().cleared)
}

async fn record(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title("The record");
    let events = sealed(demo, account).await?;
    teller::say(&format!("what happened to {account}:"));
    for event in events.iter().rev() {
        let place = if event.product.is_empty() { String::new() } else { format!(" at {}", event.product) };
        teller::picture(&format!("{:>6} {}{place}", event.sequence, event.kind));
    }
    teller::answer(&format!("the record has {} events of {account}", events.len()));
    let verified = demo.auditor.audit().verify_chain(proto::VerifyChainRequest::default()).await;
    let verified = verified.context("VerifyChain")?.into_inner();
    ensure!(verified.valid && verified.verified_count > 0, "expected: a chain that is whole");
    teller::answer(&format!("the chain holds: {} events are as they were sealed", verified.verified_count));
    Ok(())
}

/// The account's events, newest first, once all of them are sealed, which takes a moment.
async fn sealed(demo: &Demo, account: &str) -> anyhow::Result<Vec<proto::Event>> {
    let sealed = tokio::time::timeout(TIMEOUT, wait_until_sealed(demo, account)).await;
    sealed.context("events were not sealed")?
}

async fn wait_until_sealed(demo: &Demo, account: &str) -> anyhow::Result<Vec<proto::Event>> {
    loop {
        let filter = Some(proto::EventFilter { account: account.into(), ..Default::default() });
        let request = proto::ListEventsRequest { filter, page_size: 1_000, ..Default::default() };
        let events =
            demo.auditor.audit().list_events(request).await.context("ListEvents")?.into_inner().events;
        if events.iter().all(|event| event.sequence > 0) {
            return Ok(events);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
