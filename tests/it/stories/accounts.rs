//! The accounts of a realm: one at a time, and many at once.

use tidegate_core::{Role, Timestamp};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, PASSWORD, row},
    story::tell,
    test_server::timestamp,
};

#[tokio::test]
async fn an_account_is_found_by_every_name() {
    tell("accounts/one", async |server| {
        let frontend = server.actor("frontend", Role::Frontend).await;
        let request = proto::CreateAccountRequest {
            external_id: "u-1".into(),
            email: "Ann@Example.com".into(),
            country: "DE".into(),
            password: PASSWORD.into(),
            ..Default::default()
        };
        let id = frontend.ok(request).await.account.unwrap().id;
        frontend.ok(proto::GetAccountRequest { account: id }).await;
        frontend.ok(proto::GetAccountRequest { account: "u-1".into() }).await;
        frontend.ok(proto::LookupAccountRequest { email: " ann@EXAMPLE.com".into() }).await;
        frontend
            .ok(proto::CreateAccountRequest { email: "bob@bücher.example".into(), ..Default::default() })
            .await;
        frontend.ok(proto::LookupAccountRequest { email: "BOB@xn--bcher-kva.example".into() }).await;
        frontend.ok(proto::CreateAccountRequest { external_id: "u-3".into(), ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn an_import_keeps_the_good_rows_and_reports_the_bad() {
    tell("accounts/import", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        let created = Some(timestamp(Timestamp::from_rfc3339("2019-05-01T12:00:00Z").unwrap()));
        let ann = proto::ImportRow {
            create_time: created,
            country: "DE".into(),
            ..row(1, "ann", Address::Verified)
        };
        let bob = proto::ImportRow { password_hash: String::new(), ..row(2, "bob", Address::Unverified) };
        admin.import(vec![ann.clone(), bob.clone()]).await.unwrap();
        server.transcript.note("again, with a line that changed, and worse ones");
        let changed = proto::ImportRow { email: "robert@example.com".into(), ..bob };
        let taken = proto::ImportRow { email: "ANN@example.com".into(), ..row(3, "cat", Address::Verified) };
        let bad = proto::ImportRow {
            line: 4,
            external_id: "acct_dan".into(),
            email: "dan".into(),
            email_verified: false,
            country: "Germany".into(),
            create_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 }),
            password_hash: "hunter2".into(),
            customer: "Acme".into(),
            labels: [("Plan".to_owned(), String::new())].into(),
            otpauth_uris: vec![],
        };
        let nobody = proto::ImportRow { line: 5, email_verified: true, ..Default::default() };
        admin.import(vec![ann, changed, taken, bad, nobody]).await.unwrap();
        admin.import(vec![]).await.unwrap_err();
        admin.ok(proto::GetAccountRequest { account: "bob".into() }).await;
        admin.ok(proto::GetAccountRequest { account: "ann".into() }).await;
    })
    .await;
}

#[tokio::test]
async fn all_accounts_are_listed_page_by_page() {
    tell("accounts/pages", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        let country = |number: u64| if number.is_multiple_of(2) { "DE" } else { "FR" };
        let rows = (1..=5).map(|number| {
            let country = country(number).to_owned();
            proto::ImportRow { country, ..row(number, &format!("u-{number}"), Address::Verified) }
        });
        admin.quiet().import(rows.collect()).await.unwrap();
        let filter = Some(proto::AccountFilter { country: "FR".into() });
        let first = proto::ListAccountsRequest { filter: filter.clone(), page_size: 2, ..Default::default() };
        let page_token = admin.ok(first).await.next_page_token;
        let last = proto::ListAccountsRequest { filter, page_size: 2, page_token: page_token.clone() };
        assert_eq!(admin.ok(last.clone()).await.next_page_token, "");
        admin.refused(proto::ListAccountsRequest { filter: None, ..last }).await;
        admin.refused(proto::ListEventsRequest { page_token, ..Default::default() }).await;
        assert_eq!(admin.quiet().ok(proto::ListAccountsRequest::default()).await.accounts.len(), 5);
    })
    .await;
}
