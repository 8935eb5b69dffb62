//! An account out of use, by any of three ways: nothing yields or keeps a session, and what comes back afterwards.

use proto::{AccountState as State, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;

use super::{
    delete, issue_pass, lock_down, plain_owner, reactivate, refused_in, reset_factors, state_of, suspend,
    told, undelete, with_factor,
};
use crate::{
    actor::Actor,
    arrange::{NEW_PASSWORD, Person},
    owner::{Device, by_password},
    passkeys::PasskeyOwner,
    raw,
    setting::Kasa,
    webauthn::ORIGIN,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Suspended,
    LockedDown,
    Deleted,
}

const ALL: [Out; 3] = [Out::Suspended, Out::LockedDown, Out::Deleted];

async fn take_out(support: &Actor, person: &Person, out: Out) -> State {
    let account = match out {
        Out::Suspended => support.ok(suspend(&person.id)).await.account,
        Out::LockedDown => support.ok(lock_down(&person.external_id)).await.account,
        Out::Deleted => support.ok(delete(&person.id)).await.account,
    };
    account.unwrap().state()
}

async fn bring_back(support: &Actor, person: &Person, out: Out) -> State {
    let account = match out {
        Out::Suspended | Out::LockedDown => support.ok(reactivate(&person.id)).await.account,
        Out::Deleted => support.ok(undelete(&person.id)).await.account,
    };
    account.unwrap().state()
}

async fn reset_link(kasa: &Kasa, person: &Person) -> String {
    let (product, identifier) = ("kasa".to_owned(), person.email.clone());
    kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
    kasa.server.mails_to(&person.email).await.pop().unwrap().token
}

fn reset_by(token: &str) -> proto::CompleteRecoveryRequest {
    let (product, token, password) = ("kasa".to_owned(), token.to_owned(), NEW_PASSWORD.to_owned());
    proto::CompleteRecoveryRequest { product, token, password, ..Default::default() }
}

async fn is_denied(kasa: &Kasa, person: &Person, device: &Device) -> bool {
    kasa.frontend.begin(person, "kasa", device).await.state == SignInState::Denied
}

/// A passkey of the account is answered as before; the sign-in is denied.
async fn passkey_is_denied(kasa: &Kasa, owner: &mut PasskeyOwner) -> bool {
    let device = Device::new("keyed");
    let options = kasa.frontend.passkey_options("kasa", &device).await;
    let json = owner.key.signs(&options, ORIGIN);
    kasa.frontend.begin_by_passkey("kasa", &device, &json).await.is_none()
}

on_both! {
    async fn inv_27_no_credential_of_an_account_out_of_use_yields_or_keeps_a_session(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        for out in ALL {
            let owner = kasa.owner(&format!("{out:?}").to_lowercase()).await;
            let person = &owner.person;
            let phone = Device::remembered("phone");
            let trusted = kasa.frontend.sign_in_with(person, "kasa", &phone, &owner.enrolled.seed).await;
            server.clock.advance(Span::minutes(2));
            let link = reset_link(&kasa, person).await;
            let (begun, challenge) = kasa.asked(&owner, "tablet").await;
            let (lost, lost_challenge) = kasa.lost(&owner).await;
            let change = kasa.frontend.change_challenge(&trusted, &owner.enrolled.factor).await;
            take_out(&support, person, out).await;

            assert!(!kasa.is_live(&trusted).await && !kasa.is_live(&owner.session).await, "{out:?}");
            let answer = proto::AnswerChallengeRequest {
                subject: trusted.subject(),
                challenge_id: change,
                answer: crate::owner::by_code(kasa.code(&owner)),
                ..Default::default()
            };
            assert_eq!(kasa.frontend.refused(answer).await.name(), "SUBJECT_NOT_VALID");
            for (sign_in, challenge, code) in [
                (&begun, &challenge, kasa.code(&owner)),
                (&lost, &lost_challenge, owner.enrolled.recovery_codes[0].clone()),
            ] {
                let answer = proto::AnswerChallengeRequest {
                    subject: sign_in.subject(),
                    challenge_id: challenge.clone(),
                    answer: crate::owner::by_code(code),
                    ..Default::default()
                };
                assert_eq!(kasa.frontend.refused(answer).await.name(), "ACCOUNT_NOT_USABLE", "{out:?}");
                let finish = kasa.frontend.finish(sign_in, &Device::new("tablet")).await.unwrap_err();
                assert_eq!(finish.name(), "ACCOUNT_NOT_USABLE", "{out:?}");
            }
            assert!(is_denied(&kasa, person, &phone).await, "a known and trusted device: {out:?}");
            assert!(is_denied(&kasa, person, &Device::new("desk")).await, "{out:?}");
            match kasa.frontend.call(reset_by(&link)).await {
                Ok(reset) => assert_eq!((reset.outcome(), out), (Outcome::Superseded, Out::LockedDown)),
                Err(refused) => assert_eq!(refused.name(), "ACCOUNT_NOT_USABLE", "{out:?}"),
            }
            server.clock.advance(Span::minutes(1));
            let sent = server.mails_to(&person.email).await.len();
            let (product, identifier) = ("kasa".to_owned(), person.email.clone());
            kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
            assert_eq!(server.mails_to(&person.email).await.len(), sent, "no link for it: {out:?}");

            assert_eq!(bring_back(&support, person, out).await, State::Active);
            assert!(!kasa.is_live(&trusted).await, "what ended stays so: {out:?}");
            for sign_in in [&begun, &lost] {
                let finish = kasa.frontend.finish(sign_in, &Device::new("tablet")).await.unwrap_err();
                assert_eq!(finish.name(), "SUBJECT_NOT_VALID", "{out:?}");
            }
        }
    }

    async fn inv_27_a_ready_sign_in_and_a_passkey_yield_none_either(server) {
        let kasa = Kasa::with_keys(&server).await;
        let support = kasa.support().await;
        for out in ALL {
            let name = format!("{out:?}").to_lowercase();
            let (person, session, ready) = plain_owner(&kasa, &name).await;
            let mut keyed = kasa.passkey_owner(&format!("{name}-keyed")).await;
            assert!(!passkey_is_denied(&kasa, &mut keyed).await, "it works before");
            take_out(&support, &person, out).await;
            take_out(&support, &keyed.person, out).await;
            assert!(!kasa.is_live(&session).await);
            let finish = kasa.frontend.finish(&ready, &Device::new("laptop")).await.unwrap_err();
            assert_eq!(finish.name(), "ACCOUNT_NOT_USABLE");
            assert!(passkey_is_denied(&kasa, &mut keyed).await, "{out:?}");
            bring_back(&support, &keyed.person, out).await;
            assert!(!passkey_is_denied(&kasa, &mut keyed).await, "the key is its owner's: {out:?}");
        }
    }

    async fn inv_23_an_account_out_of_use_has_no_session_on_any_replica(server) {
        let kasa = Kasa::open(&server).await;
        let (support, replica) = (kasa.support().await, server.replica().await);
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        for out in ALL {
            let (person, session, _) = plain_owner(&kasa, &format!("{out:?}").to_lowercase()).await;
            let introspect = proto::IntrospectRequest { session_token: session.token.clone() };
            assert!(elsewhere.ok(introspect.clone()).await.active);
            take_out(&support, &person, out).await;
            assert!(!elsewhere.ok(introspect).await.active, "{out:?}");
        }
    }

    /// The session's end says why, and the trust of the device is gone.
    async fn what_ends_is_recorded_with_its_reason(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::remembered("phone"), &owner.enrolled.seed).await;
        support.ok(suspend("ann")).await;
        let ended = kasa.recorded(&owner.person, "session_ended").await;
        assert_eq!(ended.len(), 2);
        assert!(ended.iter().all(|data| data.contains("\"suspended\"")), "{ended:?}");
        assert_eq!(kasa.recorded(&owner.person, "account_suspended").await, [r#"{"reason":"ticket 7"}"#]);
        assert_eq!(kasa.recorded(&owner.person, "device_trust_ended").await.len(), 1);
        assert_eq!(told(&kasa, &owner.person).await.last(), Some(&proto::MessagePurpose::AccountSuspended));
    }

    async fn a_lockdown_voids_what_was_mailed_and_begun_and_demands_a_password(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let (person, session, _) = plain_owner(&kasa, "ann").await;
        let enrollment = kasa.frontend.begin_enrollment(&session).await;
        let confirm = server.mails_to(&person.email).await.pop().unwrap().token;
        support.ok(issue_pass("ann")).await;
        let reset = reset_link(&kasa, &person).await;
        support.ok(lock_down("ann")).await;

        assert_eq!(kasa.frontend.redeem(&confirm).await, Outcome::Superseded);
        for (table, live) in [
            ("devices", "TRUE"),
            ("links", "used_at IS NULL AND superseded_at IS NULL"),
            ("enrollments", "state IN ('awaiting_confirmation', 'confirmed', 'awaiting_proof')"),
            ("challenges", "state = 'open'"),
            ("recovery_codes", "expires_at IS NOT NULL"),
        ] {
            let left = raw::count(&server, &format!("SELECT count(*) FROM {table} WHERE {live}")).await;
            assert_eq!(left, 0, "{table}");
        }
        support.ok(reactivate("ann")).await;
        assert_eq!(kasa.frontend.ok(reset_by(&reset)).await.outcome(), Outcome::Superseded);
        assert!(is_denied(&kasa, &person, &Device::new("phone")).await, "the password counts no more");
        let demanded = server.mails_to(&person.email).await;
        let demanded = demanded.iter().rev().find(|mail| !mail.token.is_empty()).unwrap();
        assert_eq!(kasa.frontend.ok(reset_by(&demanded.token)).await.outcome(), Outcome::Approved);
        let request = proto::BeginSignInRequest {
            first_factor: by_password(NEW_PASSWORD),
            ..kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"))
        };
        assert_eq!(kasa.frontend.ok(request).await.sign_in.unwrap().state(), SignInState::Ready);
        let (subject, enrollment_id) = (session.subject(), enrollment);
        let continued = proto::ContinueEnrollmentRequest { subject, enrollment_id, ..Default::default() };
        assert_eq!(kasa.frontend.refused(continued).await.name(), "SUBJECT_NOT_VALID");
    }

    /// Without a verified address nobody could set a new one, so support decides when the account comes back.
    async fn a_lockdown_demands_no_password_without_a_verified_address(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person_with("ann", crate::arrange::Address::Unverified).await;
        support.ok(lock_down("ann")).await;
        support.ok(reactivate("ann")).await;
        assert!(!is_denied(&kasa, &person, &Device::new("phone")).await);
        assert_eq!(told(&kasa, &person).await, [], "nobody is told at an address that is not verified");
    }

    async fn each_verb_is_refused_in_the_states_that_it_is_not_for(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        kasa.admin.person("ann").await;
        // Before each verb, the account is in the state of the row. `None`: the verb is carried out.
        let set = async |state: &str| {
            let deleted = if state == "deleted" { "created_at" } else { "NULL" };
            let sql = format!("UPDATE accounts SET state = '{state}', deleted_at = {deleted} WHERE external_id = 'ann'");
            raw::change(&server, &sql).await;
        };
        macro_rules! refused {
            ($state:expr, $($verb:ident)+) => {{
                let mut refused = Vec::new();
                $(
                    set($state).await;
                    server.clock.advance(Span::minutes(10));
                    if let Some(named) = refused_in(&support, $verb("ann")).await {
                        assert_eq!(named, $state);
                        refused.push(stringify!($verb));
                    }
                )+
                refused
            }};
        }
        macro_rules! all {
            ($state:expr) => {
                refused!($state, suspend reactivate lock_down delete undelete issue_pass reset_factors)
            };
        }
        assert_eq!(all!("active"), ["reactivate", "undelete"]);
        assert_eq!(all!("suspended"), ["suspend", "undelete", "issue_pass"]);
        assert_eq!(all!("locked_down"), ["suspend", "lock_down", "undelete", "issue_pass"]);
        let of_deleted = ["suspend", "reactivate", "lock_down", "delete", "issue_pass", "reset_factors"];
        assert_eq!(all!("deleted"), of_deleted);
        assert_eq!(all!("purged").len(), 7);
        set("purged").await;
        let update = proto::UpdateAccountRequest {
            account: "ann".to_owned(),
            country: "DE".to_owned(),
            update_mask: crate::manage::mask("country"),
            ..Default::default()
        };
        assert_eq!(state_of(&kasa.admin.refused(update).await), "purged");
    }

    async fn a_repeated_request_has_one_effect(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person("ann").await;
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let once = proto::SuspendAccountRequest { request_id, ..suspend("ann") };
        let first = support.ok(once.clone()).await;
        assert_eq!(support.ok(once).await, first);
        assert_eq!(kasa.recorded(&person, "account_suspended").await.len(), 1);
        assert_eq!(support.refused(suspend("nobody")).await.name(), "ACCOUNT_NOT_FOUND");
    }

    async fn support_reads_on_behalf_of_accounts_out_of_use(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        for out in [Out::Suspended, Out::Deleted] {
            take_out(&support, &owner.person, out).await;
            let on_behalf = || {
                let (account, product, reason) = ("ann".to_owned(), "kasa".to_owned(), "ticket 7".to_owned());
                let on = proto::OnBehalf { account, product, reason };
                crate::owner::subject(proto::subject::Who::OnBehalf(on))
            };
            let factors = support.ok(proto::ListFactorsRequest { subject: on_behalf() }).await.factors;
            assert_eq!(factors.len(), 2, "{out:?}");
            let sessions = support.ok(proto::ListSessionsRequest { subject: on_behalf() }).await.sessions;
            assert_eq!(sessions.len(), 0, "{out:?}");
            support.ok(proto::ListTrustedDevicesRequest { subject: on_behalf() }).await;
            let status = support.ok(proto::GetTwoStepStatusRequest { subject: on_behalf() }).await;
            assert_eq!(status.recovery_codes_left, 10, "{out:?}");
            bring_back(&support, &owner.person, out).await;
        }
    }
}
