//! A credential that names products reads the events at these, whichever way it reads.

use proto::tail_events_request::Start;
use serde_json::Value;
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    owner::Device,
    raw,
    test_server::{CredentialSpec, TestServer},
};

/// Sign-ins begin at three products, and all is sealed.
async fn recorded(server: &TestServer) {
    let operator = server.operator();
    let ann = operator.person("ann").await;
    for product in ["kasa", "tapo", "cloud"] {
        operator.product(product).await;
        operator.ok(operator.begin_request(&ann, product, &Device::new("phone"))).await;
    }
    server.seal().await;
}

async fn auditor(server: &TestServer, products: &[&str]) -> Actor {
    let spec = CredentialSpec { products, ..CredentialSpec::of(Role::Auditor) };
    server.with_credential("auditor", spec).await.quiet()
}

/// The products of the events that are listed two at a time, the newest first.
async fn listed(actor: &Actor, filter: proto::EventFilter) -> Vec<String> {
    let (mut products, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListEventsRequest { filter: Some(filter.clone()), page_size: 2, page_token };
        let page = actor.ok(request).await;
        products.extend(page.events.into_iter().map(|event| event.product));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return products;
        }
    }
}

async fn exported(actor: &Actor, filter: Option<proto::EventFilter>) -> Vec<String> {
    let request = proto::ExportEventsRequest { filter, ..Default::default() };
    let chunk = actor.stream(request).await.unwrap().one().await;
    let lines = chunk.lines.split(|byte| *byte == b'\n');
    let events = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let events = events.filter(|line| line["sequence"].is_u64());
    events.map(|event| event["product"].as_str().unwrap_or_default().to_owned()).collect()
}

fn at(product: &str) -> proto::EventFilter {
    proto::EventFilter { product: product.to_owned(), ..Default::default() }
}

on_both! {
    async fn events_of_other_products_are_neither_listed_nor_exported(server) {
        recorded(&server).await;
        let all = auditor(&server, &[]).await;
        let any = proto::EventFilter::default;
        let everything = listed(&all, any()).await;
        assert!(["", "kasa", "tapo", "cloud"].iter().all(|product| everything.iter().any(|one| one == product)));
        let two = auditor(&server, &["kasa", "tapo"]).await;
        let expected = |named: &[&str]| everything.iter().filter(|one| named.contains(&one.as_str())).cloned().collect::<Vec<_>>();
        assert_eq!(listed(&two, any()).await, expected(&["kasa", "tapo"]));
        assert_eq!(listed(&two, at("tapo")).await, expected(&["tapo"]));
        let kinds = vec!["product_created".to_owned(), "account_created".to_owned()];
        assert_eq!(listed(&two, proto::EventFilter { kinds, ..any() }).await, ["tapo", "kasa"]);
        let anns = proto::EventFilter { account: "ann".into(), ..any() };
        assert_eq!(listed(&two, anns.clone()).await, ["tapo", "kasa"]);
        let mut exports = exported(&two, None).await;
        exports.reverse();
        assert_eq!(exports, expected(&["kasa", "tapo"]));
        assert_eq!(exported(&two, Some(anns)).await, ["kasa", "tapo"]);
    }

    async fn events_of_other_products_are_not_followed(server) {
        recorded(&server).await;
        let one = auditor(&server, &["tapo"]).await;
        server.seal().await;
        let tail = |start, filter| proto::TailEventsRequest { filter, start: Some(start) };
        let mut stream = one.stream(tail(Start::FromBeginning(true), None)).await.unwrap();
        let kinds = [stream.one().await, stream.one().await].map(|message| message.event.unwrap()).map(|event| (event.product, event.kind));
        let tapo = |kind: &str| ("tapo".to_owned(), kind.to_owned());
        assert_eq!(kinds, [tapo("product_created"), tapo("sign_in_begun")]);
        let operator = server.operator();
        let ann = operator.known("ann").await;
        for product in ["kasa", "tapo"] {
            operator.ok(operator.begin_request(&ann, product, &Device::new("tablet"))).await;
        }
        server.seal().await;
        let next = stream.one().await.event.unwrap();
        assert_eq!((next.product, next.kind), tapo("sign_in_begun"), "what happened at kasa is not told");
        // A token of somebody who may read everything opens nothing more.
        let all = auditor(&server, &[]).await;
        let token = all.stream(tail(Start::FromBeginning(true), None)).await.unwrap().one().await.resume_token;
        let mut stream = one.stream(tail(Start::ResumeToken(token), None)).await.unwrap();
        assert_eq!(stream.one().await.event.unwrap().product, "tapo");
    }

    async fn a_filter_by_another_product_is_refused_and_a_page_is_of_its_reader(server) {
        recorded(&server).await;
        let one = auditor(&server, &["tapo"]).await;
        let list = |filter: proto::EventFilter, page_token: String| proto::ListEventsRequest { filter: Some(filter), page_size: 1, page_token };
        assert_eq!(one.refused(list(at("kasa"), String::new())).await.name(), "PRODUCT_NOT_PERMITTED");
        let filter = Some(at("kasa"));
        let tail = proto::TailEventsRequest { filter: filter.clone(), start: Some(Start::FromNow(true)) };
        assert_eq!(one.stream(tail).await.err().unwrap().name(), "PRODUCT_NOT_PERMITTED");
        let export = proto::ExportEventsRequest { filter, ..Default::default() };
        assert_eq!(one.stream(export).await.err().unwrap().name(), "PRODUCT_NOT_PERMITTED");
        let all = auditor(&server, &[]).await;
        let page_token = all.ok(list(proto::EventFilter::default(), String::new())).await.next_page_token;
        assert_eq!(one.refused(list(proto::EventFilter::default(), page_token)).await.name(), "INVALID_REQUEST");
        // An operator's credential for one product is bound to it as well.
        let spec = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Operator) };
        let operator = server.with_credential("operator", spec).await.quiet();
        let products = listed(&operator, proto::EventFilter::default()).await;
        assert!(!products.is_empty() && products.iter().all(|product| product == "kasa"), "{products:?}");
        assert!(raw::count(&server, "SELECT count(*) FROM events WHERE product_key = 'cloud'").await > 0);
    }
}
