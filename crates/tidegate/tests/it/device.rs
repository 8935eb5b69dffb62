//! `tidegate device` plays an enrolled device: a sign-in elsewhere is approved, denied or reported in the terminal.

use std::{fs::File, io::Write as _, process::Command};

use expect_test::expect;
use tidegate_client::DeviceKey;
use tidegate_core::Secret;
use tidegate_proto::{self as proto, Level, Method, ProofOutcome};

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Frontend, Realm, SignIn, heard},
    program::{Ended, Program, Told},
    server::Server,
};

on_both_engines! {
    a_sign_in_is_approved_by_its_number,
    a_sign_in_is_denied_and_reported,
    a_code_is_shown,
}

async fn a_sign_in_is_approved_by_its_number(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let test = DeviceTest::set_up(&folder).await;
    let enrolled = test.enroll(Method::Push).await;
    assert!(enrolled.out.contains("phone.pem"), "{}", enrolled.out);
    let codes = enrolled.out.split_once("Recovery codes, which are shown only now:\n").unwrap().1;
    assert_eq!(codes.lines().count(), 10, "{codes}");
    assert_eq!((folder.mode("phone.pem"), folder.mode("phone.json")), (0o600, 0o600));

    let (sign_in, number) = test.challenge().await;
    let ended = test.listen(&format!("forty-two\n{number}\n")).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(ended.out.contains("Kasa: to sign in"), "{}", ended.out);
    assert!(ended.out.contains("the number has 2 digits"), "{}", ended.out);
    assert_eq!(ended.out.lines().last(), Some("approved"));
    let session = test.frontend.complete(&sign_in).await.unwrap().session.unwrap();
    assert_eq!(session.level(), Level::Aal2);
}

async fn a_sign_in_is_denied_and_reported(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::Push).await;
    let (sign_in, _) = test.challenge().await;
    let ended = test.listen("r\n").await;
    assert_eq!((ended.code, ended.out.lines().last()), (Some(0), Some("denied and reported")));
    test.frontend.complete(&sign_in).await.unwrap_err();
}

async fn a_code_is_shown(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::DeviceCode).await;
    assert_eq!(test.run(&["list", "--key-file", "phone.pem"]).await.out, "nothing waits\n");
    let sign_in = test.frontend.begin("ann", "tablet").await;
    let challenge = test.frontend.challenge(&sign_in).await;
    // Nothing is asked, so the end of standard input ends nothing.
    let ended = test.listen("").await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let code = ended.out.lines().last().unwrap().trim_start_matches("  code ").to_owned();
    let listed = test.run(&["list", "--key-file", "phone.pem"]).await;
    assert_eq!(listed.out.lines().last().unwrap().trim_start_matches("  code "), code);
    let answered = test.frontend.answer(&sign_in, &challenge, &code).await.unwrap();
    assert_eq!(answered.outcome(), ProofOutcome::Approved);
}

#[tokio::test]
async fn a_wrong_number_ends_the_prompt_and_the_exit_status_says_so() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::Push).await;
    let (sign_in, number) = test.challenge().await;
    let wrong = (number.parse::<u8>().unwrap() + 1) % 100;
    let ended = test.listen(&format!("{wrong:02}\n")).await;
    let last = ended.out.lines().last();
    assert_eq!((ended.code, last), (Some(1), Some("the number is wrong, and the prompt has ended")));
    test.frontend.complete(&sign_in).await.unwrap_err();
}

#[tokio::test]
async fn a_prompt_that_is_not_answered_is_said() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::Push).await;
    test.challenge().await;
    let ended = test.listen("").await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.err, "tidegate: standard input ended before the prompt was answered\n");
}

#[tokio::test]
async fn a_device_with_a_push_address_is_notified() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    let ended = test.start_enroll_at(&["--fcm-token", "a b"], Method::Push, "session", "").ended().await;
    assert!(ended.err.contains("push_address.fcm_token"), "{}", ended.err);
    test.enroll_at(&["--fcm-token", "ann-device:1"], Method::Push).await;
    test.challenge().await;
    let list = proto::ListDeliveriesRequest { page_size: 1, ..Default::default() };
    let newest = heard(test.server.operator().deliveries().list_deliveries(list).await).unwrap();
    assert_eq!(newest.deliveries[0].channel(), proto::Channel::Push);
}

