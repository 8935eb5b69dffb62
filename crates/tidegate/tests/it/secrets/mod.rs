//! INV-47: nothing that was secret in a run is in its output, or in clear in its database.

mod search;

use tidegate_proto as proto;
use tidegate_tests::postgres::{self, Line};

use search::{Secrets, hexadecimal};

use crate::{
    collector::{Collector, attributes},
    database::Database,
    folder::Folder,
    owner::{
        Authenticator, Frontend, HASH, PASSWORD, Realm, SignIn, begin_request, by_first_code, by_password,
        email, heard, signed_in, totp_secret,
    },
    program::Told,
    server::Server,
};

/// A password's hash is kept in clear, instead of the password.
const PASSWORD_HASH: &str = "a password's hash";

/// One server, its realm, and what is secret about both.
struct SecretsTest<'s> {
    folder: &'s Folder,
    server: &'s Server,
    realm: Realm,
    secrets: Secrets,
}

#[tokio::test]
async fn inv_47_no_secret_is_told_or_kept_in_clear_on_sqlite() {
    let folder = Folder::empty();
    let server = folder.serve(&["log.level=trace"]).await;
    let mut test = SecretsTest::set_up(&folder, &server).await;
    let imported = test.import().await;
    test.calls().await;
    let secrets = test.secrets;
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("TRACE") && ended.err.contains("begin_sign_in"), "the log is not a full one");
    assert!(!ended.err.contains("$argon2id$"), "a hash is told");
    assert_eq!(secrets.told_by(&(ended.out + &ended.err + &imported)), [""; 0]);
    for name in folder.names().iter().filter(|name| name.starts_with("tidegate.db")) {
        let held = secrets.held_by(&std::fs::read(folder.file(name)).unwrap());
        let held: Vec<_> = held.into_iter().filter(|name| *name != PASSWORD_HASH).collect();
        assert_eq!(held, [""; 0], "in {name}");
    }
    kept(&secrets, &folder.database).await;
}

#[tokio::test]
async fn inv_47_no_secret_is_told_or_kept_in_clear_on_postgresql() {
    let url = postgres::database().await;
    let line = Line::to(&url).await;
    let folder = Folder::with(&url);
    let init = folder.run(&["init", "--set", "log.level=trace"]).await;
    let through = format!("database.url={}", line.url());
    let server = folder.serve(&[&through, "log.level=trace", "log.format=json"]).await;
    let hasty = ["database.acquire_timeout_ms=100", "log.level=trace", "log.format=json"];
    let hasty = folder.serve(&[&[through.as_str()], &hasty[..]].concat()).await;
    let mut test = SecretsTest::set_up(&folder, &server).await;
    let imported = test.import().await;
    test.calls().await;
    // A call that fails is logged with its cause.
    line.cut().await;
    test.calls_that_fail(&hasty).await;
    line.mend().await;
    let secrets = test.secrets;
    assert_eq!(secrets.told_by(&(init.out + &init.err + &imported)), [""; 0]);
    assert_eq!(init.code, Some(0));
    for (server, told) in [(server, "begin_sign_in"), (hasty, "a call failed")] {
        let ended = server.stopped().await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.err.contains("\"level\":\"TRACE\"") && ended.err.contains(told));
        assert!(!ended.err.contains("$argon2id$"), "a hash is told");
        assert_eq!(secrets.told_by(&(ended.out + &ended.err)), [""; 0]);
    }
    kept(&secrets, &folder.database).await;
}

