//! A rollout can be undone at any point, and no account loses its protection.

use tidegate_core::{Role, Span};
use tidegate_proto::{self as proto, DecisionReason as Why};

use crate::{
    actor::Actor, arrange::Person, manage::Managed, owner::Device, setting::Owner, story::tell,
    test_server::TestServer,
};

/// A started rollout to every account at kasa; one account that enrolled, and one that was only shown the
/// feature.
struct Reached {
    rollout: Managed,
    frontend: Actor,
    enrolled: Owner,
    shown: Person,
}

async fn reached(server: &TestServer) -> Reached {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let manager = server.actor("manager", Role::RolloutManager).await;
    let rollout = Managed::new(&manager, &operator.start(&draft).await);
    let frontend = server.actor("app", Role::Frontend).await;
    let person = operator.person("ann").await;
    let session = frontend.quiet().sign_in(&person, "kasa", &Device::new("phone-1")).await;
    let enrolled = frontend.quiet().enroll(&session, &person).await;
    server.clock.advance(Span::seconds(30));
    let shown = operator.person("bob").await;
    frontend.quiet().sign_in(&shown, "kasa", &Device::new("phone-2")).await;
    Reached { rollout, frontend, enrolled: Owner { person, session, enrolled }, shown }
}

impl Reached {
    async fn why(&self, person: &Person, product: &str) -> Why {
        self.frontend.quiet().evaluate(person, product).await.reason()
    }

    async fn asks(&self, product: &str) -> bool {
        let device = Device::new("another");
        let begun = self.frontend.begin(&self.enrolled.person, product, &device).await;
        begun.state == proto::SignInState::PendingChallenge
    }
}

#[tokio::test]
async fn nothing_advances_while_it_is_paused() {
    tell("life/1_pause", async |server| {
        let world = reached(&server).await;
        let rollout = &world.rollout;
        rollout.quiet().add_wave("again", 1_000_000, &[]).await;
        rollout.pause().await;
        rollout.pause().await;
        rollout.advance_refused().await;
        let new = server.operator().person("cat").await;
        assert_eq!(world.why(&new, "kasa").await, Why::Wave, "who is reached stays reached");
        rollout.resume().await;
        rollout.resume_refused().await;
        rollout.advance().await;
    })
    .await;
}

#[tokio::test]
async fn a_roll_back_takes_back_what_was_shown_and_nothing_that_protects() {
    tell("life/2_roll_back", async |server| {
        let world = reached(&server).await;
        let rollout = &world.rollout;
        server.transcript.note("bob was shown it; ann has enrolled");
        rollout.roll_back(0).await;
        assert_eq!(world.why(&world.shown, "kasa").await, Why::NotYet);
        assert_eq!(world.why(&world.enrolled.person, "kasa").await, Why::Active);
        assert!(world.asks("kasa").await);
        rollout.roll_back_refused(0).await;
        server.transcript.note("the wave is mended, and started again");
        rollout.update_wave(1, "a few", 1).await;
        rollout.start().await;
        rollout.quiet().add_wave("all", 1_000_000, &[]).await;
        rollout.quiet().advance().await;
        assert_eq!(world.why(&world.shown, "kasa").await, Why::Wave);
        world.frontend.quiet().sign_in(&world.shown, "kasa", &Device::new("phone-2")).await;
        assert_eq!(world.why(&world.shown, "kasa").await, Why::Shown);
        server.transcript.note("what the second wave showed does not outlive it");
        rollout.roll_back_refused(2).await;
        rollout.roll_back(1).await;
        assert_ne!(world.why(&world.shown, "kasa").await, Why::Shown);
    })
    .await;
}

