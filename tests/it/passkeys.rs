//! Passkeys as the first factor: a person signs in without typing who they are.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use proto::{Level, Method, ProofOutcome as Outcome, SignInState};
use serde_json::{Value, json};
use tidegate_core::Span;
use tidegate_proto as proto;
use webauthn_authenticator_rs::{AuthenticatorBackend as _, softpasskey::SoftPasskey};

use crate::{
    actor::Actor,
    arrange::Person,
    method_policy::rule,
    owner::{Device, SignIn},
    race::together,
    raw,
    recovery::remove,
    setting::Kasa,
    test_server::TestServer,
    webauthn::{ORIGIN, TIMEOUT, altered, client_data, key_data},
};

/// Makes an answer that does not fit.
type PasskeyForgery<'a> = &'a dyn Fn(&mut Passkey, &str) -> String;

/// A key that verifies its user, and finds its credential by the domain.
pub struct Passkey {
    key: SoftPasskey,
    id: String,
    user: String,
}

impl Passkey {
    /// The answer of the key, as a browser returns it from a page of this origin.
    pub fn signs(&mut self, options: &str, origin: &str) -> String {
        let mut options: Value = serde_json::from_str(options).unwrap();
        assert_eq!(options["allowCredentials"], json!([]), "the key finds its credential by itself");
        options["allowCredentials"] = json!([{"type": "public-key", "id": self.id}]);
        let options = serde_json::from_value(options).unwrap();
        let made = self.key.perform_auth(origin.parse().unwrap(), options, TIMEOUT).unwrap();
        altered(&serde_json::to_string(&made).unwrap(), |it| it["userHandle"] = self.user.clone().into())
    }
}

/// An owner whose only factor is a passkey.
pub struct PasskeyOwner {
    pub person: Person,
    factor: String,
    pub key: Passkey,
}

/// The first factor of a sign-in.
#[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
fn by_passkey(json: &str) -> Option<proto::begin_sign_in_request::FirstFactor> {
    Some(proto::begin_sign_in_request::FirstFactor::PasskeyJson(json.to_owned()))
}

pub fn begins(product: &str, device: &Device, json: &str) -> proto::BeginSignInRequest {
    let (product, client) = (product.to_owned(), Some(device.client()));
    proto::BeginSignInRequest { product, client, first_factor: by_passkey(json), ..Default::default() }
}

impl Actor {
    pub async fn passkey_options(&self, product: &str, device: &Device) -> String {
        let (product, client) = (product.to_owned(), Some(device.client()));
        let request = proto::CreatePasskeyRequestRequest { product, client, ..Default::default() };
        self.ok(request).await.webauthn_options_json
    }

    pub async fn begin_by_passkey(&self, product: &str, device: &Device, json: &str) -> Option<SignIn> {
        let begun = self.ok(begins(product, device, json)).await;
        let sign_in = begun.sign_in.unwrap();
        let (state, offers) = (sign_in.state(), sign_in.offers);
        (state != SignInState::Denied).then_some(SignIn { token: begun.sign_in_token, state, offers })
    }
}

impl Kasa {
    pub async fn passkey_owner(&self, name: &str) -> PasskeyOwner {
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (enrollment, options) = self.frontend.asks_for_a_key(&session, &person).await;
        let mut options: Value = serde_json::from_str(&options).unwrap();
        // What the person does: the key is touched with a finger that it knows.
        options["authenticatorSelection"]["userVerification"] = "required".into();
        let user = options["user"]["id"].as_str().unwrap().to_owned();
        let mut key = SoftPasskey::new(true);
        let options = serde_json::from_value(options).unwrap();
        let made = key.perform_register(ORIGIN.parse().unwrap(), options, TIMEOUT).unwrap();
        let id = made.id.clone();
        let made = serde_json::to_string(&made).unwrap();
        let done = self.frontend.answers(&session, &enrollment, made).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        PasskeyOwner { person, factor: done.factor.unwrap().id, key: Passkey { key, id, user } }
    }
}

async fn denials(server: &TestServer) -> Vec<String> {
    // Those that repeat are counted.
    server.app.record_refusals(true).await.unwrap();
    let facts =
        raw::rows(server, "SELECT fact FROM events WHERE fact LIKE '%sign_in_denied%' ORDER BY event_id")
            .await;
    let why = |fact: String| {
        let fact: Value = serde_json::from_str(&fact).unwrap();
        fact["data"]["why"].as_str().unwrap_or_default().to_owned()
    };
    facts.into_iter().map(why).collect()
}

