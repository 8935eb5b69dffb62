//! Push prompts and codes that an enrolled device shows. The device here signs by the documented lines alone.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey, pkcs8::EncodePublicKey as _};
use proto::{Level, Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::{Clock as _, Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::Person,
    owner::{Device, Enrolls, Session, SignIn, by_code},
    race::together,
    raw,
    setting::Kasa,
    test_server::CredentialSpec,
};

/// An app on a phone, and the key that never leaves it.
pub struct Phone {
    key: SigningKey,
    pub factor: String,
}

/// An owner whose phone is enrolled, and the app's credential.
pub struct PhoneOwner {
    pub person: Person,
    pub session: Session,
    pub phone: Phone,
    pub app: Actor,
}

/// What the person decides.
#[derive(Clone, Copy)]
pub enum Decides<'n> {
    Approves(&'n str),
    Denies,
    Reports,
}

fn whole(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix_seconds(), nanos: 0 }
}

fn readable(seconds: i64) -> String {
    Timestamp::from_unix_micros(seconds * 1_000_000).to_string()
}

impl Phone {
    fn signs(&self, text: &str) -> Vec<u8> {
        self.key.sign(text.as_bytes()).to_vec()
    }

    fn new_key(seed: u8) -> (SigningKey, proto::DeviceKey) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public_key = key.verifying_key().to_public_key_der().unwrap().into_vec();
        (key, proto::DeviceKey { public_key, push_address: None })
    }

    #[expect(clippy::unnecessary_wraps, reason = "a request's field may be absent")]
    pub fn proof(&self, method: &str, now: Timestamp, address: &str) -> Option<proto::DeviceProof> {
        let (factor_id, sign_time) = (self.factor.clone(), whole(now));
        let time = readable(sign_time.seconds);
        let signature = self.signs(&format!(
            "tidegate device request v1\nmethod: {method}\nfactor: {factor_id}\ntime: {time}\naddress: {address}\n"
        ));
        Some(proto::DeviceProof { factor_id, sign_time: Some(sign_time), signature })
    }

    /// The person's decision about a prompt, as the phone signs it.
    pub fn decides(&self, push: &proto::Push, decides: Decides<'_>) -> proto::PushDecision {
        let (approve, report, word, number) = match decides {
            Decides::Approves(number) => (true, false, "approve", number),
            Decides::Denies => (false, false, "deny", ""),
            Decides::Reports => (false, true, "report", ""),
        };
        let purpose = match push.purpose() {
            proto::ChallengePurpose::SignIn => "sign_in",
            _ => "change",
        };
        let text = format!(
            "tidegate push decision v1\nchallenge: {}\nnonce: {}\naccount: {}\nproduct: {}\npurpose: {purpose}\n\
             context: {}\nexpires: {}\ndecision: {word}\nnumber: {number}\n",
            push.challenge_id,
            BASE64.encode(&push.nonce),
            push.account_id,
            push.product,
            push.context,
            readable(push.expire_time.unwrap().seconds),
        );
        let signature = self.signs(&text);
        proto::PushDecision { approve, number: number.to_owned(), report, signature }
    }
}

impl PhoneOwner {
    /// By one actor, who may do everything.
    pub async fn of(actor: &Actor, name: &str) -> Self {
        actor.allows(&[Method::Push, Method::DeviceCode, Method::Totp]).await;
        let person = actor.person(name).await;
        let session = actor.sign_in(&person, "kasa", &Device::new(name)).await;
        let phone = actor.enrolls_phone(&session, &person, (Method::Push, 9)).await;
        Self { person, session, phone, app: actor.clone() }
    }

    pub async fn prompted(&self, frontend: &Actor, device: &str) -> Prompted {
        let begun = frontend.begin(&self.person, "kasa", &Device::new(device)).await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
        let challenge = frontend.ok(asks(&begun, &self.phone.factor)).await.challenge.unwrap();
        let Some(proto::prompt::Prompt::Push(prompt)) = challenge.prompt.unwrap().prompt else {
            panic!("no number")
        };
        Prompted { begun, challenge: challenge.id, number: prompt.number }
    }

    pub async fn pushes(&self) -> Vec<proto::Push> {
        let device = self.phone.proof("ListPushes", self.app.server.clock.now(), "");
        self.app.ok(proto::ListPushesRequest { device, ..Default::default() }).await.pushes
    }

    pub async fn decides(&self, push: &proto::Push, decides: Decides<'_>) -> Outcome {
        self.app.ok(self.decision(push, decides)).await.outcome()
    }

