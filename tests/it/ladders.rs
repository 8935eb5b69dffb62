//! Ladders: from when on two-step is required of whom.

use proto::{Advice, Rung, SignInState as State};
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{Address, Person},
    audiences::test,
    manage::Managed,
    owner::{Device, Enrolled, SignIn},
    test_server::{TestServer, timestamp},
};

pub const MILLI: Span = Span::millis(1);
pub const DAY: Span = Span::days(1);

pub fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

/// The clock stands at this instant from now on.
pub fn set_clock(server: &TestServer, instant: Timestamp) {
    let ahead = instant.since(server.now());
    assert!(ahead >= Span::ZERO, "the clock goes forward");
    server.clock.advance(ahead);
}

pub fn phase(from: Option<Timestamp>, rung: Rung) -> proto::LadderPhase {
    proto::LadderPhase { from_time: from.map(timestamp), local: None, rung: rung.into() }
}

pub fn local(local: &str, zone: &str, rung: Rung) -> proto::LadderPhase {
    let time = proto::LocalTime { local: local.into(), zone: zone.into(), ..Default::default() };
    proto::LadderPhase { from_time: None, local: Some(time), rung: rung.into() }
}

/// A rule for everybody, without grace.
pub fn everybody(phases: Vec<proto::LadderPhase>) -> proto::LadderRule {
    let grace = Some(proto::Grace::default());
    proto::LadderRule { title: "Everybody".into(), phases, grace, ..Default::default() }
}

/// Gives the rollout a ladder that is optional for everybody.
pub fn requiring_nothing(rollout: &proto::Rollout) -> proto::SetLadderRequest {
    proto::SetLadderRequest {
        rollout: rollout.key.clone(),
        etag: rollout.etag.clone(),
        rules: vec![everybody(vec![phase(None, Rung::Optional)])],
        ..Default::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a span of a request may be absent")]
pub fn days(days: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 })
}

/// A product, its front end, and a rollout without waves.
pub struct Setting {
    pub server: TestServer,
    pub admin: Actor,
    pub app: Actor,
    pub rollout: Managed,
    product: String,
}

impl Setting {
    pub async fn open(server: &TestServer) -> Self {
        Self::at(server, "rmm").await
    }

    pub async fn at(server: &TestServer, product: &str) -> Self {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        let app = server.actor("app", Role::Frontend).await.quiet();
        admin.product(product).await;
        let rollout = admin.rollout("two-step", &[product], &[]).await;
        let manager = server.actor("manager", Role::RolloutManager).await.quiet();
        let rollout = Managed::new(&manager, &rollout);
        Self { server: server.clone(), rollout, admin, app, product: product.to_owned() }
    }

    pub async fn evaluate(&self, person: &Person) -> proto::Decision {
        self.admin.evaluate(person, &self.product).await
    }

    pub async fn begin(&self, person: &Person) -> SignIn {
        self.app.begin(person, &self.product, &Device::new("laptop")).await
    }

    /// Where a sign-in of the person with the right password leads now.
    pub async fn leads(&self, person: &Person) -> State {
        self.begin(person).await.state
    }

    /// Enrolls an authenticator on the way in, and completes the sign-in.
    pub async fn enroll_in(
        &self,
        begun: &SignIn,
        person: &Person,
    ) -> (Enrolled, proto::CompleteSignInResponse) {
        let (app, subject) = (&self.app, begun.subject());
        let enrolled = app.enroll(begun, person).await;
        (enrolled, app.ok(proto::CompleteSignInRequest { subject, ..Default::default() }).await)
    }
}

pub const T0: &str = "2026-03-08T23:00:00Z";
pub const T1: &str = "2026-03-21T23:00:00Z";

/// Accounts of customers created from T0 on have two-step on from the start; all others may switch it on and off until T1.
pub fn dashboard() -> Vec<proto::LadderRule> {
    let created = proto::AttributeTest {
        attribute: "customer.created".into(),
        from_time: Some(timestamp(at(T0))),
        ..Default::default()
    };
    let zone = "Europe/Berlin";
    vec![
        proto::LadderRule {
            title: "New customers".into(),
            audience: Some(test(created)),
            ..everybody(vec![local("2026-03-09T00:00", zone, Rung::Locked)])
        },
        everybody(vec![
            local("2026-03-09T00:00", zone, Rung::Optional),
            local("2026-03-22T00:00", zone, Rung::Required),
        ]),
    ]
}

