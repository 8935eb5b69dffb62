//! The story, scene by scene. Each scene checks what it prints: if Tidegate answers otherwise, the
//! demo fails.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use tidegate_core::{Edge, Secret};
use tidegate_factors::qr;
use tidegate_proto::{self as proto, setup::Setup};

use super::{
    cast::Demo,
    lost_phone, mail_codes, methods,
    owner::{Authenticator, OwnerApp},
    people, strangers, teller, undo,
};

pub const ROLLOUT: &str = "kasa-two-step";
/// The title of each wave, and its share of all accounts in parts per million.
const WAVES: [(&str, u32); 4] =
    [("first look", 10_000), ("early", 50_000), ("a quarter", 250_000), ("all", 1_000_000)];

pub async fn all(demo: &Demo) -> anyhow::Result<()> {
    people::import(demo).await?;
    let mut etag = rollout(demo).await?;
    before_the_start(demo).await?;
    etag = start(demo, etag).await?;
    let mut reached = count(demo).await?;
    let cast = Cast::among(&reached)?;
    let why = undo::explain(demo, "kasa", &cast.not_reached).await?;
    ensure!(why == proto::DecisionReason::NotYet, "expected: not yet");
    enroll_and_sign_in(demo, &cast).await?;
    others(demo, &cast).await?;
    for (title, edge_ppm) in WAVES.iter().skip(1) {
        etag = advance(demo, etag, title, *edge_ppm).await?;
        let now = count(demo).await?;
        ensure!(now.is_superset(&reached), "an account that was reached is not any more");
        teller::answer("every account that was reached before still is");
        reached = now;
    }
    now_available(demo, &cast).await?;
    mail_codes::mail_codes(demo, &cast.by_mail).await?;
    methods::all(demo, &cast.by_many_methods).await?;
    strangers::not_me(demo, &cast.strangers).await?;
    strangers::helped(demo, &cast.reached).await?;
    undo::all(demo, &cast.reached, &cast.not_reached).await
}

/// The accounts that the story follows.
struct Cast {
    reached: String,
    reached_unverified: String,
    not_reached: String,
    /// Has no authenticator app.
    by_mail: String,
    /// Gets a factor of every other method.
    by_many_methods: String,
    /// Somebody else has its password.
    strangers: String,
}

impl Cast {
    fn among(reached: &BTreeSet<String>) -> anyhow::Result<Self> {
        let find = |in_wave: bool, verified: bool, place: usize| {
            let numbers = (1..=people::COUNT).filter(|number| people::is_verified(*number) == verified);
            let mut ids = numbers.map(people::external_id).filter(|id| reached.contains(id) == in_wave);
            ids.nth(place).context("an account for the story")
        };
        Ok(Self {
            reached: find(true, true, 0)?,
            reached_unverified: find(true, false, 0)?,
            not_reached: find(false, true, 0)?,
            by_mail: find(false, true, 1)?,
            by_many_methods: find(false, true, 2)?,
            strangers: find(false, true, 3)?,
        })
    }
}

async fn rollout(demo: &Demo) -> anyhow::Result<String> {
    teller::title("A rollout in four waves at kasa");
    let wave = |(title, edge_ppm): &(&str, u32)| proto::WaveDraft {
        title: (*title).into(),
        edge: Some(proto::wave_draft::Edge::EdgePpm(*edge_ppm)),
        ..Default::default()
    };
    let request = proto::CreateRolloutRequest {
        key: ROLLOUT.into(),
        title: "Two-step verification at Kasa".into(),
        products: vec!["kasa".into()],
        waves: WAVES.iter().map(wave).collect(),
        ..Default::default()
    };
    let created = demo.manager.rollouts().create_rollout(request).await.context("CreateRollout")?;
    let rollout = created.into_inner().rollout.context("a rollout")?;
    let waves = rollout.waves.iter().map(|wave| Ok(format!("'{}' {}", wave.title, share(wave.edge_ppm)?)));
    let waves = waves.collect::<anyhow::Result<Vec<_>>>()?.join(", ");
    teller::answer(&format!("'{}', waves: {waves}", rollout.title));
    teller::answer("a draft: it reaches no account before its first wave is started");
    Ok(rollout.etag)
}

