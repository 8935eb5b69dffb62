//! Two-step comes to a smart-home app in waves: 300 accounts, two apps, one of them in the rollout.

use std::collections::BTreeSet;

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, Person, row},
    owner::{Device, Enrolled, confirm_email},
    story::tell,
    test_server::TestServer,
};

const PEOPLE: u64 = 300;
/// 1 %, 5 %, 25 % and all accounts.
const EDGES: &[u32] = &[10_000, 50_000, 250_000, 1_000_000];

/// Every third address is not verified.
fn address(number: u64) -> Address {
    if number.is_multiple_of(3) { Address::Unverified } else { Address::Verified }
}

fn name(number: u64) -> String {
    format!("u-{number:03}")
}

/// Two apps, all accounts, and a rollout at kasa that was not started.
async fn vendor(server: &TestServer) -> proto::Rollout {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let rows = (1..=PEOPLE).map(|number| row(number, &name(number), address(number)));
    operator.import(rows.collect()).await.unwrap();
    operator.rollout("kasa-two-step", &["kasa"], EDGES).await
}

async fn first_wave(server: &TestServer) -> proto::Rollout {
    server.operator().start(&vendor(server).await).await
}

/// The numbers of the accounts that two-step has reached at the product.
async fn reached(server: &TestServer, product: &str) -> BTreeSet<u64> {
    let item = |number| proto::EvaluationItem { product: product.to_owned(), account: name(number) };
    let (mut reached, all) = (BTreeSet::new(), (1..=PEOPLE).collect::<Vec<_>>());
    for some in all.chunks(200) {
        let items = some.iter().map(|number| item(*number)).collect();
        let answer = server.operator().ok(proto::BatchEvaluateRequest { items }).await;
        for (number, result) in some.iter().zip(answer.results) {
            let Some(proto::evaluation_result::Result::Decision(decision)) = result.result else { panic!() };
            reached.extend(decision.visible.then_some(*number));
        }
    }
    reached
}

/// The first account with such an address that two-step has reached at kasa.
async fn chosen(server: &TestServer, wanted: Address) -> Person {
    let reached = reached(server, "kasa").await;
    let number = reached.into_iter().find(|number| address(*number) == wanted);
    server.operator().known(&name(number.unwrap())).await
}

/// The first account that two-step has not reached.
async fn left_out(server: &TestServer) -> Person {
    let reached = reached(server, "kasa").await;
    server.operator().known(&name((1..=PEOPLE).find(|number| !reached.contains(number)).unwrap())).await
}

#[tokio::test]
async fn the_first_percent() {
    tell("wave/1_the_first_percent", async |server| {
        let rollout = vendor(&server).await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let frontend = server.actor("frontend", Role::Frontend).await;
        let before = left_out(&server).await;
        manager.evaluate(&before, "kasa").await;
        let session = frontend.sign_in(&before, "kasa", &Device::new("phone-1")).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;

        manager.start(&rollout).await;
        let (kasa, tapo) = (reached(&server, "kasa").await, reached(&server, "tapo").await);
        server.transcript.note(&format!("reached at kasa: {kasa:?}; at tapo: {tapo:?}"));
        let person = chosen(&server, Address::Verified).await;
        let item = |product: &str, account: &str| proto::EvaluationItem {
            product: product.into(),
            account: account.into(),
        };
        let items = vec![
            item("kasa", &person.external_id),
            item("tapo", &person.id),
            item("kasa", &before.id),
            item("deco", "u-001"),
            item("kasa", "u-301"),
        ];
        manager.ok(proto::BatchEvaluateRequest { items }).await;
        manager.ok(proto::GetRolloutRequest { rollout: rollout.key }).await;
    })
    .await;
}

#[tokio::test]
async fn two_step_is_set_up_by_a_mailed_link() {
    tell("wave/2_set_up_by_a_mailed_link", async |server| {
        first_wave(&server).await;
        let (frontend, owner) =
            (server.actor("frontend", Role::Frontend).await, chosen(&server, Address::Verified).await);
        let session = frontend.sign_in(&owner, "kasa", &Device::new("phone-1")).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        let enrolled = frontend.enroll(&session, &owner).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
        let distinct: BTreeSet<_> = enrolled.recovery_codes.iter().collect();
        assert_eq!(distinct.len(), 10);
    })
    .await;
}

/// A person who has set two-step up on one device. The clock is advanced to the next code.
async fn enrolled(server: &TestServer, device: &Device) -> (Person, Enrolled) {
    let (frontend, owner) =
        (server.actor("app", Role::Frontend).await.quiet(), chosen(server, Address::Verified).await);
    let session = frontend.sign_in(&owner, "kasa", device).await;
    let enrolled = frontend.enroll(&session, &owner).await;
    server.pass(Span::seconds(30));
    (owner, enrolled)
}

