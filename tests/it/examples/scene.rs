//! What the examples presuppose: the product kasa, the customer acme, Ann's account u-1.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use tidegate_core::{Clock as _, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{Address, PASSWORD, Person, row},
    devices::{Decides, PhoneOwner},
    ladders::{days, everybody, phase as from},
    manage::{Managed, mask},
    owner::{Device, Session},
    raw,
    sms_codes::{OTHER, change_phone},
    test_server::timestamp,
};

/// Values, by the text in front of the `…`.
pub type Placeholders = BTreeMap<&'static str, String>;

/// Makes what the method's example names, in a realm that has nothing.
pub async fn prepare(operator: &Actor, method: &str) -> Placeholders {
    let mut values = Placeholders::from([("", PASSWORD.to_owned())]);
    // Ann has the same address in all realms. The newest mail is this one's: what others asked for is mailed before.
    operator.server.app.send_resets().await.unwrap();
    operator.server.clock.advance(Span::minutes(1));
    if method != "CreateProduct" {
        operator.product("kasa").await;
    }
    if method != "CreateCustomer" {
        operator.customer("acme").await;
    }
    if !["CreateAccount", "ImportAccounts"].contains(&method) {
        let unverified = ["RequestEmailVerification", "ConfirmEmail"].contains(&method);
        let address = if unverified { Address::Unverified } else { Address::Verified };
        let ann = proto::ImportRow { email: "ann@example.com".to_owned(), ..row(1, "u-1", address) };
        operator.import(vec![ann, row(2, "u-7", Address::Verified)]).await.unwrap();
    }
    match method {
        "GetRealm" => {
            let (key, title) = ("acme".to_owned(), "Acme".to_owned());
            // CreateRealm's example may have made it.
            let _ = operator.call(proto::CreateRealmRequest { key, title, ..Default::default() }).await;
        }
        "RevokeCredential" | "RotateCredential" => {
            values.insert("cred_", credential(operator).await);
        }
        "TailEvents" | "ExportEvents" => operator.server.seal().await,
        _ if method.ends_with("Rollout") || method.ends_with("Wave") || ROLLOUT.contains(&method) => {
            rollout(operator, method).await;
        }
        _ if LADDER.contains(&method) => ladder(operator, method, &mut values).await,
        _ => owner(operator, method, &mut values).await,
    }
    values
}

/// Methods of a rollout whose names do not say so.
const ROLLOUT: &[&str] =
    &["ListRollouts", "ClearStop", "GetStats", "ListReached", "ListRevisions", "DiffRevisions", "SetLadder"];
/// Those that need a ladder which requires two-step of Ann.
const LADDER: &[&str] = &[
    "RecordShown",
    "SkipEnrollment",
    "PostponeEnrollment",
    "Exempt",
    "EndExemption",
    "ListExemptions",
    "ExtendDeadline",
];

/// Ann's place on the ladder of `kasa-two-step`.
async fn ladder(operator: &Actor, method: &str, values: &mut Placeholders) {
    let rollout = operator.rollout("kasa-two-step", &["kasa"], &[]).await;
    let managed = Managed::new(operator, &rollout);
    let skips = if method == "SkipEnrollment" { 3 } else { 0 };
    let grace = Some(proto::Grace { skips, ..Default::default() });
    let rule = proto::LadderRule {
        grace,
        postponement: days(7),
        ..everybody(vec![from(None, proto::Rung::Required)])
    };
    let session = operator.sign_in(&ann(operator).await, "kasa", &phone()).await;
    values.insert("tgs_", session.token);
    managed.set_ladder(vec![rule]).await;
    if method == "EndExemption" {
        let until_time = Some(timestamp(operator.server.now().plus(Span::days(1))));
        let exempt = proto::ExemptRequest {
            account: "u-1".to_owned(),
            rollout: rollout.key,
            product: "kasa".to_owned(),
            until_time,
            reason: "asked".to_owned(),
            ..Default::default()
        };
        operator.ok(exempt).await;
    }
    if method == "PostponeEnrollment" {
        values.insert("tgi_", operator.begin(&ann(operator).await, "kasa", &phone()).await.token);
    }
}

async fn credential(operator: &Actor) -> String {
    let request = proto::CreateCredentialRequest {
        role: proto::RoleType::Frontend.into(),
        all_products: true,
        title: "to be revoked".to_owned(),
        holder: "Ann".to_owned(),
        ..Default::default()
    };
    operator.ok(request).await.credential.unwrap().id
}