async fn before_the_start(demo: &Demo) -> anyhow::Result<()> {
    teller::title("Before the start");
    let mut app = OwnerApp::new(demo, &people::external_id(1), "first-phone");
    app.sign_in("kasa").await?;
    let decision = app.status().await?;
    ensure!(!decision.visible && decision.reason() == proto::DecisionReason::NotYet, "expected: not yet");
    teller::say(&format!("{} signs in at kasa with the password alone and asks for two-step", app.account));
    teller::answer("not yet: the app has nothing to show");
    Ok(())
}

/// In per cent.
fn share(ppm: u32) -> anyhow::Result<Edge> {
    Edge::try_from(ppm).context("a share of more than everything")
}

async fn start(demo: &Demo, etag: String) -> anyhow::Result<String> {
    let (title, edge_ppm) = WAVES[0];
    teller::title(&format!("The first wave starts: '{title}', {} of all accounts", share(edge_ppm)?));
    let request = proto::StartRolloutRequest { rollout: ROLLOUT.into(), etag, ..Default::default() };
    let started = demo.manager.rollouts().start_rollout(request).await.context("StartRollout")?;
    Ok(started.into_inner().rollout.context("a rollout")?.etag)
}

async fn advance(demo: &Demo, etag: String, title: &str, edge_ppm: u32) -> anyhow::Result<String> {
    teller::title(&format!("The next wave starts: '{title}', {} of all accounts", share(edge_ppm)?));
    let request = proto::AdvanceRolloutRequest { rollout: ROLLOUT.into(), etag, ..Default::default() };
    let advanced = demo.manager.rollouts().advance_rollout(request).await.context("AdvanceRollout")?;
    Ok(advanced.into_inner().rollout.context("a rollout")?.etag)
}

/// Asks for every account, 256 at a time.
async fn count(demo: &Demo) -> anyhow::Result<BTreeSet<String>> {
    let mut reached = BTreeSet::new();
    let ids: Vec<String> = (1..=people::COUNT).map(people::external_id).collect();
    for ids in ids.chunks(256) {
        let item = |id: &String| proto::EvaluationItem { product: "kasa".into(), account: id.clone() };
        let request = proto::BatchEvaluateRequest { items: ids.iter().map(item).collect() };
        let results = demo.manager.evaluations().batch_evaluate(request).await.context("BatchEvaluate")?;
        for (id, result) in ids.iter().zip(results.into_inner().results) {
            match result.result.context("a result")? {
                proto::evaluation_result::Result::Decision(decision) if decision.visible => {
                    reached.insert(id.clone());
                }
                proto::evaluation_result::Result::Decision(_) => {}
                proto::evaluation_result::Result::Error(reason) => anyhow::bail!("{id}: error {reason}"),
            }
        }
    }
    let (number, all) = (teller::number(reached.len()), teller::number(people::COUNT));
    teller::answer(&format!("{number} of {all} accounts are reached"));
    Ok(reached)
}

async fn enroll_and_sign_in(demo: &Demo, cast: &Cast) -> anyhow::Result<()> {
    teller::title(&format!("{} is in the wave, and turns two-step on", cast.reached));
    let mut phone = OwnerApp::new(demo, &cast.reached, "phone");
    let completed = phone.sign_in("kasa").await?;
    ensure!(completed.advice() == proto::Advice::TwoStepAvailable, "expected: available");
    teller::answer("signed in; Tidegate advises the app to show two-step");
    let (authenticator, recovery_code) = enroll(&phone).await?;

    teller::title("A sign-in from a new device");
    let mut tablet = OwnerApp::new(demo, &cast.reached, "tablet");
    let begun = tablet.begin("kasa").await?;
    ensure!(begun.sign_in.state() == proto::SignInState::PendingChallenge, "expected: a challenge");
    teller::answer("the password is right; a second step is asked");
    let code = authenticator.code()?;
    ensure!(tablet.answer(&begun, &code).await? == proto::ProofOutcome::Approved, "expected: approved");
    let completed = tablet.complete(&begun, true).await?;
    let session = completed.session.context("a session")?;
    teller::answer(&format!(
        "the code is right: session {} of level {}",
        session.id,
        session.level().as_str_name()
    ));

    replay(demo, cast, &code).await?;
    let again = tablet.begin("kasa").await?;
    ensure!(again.sign_in.state() == proto::SignInState::Ready, "expected: a trusted device");
    tablet.complete(&again, false).await?;
    teller::answer("that device again, now trusted: nothing is asked");
    let mut tapo = OwnerApp::new(demo, &cast.reached, "phone");
    tapo.sign_in("tapo").await?;
    teller::answer("the same account at tapo, which the rollout does not name: nothing is asked");
    lost_phone::lost_phone(demo, &cast.reached, &recovery_code).await
}

