//! The audited reset of all factors.

use proto::{Level, Method, ProofOutcome as Outcome};
use tidegate_core::{Permission, Role, Span, Word as _};
use tidegate_proto as proto;

use super::{mailed_pass, reset_factors, told, with_factor};
use crate::{conventions::descriptors::contract, owner::Device, rpc::method_of, setting::Kasa, text};

on_both! {
    /// The owner has lost everything, and comes back by password and mailbox.
    async fn inv_21_factors_are_reset_with_a_record_and_a_way_back(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let phone = Device::remembered("phone");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, &owner.enrolled.seed).await;
        let before = told(&kasa, &owner.person).await.len();
        let reset = support.ok(reset_factors("ann")).await;
        assert_eq!(reset.removed_count, 2, "the authenticator app, and the recovery codes");
        let recorded = kasa.recorded(&owner.person, "factors_reset").await;
        assert_eq!(recorded, [r#"{"count":2,"reason":"ticket 7"}"#]);
        assert_eq!(kasa.recorded(&owner.person, "factor_removed").await.len(), 2);
        assert_eq!(told(&kasa, &owner.person).await[before..], [proto::MessagePurpose::AccessPass, proto::MessagePurpose::FactorsReset], "INV-35");
        assert!(!kasa.is_live(&session).await);

        let pass = mailed_pass(&server, &owner.person).await;
        assert!(!text::of(&reset).contains(&pass), "INV-33");
        let begun = kasa.frontend.begin(&owner.person, "kasa", &phone).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge, "two-step stays on, and the device is not trusted");
        let methods: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(methods, [Method::RecoveryCodes]);
        let challenge = kasa.frontend.challenge_of(&begun, &begun.offers[0].factor_id).await;
        let old = kasa.frontend.answer(&begun, &challenge, &owner.enrolled.recovery_codes[0]).await;
        assert_eq!(old.outcome(), Outcome::WrongAnswer, "the old codes are void");
        let back = kasa.passed(&owner.person, &pass).await;
        let begun = kasa.frontend.ok(crate::recovery::begin(&back, "new phone")).await;
        let seed = crate::owner::Seed::scan(begun.setup);
        let id = begun.enrollment.unwrap().id;
        let done = kasa.frontend.complete_enrollment(&back, &id, &server.code(&seed)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 10));
        server.clock.advance(Span::seconds(30));
        let full = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("new-phone"), &seed).await;
        assert_eq!(full.answer.session.unwrap().level(), Level::Aal2);
    }

    /// A verified address that is a second step is not lost with the phone.
    async fn a_mailbox_that_is_a_factor_stays_one(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.count_mailboxes("kasa").await;
        let (owner, support) = with_factor(&kasa).await;
        support.ok(reset_factors("ann")).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("phone")).await;
        let methods: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(methods, [Method::EmailCode, Method::RecoveryCodes]);
    }
}

/// No response of a method that support may call has a field for a secret, at any depth.
#[test]
fn inv_33_no_answer_to_support_has_room_for_a_secret() {
    let contract = contract();
    let sensitive = contract.pool.get_extension_by_name("tidegate.v1.sensitive").unwrap();
    let mut looked_at = 0;
    for method in contract.methods() {
        let rule = proto::RULES.iter().find(|(path, _)| method_of(path) == method.name()).unwrap().1;
        let needed = rule.permission().as_str_name().trim_start_matches("PERMISSION_").to_owned();
        let may = Permission::ALL.iter().any(|one| one.as_str() == needed && Role::Support.may(*one));
        // What any caller may do is about the caller's own credential.
        if !may || needed == "ANY_CALLER" {
            continue;
        }
        looked_at += 1;
        let (mut seen, mut left) = (Vec::new(), vec![method.output()]);
        while let Some(message) = left.pop() {
            for field in message.fields() {
                assert!(
                    !field.options().get_extension(&sensitive).as_bool().unwrap(),
                    "{}",
                    field.full_name()
                );
                if let prost_reflect::Kind::Message(inner) = field.kind()
                    && !seen.contains(&inner)
                {
                    seen.push(inner.clone());
                    left.push(inner);
                }
            }
        }
    }
    assert!(looked_at >= 15, "{looked_at}");
}