#[tokio::test]
async fn inv_47_no_secret_is_in_a_trace() {
    const KEYS: [&str; 5] =
        ["rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type", "db.system.name"];
    let folder = Folder::empty();
    let collector = Collector::start().await;
    // The log shows every span with all its fields: none of that is exported.
    let server =
        folder.serve(&[&collector.endpoint(), "otlp.sample_per_mille=1000", "log.level=trace"]).await;
    let mut test = SecretsTest::set_up(&folder, &server).await;
    test.import().await;
    test.calls().await;
    let secrets = test.secrets;
    let last = proto::GetServerInfoRequest {};
    heard(server.operator().system().get_server_info(last).await).unwrap();
    let collected = collector.collected_with("tidegate.v1.SystemService/GetServerInfo").await;
    assert_eq!(server.stopped().await.code, Some(0));
    let transcript = collected.transcript();
    for span in ["SignInService/BeginSignIn", "command begin_sign_in", "tx ", "password hash", "send mail"] {
        assert!(transcript.contains(span), "{span} is missing: the run is not a full one");
    }
    assert_eq!(secrets.told_by(&transcript), [""; 0]);
    for whose in ["@example.com", "acct_", "cred_", "kasa", "phone"] {
        assert!(!transcript.contains(whose), "{whose}");
    }
    for pair in collected.spans.iter().flat_map(attributes) {
        assert!(KEYS.contains(&pair.split('=').next().unwrap()), "{pair}");
    }
}

/// No row holds a secret in clear.
async fn kept(secrets: &Secrets, database: &Database) {
    for (table, rows) in database.contents().await {
        let text = rows.join("\n");
        let told: Vec<_> =
            secrets.told_by(&text).into_iter().filter(|told| !told.starts_with(PASSWORD_HASH)).collect();
        assert_eq!(told, [""; 0], "in {table}");
        let plain = text.to_ascii_lowercase();
        for (name, secret) in &secrets.long {
            assert!(!plain.contains(&hexadecimal(secret.as_bytes())), "{name} in {table}");
        }
    }
}

impl<'s> SecretsTest<'s> {
    async fn set_up(folder: &'s Folder, server: &'s Server) -> Self {
        let realm = Realm::set_up(server, &["ann"]).await;
        let mut secrets = Secrets::default();
        secrets.keep("the operator's credential", folder.read("operator.credential").trim());
        let master = folder.read("master.key");
        secrets.keep("the master key", master.lines().last().unwrap());
        secrets.keep("a credential", &realm.frontend_token);
        secrets.keep("a password", PASSWORD);
        secrets.keep(PASSWORD_HASH, HASH);
        Self { folder, server, realm, secrets }
    }

    fn frontend(&self) -> Frontend {
        self.realm.frontend(self.server)
    }

