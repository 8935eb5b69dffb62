//! Security keys, with a software authenticator that we did not write.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use der::{EncodePem as _, pem::LineEnding};
use proto::{Method, ProofOutcome as Outcome, SignInState};
use serde_json::Value;
use tidegate_core::Span;
use tidegate_proto as proto;
use webauthn_authenticator_rs::{
    AuthenticatorBackend as _,
    softtoken::{AAGUID, SoftToken},
};

use crate::{
    actor::Actor,
    arrange::Person,
    manage::mask,
    method_policy::rule,
    owner::{Device, Enrolls, Session, SignIn, by_code},
    race::together,
    raw,
    recovery::remove,
    setting::Kasa,
    test_server::TestServer,
};

pub const ORIGIN: &str = "https://login.kasa.example";
/// No test waits for it.
pub const TIMEOUT: u32 = 60_000;

/// Makes an answer that does not fit.
type Forgery<'a> = &'a dyn Fn(&mut Token, &str) -> String;

/// A key on a key ring.
pub struct Token(SoftToken);

impl Token {
    pub fn new() -> Self {
        Self::with_maker().0
    }

    /// A key, and its maker's root certificate as PEM.
    fn with_maker() -> (Self, String) {
        let (token, root) = SoftToken::new(true).unwrap();
        (Self(token), root.to_pem(LineEnding::LF).unwrap())
    }

    /// What a thief makes who had the key in hand.
    fn copy(&self) -> Self {
        Self(SoftToken::from_cbor(&self.0.to_cbor().unwrap()).unwrap())
    }

    /// As a browser does at a page of this origin.
    pub fn registers(&mut self, options: &str, origin: &str) -> String {
        let options = serde_json::from_str(options).unwrap();
        let made = self.0.perform_register(origin.parse().unwrap(), options, TIMEOUT).unwrap();
        serde_json::to_string(&made).unwrap()
    }

    pub fn signs(&mut self, options: &str, origin: &str) -> String {
        let options = serde_json::from_str(options).unwrap();
        let made = self.0.perform_auth(origin.parse().unwrap(), options, TIMEOUT).unwrap();
        serde_json::to_string(&made).unwrap()
    }
}

/// An owner whose only factor is a key.
pub struct KeyOwner<K> {
    pub person: Person,
    pub session: Session,
    pub key: K,
    pub factor: String,
    pub recovery_codes: Vec<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
fn by_key(json: String) -> Option<proto::answer_challenge_request::Answer> {
    Some(proto::answer_challenge_request::Answer::WebauthnJson(json))
}

impl Kasa {
    /// Kasa, which takes security keys.
    pub async fn with_keys(server: &TestServer) -> Self {
        let kasa = Self::open(server).await;
        kasa.admin.takes_keys("kasa", "kasa.example", &["https://kasa.example", ORIGIN]).await;
        kasa
    }

    pub async fn key_owner(&self, name: &str) -> KeyOwner<Token> {
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (enrollment, options) = self.frontend.asks_for_a_key(&session, &person).await;
        let mut key = Token::new();
        let done = self.frontend.answers(&session, &enrollment, key.registers(&options, ORIGIN)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 10));
        KeyOwner {
            person,
            session,
            key,
            factor: done.factor.unwrap().id,
            recovery_codes: done.recovery_codes,
        }
    }

    /// A sign-in that waits for the key: its challenge, and what the browser is asked.
    pub async fn asked_for_key<K>(&self, owner: &KeyOwner<K>) -> (SignIn, String, String) {
        let begun = self.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
        let (challenge, options) = self.frontend.key_challenge(&begun, &owner.factor).await;
        (begun, challenge, options)
    }
}

