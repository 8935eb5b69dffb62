//! Whether a service can be reached: what is found out, and that no message is sent.

use std::time::Duration;

use serde_json::json;

use super::{
    BEGIN,
    fcm::{self, account_file},
    http_service::{ArrivedRequest, HttpService, IMPATIENT, Reply},
    mail_server::{Do, MailServer},
    sms,
};
use crate::{
    FcmSettings, Obstacle, PushSettings, Reached, SmsSettings, SmtpSettings, Tls, WebPushSettings,
    reach_mail_server, reach_push_services, reach_sms_gateway,
};

const FROM: &str = "Kasa <no-reply@kasa.example>";

/// A port of this machine at which nothing listens.
async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_mail_server_is_greeted_and_given_the_password_and_no_mail() {
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = MailServer::offering(&["STARTTLS", "AUTH PLAIN"], tls, |_| None).await;
        reach_mail_server(server.settings(tls), FROM).await.unwrap();
        assert!(server.heard("EHLO kasa.example") > 0);
        assert_eq!((server.heard("AUTH"), server.heard("MAIL")), (1, 0));
    }
}

#[tokio::test]
async fn each_obstacle_of_a_mail_server_is_told_apart() {
    let replies = |begin: &'static str, reply: &'static str| {
        move |command: &str| command.starts_with(begin).then_some(Do::Say(reply))
    };
    let reach = async |settings: SmtpSettings| reach_mail_server(settings, FROM).await.unwrap_err();

    let server = MailServer::start(replies("AUTH", "535 5.7.8 kasa: wrong password horse")).await;
    let wrong = reach(server.settings(Tls::StartTls)).await;
    assert!(matches!(wrong, Obstacle::Credentials(535)), "{wrong}");
    assert!(!wrong.to_string().contains("horse"), "{wrong}");

    let server = MailServer::start(replies("greeting", "554 not you")).await;
    let refused = reach(server.settings(Tls::StartTls)).await;
    assert!(matches!(refused, Obstacle::Refused(554)), "{refused}");

    let server = MailServer::offering(&["AUTH PLAIN"], Tls::None, |_| None).await;
    let open = reach(server.settings(Tls::StartTls)).await;
    assert!(matches!(open, Obstacle::NotOffered(_)), "{open}");
    assert_eq!(server.heard("AUTH"), 0);
    let closed = reach(server.settings(Tls::Implicit)).await;
    assert!(matches!(closed, Obstacle::Encryption(_)), "{closed}");

    let (server, other) = (MailServer::start(|_| None).await, MailServer::start(|_| None).await);
    let strange = SmtpSettings { ca_file: Some(other.ca_file()), ..server.settings(Tls::StartTls) };
    let strange = reach(strange).await;
    assert!(matches!(&strange, Obstacle::Encryption(why) if why.contains("certificate")), "{strange}");

    let port = free_port().await;
    let away = reach(SmtpSettings { port, ..server.settings(Tls::StartTls) }).await;
    assert!(matches!(away, Obstacle::Connection(_)), "{away}");

    let nameless = SmtpSettings { host: "mx.invalid".to_owned(), ..server.settings(Tls::StartTls) };
    let nameless = reach(nameless).await;
    assert!(matches!(nameless, Obstacle::Name(_)), "{nameless}");

    let server = MailServer::start(|command| (command == "greeting").then_some(Do::Hang)).await;
    let timeout = Duration::from_millis(200);
    let slow = reach(SmtpSettings { timeout, ..server.settings(Tls::StartTls) }).await;
    assert!(matches!(slow, Obstacle::Slow), "{slow}");

    let from = reach_mail_server(server.settings(Tls::StartTls), "nobody").await.unwrap_err();
    assert!(matches!(from, Obstacle::Setup(_)), "{from}");
}

