//! What every notice says, by mail and on a device: from where, and the link "this wasn't me".

use std::{path::Path, sync::atomic::AtomicU64};

use serde_json::json;
use tidegate_core::{
    Body, ChallengeId, Email, Id, Language, Message, MessagePurpose, MessageStyle, NotMeLink, Notice,
    PushAddress, Recipient, Span, Word as _,
};

use super::{
    BEGIN, CountingEntropy, TOKEN, apns, fcm,
    http_service::{HttpService, Reply, TIMEOUT},
    to_ann, web_push,
};
use crate::{
    Look, notification, previews,
    text::{Templates, Text, is_mailed},
    transport::Push,
    trouble::Trouble,
};

const LINK: &str = "https://kasa.example/account#not-me=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
/// The same, as HTML writes it.
const ESCAPED: &str =
    "https:&#x2f;&#x2f;kasa.example&#x2f;account#not-me=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The purposes of mails that tell what happened: neither a link, a code nor a reminder.
fn purposes() -> impl Iterator<Item = MessagePurpose> {
    use MessagePurpose as P;
    let others = [
        P::VerifyEmail,
        P::ConfirmEnrollment,
        P::SignInCode,
        P::ChangeCode,
        P::ConfirmPhone,
        P::ResetPassword,
        P::NewPasswordDemanded,
        P::ConfirmAddress,
        P::ClaimAddress,
        P::AccessPass,
        P::EnrollmentReminder,
        P::TwoStepStaysOn,
    ];
    P::ALL.iter().copied().filter(move |purpose| !others.contains(purpose))
}

fn full() -> Notice {
    Notice {
        factor: Some("phone".parse().unwrap()),
        codes_left: Some(3),
        from: Some("Firefox on Linux, 203.0.113.7".to_owned()),
        address: Some("e…@n….example".to_owned()),
        until: Some(BEGIN.plus(Span::days(7))),
        not_me: Some(NotMeLink {
            url: "https://kasa.example/account".parse().unwrap(),
            token: TOKEN.to_owned(),
        }),
        ..Notice::at(BEGIN)
    }
}

fn tells(language: Language, purpose: MessagePurpose, notice: Notice) -> Message {
    let style = MessageStyle { language, ..MessageStyle::default() };
    Message { purpose, style, body: Body::Notice(notice), ..to_ann() }
}