impl Actor {
    pub async fn takes_keys(&self, product: &str, id: &str, origins: &[&str]) {
        let got = self.ok(proto::GetProductRequest { product: product.into() }).await.product.unwrap();
        let party = proto::RelyingParty {
            id: id.to_owned(),
            origins: origins.iter().map(ToString::to_string).collect(),
            models: Vec::new(),
        };
        let paths = ["settings.relying_party", "settings.allowed_methods"].map(str::to_owned).to_vec();
        let change = proto::UpdateProductRequest {
            product: product.into(),
            etag: got.etag,
            settings: Some(proto::ProductSettings {
                relying_party: Some(party),
                allowed_methods: vec![Method::Webauthn.into(), Method::Totp.into()],
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..Default::default()
        };
        self.ok(change).await;
    }

    /// An enrollment that waits for the key, and what the browser is asked.
    pub async fn asks_for_a_key(&self, session: &impl Enrolls, person: &Person) -> (String, String) {
        let (subject, method) = (session.enrolls(), Method::Webauthn.into());
        let begun = self.ok(proto::BeginEnrollmentRequest { subject, method, ..Default::default() }).await;
        let enrollment_id = begun.enrollment.unwrap().id;
        let setup = if let Some(setup) = begun.setup {
            setup
        } else {
            assert_eq!(self.redeem(&self.server.mail_to(&person.email).await.token).await, Outcome::Approved);
            let (subject, enrollment_id) = (session.enrolls(), enrollment_id.clone());
            let request = proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() };
            self.ok(request).await.setup.unwrap()
        };
        let Some(proto::setup::Setup::WebauthnOptionsJson(options)) = setup.setup else {
            panic!("{setup:?}")
        };
        (enrollment_id, options)
    }

    pub async fn answers(
        &self,
        session: &impl Enrolls,
        enrollment: &str,
        json: String,
    ) -> proto::CompleteEnrollmentResponse {
        let request = proto::CompleteEnrollmentRequest {
            subject: session.enrolls(),
            enrollment_id: enrollment.to_owned(),
            answer: Some(proto::complete_enrollment_request::Answer::WebauthnJson(json)),
            ..Default::default()
        };
        self.ok(request).await
    }

    async fn key_challenge(&self, begun: &SignIn, factor: &str) -> (String, String) {
        let request = proto::CreateChallengeRequest {
            subject: begun.subject(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: factor.to_owned(),
            ..Default::default()
        };
        let challenge = self.ok(request).await.challenge.unwrap();
        let Some(proto::prompt::Prompt::WebauthnOptionsJson(options)) = challenge.prompt.unwrap().prompt
        else {
            panic!("no options")
        };
        (challenge.id, options)
    }

    pub async fn signs_in(
        &self,
        begun: &SignIn,
        challenge: &str,
        json: &str,
    ) -> proto::AnswerChallengeResponse {
        self.ok(signs(begun, challenge, json)).await
    }
}

fn signs(begun: &SignIn, challenge: &str, json: &str) -> proto::AnswerChallengeRequest {
    let (subject, challenge_id) = (begun.subject(), challenge.to_owned());
    proto::AnswerChallengeRequest {
        subject,
        challenge_id,
        answer: by_key(json.to_owned()),
        ..Default::default()
    }
}

/// The answer with one change, as an attacker makes it between the key and us.
pub fn altered(json: &str, alter: impl FnOnce(&mut Value)) -> String {
    let mut answer: Value = serde_json::from_str(json).unwrap();
    alter(&mut answer["response"]);
    answer.to_string()
}

/// What the page told the key: type, challenge, origin.
pub fn client_data(response: &mut Value, alter: impl FnOnce(&mut Value)) {
    let bytes = BASE64.decode(response["clientDataJSON"].as_str().unwrap()).unwrap();
    let mut data: Value = serde_json::from_slice(&bytes).unwrap();
    alter(&mut data);
    response["clientDataJSON"] = BASE64.encode(data.to_string()).into();
}

/// What the key says of itself: domain, flags, counter.
pub fn key_data(response: &mut Value, alter: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = BASE64.decode(response["authenticatorData"].as_str().unwrap()).unwrap();
    alter(&mut bytes);
    response["authenticatorData"] = BASE64.encode(bytes).into();
}

/// What the key says of itself within a registration (CBOR).
fn authenticator_data(attestation: &[u8]) -> &[u8] {
    const NAME: &[u8] = b"authData";
    let place = attestation.windows(NAME.len()).position(|bytes| bytes == NAME).unwrap() + NAME.len();
    let [0x58, length, rest @ ..] = &attestation[place..] else { panic!("bytes with a length of one byte") };
    &rest[..usize::from(*length)]
}

/// A registration that nobody signed (CBOR): `{"fmt": "none", "attStmt": {}, "authData": …}`.
fn unattested(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58", [length].as_slice(), data].concat()
}

on_both! {
    async fn inv_15_a_key_gives_a_session_that_resists_phishing(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.key_owner("ann").await;
        for _ in 0..2 {
            let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
            let signed = owner.key.signs(&options, ORIGIN);
            assert_eq!(kasa.frontend.signs_in(&begun, &challenge, &signed).await.outcome(), Outcome::Approved);
            let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
            assert_eq!(session.answer.session.unwrap().level(), proto::Level::Aal2Phr);
        }
        let strict = proto::MethodPolicy {
            rules: vec![rule(Method::Webauthn, &[], false)],
            phishing_resistant_only: true,
            ..Default::default()
        };
        kasa.admin.ok(kasa.admin.policy(strict).await).await;
        let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
        let signed = owner.key.signs(&options, "https://kasa.example");
        assert_eq!(kasa.frontend.signs_in(&begun, &challenge, &signed).await.outcome(), Outcome::Approved, "the other page");
    }

    async fn inv_39_what_does_not_fit_is_wrong_and_charged(server) {
        let kasa = Kasa::with_keys(&server).await;
        let (mut ann, mut bob) = (kasa.key_owner("ann").await, kasa.key_owner("bob").await);
        let (_, _, elsewhere) = kasa.asked_for_key(&ann).await;
        let (_, _, of_bob) = kasa.asked_for_key(&bob).await;
        let foreign = ann.key.signs(&elsewhere, ORIGIN);
        let bobs = bob.key.signs(&of_bob, ORIGIN);
        let wrongs: &[(&str, Forgery<'_>)] = &[
            ("a page of another domain", &|key, options| key.signs(options, "https://kasa.evil.example")),
            ("a page that is not named", &|key, options| key.signs(options, "https://other.kasa.example")),
            ("the answer to another challenge", &|_, _| foreign.clone()),
            ("another account's key", &|_, _| bobs.clone()),
            ("another signature", &|key, options| altered(&key.signs(options, ORIGIN), |it| {
                let mut signature = BASE64.decode(it["signature"].as_str().unwrap()).unwrap();
                *signature.last_mut().unwrap() ^= 1;
                it["signature"] = BASE64.encode(signature).into();
            })),
            ("a registration in place of an assertion", &|key, options| altered(&key.signs(options, ORIGIN), |it| {
                client_data(it, |data| data["type"] = "webauthn.create".into());
            })),
            ("another origin, written in afterwards", &|key, options| altered(&key.signs(options, "https://evil.example"), |it| {
                client_data(it, |data| data["origin"] = ORIGIN.into());
            })),
            ("another domain's key data", &|key, options| altered(&key.signs(options, ORIGIN), |it| {
                key_data(it, |data| data[0] ^= 1);
            })),
            ("nobody present", &|key, options| altered(&key.signs(options, ORIGIN), |it| key_data(it, |data| data[32] &= !1))),
            ("no signature", &|key, options| altered(&key.signs(options, ORIGIN), |it| it["signature"] = "".into())),
        ];
        for pair in wrongs.chunks(4) {
            let (begun, challenge, options) = kasa.asked_for_key(&ann).await;
            for (left, (what, wrong)) in (1..=4).rev().zip(pair) {
                let answer = kasa.frontend.signs_in(&begun, &challenge, &wrong(&mut ann.key, &options)).await;
                assert_eq!((answer.outcome(), answer.tries_left), (Outcome::WrongAnswer, Some(left)), "{what}");
            }
            let right = ann.key.signs(&options, ORIGIN);
            assert_eq!(kasa.frontend.signs_in(&begun, &challenge, &right).await.outcome(), Outcome::Approved);
            server.clock.advance(Span::days(1)); // ten a day would demand a new password
        }
    }

    async fn inv_01_one_assertion_of_64_is_approved(server) {
        let kasa = Kasa::with_keys(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let mut owner = kasa.key_owner("ann").await;
        let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
        let signed = owner.key.signs(&options, ORIGIN);
        let told = together(&callers, &signs(&begun, &challenge, &signed)).await;
        let told: Vec<_> = told.into_iter().map(|one| one.unwrap().outcome()).collect();
        assert_eq!(told.iter().filter(|one| **one == Outcome::Approved).count(), 1, "{told:?}");
        assert!(!told.contains(&Outcome::WrongAnswer), "{told:?}");
        let (again, challenge, _) = kasa.asked_for_key(&owner).await;
        assert_eq!(kasa.frontend.signs_in(&again, &challenge, &signed).await.outcome(), Outcome::WrongAnswer);
    }

    async fn a_copied_key_is_closed_and_its_owner_is_told(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.key_owner("ann").await;
        let mut thief = owner.key.copy();
        for _ in 0..2 {
            let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
            let signed = owner.key.signs(&options, ORIGIN);
            assert_eq!(kasa.frontend.signs_in(&begun, &challenge, &signed).await.outcome(), Outcome::Approved);
        }
        let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
        let copied = kasa.frontend.signs_in(&begun, &challenge, &thief.signs(&options, ORIGIN)).await;
        assert_eq!(copied.outcome(), Outcome::Closed);
        let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
        let right = kasa.frontend.signs_in(&begun, &challenge, &owner.key.signs(&options, ORIGIN)).await;
        assert_eq!(right.outcome(), Outcome::Closed, "until it is bound again");
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events WHERE fact LIKE '%factor_copied%'").await, 1);
        let mails = server.mails_to(&owner.person.email).await;
        assert!(mails.iter().any(|mail| mail.subject == "A security key of your account was copied, at Kasa"));
    }

    async fn a_key_that_cannot_be_read_is_no_guess(server) {
        let kasa = Kasa::with_keys(&server).await;
        let owner = kasa.key_owner("ann").await;
        let (begun, challenge, _) = kasa.asked_for_key(&owner).await;
        for json in ["", "{}", "null", "[]", "not json", r#"{"id":"x","rawId":"!","type":"public-key","response":{}}"#] {
            let refused = kasa.frontend.refused(signs(&begun, &challenge, json)).await;
            assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("INVALID_REQUEST", "webauthn_json"), "{json}");
        }
        let long = "x".repeat(16_385);
        assert_eq!(kasa.frontend.refused(signs(&begun, &challenge, &long)).await.name(), "INVALID_REQUEST");
        let code = proto::AnswerChallengeRequest { answer: by_code("123456"), ..signs(&begun, &challenge, "") };
        let refused = kasa.frontend.refused(code).await;
        assert_eq!(refused.violations[0].description, "must be webauthn_json");
        assert_eq!(raw::count(&server, "SELECT count(*) FROM challenges WHERE tries > 0").await, 0);
    }

    async fn a_key_is_registered_by_the_page_that_asked_and_once(server) {
        let kasa = Kasa::with_keys(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (enrollment, options) = kasa.frontend.asks_for_a_key(&session, &person).await;
        let asked: Value = serde_json::from_str(&options).unwrap();
        assert_eq!((&asked["rp"]["id"], &asked["attestation"]), (&"kasa.example".into(), &"none".into()));
        assert_eq!(asked["authenticatorSelection"]["residentKey"], "preferred");
        let mut key = Token::new();
        let evil = kasa.frontend.answers(&session, &enrollment, key.registers(&options, "https://evil.example")).await;
        assert_eq!(evil.outcome(), Outcome::WrongAnswer);
        let right = key.registers(&options, ORIGIN);
        let done = kasa.frontend.answers(&session, &enrollment, right.clone()).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.answers(&session, &enrollment, right).await.outcome(), Outcome::AlreadyApproved);
        let factor = done.factor.unwrap().id;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
        let (challenge, options) = kasa.frontend.key_challenge(&begun, &factor).await;
        kasa.frontend.signs_in(&begun, &challenge, &key.signs(&options, ORIGIN)).await;
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        let (enrollment, options) = kasa.frontend.asks_for_a_key(&session, &person).await;
        let asked: Value = serde_json::from_str(&options).unwrap();
        assert_eq!(asked["excludeCredentials"].as_array().unwrap().len(), 1, "the key that is registered");
        let second = kasa.frontend.answers(&session, &enrollment, Token::new().registers(&options, ORIGIN)).await;
        assert_eq!(second.outcome(), Outcome::Approved, "a second key");
        kasa.frontend.ok(remove(&session, &factor)).await;
        server.clock.advance(Span::minutes(1));
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("laptop")).await;
        assert_eq!(begun.offers.iter().filter(|offer| offer.method() == Method::Webauthn).count(), 1);
    }

    /// A key's registration is not signed where no attestation is asked for, so anybody can write another key's id into it.
    async fn inv_40_an_id_that_another_account_has_is_registered_for_nobody(server) {
        let kasa = Kasa::with_keys(&server).await;
        let ann = kasa.key_owner("ann").await;
        let (_, _, options) = kasa.asked_for_key(&ann).await;
        let options: Value = serde_json::from_str(&options).unwrap();
        let known = BASE64.decode(options["allowCredentials"][0]["id"].as_str().unwrap()).unwrap();
        let person = kasa.admin.person("bob").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("bob")).await;
        let (enrollment, options) = kasa.frontend.asks_for_a_key(&session, &person).await;
        let mut made: Value = serde_json::from_str(&Token::new().registers(&options, ORIGIN)).unwrap();
        let own = BASE64.decode(made["rawId"].as_str().unwrap()).unwrap();
        let attested = BASE64.decode(made["response"]["attestationObject"].as_str().unwrap()).unwrap();
        let mut data = authenticator_data(&attested).to_vec();
        let place = data.windows(own.len()).position(|bytes| bytes == own).unwrap();
        data[place..place + own.len()].copy_from_slice(&known);
        made["response"]["attestationObject"] = BASE64.encode(unattested(&data)).into();
        made["id"] = BASE64.encode(&known).into();
        made["rawId"] = made["id"].clone();
        let answer = kasa.frontend.answers(&session, &enrollment, made.to_string()).await;
        assert_eq!(answer.outcome(), Outcome::UsedUp);
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("bob")).await;
        assert!(begun.offers.iter().all(|offer| offer.method() != Method::Webauthn), "nothing was registered");
    }