#[tokio::test]
async fn a_person_presses_enter_when_the_link_is_open() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    let pipe = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let address = format!("http://{}", test.server.grpc);
    let mut words =
        vec!["-c", r#"exec "$0" "$@" < pipe"#, env!("CARGO_BIN_EXE_tidegate"), "device", "enroll"];
    words.extend(["--product", "kasa", "--key-file", "phone.pem", "--session-token-file", "-"]);
    words.extend(["--address", &address, "--credential-file", "frontend"]);
    let told = Told { words, ..Told::default() };
    let mut enrolling = Program::start_other("/bin/sh", folder.path(), &told);
    // Opening the pipe waits for its reader.
    let opened = tokio::task::spawn_blocking(move || File::options().write(true).open(pipe));
    let mut typed = opened.await.unwrap().unwrap();
    writeln!(typed, "{}", folder.read("session")).unwrap();
    enrolling.prints("open its link, then press Enter").await;
    test.open_link().await;
    writeln!(typed).unwrap();
    let ended = enrolling.ended().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(!ended.out.contains("not opened yet"), "{}", ended.out);
}

#[tokio::test]
async fn a_key_is_never_overwritten() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::Push).await;
    let key = folder.read("phone.pem");
    let again = test.start_enroll(Method::Push, "session", "").ended().await;
    assert_eq!(again.code, Some(1));
    expect![[r"
        tidegate: phone.pem exists and is not overwritten: name another file by --key-file
    "]]
    .assert_eq(&again.err);
    assert_eq!(folder.read("phone.pem"), key);
}

/// Otherwise the next try would find a file in its way, and nobody would know which of the keys is enrolled.
#[tokio::test]
async fn an_enrollment_that_failed_leaves_no_key() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    // Enter is pressed once, before the link was opened.
    let ended = test.start_enroll(Method::Push, "-", &(folder.read("session") + "\n\n")).ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.out.ends_with("The link was not opened yet: open it, then press Enter.\n"),
        "{}",
        ended.out
    );
    expect![[r"
        tidegate: standard input ended before the link was opened; see --wait
    "]]
    .assert_eq(&ended.err);
    assert!(!folder.names().iter().any(|name| name.starts_with("phone")), "{:?}", folder.names());

    let token = format!("tgs_{}", "0".repeat(64));
    let ended = test.start_enroll(Method::Push, "-", &token).ended().await;
    assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 1), "{}", ended.err);
    assert!(ended.err.starts_with("tidegate: SUBJECT_NOT_VALID: "), "{}", ended.err);
    assert!(!ended.err.contains("tgs_0"), "{}", ended.err);
    assert!(!folder.names().iter().any(|name| name.starts_with("phone")), "{:?}", folder.names());
}

