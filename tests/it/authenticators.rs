//! Authenticator apps of every kind: their codes come from oathtool (OATH Toolkit), which we did not write.

use std::process::Command;

use proto::{Method, OtpHash, ProofOutcome as Outcome, SignInState};
use tidegate_core::{Clock as _, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, row},
    manage::mask,
    owner::{Device, totp_secret},
    raw,
    setting::Kasa,
    test_server::TestServer,
};

/// 160 bits.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// What an app computes codes with.
#[derive(Clone, Copy)]
struct App<'s> {
    secret: &'s str,
    hash: &'s str,
    digits: i32,
    period: i32,
}

impl App<'_> {
    /// The code that the app shows after `later` seconds.
    fn code(self, server: &TestServer, later: i64) -> String {
        let at = server.clock.now().unix_seconds() + later;
        let output = Command::new("oathtool")
            .arg(format!("--totp={}", self.hash))
            .args(["--base32", "--digits", &self.digits.to_string()])
            .args(["--time-step-size", &format!("{}s", self.period), "--now", &format!("@{at}"), self.secret])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

async fn sets(kasa: &Kasa, hash: OtpHash, digits: i32, period: i32) {
    let got = kasa.admin.ok(proto::GetProductRequest { product: "kasa".into() }).await.product.unwrap();
    let authenticator = Some(proto::AuthenticatorStyle { hash: hash.into(), digits, period });
    let change = proto::UpdateProductRequest {
        product: "kasa".into(),
        etag: got.etag,
        settings: Some(proto::ProductSettings { authenticator, ..Default::default() }),
        update_mask: mask("settings.authenticator"),
        ..Default::default()
    };
    let kept = kasa.admin.ok(change).await.product.unwrap().settings.unwrap().authenticator.unwrap();
    assert_eq!((kept.hash(), kept.digits, kept.period), (hash, digits, period));
}

on_both! {
    async fn apps_of_every_kind_are_set_up_and_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let kinds = [
            (OtpHash::Sha1, "sha1", 6, 30),
            (OtpHash::Sha256, "sha256", 8, 30),
            (OtpHash::Sha512, "sha512", 8, 60),
            (OtpHash::Sha1, "sha1", 6, 60),
        ];
        for (number, (kind, hash, digits, period)) in kinds.into_iter().enumerate() {
            sets(&kasa, kind, digits, period).await;
            let person = kasa.admin.person(&format!("ann-{number}")).await;
            let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
            let enrollment = kasa.frontend.begin_enrollment(&session).await;
            kasa.frontend.redeem(&server.mail_to(&person.email).await.token).await;
            let request = proto::ContinueEnrollmentRequest {
                subject: session.subject(),
                enrollment_id: enrollment.clone(),
                ..Default::default()
            };
            let shown = totp_secret(kasa.frontend.ok(request).await.setup);
            let app = App { secret: &shown.secret, hash, digits, period };
            for said in [format!("digits={digits}"), format!("period={period}"), format!("algorithm={}", hash.to_uppercase())] {
                let is_default = ["digits=6", "period=30", "algorithm=SHA1"].contains(&said.as_str());
                assert!(is_default || shown.otpauth_uri.contains(&said), "{said} in {}", shown.otpauth_uri);
            }
            let done = kasa.frontend.complete_enrollment(&session, &enrollment, &app.code(&server, 0)).await;
            assert_eq!(done.outcome(), Outcome::Approved, "{hash} {digits} {period}");
            let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
            let challenge = kasa.frontend.challenge(&begun).await;
            let spent = kasa.frontend.answer(&begun, &challenge, &app.code(&server, 0)).await;
            assert_eq!(spent.outcome(), Outcome::Replayed);
            let next = app.code(&server, i64::from(period));
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &next).await.outcome(), Outcome::Approved);
        }
    }

    async fn who_had_an_app_elsewhere_keeps_it(server) {
        let kasa = Kasa::open(&server).await;
        let uri = |more: &str| format!("otpauth://totp/Old%20Cloud:ann?secret={SECRET}&issuer=Old%20Cloud{more}");
        let apps = [
            (uri(""), App { secret: SECRET, hash: "sha1", digits: 6, period: 30 }),
            (uri("&algorithm=SHA256&digits=8&period=60"), App { secret: SECRET, hash: "sha256", digits: 8, period: 60 }),
            // A payload of the common app with the same secret.
            (
                "otpauth-migration://offline?data=CjgKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEhRLYXNhOmFubkBleGFtcGxlLmNvbRoES2FzYSAB\
                KAEwAhABGAEgACiOspWX%2Bf%2F%2F%2F%2F8B".to_owned(),
                App { secret: SECRET, hash: "sha1", digits: 6, period: 30 },
            ),
        ];
        for (number, (text, app)) in (1..).zip(apps) {
            let name = format!("ann-{number}");
            let row = proto::ImportRow { otpauth_uris: vec![text], ..row(number, &name, Address::Verified) };
            let imported = kasa.admin.import(vec![row.clone()]).await.unwrap();
            assert_eq!((imported.created_count, imported.failed_count), (1, 0), "{imported:?}");
            let again = kasa.admin.import(vec![row]).await.unwrap();
            assert_eq!((again.unchanged_count, again.failed_count), (1, 0), "{again:?}");
            let person = kasa.admin.known(&name).await;
            let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
            assert_eq!(begun.state, SignInState::PendingChallenge, "two-step is on");
            assert_eq!((begun.offers[0].method(), begun.offers[0].label.as_str()), (Method::Totp, "imported"));
            let challenge = kasa.frontend.challenge(&begun).await;
            let shown_before = kasa.frontend.answer(&begun, &challenge, &app.code(&server, 0)).await;
            assert_eq!(shown_before.outcome(), Outcome::Replayed, "it may have been used elsewhere");
            let next = app.code(&server, i64::from(app.period));
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &next).await.outcome(), Outcome::Approved);
            kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
            server.clock.advance(Span::minutes(2));
        }
        let known = "SELECT count(*) FROM factors WHERE origin_product IS NOT NULL OR origin_client IS NOT NULL";
        assert_eq!(raw::count(&server, known).await, 0, "nobody knows where they were added");
    }

    async fn secrets_that_cannot_be_imported_are_told(server) {
        let kasa = Kasa::open(&server).await;
        let uris = |line, name: &str, uris: &[&str]| proto::ImportRow {
            otpauth_uris: uris.iter().map(ToString::to_string).collect(),
            ..row(line, name, Address::Verified)
        };
        let short = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ";
        let rows = vec![
            uris(1, "ann", &[short]),
            uris(2, "bob", &["otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1"]),
            uris(3, "cat", &[short, "nonsense"]),
            uris(4, "dan", &[short; 11]),
        ];
        let imported = kasa.admin.import(rows.clone()).await.unwrap();
        assert_eq!((imported.created_count, imported.failed_count), (1, 3), "{imported:?}");
        let told: Vec<_> = imported.reports.iter().map(|one| (one.line, one.field.as_str(), one.description.as_str())).collect();
        assert_eq!(told, [
            (2, "otpauth_uris", "must hold time-based codes: counters (HOTP) are not supported"),
            (3, "otpauth_uris", "must be otpauth://totp/… or otpauth-migration://offline?data=…, at most 8192 bytes"),
            (4, "otpauth_uris", "must hold at most 10 secrets"),
        ]);
        let other = kasa.admin.import(vec![uris(1, "ann", &["otpauth://totp/x?secret=GEZDGNBVGY3TQOJR"])]).await.unwrap();
        let fields: Vec<_> = other.reports.iter().map(|one| one.field.as_str()).collect();
        assert_eq!((other.failed_count, fields), (1, vec!["otpauth_uris"]));
        let person = kasa.admin.known("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.offers[0].label, "imported, 80 bits");
        let app = App { secret: "GEZDGNBVGY3TQOJQ", hash: "sha1", digits: 6, period: 30 };
        let challenge = kasa.frontend.challenge(&begun).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &app.code(&server, 30)).await.outcome(), Outcome::Approved);
    }
}
