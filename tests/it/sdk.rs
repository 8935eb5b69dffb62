//! The client library, against a real server.

use std::collections::BTreeSet;

use tidegate_client::{Client, Settings, pages};
use tidegate_core::Secret;
use tidegate_proto::{self as proto, ErrorReason};
use tidegate_tests::TIMEOUT;

use crate::{
    arrange::{Address, row},
    test_server::TestServer,
};

async fn client(server: &TestServer) -> Client {
    let settings = Settings::new(Secret::new(server.operator().token.unwrap()));
    Client::connect(&Settings {
        address: format!("http://{}", server.address),
        deadline: TIMEOUT,
        ..settings
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_accounts_are_streamed_in_and_listed() {
    let server = TestServer::sqlite().await;
    let client = client(&server).await;
    let rows = (1..=1_001).map(|line| row(line, &format!("u-{line}"), Address::Verified));
    let mut batches = Vec::new();
    let imported = client.import_accounts(rows.clone(), |count| batches.push(count)).await.unwrap();
    assert_eq!((imported.created_count, batches), (1_001, vec![500, 500, 1]));
    let again = client.import_accounts(rows, |_| {}).await.unwrap();
    assert_eq!((again.created_count, again.unchanged_count), (0, 1_001));

    let first = proto::ListAccountsRequest { page_size: 400, ..Default::default() };
    let list = async |request: proto::ListAccountsRequest| client.accounts().list_accounts(request).await;
    let accounts = pages(first, list).collect().await.unwrap();
    let names: BTreeSet<_> = accounts.iter().map(|account| &account.external_id).collect();
    assert_eq!((accounts.len(), names.len()), (1_001, 1_001));
    assert!(accounts.is_sorted_by(|one, other| one.id < other.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_1000_reports_of_an_import_are_told_and_the_others_counted() {
    let server = TestServer::sqlite().await;
    let client = client(&server).await;
    // Each row has two mistakes, and an external id that no message of 1000 reports could hold.
    let rows = (1..=700).map(|line| proto::ImportRow {
        line,
        external_id: "x".repeat(20_000),
        country: "Germany".into(),
        ..Default::default()
    });
    let good = row(701, "ann", Address::Verified);
    let imported = client.import_accounts(rows.chain([good]), |_| {}).await.unwrap();
    assert_eq!((imported.created_count, imported.failed_count), (1, 700));
    assert_eq!((imported.reports.len(), imported.omitted_report_count), (1_000, 400));
    assert_eq!((imported.reports[999].line, imported.reports[999].external_id.len()), (500, 128));
}

#[tokio::test]
async fn a_refusal_is_read_and_not_repeated() {
    let server = TestServer::sqlite().await;
    let (client, mut calls) = (client(&server).await, 0);
    let answer = client.retrying(async |client| {
        calls += 1;
        client.accounts().get_account(proto::GetAccountRequest { account: "nobody".into() }).await
    });
    assert_eq!(answer.await.unwrap_err().reason, Some(ErrorReason::AccountNotFound));
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn an_import_into_a_closing_app_says_that_it_may_be_repeated() {
    let server = TestServer::sqlite().await;
    let client = client(&server).await;
    server.app.close().await;
    let rows = (1..=700).map(|line| row(line, &format!("u-{line}"), Address::Verified));
    let refused = client.import_accounts(rows, |_| {}).await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::Closing));
    assert!(refused.retry_after.is_some());
}
