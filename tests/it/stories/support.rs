//! A day at the help desk.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, NEW_PASSWORD},
    owner::{Device, by_password},
    recovery::begin,
    setting::Kasa,
    story::tell,
    support::{delete, issue_pass, lock_down, mailed_pass, reactivate, reset_factors, suspend, undelete},
};

#[tokio::test]
async fn a_lost_phone() {
    tell("support/lost_phone", async |server| {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (support, frontend) = (server.actor("support", Role::Support).await, kasa.frontend.aloud());
        server.transcript.note("Ann has lost her phone, and answers when support calls her back");
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        let phone = Device::new("new-phone");
        let begun = frontend.begin(&owner.person, "kasa", &phone).await;
        let challenge = frontend.challenge_of(&begun, &begun.offers.last().unwrap().factor_id).await;
        frontend.answer(&begun, &challenge, &pass).await;
        let session = frontend.finish(&begun, &phone).await.unwrap();
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
        frontend.add(&session, "new phone").await;
        server.transcript.note("a month later the recovery codes are lost too");
        server.pass(Span::days(30));
        support.ok(reset_factors("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        let begun = frontend.begin(&owner.person, "kasa", &phone).await;
        let challenge = frontend.challenge_of(&begun, &begun.offers.last().unwrap().factor_id).await;
        frontend.answer(&begun, &challenge, &pass).await;
        let session = frontend.finish(&begun, &phone).await.unwrap();
        frontend.ok(begin(&session, "phone")).await;
        let kinds = ["access_pass_issued", "factors_reset", "factor_removed", "factor_activated"];
        let filter = Some(proto::EventFilter {
            account: "ann".into(),
            kinds: kinds.map(str::to_owned).into(),
            ..Default::default()
        });
        kasa.admin.aloud().ok(proto::ListEventsRequest { filter, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn a_hijacked_account() {
    tell("support/hijacked", async |server| {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let (support, frontend) = (server.actor("support", Role::Support).await, kasa.frontend.aloud());
        let session = frontend.sign_in(&person, "kasa", &Device::new("strange")).await;
        let begun = frontend.begin(&person, "kasa", &Device::new("stranger")).await;
        support.ok(lock_down("ann")).await;
        frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await;
        frontend.finish(&begun, &Device::new("stranger")).await.unwrap_err();
        frontend.ok(frontend.begin_request(&person, "kasa", &Device::new("phone"))).await;
        support.ok(reactivate("ann")).await;
        server.transcript.note("the password counts no more: the owner sets a new one by mail");
        frontend.ok(frontend.begin_request(&person, "kasa", &Device::new("phone"))).await;
        let mails = server.mails_to(&person.email).await;
        let token = mails.iter().rev().find(|mail| !mail.token.is_empty()).unwrap().token.clone();
        let (product, password) = ("kasa".to_owned(), NEW_PASSWORD.to_owned());
        frontend.ok(proto::CompleteRecoveryRequest { product, token, password, ..Default::default() }).await;
        let request = proto::BeginSignInRequest {
            first_factor: by_password(NEW_PASSWORD),
            ..frontend.begin_request(&person, "kasa", &Device::new("phone"))
        };
        frontend.ok(request).await;
    })
    .await;
}

#[tokio::test]
async fn a_deletion() {
    tell("support/deletion", async |server| {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let (support, admin) = (server.actor("support", Role::Support).await, kasa.admin.aloud());
        support.ok(delete("ann")).await;
        support.ok(undelete("ann")).await;
        support.ok(delete("ann")).await;
        let email = person.email.clone();
        let anew = proto::CreateAccountRequest { external_id: "ann-2".into(), email, ..Default::default() };
        admin.refused(anew.clone()).await;
        server.pass(Span::days(30));
        support.refused(undelete("ann")).await;
        server.app.purge_deleted().await.unwrap();
        server.transcript.note("purged: a record without a person");
        admin.ok(proto::GetAccountRequest { account: person.id.clone() }).await;
        admin.ok(anew).await;
        let filter = Some(proto::EventFilter { account: person.id, ..Default::default() });
        admin.ok(proto::ListEventsRequest { filter, page_size: 3, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn what_support_is_refused() {
    tell("support/refused", async |server| {
        let kasa = Kasa::open(&server).await;
        kasa.admin.person("ann").await;
        kasa.admin.person_with("bob", Address::Unverified).await;
        let support = server.actor("support", Role::Support).await;
        support.refused(suspend("nobody")).await;
        support.refused(proto::SuspendAccountRequest { reason: String::new(), ..suspend("ann") }).await;
        support.refused(proto::SuspendAccountRequest { product: "garden".into(), ..suspend("ann") }).await;
        support.ok(suspend("ann")).await;
        support.refused(suspend("ann")).await;
        support.refused(issue_pass("ann")).await;
        support.ok(reactivate("ann")).await;
        support.refused(reactivate("ann")).await;
        support.refused(issue_pass("bob")).await;
        support.refused(reset_factors("bob")).await;
        support.ok(issue_pass("ann")).await;
        support.refused(reset_factors("ann")).await;
        kasa.frontend.aloud().refused(suspend("ann")).await;
    })
    .await;
}

#[tokio::test]
async fn an_access_request() {
    tell("support/export", async |server| {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let support = server.actor("support", Role::Support).await;
        let export = proto::ExportAccountRequest { account: "ann".into(), reason: "access request".into() };
        let mut stream = support.stream(export).await.unwrap();
        while stream.next().await.unwrap().is_some() {}
    })
    .await;
}
