//! Text messages from the outbox to a gateway: what is told, and what each answer of the gateway does to the delivery.

use tidegate_core::{Body, Language, Message, MessagePurpose, MessageStyle, PhoneNumber, Recipient, Span};

use super::{
    BEGIN, Outbox,
    http_service::{HttpService, Reply},
    sms::settings,
};
use crate::{Courier, SmsSettings, SmsTo, To};

fn code(purpose: MessagePurpose) -> Message {
    Message {
        purpose,
        to: Recipient::Phone(PhoneNumber::parse("+4915112345678").unwrap()),
        key: Some("kasa".parse().unwrap()),
        product: "Kasa".parse().unwrap(),
        style: MessageStyle::default(),
        body: Body::Code { code: "123456".to_owned() },
        expires_at: BEGIN.plus(Span::minutes(5)),
    }
}

impl Outbox {
    /// A courier that hands text messages to the gateway.
    fn texting(&self, gateway: SmsSettings) -> Courier {
        let sms = Some(SmsTo::Gateway(Box::new(gateway)));
        let settings = crate::Settings { sms, ..self.settings(To::Folder(self.folder())) };
        let (keyring, clock, entropy) = (self.keyring.clone(), self.clock.clone(), self.entropy.clone());
        Courier::new(self.store.clone(), keyring, clock, entropy, settings).unwrap()
    }
}

fn told(gateway: &HttpService) -> Vec<String> {
    let texts = gateway.arrived().into_iter().map(|request| request.form());
    texts.map(|form| form.into_iter().find(|(name, _)| name == "body").unwrap().1).collect()
}

#[tokio::test]
async fn every_code_is_told_in_the_persons_language() {
    let (outbox, gateway) = (Outbox::new().await, HttpService::start(|_| Reply::ok()).await);
    for purpose in [MessagePurpose::SignInCode, MessagePurpose::ChangeCode, MessagePurpose::ConfirmPhone] {
        for language in [Language::En, Language::De] {
            let style = MessageStyle { language, ..MessageStyle::default() };
            outbox.queue(&Message { style, ..code(purpose) }).await;
        }
    }
    let courier = outbox.texting(settings(gateway.url("/")));
    assert_eq!(courier.drain_once().await.unwrap(), 6);
    let told = told(&gateway);
    // One message each: 160 letters of the alphabet of phones (GSM 03.38), which has these umlauts.
    assert!(told.iter().all(|text| text.starts_with("123456 ") && text.chars().count() <= 160), "{told:#?}");
    assert!(
        told.contains(&"123456 is your code to sign in to Kasa. Tell it to nobody, whoever asks.".to_owned())
    );
    assert!(told.iter().filter(|text| text.contains("Ihr Code")).count() == 3, "{told:#?}");
}

#[tokio::test]
async fn a_product_has_its_own_text_if_it_says_the_code() {
    let (outbox, gateway) = (Outbox::new().await, HttpService::start(|_| Reply::ok()).await);
    let folder = outbox.templates().join("kasa/en/sms");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sign_in_code.txt");
    let courier = outbox.texting(settings(gateway.url("/")));
    let long = format!("{{{{ code }}}} {}", "x".repeat(480));
    for own in ["Kasa: {{ code }}\n", "Kasa says hello", "{{ nothing }}", &long] {
        std::fs::write(&file, own).unwrap();
        outbox.queue(&code(MessagePurpose::SignInCode)).await;
        courier.drain_once().await.unwrap();
    }
    let built_in = "123456 is your code to sign in to Kasa. Tell it to nobody, whoever asks.";
    assert_eq!(told(&gateway), ["Kasa: 123456", built_in, built_in, built_in]);
}

#[tokio::test]
async fn an_answer_of_the_gateway_decides_what_becomes_of_the_message() {
    let outbox = Outbox::new().await;
    for ((status, body), state, problem) in [
        ((200, r#"{"id": 7}"#), "sent", None),
        ((202, r#"{"id": "m-1"}"#), "sent", None),
        ((200, r#"{"error": "no credit"}"#), "queued", Some("transport")),
        ((200, ""), "queued", Some("transport")),
        ((429, ""), "queued", Some("refused_for_now")),
        ((500, ""), "queued", Some("refused_for_now")),
        ((400, ""), "failed", Some("refused")),
    ] {
        let gateway = HttpService::start(move |_| Reply::Say(status, body.to_owned())).await;
        let gateway_id = Some("/id".to_owned());
        let courier = outbox.texting(SmsSettings { message_id: gateway_id, ..settings(gateway.url("/")) });
        let id = outbox.queue(&code(MessagePurpose::SignInCode)).await;
        courier.drain_once().await.unwrap();
        assert_eq!(gateway.arrived().len(), 1);
        let row = outbox.row(id).await;
        assert_eq!((row.0.as_str(), outbox.problem(id).await.as_deref()), (state, problem));
        let kept: Option<String> =
            sqlx::query_scalar("SELECT gateway_id FROM deliveries WHERE delivery_id = $1")
                .bind(id.uuid())
                .fetch_one(&mut outbox.database().await)
                .await
                .unwrap();
        assert_eq!(kept.is_some(), state == "sent", "{kept:?}");
        // The next round finds nothing that is due.
        outbox.advance(Span::minutes(6));
        courier.drain_once().await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_is_sent_again_has_the_same_code_and_id() {
    let outbox = Outbox::new().await;
    // The gateway takes the first one, and fails to say so.
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let gateway =
        HttpService::start(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::Say(500, String::new()),
            _ => Reply::ok(),
        });
    let gateway = gateway.await;
    let body = [("body", "{to} {text} {id}")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = crate::SmsBody::Form(body.to_vec());
    let courier = outbox.texting(SmsSettings { body, ..settings(gateway.url("/")) });
    let id = outbox.queue(&code(MessagePurpose::SignInCode)).await;
    courier.drain_once().await.unwrap();
    outbox.advance(Span::seconds(2));
    courier.drain_once().await.unwrap();
    let told = told(&gateway);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert!(told[0].ends_with(&id.to_string()), "the gateway can tell that it has it already");
    assert_eq!(outbox.row(id).await, ("sent".to_owned(), 2, false));
}

#[tokio::test]
async fn without_a_gateway_a_message_waits_until_it_expires() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&code(MessagePurpose::SignInCode)).await;
    let courier = outbox.courier();
    assert_eq!(courier.drain_once().await.unwrap(), 0);
    assert_eq!(outbox.problem(id).await.as_deref(), Some("not_configured"));
}
