//! Enrollments that do not begin, or do not go on; and what support may not do.

use tidegate_core::{Role, Span};
use tidegate_proto::{self as proto, OnBehalf, subject::Who};

use crate::{
    arrange::Address,
    owner::{Device, Session, by_first_code, subject},
    setting::{Kasa, wrong},
    story::tell,
};

fn begin(session: &Session) -> proto::BeginEnrollmentRequest {
    proto::BeginEnrollmentRequest {
        subject: session.subject(),
        method: proto::Method::Totp.into(),
        ..Default::default()
    }
}

fn continue_(session: &Session, enrollment: &str) -> proto::ContinueEnrollmentRequest {
    proto::ContinueEnrollmentRequest {
        subject: session.subject(),
        enrollment_id: enrollment.to_owned(),
        request_id: String::new(),
    }
}

fn complete(session: &Session, enrollment: &str) -> proto::CompleteEnrollmentRequest {
    proto::CompleteEnrollmentRequest {
        subject: session.subject(),
        enrollment_id: enrollment.to_owned(),
        answer: by_first_code("000000"),
        request_id: String::new(),
    }
}

#[tokio::test]
async fn enrollments() {
    tell("refusals/enrollments", async |server| {
        let kasa = Kasa::open(&server).await;
        let frontend = kasa.frontend.aloud();
        kasa.admin.product("tapo").await;
        let owner = kasa.owner("ann").await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let cat = kasa.admin.person("cat").await;
        let sign_in =
            async |person, product| frontend.quiet().sign_in(person, product, &Device::new("phone-1")).await;
        frontend.refused(begin(&sign_in(&cat, "tapo").await)).await;
        frontend.refused(begin(&sign_in(&bob, "kasa").await)).await;
        frontend.refused(begin(&owner.session)).await;
        let cats = sign_in(&cat, "kasa").await;
        let enrollment = frontend.quiet().begin_enrollment(&cats).await;
        server.transcript.note("another owner's, and the same owner's from another device");
        frontend.refused(continue_(&owner.session, &enrollment)).await;
        let other = frontend.quiet().sign_in(&cat, "kasa", &Device::new("tablet-1")).await;
        frontend.refused(continue_(&other, &enrollment)).await;
        server.transcript.note("before the link");
        frontend.refused(continue_(&cats, &enrollment)).await;
        frontend.refused(complete(&cats, &enrollment)).await;
        let link = server.mail_to(&cat.email).await.token;
        frontend.quiet().redeem(&link).await;
        server.transcript.note("behind the link");
        frontend.refused(complete(&cats, &enrollment)).await;
        let seed = frontend.quiet().continue_enrollment(&cats, &enrollment).await;
        frontend.refused(continue_(&cats, &enrollment)).await;
        frontend.quiet().complete_enrollment(&cats, &enrollment, &server.code(&seed)).await;
        server.transcript.note("when it is done");
        frontend.ok(complete(&cats, &enrollment)).await;
        frontend.refused(continue_(&cats, &enrollment)).await;
        let cancel = proto::CancelEnrollmentRequest {
            subject: cats.subject(),
            enrollment_id: enrollment,
            ..Default::default()
        };
        frontend.refused(cancel).await;
    })
    .await;
}

#[tokio::test]
async fn enrollments_that_are_too_late() {
    tell("refusals/enrollments_too_late", async |server| {
        let kasa = Kasa::open(&server).await;
        let (frontend, cat) = (kasa.frontend.aloud(), kasa.admin.person("cat").await);
        // One pending enrollment of a device: a newer one takes its place.
        let sign_in = async |device| frontend.quiet().sign_in(&cat, "kasa", &Device::new(device)).await;
        let quiet = frontend.quiet();
        let (phone, tablet, laptop) =
            (sign_in("phone-1").await, sign_in("tablet-1").await, sign_in("laptop-1").await);
        let confirmed = quiet.begin_enrollment(&phone).await;
        quiet.redeem(&server.mail_to(&cat.email).await.token).await;
        server.pass(Span::minutes(1));
        let shown = quiet.begin_enrollment(&tablet).await;
        quiet.redeem(&server.mail_to(&cat.email).await.token).await;
        let seed = quiet.continue_enrollment(&tablet, &shown).await;
        server.pass(Span::minutes(1));
        let used_up = quiet.begin_enrollment(&laptop).await;
        quiet.redeem(&server.mail_to(&cat.email).await.token).await;
        let other = quiet.continue_enrollment(&laptop, &used_up).await;
        for _ in 0..5 {
            quiet.complete_enrollment(&laptop, &used_up, &wrong(&server.code(&other))).await;
        }
        frontend.refused(continue_(&laptop, &used_up)).await;
        server.pass(Span::hours(2));
        frontend.refused(continue_(&sign_in("phone-1").await, &confirmed)).await;
        frontend.complete_enrollment(&sign_in("tablet-1").await, &shown, &server.code(&seed)).await;
    })
    .await;
}

#[tokio::test]
async fn support_reads_and_no_more() {
    tell("refusals/support", async |server| {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let support = server.actor("support", Role::Support).await;
        let on = |account: &str, product: &str| {
            subject(Who::OnBehalf(OnBehalf {
                account: account.into(),
                product: product.into(),
                reason: "ticket 7".into(),
            }))
        };
        support.ok(proto::GetTwoStepStatusRequest { subject: on("ann", "kasa") }).await;
        support.ok(proto::ListFactorsRequest { subject: on("ann", "kasa") }).await;
        support.refused(proto::ListFactorsRequest { subject: on("bob", "kasa") }).await;
        support.refused(proto::ListFactorsRequest { subject: on("ann", "deco") }).await;
        server.transcript.note("a front end may, for those whose token it has");
        let frontend = kasa.frontend.aloud();
        frontend.refused(proto::ListFactorsRequest { subject: on("ann", "kasa") }).await;
        let operator = server.operator().aloud();
        let method = proto::Method::Totp.into();
        operator
            .refused(proto::BeginEnrollmentRequest {
                subject: on("ann", "kasa"),
                method,
                ..Default::default()
            })
            .await;
        operator
            .refused(proto::RevokeSessionRequest {
                subject: on("ann", "kasa"),
                session_id: owner.session.id.clone(),
                ..Default::default()
            })
            .await;
        operator.refused(proto::GetSignInRequest { subject: on("ann", "kasa") }).await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        auditor.ok(proto::ListEventsRequest { page_size: 2, ..Default::default() }).await;
    })
    .await;
}