/// Brings `kasa-two-step` to the revision that the example's etag names.
async fn rollout(operator: &Actor, method: &str) {
    if method == "CreateRollout" {
        return;
    }
    let draft = operator.rollout("kasa-two-step", &["kasa"], &[10_000, 50_000, 200_000]).await;
    if ["AddWave", "SetLadder", "StartRollout", "PreviewRollout"].contains(&method) {
        return;
    }
    let started = operator.start(&draft).await;
    let rollout = draft.key;
    match method {
        "RollBackRollout" => {
            operator.advance(&started).await;
        }
        "ResumeRollout" => {
            operator.ok(proto::PauseRolloutRequest { rollout, ..Default::default() }).await;
        }
        "ClearStop" => {
            operator.ok(proto::StopRolloutRequest { rollout, ..Default::default() }).await;
        }
        "RevertRollout" => {
            let change = proto::UpdateRolloutRequest {
                rollout,
                etag: started.etag,
                title: "Renamed".to_owned(),
                update_mask: mask("title"),
                ..Default::default()
            };
            operator.ok(change).await;
        }
        _ => {}
    }
}

/// Brings Ann as far as the method needs it.
async fn owner(operator: &Actor, method: &str, values: &mut Placeholders) {
    match method {
        "GetTwoStepStatus"
        | "BeginEnrollment"
        | "RegisterInterest"
        | "Introspect"
        | "IssueAssertion"
        | "RevokeSession"
        | "ListSessions"
        | "ListActivity"
        | "RequestEmailChange"
        | "RevokeAllSessions"
        | "ListTrustedDevices"
        | "RevokeTrustedDevice"
        | "ChangePassword"
        | "RequestEmailVerification" => {
            values.insert("tgs_", session(operator).await.token);
        }
        "RefreshSession" => {
            operator.refreshing("kasa", Span::days(30)).await;
            values.insert("tgf_", session(operator).await.answer.refresh_token);
        }
        "SetPassword" => {
            values.insert("tgs_", session(operator).await.token);
            raw::change(&operator.server, "DELETE FROM passwords").await;
        }
        "CompleteRecovery" => {
            let (product, identifier) = ("kasa".to_owned(), "ann@example.com".to_owned());
            operator.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
            values.insert("tgl_", link(operator).await);
        }
        "ReportNotMe" | "ConfirmEmail" => address(operator, method, values).await,
        "CreatePasskeyRequest" => {
            operator.takes_keys("kasa", "kasa.example", &["https://kasa.example"]).await;
        }
        "ListPushes" | "WatchPushes" | "RespondPush" => devices(operator, method, values).await,
        "GetSignIn" | "CompleteSignIn" | "CancelSignIn" => {
            let begun = operator.begin(&ann(operator).await, "kasa", &phone()).await;
            values.insert("tgi_", begun.token);
        }
        "RedeemLink" | "GetEnrollment" | "ContinueEnrollment" | "CompleteEnrollment" | "CancelEnrollment" => {
            enrollment(operator, method, values).await;
        }
        "CreateChallenge" | "GetChallenge" | "AnswerChallenge" | "CancelChallenge" => {
            let enrolled = operator.enroll(&session(operator).await, &ann(operator).await).await;
            let begun = operator.begin(&ann(operator).await, "kasa", &phone()).await;
            if method != "CreateChallenge" {
                values.insert("chl_", operator.challenge(&begun).await);
            }
            values.extend([("tgi_", begun.token), ("fac_", enrolled.factor)]);
        }
        "RequestPhoneChange" | "ConfirmPhoneChange" => {
            session(operator).await;
            let (session, _) = operator.proves_number(&ann(operator).await, &phone()).await;
            operator.server.clock.advance(Span::minutes(1));
            if method == "ConfirmPhoneChange" {
                let change = operator.ok(change_phone(&session, OTHER)).await;
                values.insert("enr_", change.enrollment_id);
            }
            values.insert("tgs_", session.token);
        }
        "ResendChallenge" => {
            let mailed = operator.mail_codes(&session(operator).await, &ann(operator).await).await;
            let begun = operator.begin(&ann(operator).await, "kasa", &phone()).await;
            let challenge = operator.challenge_of(&begun, &mailed).await;
            operator.server.clock.advance(Span::minutes(1));
            values.extend([("chl_", challenge), ("tgi_", begun.token)]);
        }
        "ReactivateAccount" | "UndeleteAccount" => {
            let (account, product, reason) = ("u-1".to_owned(), "kasa".to_owned(), "asked".to_owned());
            if method == "ReactivateAccount" {
                let suspend = proto::SuspendAccountRequest { account, product, reason, ..Default::default() };
                operator.ok(suspend).await;
            } else {
                let delete = proto::DeleteAccountRequest { account, product, reason, ..Default::default() };
                operator.ok(delete).await;
            }
        }
        "ListDeliveries" => {
            values.insert("acct_", ann(operator).await.id);
        }
        "ListFactors"
        | "EnableTwoStep"
        | "DisableTwoStep"
        | "RenameFactor"
        | "RemoveFactor"
        | "GenerateRecoveryCodes" => {
            let enrolled = operator.enroll(&session(operator).await, &ann(operator).await).await;
            operator.server.clock.advance(Span::seconds(30));
            let (ann, seed) = (ann(operator).await, enrolled.seed);
            let session = operator.sign_in_with(&ann, "kasa", &phone(), &seed).await;
            if method == "RemoveFactor" {
                // Otherwise it is the last one, and stays.
                operator.disable(&session).await.unwrap();
            }
            values.extend([("tgs_", session.token), ("fac_", enrolled.factor)]);
        }
        _ => {}
    }
}