    pub fn decision(&self, push: &proto::Push, decides: Decides<'_>) -> proto::RespondPushRequest {
        let challenge_id = push.challenge_id.clone();
        let decision = Some(self.phone.decides(push, decides));
        proto::RespondPushRequest { challenge_id, decision, ..Default::default() }
    }
}

/// A sign-in that waits for the phone.
pub struct Prompted {
    pub begun: SignIn,
    pub challenge: String,
    /// What the sign-in shows.
    pub number: String,
}

impl Kasa {
    pub async fn phone_owner(&self, name: &str, method: Method, seed: u8) -> PhoneOwner {
        self.admin.allows(&[Method::Push, Method::DeviceCode, Method::Totp]).await;
        let app = self.server.actor("app", Role::DeviceApp).await.quiet();
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let phone = self.frontend.enrolls_phone(&session, &person, (method, seed)).await;
        PhoneOwner { person, session, phone, app }
    }

    pub async fn prompted(&self, owner: &PhoneOwner, device: &str) -> Prompted {
        owner.prompted(&self.frontend, device).await
    }

    /// A sign-in that is denied.
    pub async fn denied(&self, owner: &PhoneOwner, decides: Decides<'_>) -> Prompted {
        let prompted = self.prompted(owner, "thief").await;
        let push = owner.pushes().await.remove(0);
        assert_eq!(owner.decides(&push, decides).await, Outcome::Denied);
        prompted
    }
}

pub fn asks(begun: &SignIn, factor: &str) -> proto::CreateChallengeRequest {
    let (subject, factor_id) = (begun.subject(), factor.to_owned());
    let purpose = proto::ChallengePurpose::SignIn.into();
    proto::CreateChallengeRequest { subject, purpose, factor_id, ..Default::default() }
}

fn other(number: &str) -> &'static str {
    if number == "42" { "43" } else { "42" }
}

impl Actor {
    pub async fn allows(&self, methods: &[Method]) {
        let allowed_methods = methods.iter().map(|method| i32::from(*method)).collect();
        let settings = proto::ProductSettings { allowed_methods, ..Default::default() };
        self.ok(self.change_product(settings, "settings.allowed_methods").await).await;
    }

    pub async fn enrolls_phone(
        &self,
        session: &impl Enrolls,
        person: &Person,
        (method, seed): (Method, u8),
    ) -> Phone {
        let (key, device) = Phone::new_key(seed);
        let request = proto::BeginEnrollmentRequest {
            subject: session.enrolls(),
            method: method.into(),
            about: Some(proto::begin_enrollment_request::About::Device(device)),
            label: "Ann's phone".to_owned(),
            ..Default::default()
        };
        let begun = self.ok(request).await;
        let enrollment_id = begun.enrollment.unwrap().id;
        let setup = if let Some(setup) = begun.setup {
            setup
        } else {
            assert_eq!(self.redeem(&self.server.mail_to(&person.email).await.token).await, Outcome::Approved);
            let (subject, enrollment_id) = (session.enrolls(), enrollment_id.clone());
            let go_on = proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() };
            self.ok(go_on).await.setup.unwrap()
        };
        let Some(proto::setup::Setup::Device(setup)) = setup.setup else { panic!("no nonce") };
        assert_eq!(setup.nonce.len(), 32);
        let mut phone = Phone { key, factor: String::new() };
        let text = format!("tidegate device enrollment v1\nnonce: {}\n", BASE64.encode(&setup.nonce));
        let decision =
            proto::PushDecision { approve: true, signature: phone.signs(&text), ..Default::default() };
        let complete = proto::CompleteEnrollmentRequest {
            subject: session.enrolls(),
            enrollment_id,
            answer: Some(proto::complete_enrollment_request::Answer::Decision(decision)),
            ..Default::default()
        };
        let done = self.ok(complete).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        phone.factor = done.factor.unwrap().id;
        phone
    }
}

/// Why a prompt is refused, and for how long; `None`: it is not.
pub async fn paused(kasa: &Kasa, owner: &PhoneOwner) -> Option<(String, Option<std::time::Duration>)> {
    let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("again")).await;
    match kasa.frontend.call(asks(&begun, &owner.phone.factor)).await {
        Ok(_) => None,
        Err(refused) => {
            assert_eq!(refused.name(), "FACTOR_PAUSED");
            Some((refused.metadata["why"].clone(), refused.retry_after))
        }
    }
}

fn minutes(minutes: u64) -> std::time::Duration {
    std::time::Duration::from_mins(minutes)
}