/// From the texts of a folder, with the way out.
fn text_in(folder: &Path, message: &Message) -> Text {
    Templates::new(folder.to_owned()).text_of(message).unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

fn text(message: &Message) -> Text {
    text_in(Path::new("no-templates"), message)
}

#[test]
fn every_notice_says_when_where_and_how_to_deny_it() {
    for (language, at, label) in [
        (Language::En, "7 March 2026, 09:05 UTC", "This wasn’t me"),
        (Language::De, "7. März 2026, 09:05 Uhr UTC", "Das war ich nicht"),
    ] {
        for purpose in purposes() {
            let Text { subject, plain, html } = text(&tells(language, purpose, full()));
            assert!(is_mailed(purpose) && subject.contains("Kasa"), "{subject}");
            for form in [&plain, &html] {
                assert!(form.contains(at) && form.contains("Firefox on Linux, 203.0.113.7"), "{form}");
            }
            assert_eq!(plain.matches(LINK).count(), 1, "{plain}");
            assert!(html.contains(&format!("<a href=\"{ESCAPED}\"")), "{html}");
            assert!(html.contains(label), "{html}");
            assert!(!plain.contains("\n\n\n") && !plain.contains('<') && plain.trim() == plain, "{plain}");
        }
    }
}

#[test]
fn a_notice_says_nothing_of_what_is_not_known() {
    for language in [Language::En, Language::De] {
        for purpose in purposes() {
            let Text { plain, html, .. } = text(&tells(language, purpose, Notice::at(BEGIN)));
            for form in [&plain, &html] {
                assert!(!form.contains("http") && !form.contains("not-me"), "{form}");
                assert!(!form.contains("Where it came") && !form.contains("Woher es"), "{form}");
                assert!(!form.contains("<p></p>"), "{form}");
            }
            assert!(!plain.contains("\n\n\n") && plain.trim() == plain, "{plain}");
            assert!(!plain.contains(" .") && !plain.contains("  ") && !plain.contains(" \n"), "{plain}");
        }
    }
}

#[test]
fn advice_that_the_link_makes_needless_is_said_without_it_only() {
    let advice = "Was it not you? Then sign in, remove what you do not know, make new recovery codes, and change your password.";
    let added = |notice| text(&tells(Language::En, MessagePurpose::FactorAdded, notice)).plain;
    assert!(added(Notice::at(BEGIN)).ends_with(advice), "{}", added(Notice::at(BEGIN)));
    assert_eq!(
        added(Notice { factor: None, ..full() }),
        format!(
            "On 7 March 2026, 09:05 UTC, a way to sign in was added to the Kasa account of ann@example.com.\n\n\
             Devices that were trusted before are asked for a second step again.\n\n\
             Where it came from: Firefox on Linux, 203.0.113.7\n\n\
             Was it not you? Then open this page and confirm it there:\n\n\
             {LINK}\n\n\
             Opening the page changes nothing: only when you confirm there, all devices are signed out, what is new is \
             taken back, and changes are locked."
        )
    );
}

#[test]
fn a_change_of_address_says_which_and_until_when_it_can_be_taken_back() {
    let changed = |notice| text(&tells(Language::En, MessagePurpose::AddressChanged, notice)).plain;
    let told = changed(full());
    assert!(told.contains("It is now e…@n….example."), "{told}");
    let back = "The former address can take this back until 14 March 2026, 09:05 UTC, with the link below.";
    assert!(told.contains(back), "{told}");
    let told = changed(Notice { not_me: None, ..full() });
    assert!(told.contains("can take this back until 14 March 2026, 09:05 UTC.\n"), "{told}");
    let deleted = text(&tells(Language::En, MessagePurpose::AccountDeleted, full())).plain;
    assert!(deleted.contains("which can take it back until 14 March 2026, 09:05 UTC."), "{deleted}");
}

/// The client chose its user agent.
#[test]
fn a_user_agent_writes_no_html_no_line_and_no_link() {
    let from = "</p><script>x</script>\r\n\r\nOpen this page:\u{2028}https://evil.example/x\n, 203.0.113.7";
    let shown = "Where it came from: </p><script>x</script> Open this page: , 203.0.113.7";
    for purpose in purposes() {
        let notice = Notice { from: Some(from.to_owned()), ..full() };
        let Text { plain, html, .. } = text(&tells(Language::En, purpose, notice));
        assert!(plain.lines().any(|line| line == shown), "{plain}");
        assert!(html.contains("&lt;script&gt;x") && !html.contains("<script"), "{html}");
        assert!(!plain.contains("evil") && !html.contains("evil"), "{html}");
    }
}

#[test]
fn a_products_own_notice_has_the_link_or_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str, text: &str| {
        let path = folder.path().join("kasa").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let message = tells(Language::En, MessagePurpose::NewDevice, full());
    let sent = || text_in(folder.path(), &message);
    let built_in = sent();

    own("en/new_device.txt", "Subject: Own\n\nA new device, {{ at }}.\n");
    own("en/new_device.html", "{% extends 'layout.html' %}{% block body %}<p>Own</p>{% endblock %}");
    let Text { subject, plain, html } = sent();
    assert_eq!(subject, "Own");
    assert!(plain.starts_with("A new device, 7 March") && plain.contains(LINK), "it names no link: {plain}");
    assert!(html.contains("<p>Own</p>") && html.contains(ESCAPED), "{html}");

    own("en/notice.txt", "Not you? {{ not_me }}");
    assert_eq!(sent().plain, format!("A new device, 7 March 2026, 09:05 UTC.\n\nNot you? {LINK}"));
    own("en/notice.txt", "Not you? Call us.");
    assert_eq!((sent().plain, sent().html), (built_in.plain.clone(), built_in.html.clone()), "no link");
    own("en/notice.txt", "");
    own("en/new_device.txt", "Subject: Own\n\nNot you? {{ not_me }}\n");
    assert_eq!(sent().plain, format!("Not you? {LINK}"), "in the text itself");

    own("en/new_device.html", "<p>Not you? Call us.</p>");
    assert_eq!((sent().plain, sent().html), (built_in.plain.clone(), built_in.html), "no layout");
    own("en/new_device.html", "<a href=\"{{ not_me }}\">Not you?</a>");
    assert_eq!(sent().html, format!("<a href=\"{ESCAPED}\">Not you?</a>"));

    // Without a link there is none to miss.
    own("en/new_device.html", "<p>Own</p>");
    let message = tells(Language::En, MessagePurpose::NewDevice, Notice::at(BEGIN));
    assert_eq!(text_in(folder.path(), &message).html, "<p>Own</p>");
}

/// HTML is what most people see of a mail.
#[test]
fn a_products_own_html_has_the_link_or_the_code_or_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("kasa/en")).unwrap();
    let code = Body::Code { code: "4m6ptc-9s2k0w-xv81ha-z7qe5d-3k".to_owned() };
    let pass = Message { purpose: MessagePurpose::AccessPass, body: code, ..to_ann() };
    for (message, word) in [(to_ann(), "link"), (pass, "code")] {
        let file = folder.path().join(format!("kasa/en/{}.html", message.purpose.as_str()));
        let built_in = text_in(folder.path(), &message).html;
        std::fs::write(&file, "<p>Own</p>").unwrap();
        assert_eq!(text_in(folder.path(), &message).html, built_in);
        std::fs::write(&file, format!("<p>Own {{{{ {word} }}}}</p>")).unwrap();
        assert!(text_in(folder.path(), &message).html.starts_with("<p>Own "));
    }
}