/// A link for an address, or against its change.
async fn address(operator: &Actor, method: &str, values: &mut Placeholders) {
    let session = session(operator).await;
    let subject = session.subject();
    if method == "ConfirmEmail" {
        operator.ok(proto::RequestEmailVerificationRequest { subject, ..Default::default() }).await;
    } else {
        let email = "ann@example.org".to_owned();
        operator.ok(proto::RequestEmailChangeRequest { subject, email, ..Default::default() }).await;
    }
    values.extend([("tgl_", link(operator).await), ("tgs_", session.token)]);
}

/// Enrolls Ann's phone, and signs what the example leaves out.
async fn devices(operator: &Actor, method: &str, values: &mut Placeholders) {
    session(operator).await;
    operator.allows(&[proto::Method::Push]).await;
    let ann = ann(operator).await;
    let signed_in = operator.sign_in(&ann, "kasa", &phone()).await;
    let phone = operator.enrolls_phone(&signed_in, &ann, (proto::Method::Push, 1)).await;
    let owner = PhoneOwner { person: ann, session: signed_in, phone, app: operator.clone() };
    let signature = if method == "RespondPush" {
        owner.prompted(operator, "tablet").await;
        let push = owner.pushes().await.remove(0);
        values.insert("chl_", push.challenge_id.clone());
        owner.phone.decides(&push, Decides::Approves("42")).signature
    } else {
        let now = operator.server.clock.now();
        let whole = Timestamp::from_unix_micros(now.unix_seconds() * 1_000_000).to_string();
        values.insert("2026-03-02T", whole);
        owner.phone.proof(method, now, "").unwrap().signature
    };
    values.extend([("fac_", owner.phone.factor), ("MEU", BASE64.encode(signature))]);
}

fn phone() -> Device {
    Device::new("phone-1")
}

async fn ann(operator: &Actor) -> Person {
    operator.known("u-1").await
}

/// A session of Ann, at a product where two-step has reached every account.
async fn session(operator: &Actor) -> Session {
    operator.start(&operator.rollout("everybody", &["kasa"], &[1_000_000]).await).await;
    operator.sign_in(&ann(operator).await, "kasa", &phone()).await
}

/// The token of the newest link that was mailed to Ann.
async fn link(operator: &Actor) -> String {
    operator.server.mail_to("ann@example.com").await.token
}

async fn enrollment(operator: &Actor, method: &str, values: &mut Placeholders) {
    let session = session(operator).await;
    let enrollment = operator.begin_enrollment(&session).await;
    let link = link(operator).await;
    if ["ContinueEnrollment", "CompleteEnrollment"].contains(&method) {
        operator.redeem(&link).await;
    }
    if method == "CompleteEnrollment" {
        operator.continue_enrollment(&session, &enrollment).await;
    }
    values.extend([("tgs_", session.token), ("enr_", enrollment), ("tgl_", link)]);
}