on_both! {
    async fn inv_15_a_passkey_signs_in_by_itself(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        let tablet = Device::new("tablet");
        let options = kasa.frontend.passkey_options("kasa", &tablet).await;
        let asked: Value = serde_json::from_str(&options).unwrap();
        assert_eq!((&asked["rpId"], &asked["userVerification"]), (&"kasa.example".into(), &"required".into()));
        let signed = owner.key.signs(&options, ORIGIN);
        let begun = kasa.frontend.begin_by_passkey("kasa", &tablet, &signed).await.unwrap();
        assert_eq!((begun.state, begun.offers.len()), (SignInState::Ready, 0), "no second step is asked");
        let session = kasa.frontend.finish(&begun, &tablet).await.unwrap();
        let session = session.answer.session.unwrap();
        assert_eq!((session.level(), session.account_id.as_str()), (Level::Aal2Phr, owner.person.id.as_str()));
        assert_eq!(kasa.frontend.begin_by_passkey("kasa", &tablet, &signed).await.map(|it| it.token), None, "replayed");
        assert_eq!(denials(&server).await, ["passkey_not_requested"]);
    }

    async fn inv_39_what_does_not_fit_begins_no_sign_in(server) {
        let kasa = Kasa::with_keys(&server).await;
        let (mut ann, mut bob) = (kasa.passkey_owner("ann").await, kasa.passkey_owner("bob").await);
        let tablet = Device::new("tablet");
        let bobs_user = bob.key.user.clone();
        let cases: [(&str, &str, PasskeyForgery<'_>); 8] = [
            ("wrong_passkey", "a page of another domain", &|key, options| key.signs(options, "https://kasa.evil.example")),
            ("wrong_passkey", "a page that is not named", &|key, options| key.signs(options, "https://other.kasa.example")),
            ("unknown_passkey", "another account's user handle", &|key, options| {
                altered(&key.signs(options, ORIGIN), |it| it["userHandle"] = bobs_user.clone().into())
            }),
            ("unknown_passkey", "a user handle of no account", &|key, options| {
                altered(&key.signs(options, ORIGIN), |it| it["userHandle"] = BASE64.encode([7; 16]).into())
            }),
            ("wrong_passkey", "the user was not verified", &|key, options| {
                altered(&key.signs(options, ORIGIN), |it| key_data(it, |data| data[32] &= !4))
            }),
            ("wrong_passkey", "a registration in place of an assertion", &|key, options| {
                altered(&key.signs(options, ORIGIN), |it| client_data(it, |data| data["type"] = "webauthn.create".into()))
            }),
            ("passkey_not_requested", "a challenge of nobody", &|key, options| {
                altered(&key.signs(options, ORIGIN), |it| client_data(it, |data| data["challenge"] = BASE64.encode([7; 32]).into()))
            }),
            ("wrong_passkey", "no signature", &|key, options| altered(&key.signs(options, ORIGIN), |it| it["signature"] = "".into())),
        ];
        for (why, what, forge) in cases {
            let options = kasa.frontend.passkey_options("kasa", &tablet).await;
            let forged = forge(&mut ann.key, &options);
            assert!(kasa.frontend.begin_by_passkey("kasa", &tablet, &forged).await.is_none(), "{what}");
            assert_eq!(denials(&server).await.pop().as_deref(), Some(why), "{what}");
            let right = ann.key.signs(&options, ORIGIN);
            let again = kasa.frontend.begin_by_passkey("kasa", &tablet, &right).await;
            // The request took its one answer, unless the answer was to another.
            assert_eq!(again.is_some(), why == "passkey_not_requested", "{what}");
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM attempts WHERE in_row > 0").await, 0, "INV-13");
        let options = kasa.frontend.passkey_options("kasa", &tablet).await;
        assert!(kasa.frontend.begin_by_passkey("kasa", &tablet, &bob.key.signs(&options, ORIGIN)).await.is_some());
    }

    async fn inv_01_one_of_64_answers_begins_a_sign_in(server) {
        let kasa = Kasa::with_keys(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let mut owner = kasa.passkey_owner("ann").await;
        let tablet = Device::new("tablet");
        let options = kasa.frontend.passkey_options("kasa", &tablet).await;
        let told = together(&callers, &begins("kasa", &tablet, &owner.key.signs(&options, ORIGIN))).await;
        let begun = told.into_iter().filter(|one| !one.as_ref().unwrap().sign_in_token.is_empty());
        assert_eq!(begun.count(), 1);
    }

    async fn inv_03_a_request_is_of_one_product_and_device_and_inv_04_expires(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        kasa.admin.product("tapo").await;
        kasa.admin.takes_keys("tapo", "kasa.example", &[ORIGIN]).await;
        let (tablet, laptop) = (Device::new("tablet"), Device::new("laptop"));
        let mut answer = async |product: &str, device: &Device, wait: i64| {
            let options = kasa.frontend.passkey_options("kasa", &tablet).await;
            let signed = owner.key.signs(&options, ORIGIN);
            server.clock.advance(Span::seconds(wait));
            kasa.frontend.begin_by_passkey(product, device, &signed).await.is_some()
        };
        assert!(!answer("tapo", &tablet, 0).await, "another product");
        assert!(!answer("kasa", &laptop, 0).await, "another device");
        assert!(!answer("kasa", &tablet, 300).await, "expired");
        assert!(answer("kasa", &tablet, 299).await);
    }

    async fn inv_17_a_passkey_that_is_gone_makes_no_session(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        let (tablet, laptop) = (Device::new("tablet"), Device::new("laptop"));
        let mut begin = async |device: &Device| {
            let options = kasa.frontend.passkey_options("kasa", device).await;
            kasa.frontend.begin_by_passkey("kasa", device, &owner.key.signs(&options, ORIGIN)).await
        };
        let (ready, session) = (begin(&laptop).await.unwrap(), begin(&tablet).await.unwrap());
        let session = kasa.frontend.finish(&session, &tablet).await.unwrap();
        let rules = vec![rule(Method::Totp, &[], false)];
        let by_mail = proto::ProductSettings { email_is_factor: true, ..Default::default() };
        kasa.admin.ok(kasa.admin.change_product(by_mail, "settings.email_is_factor").await).await;
        let without = proto::MethodPolicy { rules, ..Default::default() };
        kasa.admin.ok(kasa.admin.policy(without).await).await;
        let complete = proto::CompleteSignInRequest { subject: ready.subject(), ..Default::default() };
        let refused = kasa.frontend.refused(complete.clone()).await;
        assert_eq!(refused.name(), "SUBJECT_NOT_VALID", "the product does not take keys any more");
        let request = proto::CreatePasskeyRequestRequest { product: "kasa".into(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(request).await.name(), "METHOD_NOT_ALLOWED");
        kasa.admin.takes_keys("kasa", "kasa.example", &[ORIGIN]).await;
        kasa.frontend.ok(remove(&session, &owner.factor)).await;
        assert_eq!(kasa.frontend.refused(complete).await.name(), "SUBJECT_NOT_VALID");
    }

    async fn inv_13_strangers_do_not_keep_the_owner_of_a_passkey_out(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        let tablet = Device::new("tablet");
        for wrong in 0..20 {
            let right = kasa.frontend.begin_request(&owner.person, "kasa", &tablet);
            let first_factor = crate::owner::by_password(format!("wrong {wrong}"));
            kasa.frontend.ok(proto::BeginSignInRequest { first_factor, ..right }).await;
            let options = kasa.frontend.passkey_options("kasa", &tablet).await;
            let forged = altered(&owner.key.signs(&options, ORIGIN), |it| it["signature"] = "".into());
            assert!(kasa.frontend.begin_by_passkey("kasa", &tablet, &forged).await.is_none());
        }
        let right = kasa.frontend.begin_request(&owner.person, "kasa", &tablet);
        let denied = kasa.frontend.ok(right).await.sign_in.unwrap();
        assert_eq!(denied.state(), SignInState::Denied, "the password is slowed");
        let options = kasa.frontend.passkey_options("kasa", &tablet).await;
        let signed = owner.key.signs(&options, ORIGIN);
        let begun = kasa.frontend.begin_by_passkey("kasa", &tablet, &signed).await.unwrap();
        assert_eq!(begun.state, SignInState::Ready);
    }

    async fn a_passkey_that_cannot_be_read_is_refused(server) {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        let tablet = Device::new("tablet");
        let options = kasa.frontend.passkey_options("kasa", &tablet).await;
        let right = owner.key.signs(&options, ORIGIN);
        let nameless = altered(&right, |it| it["userHandle"] = Value::Null);
        let garbled = altered(&right, |it| it["clientDataJSON"] = BASE64.encode("{").into());
        for json in ["", "{}", "null", "not json", &nameless, &garbled, &"x".repeat(16_385)] {
            let refused = kasa.frontend.refused(begins("kasa", &tablet, json)).await;
            let field = refused.violations[0].field.as_str();
            assert_eq!((refused.name(), field), ("INVALID_REQUEST", "passkey_json"), "{json}");
        }
        let named = proto::BeginSignInRequest { identifier: "ann@example.com".into(), ..begins("kasa", &tablet, &right) };
        assert_eq!(kasa.frontend.refused(named).await.violations[0].field, "identifier");
        assert!(kasa.frontend.begin_by_passkey("kasa", &tablet, &right).await.is_some());
    }

    async fn requests_that_nobody_answers_are_deleted(server) {
        let kasa = Kasa::with_keys(&server).await;
        for _ in 0..3 {
            kasa.frontend.passkey_options("kasa", &Device::new("tablet")).await;
        }
        let kept = "SELECT count(*) FROM passkey_requests";
        server.sweep().await;
        assert_eq!(raw::count(&server, kept).await, 3);
        server.clock.advance(Span::minutes(5));
        server.sweep().await;
        assert_eq!(raw::count(&server, kept).await, 0);
    }
}