    async fn a_product_takes_only_the_models_that_it_names(server) {
        let kasa = Kasa::with_keys(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (mut key, root_pem) = Token::with_maker();
        let (_, other_root) = Token::with_maker();
        let register = async |key: &mut Token, aaguid: &str, root_pem: &str| {
            let models = vec![proto::KeyModel { aaguid: aaguid.to_owned(), root_pem: root_pem.to_owned() }];
            let party = proto::RelyingParty { id: "kasa.example".into(), origins: vec![ORIGIN.into()], models };
            let party = proto::ProductSettings { relying_party: Some(party), ..Default::default() };
            kasa.admin.ok(kasa.admin.change_product(party, "settings.relying_party").await).await;
            let (enrollment, options) = kasa.frontend.asks_for_a_key(&session, &person).await;
            let asked: Value = serde_json::from_str(&options).unwrap();
            assert_eq!(asked["attestation"], "direct");
            server.clock.advance(Span::minutes(15));
            let made = key.registers(&options, ORIGIN);
            (enrollment, made)
        };
        let own = AAGUID.to_string();
        for (aaguid, root) in [(own.as_str(), &other_root), ("01234567-89ab-cdef-0123-456789abcdef", &root_pem)] {
            let (enrollment, made) = register(&mut key, aaguid, root).await;
            let answer = kasa.frontend.answers(&session, &enrollment, made).await;
            assert_eq!(answer.outcome(), Outcome::WrongAnswer, "{aaguid}");
        }
        let (enrollment, made) = register(&mut key, &own, &root_pem).await;
        let mut silent: Value = serde_json::from_str(&made).unwrap();
        let attested = BASE64.decode(silent["response"]["attestationObject"].as_str().unwrap()).unwrap();
        silent["response"]["attestationObject"] = BASE64.encode(unattested(authenticator_data(&attested))).into();
        let answer = kasa.frontend.answers(&session, &enrollment, silent.to_string()).await;
        assert_eq!(answer.outcome(), Outcome::WrongAnswer, "a key that proves no model");
        let answer = kasa.frontend.answers(&session, &enrollment, made).await;
        assert_eq!(answer.outcome(), Outcome::Approved);
        let unread = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (aaguid, root_pem, field) in [
            (own.as_str(), unread, "settings.relying_party.models[0].root_pem"),
            (&own, "no PEM", "settings.relying_party.models[0]"),
            ("kasa", &root_pem, "settings.relying_party.models[0]"),
            ("00000000-0000-0000-0000-000000000000", &root_pem, "settings.relying_party.models[0]"),
        ] {
            let models = vec![proto::KeyModel { aaguid: aaguid.to_owned(), root_pem: root_pem.to_owned() }];
            let party = proto::RelyingParty { id: "kasa.example".into(), origins: vec![ORIGIN.into()], models };
            let party = proto::ProductSettings { relying_party: Some(party), ..Default::default() };
            let refused = kasa.admin.refused(kasa.admin.change_product(party, "settings.relying_party").await).await;
            assert_eq!(refused.violations[0].field, field);
        }
    }

    async fn inv_43_a_domain_that_would_lock_owners_of_keys_out_is_refused(server) {
        let kasa = Kasa::with_keys(&server).await;
        let party = |id: &str, origin: &str| proto::ProductSettings {
            relying_party: Some(proto::RelyingParty { id: id.into(), origins: vec![origin.into()], ..Default::default() }),
            ..Default::default()
        };
        let elsewhere = || party("other.example", "https://other.example");
        let free = kasa.admin.change_product(elsewhere(), "settings.relying_party").await;
        kasa.admin.ok(free).await;
        kasa.admin.takes_keys("kasa", "kasa.example", &[ORIGIN]).await;
        let owner = kasa.key_owner("ann").await;
        let moved = kasa.admin.change_product(elsewhere(), "settings.relying_party").await;
        let refused = kasa.admin.refused(moved).await;
        assert_eq!((refused.name(), refused.metadata["accounts"].as_str()), ("METHOD_POLICY_LOCKS_OUT", "1"));
        let another_page = party("kasa.example", "https://new.kasa.example");
        let another_page = kasa.admin.change_product(another_page, "settings.relying_party").await;
        kasa.admin.ok(another_page).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.offers[0].method(), Method::Webauthn);
    }

    async fn a_key_is_offered_where_its_domain_is(server) {
        let kasa = Kasa::with_keys(&server).await;
        for (product, id, origin) in [("tapo", "kasa.example", ORIGIN), ("deco", "deco.example", "https://deco.example")] {
            kasa.admin.product(product).await;
            kasa.admin.takes_keys(product, id, &[origin]).await;
            let wave = kasa.admin.rollout(&format!("{product}-wave"), &[product], &[1_000_000]).await;
            kasa.admin.start(&wave).await;
        }
        let owner = kasa.key_owner("ann").await;
        let offered = async |product: &str| {
            let begun = kasa.frontend.begin(&owner.person, product, &Device::new("tablet")).await;
            begun.offers.iter().any(|offer| offer.method() == Method::Webauthn)
        };
        assert!(offered("kasa").await && offered("tapo").await && !offered("deco").await);
        let party = proto::ProductSettings::default();
        let without = kasa.admin.change_product(party, "settings.relying_party").await;
        let refused = kasa.admin.refused(proto::UpdateProductRequest { update_mask: mask("settings.relying_party"), ..without }).await;
        assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("METHOD_POLICY_NOT_ACCEPTABLE", "settings.relying_party"));
        assert!(owner.session.answer.session.is_some());
    }
}
