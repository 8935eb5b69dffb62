//! Credentials cannot be lost, guessed around or used to fake a second person.

use proto::RoleType;
use tidegate_client::Refused;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;
use tidegate_service::installation::warn_of_expiry;

use crate::{
    actor::Actor,
    manage::Managed,
    raw,
    test_server::{CredentialSpec, TestServer, timestamp},
};

fn rotation(credential: &str, overlap: i64) -> proto::RotateCredentialRequest {
    proto::RotateCredentialRequest {
        credential: credential.into(),
        overlap: Some(prost_types::Duration { seconds: overlap, nanos: 0 }),
        ..Default::default()
    }
}

fn revocation(credential: &str) -> proto::RevokeCredentialRequest {
    proto::RevokeCredentialRequest { credential: credential.into(), ..Default::default() }
}

fn creation(role: RoleType, holder: &str) -> proto::CreateCredentialRequest {
    proto::CreateCredentialRequest {
        role: role.into(),
        all_products: true,
        title: "key".into(),
        holder: holder.into(),
        ..Default::default()
    }
}

impl Actor {
    async fn who(&self) -> Result<proto::WhoAmIResponse, Refused> {
        self.quiet().call(proto::WhoAmIRequest {}).await
    }

    async fn is_known(&self) -> bool {
        match self.who().await {
            Ok(_) => true,
            Err(refused) => {
                assert_eq!(refused.name(), "UNAUTHENTICATED");
                false
            }
        }
    }

    /// Rotates the credential, and returns its actor with the new token.
    async fn rotated(&self, other: &Self, overlap: i64) -> Self {
        other.with(&self.ok(rotation(&other.credential, overlap)).await.token)
    }

    /// Creates a credential, whose actor is returned.
    async fn made(&self, role: RoleType, holder: &str) -> Self {
        let new = self.ok(creation(role, holder)).await;
        let mut actor = self.with(&new.token).named(holder).quiet();
        (actor.credential, actor.realm) = (new.credential.unwrap().id, None);
        actor
    }

    async fn own(&self) -> proto::Credential {
        self.who().await.unwrap().credential.unwrap()
    }
}

/// The `why` of a refused second person.
fn why(refused: &Refused) -> &str {
    assert_eq!(refused.name(), "SECOND_PERSON_NEEDED");
    &refused.metadata["why"]
}

async fn stopped(server: &TestServer) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let rollout = Managed::new(&operator, &operator.start(&draft).await);
    rollout.stop("sign-ins fail").await;
    rollout
}