#[tokio::test]
async fn a_new_device_is_asked_for_a_code() {
    tell("wave/3_a_new_device", async |server| {
        first_wave(&server).await;
        let frontend = server.actor("frontend", Role::Frontend).await;
        let (owner, enrolled) = enrolled(&server, &Device::new("phone-1")).await;
        let (tablet, desktop) = (Device::remembered("tablet-1"), Device::new("desktop-1"));
        let asked = frontend.begin(&owner, "kasa", &tablet).await;
        frontend.finish(&asked, &tablet).await.unwrap_err();
        let challenge = frontend.challenge(&asked).await;
        let code = server.code(&enrolled.seed);
        frontend.answer(&asked, &challenge, "000000").await;
        frontend.answer(&asked, &challenge, &code).await;
        frontend.finish(&asked, &tablet).await.unwrap();

        server.transcript.note("the same code from another device");
        let other = frontend.begin(&owner, "kasa", &desktop).await;
        let challenge = frontend.challenge(&other).await;
        frontend.answer(&other, &challenge, &code).await;
        server.pass(Span::seconds(30));
        frontend.answer(&other, &challenge, &server.code(&enrolled.seed)).await;
        frontend.finish(&other, &desktop).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_trusted_device_is_not_asked_again() {
    tell("wave/4_a_trusted_device", async |server| {
        first_wave(&server).await;
        let frontend = server.actor("frontend", Role::Frontend).await;
        let (owner, enrolled) = enrolled(&server, &Device::new("phone-1")).await;
        let (tablet, desktop) = (Device::remembered("tablet-1"), Device::new("desktop-1"));
        frontend.quiet().sign_in_with(&owner, "kasa", &tablet, &enrolled.seed).await;
        server.pass(Span::seconds(30));
        frontend.quiet().sign_in_with(&owner, "kasa", &desktop, &enrolled.seed).await;
        server.pass(Span::days(29));
        server.transcript.note("a device that was remembered, and one that was not");
        frontend.sign_in(&owner, "kasa", &tablet).await;
        frontend.begin(&owner, "kasa", &desktop).await;
        server.pass(Span::days(1));
        frontend.begin(&owner, "kasa", &tablet).await;
    })
    .await;
}

#[tokio::test]
async fn elsewhere_nothing_changes() {
    tell("wave/5_elsewhere", async |server| {
        first_wave(&server).await;
        let frontend = server.actor("frontend", Role::Frontend).await;
        let (owner, _) = enrolled(&server, &Device::new("phone-1")).await;
        server.transcript.note("the other app asks for nothing");
        frontend.sign_in(&owner, "tapo", &Device::new("tablet-1")).await;
        server.transcript.note("an account that was not reached");
        let unreached = left_out(&server).await;
        let session = frontend.sign_in(&unreached, "kasa", &Device::new("phone-2")).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        let (subject, method) = (session.subject(), proto::Method::Totp.into());
        frontend.refused(proto::BeginEnrollmentRequest { subject, method, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn an_address_is_verified_first() {
    tell("wave/6_an_address_is_verified_first", async |server| {
        let rollout = first_wave(&server).await;
        server.operator().advance(&rollout).await;
        let (frontend, owner) =
            (server.actor("frontend", Role::Frontend).await, chosen(&server, Address::Unverified).await);
        let session = frontend.sign_in(&owner, "kasa", &Device::new("phone-1")).await;
        let begin = || proto::BeginEnrollmentRequest {
            subject: session.subject(),
            method: proto::Method::Totp.into(),
            ..Default::default()
        };
        frontend.refused(begin()).await;
        frontend
            .ok(proto::RequestEmailVerificationRequest { subject: session.subject(), ..Default::default() })
            .await;
        let token = server.mail_to(&owner.email).await.token;
        frontend.ok(confirm_email(&token, &session)).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        frontend.ok(begin()).await;
    })
    .await;
}

#[tokio::test]
async fn later_waves_reach_more_accounts_and_lose_none() {
    tell("wave/7_later_waves", async |server| {
        let mut rollout = first_wave(&server).await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let mut before = reached(&server, "kasa").await;
        server.transcript.note(&format!("reached: {} of {PEOPLE}", before.len()));
        for _ in 1..EDGES.len() {
            rollout = manager.advance(&rollout).await;
            let now = reached(&server, "kasa").await;
            server.transcript.note(&format!("reached: {} of {PEOPLE}", now.len()));
            assert!(before.is_subset(&now) && before.len() < now.len());
            before = now;
        }
        assert_eq!(before.len(), usize::try_from(PEOPLE).unwrap());
        assert_eq!(reached(&server, "tapo").await.len(), 0);
        let (rollout, etag) = (rollout.key.clone(), rollout.etag.clone());
        manager.refused(proto::AdvanceRolloutRequest { rollout, etag, ..Default::default() }).await;
    })
    .await;
}

on_both! {
    /// An account that is reached stays reached, whatever edge a later wave has.
    async fn inv_42_a_smaller_wave_takes_no_account_back(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let rows = (1..=PEOPLE).map(|number| row(number, &name(number), address(number)));
        operator.import(rows.collect()).await.unwrap();
        let rollout = operator.start(&operator.rollout("two-step", &["kasa"], &[250_000, 10_000]).await).await;
        let before = reached(&server, "kasa").await;
        operator.advance(&rollout).await;
        assert_eq!(reached(&server, "kasa").await, before);
    }
}
