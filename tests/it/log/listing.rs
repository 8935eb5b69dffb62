//! What a filter of the log finds.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{raw, test_server::timestamp};

on_both! {
    async fn every_condition_of_a_filter_holds(server) {
        let operator = server.operator();
        for (name, product) in [("ann", "kasa"), ("bob", "tapo")] {
            operator.product(product).await;
            server.clock.advance(Span::hours(1));
            operator.person(name).await;
            server.clock.advance(Span::hours(1));
            let begin = operator.begin_request(&operator.known(name).await, product, &crate::owner::Device::new("phone"));
            operator.ok(begin).await;
            server.seal().await;
        }
        operator.product("cloud").await;
        let all = raw::count(&server, "SELECT count(*) FROM events").await;
        let list = async |filter: proto::EventFilter| {
            let mut told = Vec::new();
            let mut page_token = String::new();
            loop {
                let request = proto::ListEventsRequest { filter: Some(filter.clone()), page_size: 2, page_token };
                let page = operator.ok(request).await;
                told.extend(page.events);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    return told;
                }
            }
        };
        let none = proto::EventFilter::default;
        let everything = list(none()).await;
        assert_eq!(i64::try_from(everything.len()).unwrap(), all);
        assert_eq!((everything[0].kind.as_str(), everything[0].sequence), ("product_created", 0), "not sealed yet");
        assert!(everything[1..].windows(2).all(|two| two[0].sequence > two[1].sequence));
        let kinds = |kinds: &[&str]| kinds.iter().map(ToString::to_string).collect::<Vec<_>>();
        let created = list(proto::EventFilter { kinds: kinds(&["product_created"]), ..none() }).await;
        assert_eq!(created.len(), 3);
        let both = list(proto::EventFilter { kinds: kinds(&["product_created", "account_created"]), ..none() }).await;
        assert!(both.len() > 3 && both.len() < everything.len());
        let at_kasa = list(proto::EventFilter { product: "kasa".into(), ..none() }).await;
        assert!(!at_kasa.is_empty() && at_kasa.iter().all(|event| event.product == "kasa"));
        let anns = list(proto::EventFilter { account: "ann".into(), ..none() }).await;
        assert!(anns.iter().all(|event| event.account_id == anns[0].account_id) && anns.len() > 1);
        let begun = proto::EventFilter { account: "ann".into(), product: "kasa".into(), kinds: kinds(&["sign_in_begun"]), actor: anns[0].actor.clone(), ..none() };
        assert_eq!(list(begun.clone()).await.len(), 1);
        assert_eq!(list(proto::EventFilter { product: "tapo".into(), ..begun.clone() }).await.len(), 0);
        assert_eq!(list(proto::EventFilter { actor: "worker/init".into(), ..begun }).await.len(), 0);
        assert_eq!(list(proto::EventFilter { actor: "worker/init".into(), ..none() }).await.len(), 2);
        let noon = Some(timestamp(server.now().minus(Span::hours(2))));
        let before = list(proto::EventFilter { to_time: noon, ..none() }).await.len();
        let after = list(proto::EventFilter { from_time: noon, ..none() }).await.len();
        assert!(before > 0 && after > 0);
        assert_eq!(before + after, everything.len());
    }
}