#[test]
fn an_access_pass_is_written_in_its_groups() {
    let pass = "4m6ptc-9s2k0w-xv81ha-z7qe5d-3k";
    for language in [Language::En, Language::De] {
        let body = Body::Code { code: pass.to_owned() };
        let message = tells(language, MessagePurpose::AccessPass, full());
        let Text { plain, html, .. } = text(&Message { body, ..message });
        assert!(plain.contains(&format!("\n\n{pass}\n\n")), "{plain}");
        assert!(html.contains(&format!(">{pass}</td>")) && !html.contains("nowrap"), "{html}");
        assert!(!plain.contains("http") && !html.contains("not-me"), "support is asked instead: {plain}");
    }
}

#[test]
fn every_preview_is_made_and_a_test_mail_has_nothing_to_deny() {
    for language in [Language::En, Language::De] {
        let style = MessageStyle { language, ..MessageStyle::default() };
        let look = Look { key: "kasa".parse().unwrap(), product: "Kasa".parse().unwrap(), style };
        let to = Email::parse("ann@example.com").unwrap();
        let made = previews("no-templates".into(), &look, &to, BEGIN).unwrap();
        assert_eq!(made.iter().filter(|one| one.mail.is_some()).count(), 33);
        let denied = made.iter().filter(|one| one.plain.contains("#not-me=tgl_"));
        let expected: Vec<_> = purposes().map(|purpose| purpose.as_str().to_owned()).collect();
        assert_eq!(denied.map(|one| one.name.clone()).collect::<Vec<_>>(), expected);
        let test = made.iter().find(|one| one.name == "test").unwrap();
        assert!(!test.plain.contains("203.0.113.7"), "{}", test.plain);
    }
}

/// What a device is told of a notice.
fn on(device: PushAddress, language: Language) -> Message {
    let to = Recipient::Device(device);
    Message { to, ..tells(language, MessagePurpose::SecondStepFailed, full()) }
}

async fn push(push: &Push, message: &Message) {
    let notification = notification::of(message).unwrap_or_else(|trouble| panic!("{trouble:?}"));
    push.send(Id::MIN, &notification, BEGIN, &CountingEntropy(AtomicU64::new(0))).await.unwrap();
}

const EN: &str = "Something about the security of your account changed. Open the app to see what.";
const DE: &str =
    "An der Sicherheit Ihres Kontos hat sich etwas geändert. Öffnen Sie die App, um zu sehen, was.";

#[tokio::test]
async fn a_notice_on_a_device_tells_a_thief_nothing() {
    for (language, line) in [(Language::En, EN), (Language::De, DE)] {
        let firebase = fcm::service(|_| Reply::Say(200, "{}".to_owned())).await;
        push(&fcm::push(&firebase), &on(PushAddress::fcm("ann-device:1").unwrap(), language)).await;
        let [_, message] = &firebase.arrived()[..] else { panic!("two requests") };
        let ttl = format!("{}s", Span::hours(2).micros() / 1_000_000);
        assert_eq!(
            message.json(),
            json!({ "message": {
                "token": "ann-device:1",
                "notification": { "title": "Kasa", "body": line },
                "data": { "kind": "notice" },
                "android": { "priority": "high", "ttl": ttl, "notification": { "tag": "notice" } },
            } })
        );

        let apple = HttpService::start(|_| Reply::ok()).await;
        push(&apns::push(&apple), &on(PushAddress::apns(&"ab".repeat(32)).unwrap(), language)).await;
        let [request] = &apple.arrived()[..] else { panic!("one request") };
        assert_eq!(request.header("apns-collapse-id"), "notice");
        let alert = json!({ "title": "Kasa", "body": line });
        assert_eq!(request.json(), json!({ "aps": { "alert": alert }, "kind": "notice" }));

        let service = HttpService::start(|_| Reply::Say(201, String::new())).await;
        let browser = web_push::Browser::new();
        push(&web_push::push(&["localhost"], TIMEOUT), &on(browser.at(&service.url("/ann")), language)).await;
        let [request] = &service.arrived()[..] else { panic!("one request") };
        assert_eq!(request.header("topic"), "notice");
        assert_eq!(browser.read(&request.body), json!({ "title": "Kasa", "text": line, "kind": "notice" }));
    }
}

#[test]
fn a_device_gets_prompts_and_notices_and_nothing_else() {
    let device = || PushAddress::fcm("ann-device:1").unwrap();
    let challenge: ChallengeId = Id::MIN;
    let prompt = Body::Prompt { challenge, factor: Id::MIN };
    let asked = notification::of(&Message { body: prompt, ..on(device(), Language::En) }).unwrap();
    assert_eq!(asked.challenge, Some(challenge));
    assert_eq!(asked.text, "Do you sign in? Open the app to confirm it.");
    let Body::Link { url, token } = to_ann().body else { panic!("no link") };
    for body in [Body::Link { url, token }, Body::Code { code: "123456".to_owned() }] {
        let refused = notification::of(&Message { body, ..on(device(), Language::En) });
        assert!(matches!(refused, Err(Trouble::Address)));
    }
    let mailed = tells(Language::En, MessagePurpose::NewDevice, full());
    assert!(matches!(notification::of(&mailed), Err(Trouble::Address)));
}
