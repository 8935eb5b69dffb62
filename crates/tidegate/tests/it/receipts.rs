//! Receipts of text messages, from a gateway that a test plays: what they change, and what the port refuses.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
};

use tidegate_proto::{self as proto, DeliveryProblem, DeliveryState, Method};
use tidegate_tests::{TIMEOUT, postgres::Line};

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Frontend, Realm, heard, signed_in},
    program::eventually,
    server::Server,
};

const TOKEN: &str = "receipts-0123456789abcdef";
/// `gateway:` and the token, in base64.
const BASIC: &str = "Basic Z2F0ZXdheTpyZWNlaXB0cy0wMTIzNDU2Nzg5YWJjZGVm";
const ON: [&str; 2] = ["sms_receipts.listen=127.0.0.1:0", "sms_receipts.token_file=receipts.token"];

on_both_engines! {
    a_receipt_says_that_the_phone_has_the_message,
    a_receipt_says_that_the_phone_did_not_get_the_message,
}

/// A gateway that takes messages, and says which.
struct Gateway {
    url: String,
    taken: mpsc::Receiver<String>,
}

impl Gateway {
    /// Knows the first message as `m-1`.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("sms.url=http://{}/messages", listener.local_addr().unwrap());
        let (tell, taken) = mpsc::channel();
        std::thread::spawn(move || {
            for number in 1.. {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let request = request(&mut stream);
                let answer = format!("{{\"id\":\"m-{number}\"}}");
                let head = format!("HTTP/1.1 202 Accepted\r\nContent-Length: {}", answer.len());
                let _ = write!(stream, "{head}\r\n\r\n{answer}");
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, taken }
    }

    /// The next message's fields. Our id of it comes last.
    fn takes(&self) -> String {
        self.taken.recv_timeout(TIMEOUT).unwrap()
    }
}

/// A request, up to the end of a body without `\r\n`. It is small, and arrives before the client waits for the answer.
fn request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut bytes = [0; 4_096];
    loop {
        let count = stream.read(&mut bytes).unwrap();
        request.push_str(str::from_utf8(&bytes[..count]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase();
        let length = length.split_once("content-length: ").unwrap().1.lines().next().unwrap().to_owned();
        if body.len() == length.parse::<usize>().unwrap() {
            return body.to_owned();
        }
    }
}

struct ReceiptTest {
    server: Server,
    realm: Realm,
    /// Our own id of the message.
    id: String,
    /// The server ends when its files are taken away.
    _folder: Folder,
}

impl ReceiptTest {
    /// A server whose gateway has taken a code.
    async fn set_up(engine: Engine, set: &[&str]) -> Self {
        let (folder, gateway) = (Folder::installed(engine).await, Gateway::start());
        folder.write("receipts.token", &format!("{TOKEN}\n"));
        let messages = [
            gateway.url.as_str(),
            "sms.countries=DE",
            "sms.message_id=/id",
            "sms.body=to={to}&text={text}&id={id}",
        ];
        // At this level, libraries log what they read.
        let server = folder.serve(&[&messages, &ON[..], &["log.level=trace"], set].concat()).await;
        let realm = Realm::set_up(&server, &["ann"]).await;
        realm.allows(&[Method::SmsCode]).await;
        request_code(&realm.frontend(&server)).await;
        let taken = tokio::task::spawn_blocking(move || gateway.takes()).await.unwrap();
        let id = taken.split_once("&id=").unwrap().1.to_owned();
        let test = Self { server, realm, id, _folder: folder };
        test.becomes(DeliveryState::Sent).await;
        test
    }

    async fn posts(&self, path: &str, headers: &[&str], body: &str) -> u16 {
        let headers = headers.join("\r\n");
        let length = body.len();
        status(
            &self.server,
            format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{body}"),
        )
        .await
    }

    /// Posts as gateways do: again, while the server asks for it because its database is slow.
    async fn takes(&self, path: &str, headers: &[&str], body: &str) -> u16 {
        let status = async || Some(self.posts(path, headers, body).await).filter(|status| *status != 503);
        eventually("an answer to the receipt", status).await
    }

    async fn delivery(&self) -> proto::Delivery {
        let request = proto::ListDeliveriesRequest::default();
        let listed = heard(self.realm.operator.deliveries().list_deliveries(request).await).unwrap();
        listed.deliveries.into_iter().find(|delivery| delivery.channel() == proto::Channel::Sms).unwrap()
    }

    async fn becomes(&self, state: DeliveryState) {
        eventually("the delivery", async || (self.delivery().await.state() == state).then_some(())).await;
    }

    async fn in_state(&self, state: DeliveryState) -> Vec<String> {
        let request = proto::ListDeliveriesRequest { state: state.into(), ..Default::default() };
        let listed = heard(self.realm.operator.deliveries().list_deliveries(request).await).unwrap();
        listed.deliveries.into_iter().map(|delivery| delivery.id).collect()
    }
}

async fn request_code(frontend: &Frontend) {
    let session = frontend.sign_in("ann", "phone").await;
    let request = proto::BeginEnrollmentRequest {
        subject: Some(signed_in(&session)),
        method: Method::SmsCode.into(),
        about: Some(proto::begin_enrollment_request::About::Phone("+4915112345678".to_owned())),
        ..Default::default()
    };
    let begun = heard(frontend.client.enrollments().begin_enrollment(request).await).unwrap();
    let redeem = proto::RedeemLinkRequest { token: frontend.link("ann").await, ..Default::default() };
    heard(frontend.client.sign_ins().redeem_link(redeem).await).unwrap();
    let go_on = proto::ContinueEnrollmentRequest {
        subject: Some(signed_in(&session)),
        enrollment_id: begun.enrollment.unwrap().id,
        ..Default::default()
    };
    heard(frontend.client.enrollments().continue_enrollment(go_on).await).unwrap();
}

fn address(server: &Server) -> SocketAddr {
    let said = server.program.so_far().out;
    let line = said.lines().find(|line| line.contains("/sms/receipts")).unwrap();
    line.split_once("http://").unwrap().1.trim_end_matches("/sms/receipts").parse().unwrap()
}

/// Sends these bytes to the port for receipts, and returns the status of the answer. Reads no further: when the server
/// closes a connection before it has read everything, the rest of its answer may be lost.
async fn status(server: &Server, request: String) -> u16 {
    let address = address(server);
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        str::from_utf8(&answer).unwrap().replace("HTTP/1.1 ", "")
    });
    answer.await.unwrap().parse().unwrap()
}