on_both! {
    /// Two operators revoke each other's credentials at the same time, on two replicas where there can be two.
    async fn one_of_the_last_two_operators_stays(server) {
        let replica = server.replica().await;
        let mut last = server.operator();
        last.credential = last.own().await.id;
        for round in 0..8 {
            let other = last.made(RoleType::Operator, &format!("operator {round}")).await.at(replica.channel.clone());
            assert!(other.is_known().await);
            let revoke = |one: &Actor, victim: &Actor| {
                let (one, request) = (one.clone(), revocation(&victim.credential));
                tokio::spawn(async move { one.call(request).await.map_err(|refused| refused.name().to_owned()) })
            };
            let (first, second) = (revoke(&last, &other), revoke(&other, &last));
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
            let refused = first.as_ref().err().or(second.as_ref().err()).unwrap();
            assert!(["LAST_OPERATOR", "UNAUTHENTICATED"].contains(&refused.as_str()), "{refused}");
            if second.is_ok() {
                last = other.at(server.channel());
            }
            server.app.follow().await.unwrap();
            replica.app.follow().await.unwrap();
            assert!(last.is_known().await);
        }
    }

    async fn an_operator_that_ends_soon_is_not_one_that_is_left(server) {
        let mut operator = server.operator();
        operator.credential = operator.own().await.id;
        let expiring = |days| CredentialSpec {
            expires_at: Some(server.now().plus(Span::days(days))),
            ..CredentialSpec::of(Role::Operator)
        };
        server.with_credential("soon", expiring(14)).await;
        let revoked = server.actor("revoked", Role::Operator).await.quiet();
        operator.ok(revocation(&revoked.credential)).await;
        server.actor("admin", Role::Admin).await;
        let itself = revocation(&operator.credential);
        assert_eq!(operator.refused(itself.clone()).await.name(), "LAST_OPERATOR");
        // Another realm's operator is one of the same installation.
        server.realm("acme").await;
        let later = server.with_credential("later", CredentialSpec { realm: "acme", ..expiring(15) }).await.quiet();
        operator.ok(itself).await;
        assert!(!operator.is_known().await);
        assert_eq!(later.refused(revocation(&later.credential)).await.name(), "LAST_OPERATOR");
        // What was revoked may be revoked again: it changes nothing.
        later.in_realm("main").ok(revocation(&operator.credential)).await;
    }

    async fn the_old_secret_is_accepted_for_the_overlap(server) {
        let operator = server.operator();
        let first = server.actor("app", Role::Frontend).await.quiet();
        let second = operator.rotated(&first, 3_600).await;
        assert!(first.is_known().await && second.is_known().await);
        let end = second.own().await.overlap_end_time;
        assert_eq!(end, Some(timestamp(server.now().plus(Span::hours(1)))));
        server.pass(Span::hours(1));
        assert!(!first.is_known().await && second.is_known().await);
        // The default is a day; a second rotation in that time ends the oldest secret.
        let request = proto::RotateCredentialRequest { credential: first.credential.clone(), ..Default::default() };
        let third = first.with(&operator.ok(request.clone()).await.token);
        server.pass(Span::hours(23));
        assert!(second.is_known().await && third.is_known().await);
        let fourth = first.with(&operator.ok(request).await.token);
        assert!(!second.is_known().await && third.is_known().await && fourth.is_known().await);
        let fifth = operator.rotated(&first, 0).await;
        assert!(!third.is_known().await && !fourth.is_known().await && fifth.is_known().await);
        assert_eq!(fifth.own().await.overlap_end_time, None);
        operator.ok(revocation(&first.credential)).await;
        assert!(!fifth.is_known().await);
        assert_eq!(operator.refused(rotation(&first.credential, 0)).await.name(), "CREDENTIAL_ENDED");
    }

    async fn another_replica_follows_a_rotation(server) {
        let replica = server.replica().await;
        let operator = server.operator();
        let old = server.actor("app", Role::Frontend).await.quiet().at(replica.channel.clone());
        replica.app.follow().await.unwrap();
        assert!(old.is_known().await);
        let new = operator.rotated(&old, 0).await;
        // Before the other replica has looked, too: what the cache does not know is read.
        assert!(new.is_known().await);
        replica.app.follow().await.unwrap();
        assert!(!old.is_known().await && new.is_known().await);
        // The end of an overlap needs no look.
        let newest = operator.rotated(&old, 60).await;
        replica.app.follow().await.unwrap();
        assert!(new.is_known().await && newest.is_known().await);
        server.pass(Span::minutes(1));
        assert!(!new.is_known().await && newest.is_known().await);
    }

    async fn a_stream_ends_with_the_secret_it_began_with(server) {
        let auditor = server.actor("auditor", Role::Auditor).await.quiet();
        let tail = proto::TailEventsRequest {
            start: Some(proto::tail_events_request::Start::FromNow(true)),
            ..Default::default()
        };
        let mut stream = auditor.stream(tail).await.unwrap();
        stream.one().await;
        let new = server.operator().rotated(&auditor, 0).await;
        assert_eq!(stream.end().await.name(), "UNAUTHENTICATED");
        assert!(new.is_known().await);
    }

    /// A service changes over by itself. Whoever has only the secret before the last rotation cannot outlive it.
    async fn a_caller_rotates_its_own_credential(server) {
        for role in [Role::Frontend, Role::Evaluator, Role::RolloutApprover, Role::Auditor, Role::Admin] {
            let old = server.actor("caller", role).await.quiet();
            let new = old.rotated(&old, 3_600).await;
            assert_eq!(new.own().await.issuers, [""; 0]);
            if role != Role::Admin {
                let refused = old.refused(rotation(&old.credential, 0)).await;
                assert_eq!((refused.name(), refused.metadata["permission"].as_str()), ("PERMISSION_DENIED", "ACCESS_MANAGE"));
            }
            let newest = new.rotated(&old, 0).await;
            assert!(!new.is_known().await && newest.is_known().await);
        }
    }

    async fn others_rotate_only_what_they_may_create(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let evaluator = server.actor("evaluator", Role::Evaluator).await.quiet();
        let app = server.actor("app", Role::DeviceApp).await.quiet();
        let other = server.actor("other operator", Role::Operator).await.quiet();
        let admin = server.actor("admin", Role::Admin).await.quiet();
        let kasas = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Admin) };
        let kasas = server.with_credential("kasa's admin", kasas).await.quiet();
        // Whether the other credential exists makes no difference to those who may not manage any.
        for credential in [app.credential.as_str(), "cred_01h2xcejqtf2nbrexx3vqjhp41"] {
            assert_eq!(evaluator.refused(rotation(credential, 0)).await.name(), "PERMISSION_DENIED");
        }
        // It is in every copy of the app, so whoever has it could lock out all others.
        assert_eq!(app.refused(rotation(&app.credential, 0)).await.name(), "PERMISSION_DENIED");
        assert_eq!(admin.refused(rotation(&other.credential, 0)).await.name(), "ROLE_NOT_PERMITTED");
        assert_eq!(kasas.refused(rotation(&evaluator.credential, 0)).await.name(), "PRODUCT_NOT_PERMITTED");
        assert_eq!(admin.refused(rotation("cred_01h2xcejqtf2nbrexx3vqjhp41", 0)).await.name(), "CREDENTIAL_NOT_FOUND");
        for overlap in [-1, 30 * 86_400 + 1] {
            assert_eq!(admin.refused(rotation(&app.credential, overlap)).await.name(), "INVALID_REQUEST");
        }
        let new = admin.rotated(&app, 0).await;
        assert!(new.is_known().await && !app.is_known().await);
    }

    async fn a_rotation_is_done_once_and_its_secret_shown_for_ten_minutes(server) {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        let app = server.actor("app", Role::Frontend).await.quiet();
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let request = proto::RotateCredentialRequest { request_id, ..rotation(&app.credential, 3_600) };
        let first = app.ok(request.clone()).await;
        let again = app.ok(request.clone()).await;
        assert_eq!((first.token.as_str(), first.secret_withheld), (again.token.as_str(), false));
        server.pass(Span::minutes(10));
        let withheld = app.ok(request).await;
        assert_eq!((withheld.token.as_str(), withheld.secret_withheld), ("", true));
        assert!(app.with(&first.token).is_known().await);
        let kinds = vec!["credential_rotated".to_owned()];
        let filter = Some(proto::EventFilter { kinds, ..Default::default() });
        let events = admin.ok(proto::ListEventsRequest { filter, ..Default::default() }).await.events;
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].data.contains(r#""overlap":3600"#), "{}", events[0].data);
    }

    /// A lost response must not lock the last operator out.
    async fn the_last_operators_secret_does_not_end_at_once(server) {
        let mut operator = server.operator();
        operator.credential = operator.own().await.id;
        assert_eq!(operator.refused(rotation(&operator.credential, 599)).await.name(), "LAST_OPERATOR");
        let new = operator.rotated(&operator, 600).await;
        assert_eq!(new.refused(rotation(&operator.credential, 86_400)).await.name(), "LAST_OPERATOR");
        server.pass(Span::minutes(10));
        assert!(!operator.is_known().await);
        let newest = new.rotated(&operator, 86_400).await;
        let other = newest.made(RoleType::Operator, "Bob").await;
        let last = other.rotated(&operator, 0).await;
        assert!(last.is_known().await && !newest.is_known().await);
    }

    async fn the_last_use_is_written_later_and_outlives_a_restart(server) {
        let operator = server.operator();
        let app = server.actor("app", Role::Frontend).await.quiet();
        let last_use = async || {
            let all = operator.ok(proto::ListCredentialsRequest::default()).await.credentials;
            all.into_iter().find(|one| one.id == app.credential).unwrap().last_use_time
        };
        assert!(app.is_known().await);
        let first = server.now();
        assert_eq!(last_use().await, None, "a call writes nothing");
        server.app.write_uses().await.unwrap();
        assert_eq!(last_use().await, Some(timestamp(first)));
        // A secret that is wrong is no use.
        server.pass(Span::minutes(1));
        let (id, secret) = app.token.as_ref().unwrap().rsplit_once('_').unwrap();
        assert!(!app.with(&format!("{id}_{}", "0".repeat(secret.len()))).is_known().await);
        server.app.write_uses().await.unwrap();
        assert_eq!(last_use().await, Some(timestamp(first)));
        let reopened = server.reopened().await;
        assert!(app.at(reopened.channel.clone()).is_known().await);
        reopened.app.write_uses().await.unwrap();
        assert_eq!(last_use().await, Some(timestamp(server.now())));
    }

    async fn a_credential_that_expires_is_warned_of_once_a_day(server) {
        let expiring = |days| CredentialSpec {
            expires_at: Some(server.now().plus(Span::days(days))),
            ..CredentialSpec::of(Role::Frontend)
        };
        let soon = server.with_credential("soon", expiring(3)).await;
        let later = server.with_credential("later", expiring(15)).await;
        let revoked = server.with_credential("revoked", expiring(3)).await;
        server.operator().ok(revocation(&revoked.credential)).await;
        let warned = async || {
            let all = warn_of_expiry(&server.store, &*server.clock).await.unwrap();
            all.into_iter().map(|one| one.credential.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(warned().await, [soon.credential.as_str()]);
        assert_eq!(warned().await, [""; 0], "no second time, on whatever replica");
        server.pass(Span::days(1));
        assert_eq!(warned().await, [soon.credential.clone(), later.credential.clone()]);
        server.pass(Span::days(2));
        assert_eq!(warned().await, [later.credential.as_str()], "what has ended is not told");
    }

    /// One admin who invents names is one person.
    async fn an_admin_is_no_two_persons(server) {
        let rollout = stopped(&server).await;
        let operator = server.operator();
        let admin = operator.made(RoleType::Admin, "Ann").await;
        let (bob, cas) = (admin.made(RoleType::RolloutApprover, "Bob").await, admin.made(RoleType::RolloutApprover, "Cas").await);
        assert_eq!(bob.own().await.issuers, ["Ann"]);
        assert!(!rollout.clear(&bob).await);
        assert_eq!(why(&rollout.clear_refused(&cas).await), "SAME_ISSUER");
        // By way of other admins, and under the admin's own name.
        let (eve, fay) = (admin.made(RoleType::Admin, "Eve").await, admin.made(RoleType::Admin, "Fay").await);
        let gus = eve.made(RoleType::RolloutApprover, "Gus").await;
        let hal = fay.made(RoleType::Admin, "Ida").await.made(RoleType::RolloutApprover, "Hal").await;
        assert_eq!(hal.own().await.issuers, ["Ida", "Fay", "Ann"]);
        let itself = operator.made(RoleType::RolloutApprover, "\u{410}NN").await;
        for approver in [&gus, &hal, &itself] {
            assert_eq!(why(&rollout.clear_refused(approver).await), "SAME_ISSUER");
        }
        // A person whom the operator vouches for is a second one.
        assert!(rollout.clear(&operator.made(RoleType::RolloutApprover, "Dan").await).await);
    }

    /// Who rotates another one's credential has its secret, and is behind it from then on.
    async fn a_rotation_makes_no_second_person(server) {
        let rollout = stopped(&server).await;
        let operator = server.operator();
        let admin = operator.made(RoleType::Admin, "Ann").await;
        let (bob, cas) = (operator.made(RoleType::RolloutApprover, "Bob").await, operator.made(RoleType::RolloutApprover, "Cas").await);
        let (stolen, also) = (admin.rotated(&bob, 0).await, admin.rotated(&cas, 0).await);
        assert_eq!(stolen.own().await.issuers, ["Ann"]);
        assert!(!rollout.clear(&stolen).await);
        assert_eq!(why(&rollout.clear_refused(&also).await), "SAME_ISSUER");
        // The holder's own rotation vouches for nobody; nor does an operator's, as long as the known secret is accepted.
        let own = also.rotated(&cas, 0).await;
        assert_eq!(why(&rollout.clear_refused(&own).await), "SAME_ISSUER");
        let overlapping = operator.rotated(&cas, 60).await;
        assert_eq!(overlapping.own().await.issuers, ["Ann"]);
        let vouched = operator.rotated(&cas, 0).await;
        assert_eq!(vouched.own().await.issuers, [""; 0]);
        assert!(rollout.clear(&vouched).await);
    }

    async fn two_persons_whom_an_operator_names_are_two(server) {
        let rollout = stopped(&server).await;
        let operator = server.operator();
        let approver = async |holder: &str| operator.made(RoleType::RolloutApprover, holder).await;
        assert!(!rollout.clear(&approver("Ann Lee").await).await);
        for same in ["ann lee", "AnnLee", "\u{391}nn Lee", "Ann \u{216c}ee", "Ａｎｎ Lee", "Ann L\u{435}e"] {
            let refused = rollout.clear_refused(&approver(same).await).await;
            assert_eq!(why(&refused), "SAME_PERSON", "{same}");
        }
        assert!(rollout.clear(&approver("Bob").await).await);
    }

    /// Of an earlier version, which did not say who made a credential.
    async fn a_credential_of_unknown_origin_counts_for_nobody(server) {
        let rollout = stopped(&server).await;
        let operator = server.operator();
        let (bob, cas) = (operator.made(RoleType::RolloutApprover, "Bob").await, operator.made(RoleType::RolloutApprover, "Cas").await);
        raw::change(&server, "UPDATE credentials SET issuers = NULL WHERE holder = 'Bob'").await;
        assert!(bob.own().await.issuers_unknown);
        assert_eq!(why(&rollout.clear_refused(&bob).await), "ISSUER_NOT_KNOWN");
        assert!(!rollout.clear(&cas).await);
        assert_eq!(why(&rollout.clear_refused(&bob).await), "ISSUER_NOT_KNOWN");
        let vouched = operator.rotated(&bob, 0).await;
        assert!(rollout.clear(&vouched).await);
    }
}