    /// Imports by the command, with one bad row. Returns what the command prints.
    async fn import(&mut self) -> String {
        let mistaken = self.secrets.keep("a password where its hash belongs", "not hashed by mistake 4711");
        let row = |name: &str, hash: &str| {
            format!(r#"{{"external_id": "{name}", "email": "{}", "password_hash": "{hash}"}}"#, email(name))
                + "\n"
        };
        let rows = row("una", HASH) + &row("bad", &mistaken);
        let address = format!("http://{}", self.server.grpc);
        let words = vec!["accounts", "import", "-", "--address", &address];
        let told = Told { words, input: &rows, ..Told::default() };
        let ended = self.folder.start_told(&told).ended().await;
        assert_eq!(ended.out, "2 created, 0 unchanged, 0 not imported; passwords not adopted: 1\n");
        ended.out + &ended.err
    }

    async fn calls(&mut self) {
        self.unknown_identifiers().await;
        self.new_account().await;
        self.verify_email().await;
        let authenticator = self.enroll().await;
        self.challenge(authenticator).await;
    }

    async fn unknown_identifiers(&mut self) {
        let credential = self.realm.frontend_token.rsplit_once('_').unwrap().0.to_owned();
        let forged = self.secrets.keep("a forged credential", &format!("{credential}_{}", "5e".repeat(32)));
        let caller = self.server.client(&forged);
        let refused = heard(caller.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap_err();
        assert_eq!(refused.name(), "UNAUTHENTICATED");
        let frontend = self.frontend();
        let forged = self.secrets.keep("a forged session", &format!("tgs_{}", "6d".repeat(32)));
        let request = proto::ListFactorsRequest { subject: Some(signed_in(&forged)) };
        heard(frontend.client.enrollments().list_factors(request).await).unwrap_err();
        let token = self.secrets.keep("a forged link", &format!("tgl_{}", "7c".repeat(32)));
        let request = proto::RedeemLinkRequest { token: token.clone(), ..Default::default() };
        heard(frontend.client.sign_ins().redeem_link(request).await).unwrap();
        let request = proto::ConfirmEmailRequest { token, ..Default::default() };
        heard(frontend.client.accounts().confirm_email(request).await).unwrap();
        for identifier in ["nobody@example.com", "ann@example.com"] {
            let password = self.secrets.keep("a wrong password", &format!("a guess at {identifier}"));
            let request = proto::BeginSignInRequest {
                identifier: identifier.to_owned(),
                first_factor: by_password(password),
                ..begin_request("", "phone")
            };
            let denied = heard(frontend.client.sign_ins().begin_sign_in(request).await).unwrap();
            assert_eq!(denied.sign_in.unwrap().state(), proto::SignInState::Denied);
        }
    }

    async fn new_account(&mut self) {
        let create = async |password: String| {
            let request = proto::CreateAccountRequest {
                external_id: "new".into(),
                email: email("new"),
                password,
                request_id: id(1),
                ..Default::default()
            };
            heard(self.realm.operator.accounts().create_account(request).await)
        };
        let weak = create("too short 12".into()).await.unwrap_err();
        assert_eq!(weak.name(), "PASSWORD_NOT_ACCEPTABLE", "{weak}");
        create("a new one that is long enough".into()).await.unwrap();
        self.secrets.keep("a weak password", "too short 12");
        self.secrets.keep("a new password", "a new one that is long enough");
    }

    async fn verify_email(&mut self) {
        let frontend = self.frontend();
        let session = frontend.sign_in("una", "phone").await;
        let session = self.secrets.keep("a session", &session);
        let subject = Some(signed_in(&session));
        let request = proto::RequestEmailVerificationRequest { subject: subject.clone(), request_id: id(2) };
        heard(frontend.client.accounts().request_email_verification(request).await).unwrap();
        let link = frontend.link("una").await;
        let token = self.secrets.keep("a verification link", &link);
        let request = proto::ConfirmEmailRequest { token, subject, request_id: id(3), ..Default::default() };
        let confirmed = heard(frontend.client.accounts().confirm_email(request).await).unwrap();
        assert_eq!(confirmed.outcome(), proto::ProofOutcome::Approved);
    }

    async fn enroll(&mut self) -> Authenticator {
        let frontend = self.frontend();
        let session = frontend.sign_in("ann", "phone").await;
        let session = self.secrets.keep("a session", &session);
        let enrollments = frontend.client.enrollments();
        let request = proto::BeginEnrollmentRequest {
            subject: Some(signed_in(&session)),
            method: proto::Method::Totp.into(),
            request_id: id(4),
            ..Default::default()
        };
        let begun = heard(enrollments.clone().begin_enrollment(request).await).unwrap();
        let enrollment_id = begun.enrollment.unwrap().id;
        let link = frontend.link("ann").await;
        let token = self.secrets.keep("an enrollment link", &link);
        let request = proto::RedeemLinkRequest { token, request_id: id(5) };
        heard(frontend.client.sign_ins().redeem_link(request).await).unwrap();
        let request = proto::ContinueEnrollmentRequest {
            subject: Some(signed_in(&session)),
            enrollment_id: enrollment_id.clone(),
            request_id: id(6),
        };
        let shown = heard(enrollments.clone().continue_enrollment(request).await).unwrap();
        let shown = totp_secret(shown.setup);
        let mut authenticator = Authenticator::scan(&shown.otpauth_uri);
        self.secrets.keep("an otpauth URI", &shown.otpauth_uri);
        self.secrets.keep("a seed", &shown.secret);
        self.secrets.keep("a QR code", &shown.qr_svg);
        self.secrets.bytes.push(("a seed's bytes", authenticator.seed.expose().clone()));
        let wrong = self.secrets.keep("a wrong code", "0--0--0--1--2--3");
        let code = authenticator.next_code(&frontend).await;
        let code = self.secrets.code("an enrollment's code", &code);
        let mut recovery_codes = Vec::new();
        for (number, code) in [(7, wrong), (8, code)] {
            let request = proto::CompleteEnrollmentRequest {
                subject: Some(signed_in(&session)),
                enrollment_id: enrollment_id.clone(),
                answer: by_first_code(code),
                request_id: id(number),
            };
            let completed = heard(enrollments.clone().complete_enrollment(request).await).unwrap();
            recovery_codes.extend(completed.recovery_codes);
        }
        assert!(!recovery_codes.is_empty(), "the enrollment did not complete");
        for code in &recovery_codes {
            self.secrets.keep("a recovery code", code);
            self.secrets.keep("a recovery code as digested", &code.replace('-', ""));
        }
        authenticator
    }

    async fn challenge(&mut self, mut authenticator: Authenticator) {
        let frontend = self.frontend();
        let request = proto::BeginSignInRequest { request_id: id(9), ..begin_request("ann", "tablet") };
        let begun = heard(frontend.client.sign_ins().begin_sign_in(request).await).unwrap();
        let sign_in = SignIn::of(begun);
        self.secrets.keep("a sign-in", &sign_in.token);
        let challenge = frontend.challenge(&sign_in).await;
        let long = self.secrets.keep("a code that is too long", &"too long ".repeat(100));
        let refused = frontend.answer(&sign_in, &challenge, &long).await.unwrap_err();
        assert_eq!(refused.name(), "INVALID_REQUEST");
        let wrong = self.secrets.keep("a wrong code", "0--0--0--1--2--4");
        frontend.answer(&sign_in, &challenge, &wrong).await.unwrap();
        let code = authenticator.next_code(&frontend).await;
        let code = self.secrets.code("a challenge's code", &code);
        let approved = frontend.answer(&sign_in, &challenge, &code).await.unwrap();
        assert_eq!(approved.outcome(), proto::ProofOutcome::Approved);
        let request = proto::CompleteSignInRequest {
            subject: Some(sign_in.subject()),
            remember_device: true,
            request_id: id(10),
        };
        let completed = heard(frontend.client.sign_ins().complete_sign_in(request).await).unwrap();
        let session = self.secrets.keep("a session", &completed.session_token);
        let device_token = self.secrets.keep("a device", &completed.device_token);
        let request = proto::IntrospectRequest { session_token: session.clone() };
        assert!(heard(frontend.client.sessions().introspect(request).await).unwrap().active);
        let request = proto::BeginSignInRequest { device_token, ..begin_request("ann", "tablet") };
        let trusted = SignIn::of(heard(frontend.client.sign_ins().begin_sign_in(request).await).unwrap());
        assert_eq!(trusted.state, proto::SignInState::Ready);
        self.secrets.keep("a sign-in", &trusted.token);
    }

    /// Calls a server that has lost its database, and waits only 100 ms for it.
    async fn calls_that_fail(&mut self, hasty: &Server) {
        let frontend = self.realm.frontend(hasty);
        let password = self.secrets.keep("a password that nobody looked at", "typed while nobody was there");
        let request = proto::BeginSignInRequest {
            first_factor: by_password(password),
            ..begin_request("ann", "phone")
        };
        let refused = heard(frontend.client.sign_ins().begin_sign_in(request).await).unwrap_err();
        assert_eq!(refused.name(), "UNAVAILABLE");
        let session = self.secrets.long.iter().find(|(name, _)| *name == "a session").unwrap().1.clone();
        let request = proto::IntrospectRequest { session_token: session };
        let refused = heard(frontend.client.sessions().introspect(request).await).unwrap_err();
        assert_eq!(refused.name(), "UNAVAILABLE");
    }
}

fn id(number: u32) -> String {
    format!("0192f0c1-0000-7000-8000-{number:012}")
}
