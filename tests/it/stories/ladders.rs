//! A manager requires two-step from a date on, and an owner sets it up on the way in.

use proto::Rung;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, row},
    audiences::has,
    ladders::{everybody, local, phase},
    manage::Managed,
    owner::{Device, Seed, by_first_code},
    story::tell,
};

#[tokio::test]
async fn two_step_is_required_from_a_date_on() {
    tell("ladders/1_required", async |server| {
        let operator = server.operator();
        operator.quiet().product("kasa").await;
        operator.import(vec![row(1, "ann", Address::Verified)]).await.unwrap();
        let ann = operator.known("ann").await;
        let rollout = operator.quiet().rollout("kasa-two-step", &["kasa"], &[]).await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let rollout = Managed::new(&manager, &rollout);
        let zone = "Europe/Berlin";
        let phases = vec![
            phase(None, Rung::Nudge),
            local("2026-03-04T09:00", zone, Rung::Required),
            local("2026-04-04T09:00", zone, Rung::Locked),
        ];
        let grace = Some(proto::Grace { days: 1, ..Default::default() });
        let rule = proto::LadderRule { grace, reminder_days: vec![0, 1], ..everybody(phases) };
        rollout.set_ladder(vec![rule]).await;
        manager.evaluate(&ann, "kasa").await;
        let app = server.actor("app", Role::Frontend).await;
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        app.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        server.pass(Span::days(2));
        let begun = app.begin(&ann, "kasa", &Device::new("laptop")).await;
        app.ok(proto::GetTwoStepStatusRequest { subject: begun.subject() }).await;
        let request = proto::BeginEnrollmentRequest {
            subject: begun.subject(),
            method: proto::Method::Totp.into(),
            ..Default::default()
        };
        let enrollment_id = app.ok(request).await.enrollment.unwrap().id;
        let mail = server.mail_to(&ann.email).await;
        app.redeem(&mail.token).await;
        let go_on = proto::ContinueEnrollmentRequest {
            subject: begun.subject(),
            enrollment_id: enrollment_id.clone(),
            ..Default::default()
        };
        let seed = Seed::scan(app.ok(go_on).await.setup);
        let answer = by_first_code(server.code(&seed));
        let complete = proto::CompleteEnrollmentRequest {
            subject: begun.subject(),
            enrollment_id,
            answer,
            ..Default::default()
        };
        app.ok(complete).await;
        app.ok(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() }).await;
        server.pass(Span::minutes(1));
        let session = app.sign_in_with(&ann, "kasa", &Device::new("laptop"), &seed).await;
        app.disable(&session).await.unwrap_err();
        manager
            .ok(proto::ExplainRequest { product: "kasa".into(), account: "ann".into(), ..Default::default() })
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_ladder_is_refused() {
    tell("ladders/2_refused", async |server| {
        let operator = server.operator();
        operator.quiet().product("kasa").await;
        let rollout = operator.quiet().rollout("kasa-two-step", &["kasa"], &[]).await;
        let rollout = Managed::new(&server.actor("manager", Role::RolloutManager).await, &rollout);
        let (now, hour) = (server.now(), Span::hours(1));
        let required = |from| phase(Some(from), Rung::Required);
        rollout.set_ladder_refused(vec![everybody(vec![required(now.minus(hour))])]).await;
        let same = vec![required(now.plus(hour)), phase(Some(now.plus(hour)), Rung::Locked)];
        rollout.set_ladder_refused(vec![everybody(same)]).await;
        let locked = everybody(vec![phase(Some(now.plus(hour)), Rung::Locked)]);
        let week = Some(prost_types::Duration { seconds: 7 * 86_400, nanos: 0 });
        let put_off = proto::LadderRule { postponement: week, ..locked.clone() };
        rollout.set_ladder_refused(vec![put_off]).await;
        let phr = proto::LadderRule { demands: proto::Requirement::Aal2Phr.into(), ..locked.clone() };
        rollout.set_ladder_refused(vec![phr.clone()]).await;
        rollout.set_ladder_refused(vec![locked.clone(), locked.clone()]).await;
        let late = proto::LadderRule { title: "Late".into(), ..everybody(vec![required(now.minus(hour))]) };
        rollout.set_ladder_refused(vec![late, phr]).await;
        let zoned = |at: &str, zone: &str| vec![everybody(vec![local(at, zone, Rung::Required)])];
        rollout.set_ladder_refused(zoned("2027-03-28T02:30", "Europe/Berlin")).await;
        rollout.set_ladder_refused(zoned("2026-10-25T02:30", "Europe/Berlin")).await;
        rollout.set_ladder_refused(zoned("2027-01-22T00:00", "Europe/Berlim")).await;
        let unsound = proto::LadderRule {
            title: String::new(),
            grace: Some(proto::Grace { days: 91, skips: 21, ..Default::default() }),
            reminder_days: vec![3, 3],
            demands: proto::Requirement::None.into(),
            ..everybody(vec![phase(None, Rung::Unspecified)])
        };
        rollout.set_ladder_refused(vec![unsound]).await;
    })
    .await;
}

#[tokio::test]
async fn a_sign_up_page_says_what_will_be_asked() {
    tell("ladders/3_sign_up", async |server| {
        let operator = server.operator();
        operator.quiet().product("kasa").await;
        operator.quiet().customer("acme").await;
        let rollout = operator.quiet().rollout("kasa-two-step", &["kasa"], &[]).await;
        let rollout = Managed::new(&server.actor("manager", Role::RolloutManager).await, &rollout);
        let grace = Some(proto::Grace { days: 7, ..Default::default() });
        let required = || everybody(vec![phase(None, Rung::Required)]);
        let of_acme = proto::LadderRule {
            title: "Acme".into(),
            audience: Some(has("customer.key", &["acme"])),
            ..required()
        };
        let german = proto::LadderRule {
            title: "Germany".into(),
            audience: Some(has("account.country", &["DE"])),
            grace,
            ..required()
        };
        let others = everybody(vec![local("2026-04-04T09:00", "Europe/Berlin", Rung::Required)]);
        rollout.set_ladder(vec![of_acme, german, others]).await;
        let app = server.actor("app", Role::Frontend).await;
        let prospect = |customer: &str, country: &str| proto::EvaluateProspectRequest {
            product: "kasa".into(),
            customer: customer.into(),
            country: country.into(),
        };
        app.ok(prospect("acme", "FR")).await;
        app.ok(prospect("", "DE")).await;
        app.ok(prospect("", "")).await;
        app.refused(prospect("nobody", "DE")).await;
        app.refused(prospect("acme", "Germany")).await;
        app.refused(proto::EvaluateProspectRequest { product: "deco".into(), ..prospect("", "") }).await;
    })
    .await;
}