async fn a_receipt_says_that_the_phone_has_the_message(engine: Engine) {
    let test = ReceiptTest::set_up(engine, &[]).await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    let (bearer, basic) = (&*format!("Authorization: Bearer {TOKEN}"), &*format!("Authorization: {BASIC}"));
    let in_path = format!("/sms/receipts/{TOKEN}");
    let right = "MessageSid=m-1&MessageStatus=delivered";

    let wrong = "Authorization: Bearer receipts-0123456789abcdeg";
    for (path, headers, status) in [
        ("/sms/receipts", &[form][..], 401),
        ("/sms/receipts", &[form, wrong], 401),
        ("/sms/receipts/receipts-0123456789abcde", &[form, wrong], 401),
        ("/sms/receipts/", &[form], 404),
    ] {
        assert_eq!(test.takes(path, headers, right).await, status, "{path} {headers:?}");
    }
    assert_eq!(test.delivery().await.state(), DeliveryState::Sent);
    for (body, status) in [
        ("MessageSid=m-1", 400),
        ("{}", 400),
        ("MessageSid=m-2&MessageStatus=delivered", 200),
        ("MessageSid=m-1&MessageStatus=queued", 200),
    ] {
        assert_eq!(test.takes("/sms/receipts", &[form, bearer], body).await, status, "{body}");
        assert_eq!(test.delivery().await.state(), DeliveryState::Sent);
    }

    assert_eq!(test.takes(&in_path, &[form], right).await, 200);
    let delivery = test.delivery().await;
    assert_eq!(
        (delivery.state(), delivery.problem()),
        (DeliveryState::Delivered, DeliveryProblem::Unspecified)
    );
    assert_eq!(test.in_state(DeliveryState::Delivered).await, [test.id.as_str()]);
    assert_eq!(test.in_state(DeliveryState::Failed).await, [""; 0]);
    assert_eq!(test.takes("/sms/receipts", &[form, basic], right).await, 200, "a repeat");
    let later = "MessageSid=m-1&MessageStatus=failed";
    assert_eq!(test.takes("/sms/receipts", &[form, bearer], later).await, 200, "a contradiction");
    assert_eq!(test.delivery().await.state(), DeliveryState::Delivered);

    let ended = test.server.stopped().await;
    assert_eq!(ended.code, Some(0), "{}", ended.transcript());
    assert!(ended.err.contains("receipts were taken") && ended.err.contains("requests without the token"));
    for secret in [TOKEN, BASIC, "receipts-0123456789abcde"] {
        assert!(!ended.err.contains(secret), "{secret} in {}", ended.err);
    }
}