on_both! {
    async fn inv_37_a_number_typed_on_the_phone_signs_in(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let asked = kasa.prompted(&owner, "tablet").await;
        let [push] = owner.pushes().await.try_into().unwrap();
        assert_eq!((push.challenge_id.as_str(), push.method()), (asked.challenge.as_str(), Method::Push));
        assert_eq!((push.product_title.as_str(), push.account_id.as_str()), ("Kasa", owner.person.id.as_str()));
        assert_eq!(owner.decides(&push, Decides::Approves(&asked.number)).await, Outcome::Approved);
        assert_eq!(owner.pushes().await.len(), 0);
        let session = kasa.frontend.finish(&asked.begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.unwrap().level(), Level::Aal2);
        let again = owner.decides(&push, Decides::Denies).await;
        assert_eq!(again, Outcome::AlreadyApproved, "the first decision is final");
    }

    async fn inv_38_one_wrong_number_ends_the_prompt(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let asked = kasa.prompted(&owner, "tablet").await;
        let push = owner.pushes().await.remove(0);
        let wrong = owner.decides(&push, Decides::Approves(other(&asked.number))).await;
        assert_eq!(wrong, Outcome::UsedUp);
        assert_eq!(owner.decides(&push, Decides::Approves(&asked.number)).await, Outcome::UsedUp);
        let complete = proto::CompleteSignInRequest { subject: asked.begun.subject(), ..Default::default() };
        assert_eq!(kasa.frontend.refused(complete).await.name(), "SIGN_IN_STATE");
    }

    async fn inv_37_only_the_phone_that_is_asked_decides(server) {
        let kasa = Kasa::open(&server).await;
        let ann = kasa.phone_owner("ann", Method::Push, 1).await;
        let bob = kasa.phone_owner("bob", Method::Push, 2).await;
        let asked = kasa.prompted(&ann, "tablet").await;
        let push = ann.pushes().await.remove(0);
        let right = Decides::Approves(&asked.number);
        let by_ann = ann.decision(&push, right);
        let by_bob = bob.decision(&push, right);
        let elsewhere = proto::Push { context: "At home".into(), ..push.clone() };
        let shown_otherwise = ann.decision(&elsewhere, right);
        let mut turned = ann.decision(&push, Decides::Denies);
        turned.decision = turned.decision.map(|denial| proto::PushDecision { report: true, ..denial });
        let mut unsigned = by_ann.clone();
        unsigned.decision = unsigned.decision.map(|it| proto::PushDecision { signature: vec![0; 64], ..it });
        for forged in [by_bob, shown_otherwise, turned, unsigned] {
            let refused = ann.app.refused(forged).await;
            assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("INVALID_REQUEST", "decision.signature"));
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM challenges WHERE tries > 0").await, 0, "nothing is charged");
        let spec = CredentialSpec { products: &["tapo"], ..CredentialSpec::of(Role::DeviceApp) };
        kasa.admin.product("tapo").await;
        let foreign = server.with_credential("tapo-app", spec).await.quiet();
        assert_eq!(foreign.refused(by_ann.clone()).await.name(), "CHALLENGE_NOT_FOUND");
        assert_eq!(ann.app.ok(by_ann).await.outcome(), Outcome::Approved);
        let next = kasa.prompted(&ann, "laptop").await;
        let mut replayed = ann.decision(&push, right);
        replayed.challenge_id = next.challenge;
        assert_eq!(ann.app.refused(replayed).await.name(), "INVALID_REQUEST");
    }

    async fn inv_01_one_decision_of_64_counts(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let replica = server.replica().await;
        let callers = [owner.app.clone(), owner.app.at(replica.channel.clone())];
        let asked = kasa.prompted(&owner, "tablet").await;
        let push = owner.pushes().await.remove(0);
        let told = together(&callers, &owner.decision(&push, Decides::Approves(&asked.number))).await;
        let approved = told.iter().filter(|one| one.as_ref().unwrap().outcome() == Outcome::Approved);
        assert_eq!(approved.count(), 1);
        let asked = kasa.prompted(&owner, "laptop").await;
        let push = owner.pushes().await.remove(0);
        let told = together(&callers, &owner.decision(&push, Decides::Denies)).await;
        assert!(told.iter().all(|one| one.as_ref().unwrap().outcome() != Outcome::Approved));
        assert_eq!(raw::count(&server, "SELECT denials FROM pauses").await, 1, "one denial");
        assert_eq!(asked.begun.state, SignInState::PendingChallenge);
    }

    async fn a_denial_pauses_and_a_second_one_closes(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        kasa.denied(&owner, Decides::Denies).await;
        assert_eq!(paused(&kasa, &owner).await, Some(("denied".into(), Some(minutes(15)))));
        server.clock.advance(Span::minutes(15));
        let asked = kasa.prompted(&owner, "tablet").await;
        let push = owner.pushes().await.remove(0);
        assert_eq!(owner.decides(&push, Decides::Approves(&asked.number)).await, Outcome::Approved);
        for _ in 0..2 {
            server.clock.advance(Span::minutes(15));
            kasa.denied(&owner, Decides::Denies).await;
        }
        server.clock.advance(Span::hours(24));
        let asked = kasa.prompted(&owner, "tablet").await;
        let push = owner.pushes().await.remove(0);
        let closed = owner.decides(&push, Decides::Approves(&asked.number)).await;
        assert_eq!(closed, Outcome::Closed, "until it is bound again");
        let denials = server.mails_to(&owner.person.email).await;
        let denials = denials.iter().filter(|mail| mail.subject.contains("denied on a device"));
        assert_eq!(denials.count(), 3);
    }

    async fn a_report_ends_the_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let denied = kasa.denied(&owner, Decides::Denies).await;
        let still = kasa.frontend.ok(proto::GetSignInRequest { subject: denied.begun.subject() }).await;
        assert_eq!(still.sign_in.unwrap().state(), SignInState::PendingChallenge);
        server.clock.advance(Span::minutes(15));
        let reported = kasa.denied(&owner, Decides::Reports).await;
        let ended = kasa.frontend.ok(proto::GetSignInRequest { subject: reported.begun.subject() }).await;
        assert_eq!(ended.sign_in.unwrap().state(), SignInState::Cancelled);
        let subject = reported.begun.subject();
        let got = proto::GetChallengeRequest { subject, challenge_id: reported.challenge };
        let challenge = kasa.frontend.ok(got).await.challenge.unwrap();
        assert_eq!(challenge.state(), proto::ChallengeState::Denied);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events WHERE fact LIKE '%push_denied%'").await, 2);
    }

    async fn inv_14_three_prompts_in_ten_minutes_and_one_at_a_time(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let first = kasa.prompted(&owner, "one").await;
        let push = owner.pushes().await.remove(0);
        kasa.prompted(&owner, "two").await;
        assert_eq!(owner.pushes().await.len(), 1);
        assert_eq!(owner.decides(&push, Decides::Approves(&first.number)).await, Outcome::Superseded);
        kasa.prompted(&owner, "three").await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("four")).await;
        let refused = kasa.frontend.refused(asks(&begun, &owner.phone.factor)).await;
        assert_eq!(refused.name(), "TOO_MANY_MESSAGES");
        server.clock.advance(Span::minutes(10));
        kasa.prompted(&owner, "four").await;
        server.clock.advance(Span::seconds(60));
        assert_eq!(owner.pushes().await.len(), 0, "a minute");
    }

    async fn a_code_that_the_phone_shows_is_typed_at_the_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::DeviceCode, 1).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let challenge = kasa.frontend.ok(asks(&begun, &owner.phone.factor)).await.challenge.unwrap();
        let Some(proto::prompt::Prompt::Sent(sent)) = challenge.prompt.unwrap().prompt else { panic!() };
        assert_eq!(sent.hint, "Ann's phone");
        let [push] = owner.pushes().await.try_into().unwrap();
        assert_eq!((push.method(), push.code.len(), push.nonce.len()), (Method::DeviceCode, 6, 0));
        let answer = |code: String| proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge.id.clone(),
            answer: by_code(code),
            ..Default::default()
        };
        let wrong = format!("{:06}", (push.code.parse::<u32>().unwrap() + 1) % 1_000_000);
        assert_eq!(kasa.frontend.ok(answer(wrong)).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(kasa.frontend.ok(answer(push.code.clone())).await.outcome(), Outcome::Approved);
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.unwrap().level(), Level::Aal1Email);
        let decides = owner.decision(&push, Decides::Approves("42"));
        assert_eq!(owner.app.refused(decides).await.name(), "CHALLENGE_NOT_FOUND", "it is no prompt");
    }

    async fn a_device_that_is_not_valid_learns_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let bob = kasa.phone_owner("bob", Method::Push, 2).await;
        kasa.prompted(&owner, "tablet").await;
        let now = server.clock.now();
        let proof = |at: Timestamp| owner.phone.proof("ListPushes", at, "");
        let of = |device| proto::ListPushesRequest { device, ..Default::default() };
        let of_bob = bob.phone.proof("ListPushes", now, "").map(|it| proto::DeviceProof { factor_id: owner.phone.factor.clone(), ..it });
        let unknown = proof(now).map(|it| proto::DeviceProof { factor_id: "fac_01h2xcejqtf2nbrexx3vqjhp41".into(), ..it });
        for wrong in [
            of_bob,
            unknown,
            owner.phone.proof("WatchPushes", now, ""),
            owner.phone.proof("ListPushes", now, "fcm token"),
            proof(now.minus(Span::seconds(125))),
            proof(now.plus(Span::seconds(125))),
        ] {
            assert_eq!(owner.app.refused(of(wrong)).await.name(), "DEVICE_NOT_VALID");
        }
        assert_eq!(owner.app.ok(of(proof(now.minus(Span::seconds(110))))).await.pushes.len(), 1);
        assert_eq!(bob.pushes().await.len(), 0);
        raw::change(&server, "DELETE FROM factors WHERE method = 'push'").await;
        assert_eq!(owner.app.refused(of(proof(now))).await.name(), "DEVICE_NOT_VALID", "removed");
    }

    async fn a_phone_is_enrolled_by_its_key(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let begin = |method: Method, device: Option<proto::DeviceKey>| proto::BeginEnrollmentRequest {
            subject: owner.session.subject(),
            method: method.into(),
            about: device.map(proto::begin_enrollment_request::About::Device),
            ..Default::default()
        };
        let (_, key) = Phone::new_key(3);
        let no_key = proto::DeviceKey { public_key: vec![1; 32], ..Default::default() };
        let empty = proto::DeviceKey::default();
        let address = proto::PushAddress { address: Some(proto::push_address::Address::ApnsToken("no".into())) };
        let unreachable = proto::DeviceKey { push_address: Some(address), ..key.clone() };
        for (request, field) in [
            (begin(Method::Push, None), "device"),
            (begin(Method::Push, Some(no_key)), "device"),
            (begin(Method::Push, Some(empty)), "device.public_key"),
            (begin(Method::Push, Some(unreachable)), "device.push_address.apns_token"),
            (begin(Method::Totp, Some(key)), "device"),
        ] {
            let refused = kasa.frontend.refused(request).await;
            assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("INVALID_REQUEST", field));
        }
        let listed = kasa.frontend.ok(proto::ListFactorsRequest { subject: owner.session.subject() }).await;
        assert!(listed.factors.iter().any(|one| one.method() == Method::Push && one.label == "Ann's phone"));
    }

    async fn a_phone_that_watches_is_told_at_once(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let replica = server.replica().await;
        let device = || owner.phone.proof("WatchPushes", server.clock.now(), "");
        let watch = || proto::WatchPushesRequest { device: device(), ..Default::default() };
        let mut here = owner.app.stream(watch()).await.unwrap();
        let mut there = owner.app.at(replica.channel.clone()).stream(watch()).await.unwrap();
        assert!(here.one().await.pushes.is_empty() && there.one().await.pushes.is_empty());
        let asked = kasa.prompted(&owner, "tablet").await;
        assert_eq!(here.one().await.pushes[0].challenge_id, asked.challenge);
        replica.app.follow().await.unwrap();
        if !server.is_sqlite() {
            assert_eq!(there.one().await.pushes[0].challenge_id, asked.challenge);
        }
        let push = owner.pushes().await.remove(0);
        owner.decides(&push, Decides::Denies).await;
        assert!(here.one().await.pushes.is_empty());
        let late = owner.app.stream(proto::WatchPushesRequest { device: owner.phone.proof("ListPushes", server.clock.now(), ""), ..Default::default() }).await;
        assert_eq!(late.err().unwrap().name(), "DEVICE_NOT_VALID");
    }

    async fn a_phone_that_cannot_be_notified_is_asked_again_when_it_calls(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let missed = if server.is_sqlite() {
            "INSERT INTO pauses (realm_id, factor_id, denials, unreachable_at) SELECT realm_id, factor_id, 0, 1 FROM factors WHERE method = 'push'"
        } else {
            "INSERT INTO pauses (realm_id, factor_id, denials, unreachable_at) SELECT realm_id, factor_id, 0, now() FROM factors WHERE method = 'push'"
        };
        raw::change(&server, missed).await;
        assert_eq!(paused(&kasa, &owner).await, Some(("unreachable".into(), None)));
        let device = owner.phone.proof("ListPushes", server.clock.now(), "fcm token-2");
        let address = Some(proto::push_address::Address::FcmToken("token-2".into()));
        let push_address = Some(proto::PushAddress { address });
        owner.app.ok(proto::ListPushesRequest { device, push_address }).await;
        assert_eq!(paused(&kasa, &owner).await, None);
        let sent = raw::count(&server, "SELECT count(*) FROM deliveries WHERE channel = 'push'").await;
        assert_eq!(sent, 1, "to the new address");
    }
}