#[tokio::test]
async fn a_stop_holds_until_two_persons_clear_it() {
    tell("life/3_stop", async |server| {
        let world = reached(&server).await;
        let rollout = &world.rollout;
        let new = server.operator().person("cat").await;
        rollout.stop("sign-ins fail").await;
        rollout.stop("once more").await;
        assert_eq!(world.why(&new, "kasa").await, Why::Stopped);
        assert_eq!(world.why(&world.shown, "kasa").await, Why::Shown);
        assert!(world.asks("kasa").await);
        rollout.quiet().add_wave("again", 1_000_000, &[]).await;
        rollout.advance_refused().await;

        let bob = server.held("approver", Role::RolloutApprover, "Bob").await;
        let again = server.held("approver", Role::RolloutApprover, " bob").await.named("bob's other key");
        let eve = server.held("approver", Role::RolloutApprover, "Eve").await.named("eve");
        server.transcript.note("a manager may not; one person alone cannot, under whatever key");
        rollout.clear_refused(&rollout.manager).await;
        assert!(!rollout.clear(&bob).await);
        rollout.clear_refused(&bob).await;
        rollout.clear_refused(&again).await;
        server.transcript.note("nor can one admin under two invented names");
        let admin = server.actor("admin", Role::Admin).await.quiet();
        for name in ["Bo", "Di"] {
            let request = proto::CreateCredentialRequest {
                role: proto::RoleType::RolloutApprover.into(),
                all_products: true,
                title: "key".into(),
                holder: name.into(),
                ..Default::default()
            };
            let token = admin.ok(request).await.token;
            let invented = admin.with(&token).named(name).aloud();
            if name == "Bo" {
                rollout.retitle("Two-step").await;
                assert!(!rollout.clear(&invented).await);
            } else {
                rollout.clear_refused(&invented).await;
            }
        }
        server.transcript.note("whoever changes it takes the first one's word back");
        rollout.retitle("Two steps").await;
        assert!(!rollout.clear(&eve).await);
        assert_eq!(world.why(&new, "kasa").await, Why::Stopped);
        assert!(rollout.clear(&bob).await);
        assert_eq!(world.why(&new, "kasa").await, Why::Wave);
        rollout.clear_refused(&bob).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_app_joins_by_a_wave_of_its_own() {
    tell("life/4_a_second_app", async |server| {
        let world = reached(&server).await;
        assert!(!world.asks("tapo").await);
        world.rollout.add_wave("tapo", 1_000_000, &["tapo"]).await;
        world.rollout.advance().await;
        server.transcript.note("the account that enrolled at kasa is asked at tapo, without enrolling again");
        assert!(world.asks("tapo").await);
        let tablet = Device::new("tablet-1");
        let seed = &world.enrolled.enrolled.seed;
        world.frontend.quiet().sign_in_with(&world.enrolled.person, "tapo", &tablet, seed).await;
        world.rollout.roll_back(1).await;
        server.transcript.note("where it has acted it is asked for, also after the roll back");
        assert!(world.asks("tapo").await);
        assert_eq!(world.why(&world.shown, "tapo").await, Why::NotYet);
    })
    .await;
}

on_both! {
    /// A ledger entry that was made before a roll back no longer counts, whatever the clocks say.
    async fn inv_42_a_mark_from_before_a_roll_back_is_void(server) {
        let world = reached(&server).await;
        let rollout = world.rollout.quiet();
        rollout.roll_back(0).await;
        assert_eq!(world.why(&world.shown, "kasa").await, Why::NotYet);
        rollout.start().await;
        assert_eq!(world.why(&world.shown, "kasa").await, Why::Wave, "reached anew, and not yet shown");
    }

    /// An enrollment under way may finish after every verb, and two-step then acts where it was begun.
    async fn an_enrollment_under_way_finishes_after_a_roll_back(server) {
        let world = reached(&server).await;
        let (frontend, cat) = (world.frontend.quiet(), server.operator().person("cat").await);
        let session = frontend.sign_in(&cat, "kasa", &Device::new("phone-3")).await;
        let enrollment = frontend.begin_enrollment(&session).await;
        world.rollout.quiet().roll_back(0).await;
        frontend.redeem(&server.mail_to(&cat.email).await.token).await;
        let seed = frontend.continue_enrollment(&session, &enrollment).await;
        let done = frontend.complete_enrollment(&session, &enrollment, &server.code(&seed)).await;
        assert_eq!(done.outcome(), proto::ProofOutcome::Approved);
        let begun = frontend.begin(&cat, "kasa", &Device::new("another")).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    }
}
