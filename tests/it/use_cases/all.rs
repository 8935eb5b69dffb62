//! Every use case, with arguments. A new one is added here: a test compares this list with the sources.

use std::sync::Arc;

use tidegate_core::{
    AccountId, AccountRef, Answer, ClientContext, Edge, Email, Fact, FactorId, HolderId, Identifier, Labels,
    Method, MethodPolicy, Ordinal, PhoneNumber, ProductSettings, Products, Purpose, Revision, Role, Secret,
    SignedDecision, Span, Timestamp, Title, Unit,
};
use tidegate_service::{
    PageRequest,
    access::{CreateCredential, ListCredentials, RevokeCredential, RotateCredential, WhoAmI},
    accounts::{
        AccountChange, ConfirmEmail, ConfirmPhoneChange, ConfirmedBy, CreateAccount, GetAccount,
        ImportAccounts, ListAccounts, LookupAccount, RecordRead, RequestEmailChange,
        RequestEmailVerification, RequestPhoneChange, UpdateAccount,
    },
    audit::{BeginExport, BeginTail, EventFilter, ListEvents, ReadExport, ReadTail, Start, VerifyChain},
    challenges::{AnswerChallenge, CancelChallenge, CreateChallenge, GetChallenge, ResendChallenge},
    customers::{CreateCustomer, CustomerChange, GetCustomer, ListCustomers, UpdateCustomer},
    deliveries::ListDeliveries,
    enrollments::{
        BeginEnrollment, CancelEnrollment, CompleteEnrollment, ContinueEnrollment, DisableTwoStep,
        EnableTwoStep, GetEnrollment, GetTwoStepStatus, ListFactors, PostponeEnrollment, RecordShown,
        SkipEnrollment,
    },
    evaluations::{BatchEvaluate, Evaluate, EvaluateProspect, Explain, Item},
    factors::{GenerateRecoveryCodes, RemoveFactor, RenameFactor},
    installation::{Restore, RestoreAccounts, RestoreRealm},
    notices::{ListActivity, NotMeSaid, ReportNotMe},
    passwords::{BeginRecovery, ChangePassword, CompleteRecovery, SendReset, SetPassword},
    products::{
        CreateProduct, GetMethodDirectory, GetProduct, ListInterest, ListProducts, ProductChange,
        RegisterInterest, UpdateProduct,
    },
    pushes::{DeviceProof, ListPushes, Listening, ReadPushes, RespondPush},
    realms::{CreateRealm, GetRealm, ListRealms},
    reminders::{RemindAccount, TellAccount},
    rollouts::{
        AddWave, AdvanceRollout, ArchiveRollout, Archived, ClearStop, CreateRollout, DiffRevisions,
        FunnelRange, GetRollout, GetStats, Hours, LaterInstants, ListReached, ListRevisions, ListRollouts,
        NamedDraft, PauseRollout, PlannedChange, PlannedVerb, PreviewExtent, PreviewRequest, PreviewRollout,
        Reached, RemoveWave, ResumeRollout, RevertRollout, RollBackRollout, RolloutChange, SetLadder,
        StartDueWaves, StartRollout, StopRollout, Target, UnarchiveRollout, UpdateRollout, UpdateWave,
        WatchRollout, WaveChange, WaveDraft,
    },
    sessions::{
        GetJwks, Introspect, IssueAssertion, ListSessions, ListTrustedDevices, RefreshSession,
        RevokeAllSessions, RevokeSession, RevokeTrustedDevice,
    },
    sign_ins::{
        BeginSignIn, CancelSignIn, CompleteSignIn, CreatePasskeyRequest, FirstFactor, GetSignIn, RedeemLink,
    },
    support::{
        AccountExport, BeginAccountExport, Case, DeleteAccount, EndExemption, Exempt, ExtendDeadline,
        IssueAccessPass, LadderCase, ListExemptions, LockdownAccount, PurgeAccount, ReactivateAccount,
        ReadAccountExport, ResetFactors, SuspendAccount, UndeleteAccount,
    },
    system::{GetServerInfo, RotateSigningKey},
};

use super::{Fixture, UseCase};
use crate::arrange::{NEW_PASSWORD, PASSWORD};

/// `command` or `query`, and the value that is run.
macro_rules! use_cases {
    ($fixture:ident: $($way:ident $make:expr;)+) => {
        pub fn all($fixture: &Arc<Fixture>) -> Vec<UseCase> {
            #[expect(clippy::allow_attributes, reason = "most values take nothing from the fixture, and some do")]
            #[allow(unused_variables, reason = "most values take nothing from the fixture")]
            let all = vec![$(UseCase::$way($fixture, |$fixture| $make)),+];
            all
        }
    };
}

