//! Accounts that cannot be made, or are not there.

use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    arrange::{Address, PASSWORD},
    owner::{Device, confirm_email},
    raw,
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn accounts() {
    tell("refusals/accounts", async |server| {
        server.operator().person("ann").await;
        server.operator().product("kasa").await;
        let frontend = server.actor("frontend", Role::Frontend).await;
        let create = |external_id: &str, email: &str, password: &str| proto::CreateAccountRequest {
            external_id: external_id.into(),
            email: email.into(),
            password: password.into(),
            ..Default::default()
        };
        frontend.refused(create("ann", "", "")).await;
        frontend.refused(create("bob", "ANN@Example.com", "")).await;
        frontend.refused(create("ann", "ann@example.com", "")).await;
        server.transcript.note("14 characters, 257 characters in either form, and too many bytes");
        frontend.refused(create("bob", "", "xk9-mq2v-t7w-o")).await;
        frontend.refused(create("bob", "", &"ä".repeat(257))).await;
        frontend.refused(create("bob", "", &longest(257))).await;
        frontend.refused(create("bob", "", &"a".repeat(5_000))).await;
        server.transcript.note(
            "a common one, a short one of the account's words, its address and a year, a product's title",
        );
        frontend.refused(create("bob", "", "P@ssw0rdP@ssw0rd")).await;
        frontend.refused(create("bob", "bob@lake.example", "bob@lake")).await;
        frontend.refused(create("bob", "bob@lake.example", "Bob@lake.example2026")).await;
        frontend.refused(create("bob", "", "Kasa 2026! Kasa")).await;
        frontend.refused(proto::GetAccountRequest { account: "bob".into() }).await;
        frontend
            .refused(proto::GetAccountRequest { account: "acct_01h2xcejqtf2nbrexx3vqjhp41".into() })
            .await;
        frontend.refused(proto::LookupAccountRequest { email: "bob@example.com".into() }).await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        let filter = Some(proto::EventFilter { account: "bob".into(), ..Default::default() });
        auditor.refused(proto::ListEventsRequest { filter, ..Default::default() }).await;
        server.transcript.note("the longest password, and one of 15 characters");
        frontend.ok(create("bob", "", &longest(256))).await;
        frontend.ok(create("cat", "", "xk9-mq2v-t7w-ob")).await;
    })
    .await;
}

/// Characters of four bytes without an order.
fn longest(characters: u32) -> String {
    let letters = (0..characters).map(|place| char::from_u32(0x1f400 + (place * place * 7 + place * 3) % 61));
    letters.map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_request_id_is_for_one_request() {
    tell("refusals/request_id", async |server| {
        let frontend = server.actor("frontend", Role::Frontend).await;
        let request = proto::CreateAccountRequest {
            external_id: "ann".into(),
            password: PASSWORD.into(),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..Default::default()
        };
        let other = proto::CreateAccountRequest { external_id: "bob".into(), ..request.clone() };
        frontend.ok(request.clone()).await;
        frontend.ok(request.clone()).await;
        frontend.refused(other.clone()).await;
        server.transcript.note("another caller's, and a refusal, do not count");
        let second = server.actor("second", Role::Frontend).await;
        second.refused(request).await;
        second.ok(other).await;
    })
    .await;
}

#[tokio::test]
async fn addresses() {
    tell("refusals/addresses", async |server| {
        let kasa = Kasa::open(&server).await;
        let (frontend, phone) = (kasa.frontend.aloud(), Device::new("phone-1"));
        let ann = kasa.admin.person("ann").await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let anns = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        let bobs = frontend.quiet().sign_in(&bob, "kasa", &phone).await;
        let request = |session: &crate::owner::Session| proto::RequestEmailVerificationRequest { subject: session.subject(), ..Default::default() };
        frontend.refused(request(&anns)).await;
        frontend.quiet().ok(request(&bobs)).await;
        let link = server.mail_to(&bob.email).await.token;
        let confirm = |token: &str| confirm_email(token, &bobs);
        frontend.refused(proto::ConfirmEmailRequest { token: link.clone(), ..Default::default() }).await;
        frontend.refused(confirm_email(&link, &anns)).await;
        frontend.redeem(&link).await;
        frontend.ok(confirm(&format!("tgl_{}", "0".repeat(64)))).await;
        frontend.ok(confirm(&link)).await;
        frontend.ok(confirm(&link)).await;
        server.transcript.note("what no call can do yet: the address is taken away");
        raw::change(&server, "UPDATE accounts SET email = NULL, email_canonical = NULL, email_since = NULL, email_verified_at = NULL").await;
        frontend.refused(request(&bobs)).await;
    })
    .await;
}
