//! Receipts of the gateway for text messages: which of them counts.

use tidegate_courier::{ReceiptFormat, ReceiptSettings, Receipts};
use tidegate_proto::{self as proto, DeliveryProblem as Problem, DeliveryState as State};
use tokio::task::JoinSet;

use crate::{owner::Device, race::MANY, raw, setting::Kasa, sms_codes::NUMBER, test_server::TestServer};

impl TestServer {
    /// What reads the receipts of the gateway, as the program's port does.
    fn receipts(&self) -> Receipts {
        let settings = ReceiptSettings {
            id: "id".to_owned(),
            status: "status".to_owned(),
            delivered: vec!["delivered".to_owned()],
            failed: vec!["failed".to_owned()],
        };
        Receipts::new(self.store.clone(), self.clock.clone(), self.entropy.clone(), settings).unwrap()
    }
}

impl Kasa {
    /// A code to a new number, which the gateway has taken.
    async fn sent_text(&self) -> proto::Delivery {
        let ann = self.admin.person("ann").await;
        let session = self.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        self.frontend.confirmed_number(&session, &ann, NUMBER).await;
        self.server.texted(NUMBER).await;
        self.texts(State::Sent).await.remove(0)
    }

    async fn texts(&self, state: State) -> Vec<proto::Delivery> {
        let request = proto::ListDeliveriesRequest { state: state.into(), ..Default::default() };
        let mut texts = self.admin.ok(request).await.deliveries;
        texts.retain(|delivery| delivery.channel() == proto::Channel::Sms);
        texts
    }
}

async fn take(receipts: &Receipts, id: &str, status: &str) -> usize {
    receipts.take(format!("id={id}&status={status}").as_bytes(), ReceiptFormat::Form).await.unwrap()
}

on_both! {
    async fn a_receipt_by_the_gateways_id_ends_the_delivery(server) {
        let kasa = Kasa::by_sms(&server).await;
        let sent = kasa.sent_text().await;
        raw::change(&server, "UPDATE deliveries SET gateway_id = 'SM1' WHERE channel = 'sms'").await;
        let receipts = server.receipts();
        assert_eq!((take(&receipts, "SM2", "failed").await, take(&receipts, "SM1", "failed").await), (0, 1));
        let failed = kasa.texts(State::Failed).await.remove(0);
        let expected = proto::Delivery { state: State::Failed.into(), problem: Problem::NotDelivered.into(), ..sent };
        assert_eq!(failed, expected, "nothing else is changed");
    }

    async fn of_64_receipts_the_first_counts(server) {
        let kasa = Kasa::by_sms(&server).await;
        let id = kasa.sent_text().await.id;
        let mut calls = JoinSet::new();
        for number in 0..MANY {
            let (receipts, id) = (server.receipts(), id.clone());
            let status = if number % 2 == 0 { "delivered" } else { "failed" };
            calls.spawn(async move { (take(&receipts, &id, status).await, status) });
        }
        let counted: Vec<_> = calls.join_all().await.into_iter().filter(|(changed, _)| *changed > 0).collect();
        let [(1, status)] = counted[..] else { panic!("{counted:?}") };
        let is_delivered = status == "delivered";
        let (delivered, failed) = (kasa.texts(State::Delivered).await, kasa.texts(State::Failed).await);
        assert_eq!((delivered.len(), failed.len()), (usize::from(is_delivered), usize::from(!is_delivered)));
        let facts = raw::rows(&server, "SELECT fact FROM events WHERE fact LIKE '%delivery_reported%'").await;
        let fact = format!(
            r#"{{"kind":"delivery_reported","data":{{"delivery":"{id}","channel":"sms","purpose":"confirm_phone","delivered":{is_delivered}}}}}"#
        );
        assert_eq!(facts, [fact]);
    }

    async fn a_receipt_finds_its_message_in_any_realm(server) {
        server.realm("acme").await;
        let kasa = Kasa::by_sms(&server).await;
        let id = kasa.sent_text().await.id;
        assert_eq!(take(&server.receipts(), &id, "delivered").await, 1);
        assert_eq!(kasa.texts(State::Delivered).await.remove(0).id, id);
    }
}