use_cases! { f:
    command CreateCredential {
        role: Role::Auditor, products: Products::All, title: title(), holder: title(), expires_at: None,
    };
    command RotateCredential { credential: "cred_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap(), overlap: Span::ZERO };
    command RevokeCredential { credential: "cred_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap() };
    query ListCredentials { page: page() };
    query WhoAmI;

    command CreateAccount {
        external_id: Some("eve".parse().unwrap()), email: None, country: None, customer: None,
        labels: Labels::default(), password: None, product: None,
    };
    command ImportAccounts { rows: Vec::new(), malformed_rows: 0, malformed: Vec::new() };
    command UpdateAccount {
        account: AccountRef::Id(f.account),
        change: AccountChange { country: Some(Some("DE".parse().unwrap())), ..AccountChange::default() },
    };
    command RecordRead { fact: Fact::AccountRead { by_address: false }, account: None };
    command RequestEmailVerification { subject: f.session() };
    command ConfirmEmail { token: unknown("tgl"), proved_by: ConfirmedBy::Nothing };
    command RequestEmailChange { subject: f.session(), email: Email::parse("other@example.com").unwrap() };
    command ListActivity { subject: f.session(), page: page() };
    command RequestPhoneChange { subject: f.session(), phone: PhoneNumber::parse("+4915112345678").unwrap() };
    command ConfirmPhoneChange { subject: f.session(), enrollment: f.enrollment, code: Secret::new("123456".into()) };
    query GetAccount { account: AccountRef::Id(f.account) };
    query LookupAccount { email: Identifier::of("ann@example.com") };
    query ListAccounts { country: None, page: page() };

    query ListEvents { filter: EventFilter::default(), page: page() };
    query VerifyChain { from: None, to: None, anchor: None };
    query BeginExport { filter: EventFilter::default(), from: None, to: None, after: None };
    query ReadExport { reading: f.reading.clone() };
    query BeginTail { filter: EventFilter::default(), start: Start::Beginning };
    query ReadTail { reading: f.reading.clone() };

    command CreateChallenge { subject: f.session(), purpose: Purpose::Change, factor: f.factor };
    command AnswerChallenge { subject: f.sign_in(), challenge: f.challenge, answer: no_code() };
    command CancelChallenge { subject: f.sign_in(), challenge: f.challenge };
    command ResendChallenge { subject: f.sign_in(), challenge: f.challenge };
    query GetChallenge { subject: f.sign_in(), challenge: f.challenge };

    query ListDeliveries { account: None, state: None, page: page() };

    command ListPushes { method: "ListPushes", device: no_device(f.factor), address: None };
    command RespondPush { challenge: f.challenge, decision: no_decision() };
    query ReadPushes { listening: listening(f) };

    command CreateCustomer {
        key: "other".parse().unwrap(), title: title(), country: None, labels: Labels::default(), created_at: None,
    };
    command UpdateCustomer {
        customer: "acme".parse().unwrap(), etag: first(),
        change: CustomerChange { title: Some(title()), ..CustomerChange::default() },
    };
    query GetCustomer { customer: "acme".parse().unwrap() };
    query ListCustomers { page: page() };

    command BeginEnrollment { subject: f.session(), method: Method::Totp, label: None, enrollee: None };
    command ContinueEnrollment { subject: f.session(), enrollment: f.enrollment };
    command CompleteEnrollment {
        subject: f.session(), enrollment: f.enrollment, answer: no_code(),
    };
    command CancelEnrollment { subject: f.session(), enrollment: f.enrollment };
    command RenameFactor { subject: f.session(), factor: f.factor, label: None };
    command RemoveFactor { subject: f.session(), factor: f.factor };
    command GenerateRecoveryCodes { subject: f.session() };
    command EnableTwoStep { subject: f.session() };
    command DisableTwoStep { subject: f.session() };
    command GetTwoStepStatus { subject: f.session() };
    command RecordShown { subject: f.session() };
    command SkipEnrollment { subject: f.session(), rollout: None };
    command PostponeEnrollment { subject: f.sign_in() };
    command ListFactors { subject: f.session() };
    query GetEnrollment { subject: f.session(), enrollment: f.enrollment };

    query Evaluate { product: "kasa".parse().unwrap(), account: AccountRef::Id(f.account) };
    query BatchEvaluate {
        items: vec![Item { product: "kasa".parse().unwrap(), account: AccountRef::Id(f.account) }],
    };
    query EvaluateProspect { product: "kasa".parse().unwrap(), customer: None, country: "DE".parse().ok() };
    query Explain {
        product: "kasa".parse().unwrap(), account: AccountRef::Id(f.account), at: None, under: None,
    };

    command CreateProduct {
        key: "other".parse().unwrap(), title: title(),
        settings: ProductSettings::new(
            "https://other.example/confirm".parse().unwrap(), MethodPolicy::allowing([Method::Totp]),
        ),
    };
    command UpdateProduct {
        product: "kasa".parse().unwrap(), etag: first(),
        change: ProductChange { title: Some(title()), ..ProductChange::default() },
    };
    command RegisterInterest { subject: f.session() };
    query GetProduct { product: "kasa".parse().unwrap() };
    query GetMethodDirectory { product: "kasa".parse().unwrap() };
    query ListProducts { page: page() };
    query ListInterest { product: "kasa".parse().unwrap(), page: page() };

    command CreateRealm { key: "other".parse().unwrap(), title: title() };
    query GetRealm { realm: "main".parse().unwrap() };
    query ListRealms { page: page() };

    command CreateRollout {
        key: "other".parse().unwrap(), title: title(), products: vec!["kasa".parse().unwrap()], unit: Unit::Account,
        holdout: Edge::default(), allow: NamedDraft::default(), deny: NamedDraft::default(), method: None, waves: Vec::new(),
        advance_window: None, reason: None,
    };
    command UpdateRollout {
        target: target(), change: RolloutChange { title: Some(title()), ..RolloutChange::default() },
    };
    command AddWave { target: target(), wave: wave() };
    command UpdateWave { target: target(), ordinal: Ordinal(2), wave: WaveChange { title: Some(title()), ..WaveChange::default() } };
    command RemoveWave { target: target(), ordinal: Ordinal(2) };
    command StartRollout { target: target() };
    command SetLadder { target: target(), rules: Vec::new() };
    command AdvanceRollout { target: target() };
    command PauseRollout { target: target() };
    command ResumeRollout { target: target() };
    command RollBackRollout { target: target(), to: Ordinal(0), products: Vec::new() };
    command ArchiveRollout { target: target() };
    command UnarchiveRollout { target: target() };
    command RevertRollout { target: target(), to: first() };
    command StopRollout { target: target() };
    command ClearStop { target: target() };
    query GetRollout { rollout: "everybody".parse().unwrap() };
    query ListRollouts { page: page(), archived: Archived::LeftOut };
    query ListRevisions { rollout: "everybody".parse().unwrap(), page: page() };
    query DiffRevisions { rollout: "everybody".parse().unwrap(), from: first(), to: first() };
    query PreviewRollout::Begin(preview());
    query ListReached {
        rollout: "everybody".parse().unwrap(), product: "kasa".parse().unwrap(), wave: None, page: page(),
    };
    query GetStats {
        rollout: "everybody".parse().unwrap(), reached: Reached::Counted, funnel: FunnelRange::default(), hours: Hours::Listed,
    };
    query WatchRollout::Begin { rollout: "everybody".parse().unwrap() };

    command Introspect { token: f.session_token.clone() };
    command IssueAssertion { subject: f.session(), audience: None, lifetime: None };
    command GetJwks;
    command BeginSignIn {
        product: "kasa".parse().unwrap(), first: FirstFactor::Password {
            identifier: Identifier::of("bob@example.com"), password: Secret::new(PASSWORD.to_owned()),
        },
        client: ClientContext::default(), device_token: None,
    };
    command CreatePasskeyRequest { product: "kasa".parse().unwrap(), client: ClientContext::default() };
    command CompleteSignIn { subject: f.sign_in(), remember_device: false };
    command CancelSignIn { subject: f.sign_in() };
    command RedeemLink { token: unknown("tgl") };
    query GetSignIn { subject: f.sign_in() };
    command SetPassword { subject: f.session(), password: Secret::new(NEW_PASSWORD.to_owned()) };
    command ChangePassword {
        subject: f.session(), current: Secret::new("a wrong passphrase".to_owned()), new: Secret::new(NEW_PASSWORD.to_owned()),
    };
    command BeginRecovery {
        product: "kasa".parse().unwrap(), identifier: Identifier::of("bob@example.com"), client: ClientContext::default(),
    };
    command SendReset { recovery: "rcv_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap() };
    command CompleteRecovery {
        product: "kasa".parse().unwrap(), token: unknown("tgl"), password: Secret::new(NEW_PASSWORD.to_owned()),
        client: ClientContext::default(),
    };
    command RefreshSession { token: unknown("tgf"), client: ClientContext::default() };
    command ListSessions { subject: f.session() };
    command ListTrustedDevices { subject: f.session() };
    command RevokeTrustedDevice {
        subject: f.session(), product: "kasa".parse().unwrap(), device: "phone-9".parse().unwrap(),
    };
    command RevokeAllSessions { subject: f.session(), keep_own: true };
    // Last, because they end the session.
    command RevokeSession { subject: f.session(), session: None };

    command ReportNotMe { said: NotMeSaid::Session(f.session()) };
    command ResetFactors(bobs());
    command IssueAccessPass(bobs());
    command Exempt { of: on_ladder(), until: crate::clock::MORNING.plus(Span::days(1)) };
    command EndExemption(on_ladder());
    query ListExemptions { rollout: "everybody".parse().unwrap(), page: page() };
    command ExtendDeadline { of: on_ladder(), days: 1 };
    command TellAccount { account: f.account, rollout: "everybody".parse().unwrap(), product: "kasa".parse().unwrap() };
    command RemindAccount { account: f.account, rollout: "everybody".parse().unwrap(), product: "kasa".parse().unwrap() };
    command SuspendAccount(bobs());
    command ReactivateAccount(bobs());
    command LockdownAccount(bobs());
    command DeleteAccount(bobs());
    command UndeleteAccount(bobs());
    command BeginAccountExport { account: AccountRef::Id(f.account), reason: title() };
    query ReadAccountExport(export(f));
    command PurgeAccount { account: f.account };
    command RestoreRealm { restore: Restore { by: title(), reason: title() }, timeline: 1 };
    command RestoreAccounts { after: AccountId::MAX };
    command StartDueWaves { rollout: "everybody".parse().unwrap(), holder: HolderId::MIN };

    command RotateSigningKey { at_once: false };
    query GetServerInfo;
}

fn title() -> Title {
    "A title".parse().unwrap()
}

fn bobs() -> Case {
    let account = AccountRef::External("bob".parse().unwrap());
    Case { account, product: "kasa".parse().unwrap(), reason: title() }
}

fn on_ladder() -> LadderCase {
    LadderCase { case: bobs(), rollout: "everybody".parse().unwrap() }
}

/// As if the export had been recorded.
fn export(f: &Fixture) -> AccountExport {
    serde_json::from_value(serde_json::json!({"account": f.account, "next": "Account"})).unwrap()
}

const fn page() -> PageRequest {
    PageRequest { size: 50, after: None }
}

fn first() -> Revision {
    "r1".parse().unwrap()
}

/// The rollout at its newest revision.
fn target() -> Target {
    Target { rollout: "everybody".parse().unwrap(), etag: None, reason: None }
}

fn preview() -> Box<PreviewRequest> {
    let change = PlannedChange { verb: PlannedVerb::Stop, then_start: false };
    let rollout = "everybody".parse().unwrap();
    let later = LaterInstants::Dates;
    Box::new(PreviewRequest {
        rollout,
        etag: None,
        change,
        product: None,
        sample: 0,
        later,
        extent: PreviewExtent::Counted,
    })
}

fn wave() -> WaveDraft {
    let (audience, products, planned_start, soak, gates) = (None, Vec::new(), None, None, Vec::new());
    WaveDraft { title: title(), audience, edge: Edge::default(), products, planned_start, soak, gates }
}

fn unknown(kind: &str) -> Secret<String> {
    Secret::new(format!("{kind}_{}", "0".repeat(64)))
}

fn no_code() -> Answer {
    Answer::Code(Secret::new("no code".to_owned()))
}

fn no_device(factor: FactorId) -> DeviceProof {
    DeviceProof { factor, signed_at: Timestamp::from_unix_micros(0), signature: vec![0; 64] }
}

fn no_decision() -> SignedDecision {
    SignedDecision { approve: false, report: false, number: String::new(), signature: vec![0; 64] }
}

/// As if the device's signature had been verified.
fn listening(f: &Fixture) -> Listening {
    serde_json::from_value(serde_json::json!({"account": f.account, "factor": f.factor})).unwrap()
}