#[tokio::test]
async fn a_gateway_is_asked_for_the_head_of_its_first_page() {
    // Most gateways do not know the page, and that is an answer too.
    let gateway = HttpService::start(|_| Reply::Say(404, String::new())).await;
    let settings = SmsSettings {
        auth: crate::SmsAuth::Bearer { token: tidegate_core::Secret::new("hidden".to_owned()) },
        ..sms::settings(gateway.url("/send?key=hidden"))
    };
    let Reached { at, outcome, .. } = reach_sms_gateway(settings).await;
    outcome.unwrap();
    let [ArrivedRequest { path, headers, body, .. }] = &gateway.arrived()[..] else { panic!("one request") };
    assert_eq!((path.as_str(), body.len(), headers.get("authorization")), ("/", 0, None));
    assert!(gateway.url("").ends_with(&at), "{at}");
}

#[tokio::test]
async fn each_obstacle_of_a_gateway_is_told_apart_without_its_url() {
    let reach = async |settings: SmsSettings| reach_sms_gateway(settings).await.outcome.unwrap_err();
    let away = reach(sms::settings(format!("http://localhost:{}/hidden", free_port().await))).await;
    assert!(matches!(away, Obstacle::Connection(_)), "{away}");
    let nameless = reach(sms::settings("https://sms.invalid/hidden".to_owned())).await;
    assert!(matches!(nameless, Obstacle::Name(_)), "{nameless}");
    let service = HttpService::encrypted(&["http/1.1"], |_| Reply::ok()).await;
    let strange = reach(sms::settings(service.url("/hidden"))).await;
    assert!(matches!(strange, Obstacle::Encryption(_)), "{strange}");
    let hangs = HttpService::start(|_| Reply::Hang).await;
    let slow = reach(SmsSettings { timeout: IMPATIENT, ..sms::settings(hangs.url("/hidden")) }).await;
    assert!(matches!(slow, Obstacle::Slow), "{slow}");
    for obstacle in [away, nameless, strange, slow] {
        assert!(!format!("{obstacle} {obstacle:?}").contains("hidden"), "{obstacle:?}");
    }
    assert_eq!(service.arrived().len(), 0);
}

#[tokio::test]
async fn the_account_of_a_push_service_is_tried() {
    let account = account_file();
    let reach = async |service: &HttpService| {
        let fcm = FcmSettings { ..fcm::settings(&account, service) };
        let settings = PushSettings { fcm: Some(fcm), ..PushSettings::default() };
        reach_push_services(settings, BEGIN).await.remove(0).outcome
    };
    let accepts = fcm::service(|_| Reply::Say(404, String::new())).await;
    reach(&accepts).await.unwrap();
    let sent = accepts.arrived().into_iter().filter(|request| request.path.contains("messages:send"));
    assert_eq!(sent.count(), 0);
    let refusal = json!({ "error": "invalid_grant", "error_description": "hidden" }).to_string();
    let strict = HttpService::start(move |request| match request.path.as_str() {
        fcm::TOKEN_PATH => Reply::Say(400, refusal.clone()),
        _ => Reply::Say(404, String::new()),
    });
    let refused = reach(&strict.await).await.unwrap_err();
    assert!(matches!(&refused, Obstacle::Token(why) if why.contains("invalid_grant")), "{refused}");
    assert!(!refused.to_string().contains("hidden"), "{refused}");
}

#[tokio::test]
async fn a_push_service_whose_key_cannot_be_used_is_an_obstacle() {
    let web = WebPushSettings {
        key_file: "/no/such/key.pem".into(),
        contact: "mailto:ops@kasa.example".to_owned(),
        hosts: vec!["push.invalid".to_owned()],
        timeout: IMPATIENT,
    };
    let settings = PushSettings { web_push: Some(web), ..PushSettings::default() };
    let [Reached { outcome: Err(Obstacle::Setup(_)), .. }] = &reach_push_services(settings, BEGIN).await[..]
    else {
        panic!("the key does not exist")
    };
}