async fn of_customer(setting: &Setting, name: &str, customer: &str) -> Person {
    setting.admin.customer(customer).await;
    let row =
        proto::ImportRow { customer: customer.into(), ..crate::arrange::row(1, name, Address::Verified) };
    setting.admin.import(vec![row]).await.unwrap();
    setting.admin.known(name).await
}

on_both! {
    /// N-able, 2021 to 2022.
    async fn the_dashboard_requires_two_step_at_the_instants_of_its_ladder(server) {
        let it = Setting::open(&server).await;
        let old = of_customer(&it, "old", "acme").await;
        let late = of_customer(&it, "late", "umbrella").await;
        it.rollout.set_ladder(dashboard()).await;
        set_clock(&server, at(T0).minus(MILLI));
        let almost = of_customer(&it, "almost", "almost").await;
        for person in [&old, &almost] {
            let decision = it.evaluate(person).await;
            assert!(!decision.visible && decision.ladder.is_none());
            assert_eq!(decision.next_change_time, Some(timestamp(at(T0))));
        }
        set_clock(&server, at(T0));
        let new = of_customer(&it, "new", "new").await;
        let decision = it.evaluate(&new).await;
        let ladder = decision.ladder.clone().unwrap();
        assert_eq!((ladder.rule, ladder.rung(), ladder.enforced), (1, Rung::Locked, true));
        assert_eq!((decision.may_toggle, decision.requirement()), (false, proto::Requirement::SecondStep));
        assert_eq!(it.leads(&new).await, State::PendingEnrollment, "on from the start");
        for person in [&old, &almost] {
            let decision = it.evaluate(person).await;
            assert_eq!((decision.reason(), decision.may_toggle), (proto::DecisionReason::Ladder, true));
            assert_eq!(decision.ladder.as_ref().unwrap().rule, 2, "created before T0");
            assert_eq!(decision.next_change_time, Some(timestamp(at(T1))));
        }
        // The owner turns it on, and off again on the last evening.
        let session = it.app.sign_in(&old, "rmm", &Device::new("laptop")).await;
        let enrolled = it.app.enroll(&session, &old).await;
        set_clock(&server, at(T1).minus(Span::hours(2)));
        let session = it.app.sign_in_with(&old, "rmm", &Device::new("laptop"), &enrolled.seed).await;
        assert!(!it.app.disable(&session).await.unwrap().on);
        set_clock(&server, at(T1).minus(MILLI));
        assert_eq!(it.leads(&old).await, State::Ready);
        assert_eq!(it.leads(&late).await, State::Ready);
        set_clock(&server, at(T1));
        assert_eq!(it.leads(&old).await, State::PendingChallenge, "it is off, but required, and a factor is there");
        let begun = it.begin(&late).await;
        assert_eq!(begun.state, State::PendingEnrollment);
        let refused = it.app.refused(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() });
        assert_eq!(refused.await.name(), "SIGN_IN_STATE");
        let (_, done) = it.enroll_in(&begun, &late).await;
        assert_eq!(done.session.unwrap().level(), proto::Level::Aal2, "the first code is the second step");
        server.pass(Span::minutes(1));
        let session = it.app.sign_in_with(&old, "rmm", &Device::new("laptop"), &enrolled.seed).await;
        assert_eq!(it.app.enable(&session).await.map(|decision| decision.on), Ok(true));
        assert_eq!(it.app.disable(&session).await.unwrap_err().name(), "TWO_STEP_REQUIRED");
    }

    /// Dates of the ladder do not move, and people's clocks stand still.
    async fn a_pause_across_the_day_extends_only_the_time_of_persons(server) {
        let it = Setting::open(&server).await;
        let (dated, told) = (it.admin.person("dated").await, it.admin.person("told").await);
        let label = proto::AttributeTest {
            attribute: "account.label".into(), label: "graced".into(), ..Default::default()
        };
        let request = proto::UpdateAccountRequest {
            account: told.id.clone(),
            labels: std::iter::once(("graced".to_owned(), "yes".to_owned())).collect(),
            update_mask: crate::manage::mask("labels"),
            ..Default::default()
        };
        it.admin.ok(request).await;
        let t1 = server.now().plus(Span::days(10));
        let graced = proto::LadderRule {
            title: "Graced".into(),
            audience: Some(test(label)),
            grace: Some(proto::Grace { days: 10, ..Default::default() }),
            ..everybody(vec![phase(None, Rung::Nudge), phase(Some(t1), Rung::Required)])
        };
        let plain = everybody(vec![phase(None, Rung::Nudge), phase(Some(t1), Rung::Required)]);
        it.rollout.set_ladder(vec![graced, plain]).await;
        server.pass(DAY);
        let session = it.app.sign_in(&told, "rmm", &Device::new("laptop")).await;
        assert_eq!(session.answer.advice(), Advice::TwoStepNudge, "told: ten days begin");
        let told_at = server.now();
        set_clock(&server, t1.minus(DAY));
        it.rollout.pause().await;
        set_clock(&server, t1.minus(MILLI));
        assert_eq!(it.leads(&dated).await, State::Ready);
        set_clock(&server, t1);
        assert_eq!(it.leads(&dated).await, State::PendingEnrollment, "the date did not move");
        let ladder = it.evaluate(&told).await.ladder.unwrap();
        assert!(ladder.held && !ladder.enforced, "the clock stands still: {ladder:?}");
        set_clock(&server, t1.plus(Span::days(2)));
        it.rollout.resume().await;
        let deadline = told_at.plus(Span::days(10)).plus(Span::days(3));
        let decision = it.evaluate(&told).await;
        let ladder = decision.ladder.unwrap();
        assert_eq!((ladder.enroll_by_time, ladder.held), (Some(timestamp(deadline)), false));
        assert_eq!(decision.next_change_time, Some(timestamp(deadline)));
        set_clock(&server, deadline.minus(MILLI));
        assert_eq!(it.leads(&told).await, State::Ready);
        set_clock(&server, deadline);
        assert_eq!(it.leads(&told).await, State::PendingEnrollment);
    }

    /// The cap, a day away, moves by a pause of three days, whoever is told when.
    async fn to_be_told_late_takes_no_time_away_that_a_pause_gave(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let begun = server.now();
        let cap = begun.plus(DAY);
        let grace = proto::Grace { days: 30, cap_time: Some(timestamp(cap)), ..Default::default() };
        let rule = proto::LadderRule { grace: Some(grace), ..everybody(vec![phase(None, Rung::Required)]) };
        it.rollout.set_ladder(vec![rule]).await;
        it.rollout.pause().await;
        server.pass(Span::days(3));
        it.rollout.resume().await;
        server.pass(Span::hours(12));
        let deadline = Some(timestamp(cap.plus(Span::days(3))));
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().enroll_by_time, deadline);
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        assert_eq!(session.answer.advice(), Advice::TwoStepRequired);
        let ladder = it.evaluate(&ann).await.ladder.unwrap();
        assert_eq!((ladder.enroll_by_time, ladder.enforced), (deadline, false), "she was told");
        assert_eq!(it.leads(&ann).await, State::Ready);
    }

    /// The time of a stop counts, whatever pauses begin and end under it.
    async fn a_pause_that_ends_under_a_stop_takes_no_time_away(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let grace = Some(proto::Grace { days: 2, ..Default::default() });
        it.rollout.set_ladder(vec![proto::LadderRule { grace, ..everybody(vec![phase(None, Rung::Required)]) }]).await;
        it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        server.pass(DAY);
        it.rollout.stop("trouble").await;
        server.pass(Span::days(2));
        it.rollout.pause().await;
        server.pass(DAY);
        it.rollout.resume().await;
        let ladder = it.evaluate(&ann).await.ladder.unwrap();
        assert!(ladder.held && !ladder.enforced, "{ladder:?}");
        assert_eq!(ladder.enroll_by_time, Some(timestamp(server.now().plus(DAY))), "a day is left");
        assert_eq!(it.leads(&ann).await, State::Ready);
    }

    async fn what_is_wrong_with_a_ladder_is_said_at_once_and_nothing_is_changed(server) {
        let it = Setting::open(&server).await;
        let (now, hour) = (server.now(), Span::hours(1));
        let refused = async |rules| it.rollout.set_ladder_refused(rules).await.name();
        let required = |from| phase(Some(from), Rung::Required);
        assert_eq!(refused(vec![everybody(vec![required(now.minus(MILLI))])]).await, "PLANNED_IN_PAST");
        let back = everybody(vec![required(now.plus(hour)), phase(Some(now.plus(hour)), Rung::Locked)]);
        assert_eq!(refused(vec![back]).await, "DATES_IN_WRONG_ORDER");
        let softer = everybody(vec![required(now.plus(hour)), phase(Some(now.plus(hour).plus(hour)), Rung::Nudge)]);
        assert_eq!(refused(vec![softer]).await, "DATES_IN_WRONG_ORDER");
        let locked = everybody(vec![phase(Some(now.plus(hour)), Rung::Locked)]);
        let put_off = proto::LadderRule { postponement: days(7), ..locked.clone() };
        assert_eq!(refused(vec![put_off]).await, "POSTPONES_LOCKED");
        let phr = proto::LadderRule { demands: proto::Requirement::Aal2Phr.into(), ..locked.clone() };
        assert_eq!(refused(vec![phr.clone()]).await, "LADDER_LOCKS_OUT", "the product allows TOTP alone");
        assert_eq!(refused(vec![locked.clone(), locked.clone()]).await, "RULE_NEVER_ASKED");
        assert_eq!(refused(vec![phr, everybody(vec![required(now.minus(hour))])]).await, "LADDER_NOT_ACCEPTABLE");
        let gap = everybody(vec![local("2026-03-29T02:30", "Europe/Berlin", Rung::Required)]);
        assert_eq!(refused(vec![gap]).await, "LOCAL_TIME_IN_GAP");
        let twice = everybody(vec![local("2026-10-25T02:30", "Europe/Berlin", Rung::Required)]);
        assert_eq!(refused(vec![twice]).await, "LOCAL_TIME_IN_OVERLAP");
        let rollout = it.admin.ok(proto::GetRolloutRequest { rollout: "two-step".into() }).await.rollout.unwrap();
        assert_eq!((rollout.revision, rollout.ladder.len()), (1, 0));
        // What has begun stays when it is given as it was read.
        let set = it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        server.pass(hour);
        let mut rules = set.ladder;
        rules[0].phases.push(required(server.now().plus(hour)));
        assert_eq!(it.rollout.set_ladder(rules).await.ladder[0].phases.len(), 2);
    }

    /// A demand above what the account's factors prove: the weaker factor proves who enrolls the stronger one.
    async fn inv_17_a_weaker_factor_leads_to_the_enrollment_of_a_stronger_one_and_no_further(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        let enrolled = it.app.enroll(&session, &ann).await;
        let settings = proto::ProductSettings {
            allowed_methods: vec![proto::Method::Totp.into(), proto::Method::Webauthn.into()],
            relying_party: Some(proto::RelyingParty {
                id: "rmm.example".into(), origins: vec!["https://rmm.example".into()], models: vec![],
            }),
            ..Default::default()
        };
        let update = proto::UpdateProductRequest {
            product: "rmm".into(),
            etag: "r1".into(),
            settings: Some(settings),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["settings.allowed_methods".into(), "settings.relying_party".into()],
            }),
            ..Default::default()
        };
        it.admin.ok(update).await;
        let strict = proto::LadderRule {
            demands: proto::Requirement::Aal2Phr.into(),
            ..everybody(vec![phase(None, Rung::Required)])
        };
        it.rollout.set_ladder(vec![strict]).await;
        server.pass(Span::minutes(1));
        let begun = it.begin(&ann).await;
        assert_eq!(begun.state, State::PendingChallenge, "the authenticator proves who enrolls");
        let challenge = it.app.challenge(&begun).await;
        let answered = it.app.answer(&begun, &challenge, &server.code(&enrolled.seed)).await;
        assert_eq!(answered.outcome(), proto::ProofOutcome::Approved);
        let held = it.app.ok(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() }).await;
        assert_eq!(held.session, None, "a code is not phishing-resistant");
        let sign_in = held.sign_in.unwrap();
        assert_eq!((sign_in.state(), sign_in.requirement()), (State::PendingEnrollment, proto::Requirement::Aal2Phr));
        let key = proto::BeginEnrollmentRequest {
            subject: begun.subject(), method: proto::Method::Webauthn.into(), ..Default::default()
        };
        assert!(it.app.ok(key).await.setup.is_some(), "no mail is needed: the factor was proved");
    }

    /// Whoever knows the password alone binds nothing.
    async fn inv_57_a_sign_in_without_a_proof_of_origin_enrolls_nothing(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        let begun = it.begin(&ann).await;
        let request = proto::BeginEnrollmentRequest {
            subject: begun.subject(), method: proto::Method::Totp.into(), ..Default::default()
        };
        let started = it.app.ok(request).await;
        assert!(started.setup.is_none() && !started.sent_to.is_empty());
        let enrollment_id = started.enrollment.unwrap().id;
        let go_on = proto::ContinueEnrollmentRequest { subject: begun.subject(), enrollment_id, ..Default::default() };
        assert_eq!(it.app.refused(go_on).await.name(), "ENROLLMENT_STATE");
        let ready = it.app.refused(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() });
        assert_eq!(ready.await.name(), "SIGN_IN_STATE");
    }

    /// A session that was told by when it ends keeps that, also when another wave takes over.
    async fn inv_16_a_session_that_was_told_its_end_keeps_it(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let long = proto::UpdateProductRequest {
            product: "rmm".into(),
            etag: "r1".into(),
            settings: Some(proto::ProductSettings {
                session_idle: days(30), session_absolute: days(30), ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["settings.session_idle".into(), "settings.session_absolute".into()],
            }),
            ..Default::default()
        };
        it.admin.ok(long).await;
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        let reauth = async || {
            let request = proto::IntrospectRequest { session_token: session.token.clone() };
            it.app.ok(request).await.session.and_then(|session| session.reauth_time)
        };
        assert_eq!(reauth().await, None);
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        server.pass(Span::minutes(2));
        let told = reauth().await;
        assert!(told.is_some());
        // The ladder begins again, a minute later.
        server.pass(Span::minutes(1));
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Locked)])]).await;
        assert_eq!(reauth().await, told);
        it.rollout.set_ladder(vec![]).await;
        assert_eq!(reauth().await, None, "nothing is required any more");
    }

    async fn a_product_may_end_sessions_at_once(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let at_once = proto::UpdateProductRequest {
            product: "rmm".into(),
            etag: "r1".into(),
            settings: Some(proto::ProductSettings { reauth_within: days(0), ..Default::default() }),
            update_mask: crate::manage::mask("settings.reauth_within"),
            ..Default::default()
        };
        it.admin.ok(at_once).await;
        let session = it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        let instant = server.now().plus(Span::minutes(10));
        it.rollout.set_ladder(vec![everybody(vec![phase(Some(instant), Rung::Required)])]).await;
        let active = async || {
            it.app.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await.active
        };
        set_clock(&server, instant.minus(MILLI));
        assert!(active().await);
        set_clock(&server, instant);
        assert!(!active().await);
    }

    /// The numbers of a ladder that runs: who has it on, who has time, who is asked, who is excused.
    async fn accounts_are_counted_under_the_rule_that_is_for_them(server) {
        let it = Setting::at(&server, "kasa").await;
        let support = server.actor("support", Role::Support).await.quiet();
        let (on, late) = (it.admin.person("on").await, it.admin.person("late").await);
        it.admin.person_with("unverified", Address::Unverified).await;
        it.admin.person("excused").await;
        let grace = Some(proto::Grace { days: 10, ..Default::default() });
        let rule = proto::LadderRule { grace, ..everybody(vec![phase(None, Rung::Required)]) };
        it.rollout.set_ladder(vec![rule]).await;
        let session = it.app.sign_in(&on, "kasa", &Device::new("laptop")).await;
        it.app.enroll(&session, &on).await;
        let exempt = proto::ExemptRequest {
            account: "excused".into(), rollout: "two-step".into(), product: "kasa".into(),
            until_time: Some(timestamp(server.now().plus(Span::days(60)))), reason: "abroad".into(), ..Default::default()
        };
        support.ok(exempt).await;
        let stats = async || {
            let request = proto::GetStatsRequest { rollout: "two-step".into(), count_reached: true, ..Default::default() };
            it.rollout.manager.ok(request).await.ladder.remove(0)
        };
        let expected = proto::LadderRuleStats {
            rule: 1, title: "Everybody".into(), product: "kasa".into(), account_count: 4, on_count: 1, told_count: 1,
            in_grace_count: 2, enforced_count: 0, exempt_count: 1, locked_out_count: 0,
        };
        assert_eq!(stats().await, expected);
        it.app.sign_in(&late, "kasa", &Device::new("laptop")).await;
        set_clock(&server, server.now().plus(Span::days(10)));
        let told = proto::LadderRuleStats { told_count: 2, in_grace_count: 1, enforced_count: 1, ..expected };
        assert_eq!(stats().await, told);
    }
}