/// Returns the authenticator app and one of the recovery codes.
async fn enroll(phone: &OwnerApp<'_>) -> anyhow::Result<(Authenticator, Secret<String>)> {
    let method = proto::Method::Totp.into();
    let begun =
        phone.begin_enrollment(proto::BeginEnrollmentRequest { method, ..Default::default() }).await?;
    let id = begun.enrollment.context("an enrollment")?.id;
    teller::answer(&format!("a link was mailed to {}: a password alone binds no factor", begun.sent_to));
    phone.open_link().await?;
    teller::answer("the mail has arrived, and its link was opened and confirmed");

    let Setup::Totp(secret) = phone.continue_enrollment(&id).await? else {
        anyhow::bail!("ContinueEnrollment returned no secret for an app");
    };
    teller::say(&secret.otpauth_uri);
    let drawn = qr::terminal(&Secret::new(secret.otpauth_uri.clone()));
    teller::picture(drawn.map_err(|_| anyhow::anyhow!("the URI is too long for a QR code"))?.expose());
    let authenticator = Authenticator::scan(&secret.otpauth_uri)?;
    let completed = phone.complete_authenticator(&id, &authenticator.code_before()?).await?;
    teller::answer("the code of the authenticator app is right; recovery codes, shown once:");
    for pair in completed.recovery_codes.chunks(2) {
        teller::picture(&pair.join("   "));
    }
    let status = phone.status().await?;
    ensure!(status.on, "expected: on");
    teller::answer("two-step is on");
    let recovery_code = completed.recovery_codes.into_iter().next().context("a recovery code")?;
    Ok((authenticator, Secret::new(recovery_code)))
}

async fn replay(demo: &Demo, cast: &Cast, code: &Secret<String>) -> anyhow::Result<()> {
    let laptop = OwnerApp::new(demo, &cast.reached, "laptop");
    let begun = laptop.begin("kasa").await?;
    let outcome = laptop.answer(&begun, code).await?;
    ensure!(outcome == proto::ProofOutcome::Replayed, "expected: replayed");
    teller::answer("the same code again, from another device: refused as replayed");
    Ok(())
}

async fn others(demo: &Demo, cast: &Cast) -> anyhow::Result<()> {
    teller::title("Others, meanwhile");
    let mut app = OwnerApp::new(demo, &cast.not_reached, "phone");
    let completed = app.sign_in("kasa").await?;
    ensure!(completed.advice() == proto::Advice::Nothing, "expected: nothing to show");
    teller::answer(&format!(
        "{}, not reached, signs in as before; the app shows nothing new",
        cast.not_reached
    ));
    let mut app = OwnerApp::new(demo, &cast.reached_unverified, "phone");
    let completed = app.sign_in("kasa").await?;
    let missing: Vec<_> = completed.missing().collect();
    ensure!(missing == [proto::Missing::VerifiedEmail], "expected: a verified address is missing");
    teller::answer(&format!(
        "{}, reached, is told what is missing: a verified email address",
        cast.reached_unverified
    ));
    Ok(())
}

async fn now_available(demo: &Demo, cast: &Cast) -> anyhow::Result<()> {
    teller::title(&format!("{} comes back", cast.not_reached));
    let mut app = OwnerApp::new(demo, &cast.not_reached, "phone");
    let completed = app.sign_in("kasa").await?;
    ensure!(completed.advice() == proto::Advice::TwoStepAvailable, "expected: available");
    ensure!(app.status().await?.visible, "expected: visible");
    teller::answer("the wave 'all' reaches it: two-step is available");
    Ok(())
}