#[tokio::test]
async fn another_key_is_refused_in_one_line() {
    let folder = Folder::empty();
    let test = DeviceTest::set_up(&folder).await;
    test.enroll(Method::Push).await;
    let other = DeviceKey::from_seed(&Secret::new([7; 32]));
    folder.write("phone.pem", other.to_pem().expose());
    for command in ["list", "listen"] {
        let ended = test.run(&[command, "--key-file", "phone.pem"]).await;
        assert_eq!(ended.code, Some(1));
        expect![[r"
            tidegate: DEVICE_NOT_VALID: the device is not valid; if this machine's clock is right, enroll the device again
        "]]
        .assert_eq(&ended.err);
    }
    folder.write("phone.pem", "not a key\n");
    let ended = test.run(&["list", "--key-file", "phone.pem"]).await;
    expect![[r"
        tidegate: failed to use phone.pem: not an Ed25519 private key in PEM (PKCS #8)
    "]]
    .assert_eq(&ended.err);
    let ended = test.run(&["list", "--key-file", "nowhere.pem"]).await;
    assert!(ended.err.starts_with("tidegate: failed to read nowhere.pem: "), "{}", ended.err);
}

/// Ann, the product's back end, and a folder where a device is played.
struct DeviceTest<'f> {
    folder: &'f Folder,
    server: Server,
    frontend: Frontend,
}

impl<'f> DeviceTest<'f> {
    /// The owner's session is in `session`, the back end's credential in `frontend`, an app's in `app`.
    async fn set_up(folder: &'f Folder) -> Self {
        let server = folder.serve(&[]).await;
        let realm = Realm::set_up(&server, &["ann"]).await;
        realm.allows(&[Method::Push, Method::DeviceCode]).await;
        let app = proto::CreateCredentialRequest {
            role: proto::RoleType::DeviceApp.into(),
            all_products: true,
            title: "app".into(),
            holder: "tests".into(),
            ..Default::default()
        };
        let app = realm.operator.access().create_credential(app).await.unwrap().into_inner();
        folder.write("app", &app.token);
        folder.write("frontend", &realm.frontend_token);
        let frontend = realm.frontend(&server);
        folder.write("session", &frontend.sign_in("ann", "first-phone").await);
        Self { folder, server, frontend }
    }

    fn start(&self, words: &[&str], credential: &str, input: &str) -> Program {
        let address = format!("http://{}", self.server.grpc);
        let server = ["--address", &address, "--credential-file", credential];
        let words = [&["device"], words, &server].concat();
        self.folder.start_told(&Told { words, input, ..Told::default() })
    }

    async fn run(&self, words: &[&str]) -> Ended {
        self.start(words, "app", "").ended().await
    }

    fn start_enroll(&self, method: Method, session: &str, input: &str) -> Program {
        self.start_enroll_at(&[], method, session, input)
    }

    /// `address`: the options that say where notifications reach the device.
    fn start_enroll_at(&self, address: &[&str], method: Method, session: &str, input: &str) -> Program {
        let method = if method == Method::Push { "push" } else { "device-code" };
        let mut words = vec!["enroll", "--product", "kasa", "--method", method, "--key-file", "phone.pem"];
        words.extend(["--session-token-file", session]);
        words.extend(address);
        if session != "-" {
            words.push("--wait");
        }
        self.start(&words, "frontend", input)
    }

    /// Enrolls `phone.pem`, and opens the mailed link meanwhile.
    async fn enroll(&self, method: Method) -> Ended {
        self.enroll_at(&[], method).await
    }

    async fn enroll_at(&self, address: &[&str], method: Method) -> Ended {
        let mut enrolling = self.start_enroll_at(address, method, "session", "");
        enrolling.prints("A mail was sent to a").await;
        self.open_link().await;
        let ended = enrolling.ended().await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
        ended
    }

    async fn open_link(&self) {
        let token = self.frontend.link("ann").await;
        let request = proto::RedeemLinkRequest { token, ..Default::default() };
        let redeemed = heard(self.frontend.client.sign_ins().redeem_link(request).await).unwrap();
        assert_eq!(redeemed.outcome(), ProofOutcome::Approved);
    }

    /// A sign-in elsewhere that asks the device, and the number that it shows.
    async fn challenge(&self) -> (SignIn, String) {
        let sign_in = self.frontend.begin("ann", "tablet").await;
        let request = proto::CreateChallengeRequest {
            subject: Some(sign_in.subject()),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: sign_in.factor.clone(),
            ..Default::default()
        };
        let created = heard(self.frontend.client.challenges().create_challenge(request).await).unwrap();
        let prompt = created.challenge.unwrap().prompt.and_then(|prompt| prompt.prompt);
        let Some(proto::prompt::Prompt::Push(push)) = prompt else { panic!("{prompt:?}") };
        (sign_in, push.number)
    }

    async fn listen(&self, input: &str) -> Ended {
        self.start(&["listen", "--once", "--key-file", "phone.pem"], "app", input).ended().await
    }
}