async fn a_receipt_says_that_the_phone_did_not_get_the_message(engine: Engine) {
    let places = [
        "sms_receipts.message_id=/message/id",
        "sms_receipts.status=/status",
        "sms_receipts.failed=EXPIRED, REJECTED",
    ];
    let test = ReceiptTest::set_up(engine, &places).await;
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let body = format!(
        r#"[{{"message": {{"id": "m-9"}}, "status": "DELIVERED"}}, {{"message": {{"id": "{}"}}, "status": "Rejected"}}]"#,
        test.id
    );
    let headers = ["Content-Type: application/json", &bearer];
    assert_eq!(test.takes("/sms/receipts", &headers, &body).await, 200);
    let delivery = test.delivery().await;
    assert_eq!(
        (delivery.state(), delivery.problem()),
        (DeliveryState::Failed, DeliveryProblem::NotDelivered)
    );
    test.server.stopped().await;
}

#[tokio::test]
async fn the_port_takes_small_posts_and_nothing_else() {
    let folder = Folder::empty();
    folder.write("receipts.token", TOKEN);
    let server = folder.serve(&ON).await;
    let path = format!("/sms/receipts/{TOKEN}");
    for method in ["GET", "PUT", "DELETE"] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(status(&server, request).await, 405, "{method}");
    }
    for elsewhere in ["/", "/healthz", "/readyz", "/sms", "/sms/receipts/a/b"] {
        let request = format!("POST {elsewhere} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(status(&server, request).await, 404, "{elsewhere}");
    }
    let (most, form) = (64 * 1_024, "Content-Type: application/x-www-form-urlencoded");
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{form}\r\n");
    // Refused for the length that it announces: its body is never sent.
    assert_eq!(status(&server, format!("{head}Content-Length: {}\r\n\r\n", most + 1)).await, 413);
    let chunk = |length: usize| {
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n", "x".repeat(length))
    };
    assert_eq!(status(&server, chunk(most + 1)).await, 413);
    // Without the token, the body is not waited for.
    let stranger = format!("POST /sms/receipts HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(status(&server, stranger).await, 401);
    let largest = format!("MessageSid=m&MessageStatus=x&rest={}", "x".repeat(most - 34));
    assert_eq!(status(&server, format!("{head}Content-Length: {most}\r\n\r\n{largest}")).await, 200);
}

#[tokio::test]
async fn while_the_database_is_away_the_gateway_is_told_to_try_again() {
    let url = tidegate_tests::postgres::database().await;
    let line = Line::to(&url).await;
    let folder = Folder::with(&url);
    folder.write("receipts.token", TOKEN);
    assert_eq!(folder.run(&["init"]).await.code, Some(0));
    let database = format!("database.url={}", line.url());
    let server = folder.serve(&[&[&*database, "database.acquire_timeout_ms=100"], &ON[..]].concat()).await;
    let body = "MessageSid=m-1&MessageStatus=delivered";
    let request = format!(
        "POST /sms/receipts/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
            Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    line.cut().await;
    assert_eq!(status(&server, request.clone()).await, 503);
    line.mend().await;
    eventually("a receipt that is taken", async || {
        (status(&server, request.clone()).await == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn receipts_are_not_taken_without_a_good_token() {
    let folder = Folder::empty();
    folder.write("receipts.token", "short\n");
    for (set, why) in [
        (&["sms_receipts.listen=127.0.0.1:0"][..], "sms_receipts.listen needs sms_receipts.token_file"),
        (&ON, "the token in receipts.token must have 16 characters or more"),
        (&["sms_receipts.listen=50053"], "sms_receipts.listen must be an address and port"),
    ] {
        let words: Vec<_> =
            std::iter::once("serve").chain(set.iter().flat_map(|set| ["--set", set])).collect();
        let ended = folder.run(&words).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(why) && !ended.err.contains("short\n"), "{}", ended.err);
    }
}
