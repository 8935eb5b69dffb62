//! Where factors were added, as their owner sees it.

use proto::{Method, ProofOutcome as Outcome};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::Person,
    methods::damage,
    owner::{Device, Seed, Session, by_first_code},
    raw,
    recovery::{begin, generate},
    setting::Kasa,
};

const IP: &str = "192.0.2.7";
const USER_AGENT: &str = "Kasa/3.1 (phone)";

/// A call for the session's owner that also says the client's address and user agent.
pub fn from_client(session: &Session, ip: &str, user_agent: &str) -> Option<proto::Subject> {
    let client = proto::ClientContext { ip: ip.into(), user_agent: user_agent.into(), ..Default::default() };
    session.subject().map(|subject| proto::Subject { client: Some(client), ..subject })
}

impl Actor {
    /// Completes an enrollment on that client.
    pub async fn completes(
        &self,
        subject: Option<proto::Subject>,
        enrollment: &str,
        seed: &Seed,
    ) -> proto::CompleteEnrollmentResponse {
        let (enrollment_id, answer) = (enrollment.to_owned(), by_first_code(self.server.code(seed)));
        let request =
            proto::CompleteEnrollmentRequest { subject, enrollment_id, answer, ..Default::default() };
        let done = self.ok(request).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        done
    }

    /// An authenticator app that waits for its first code.
    pub async fn scanned(&self, session: &Session, person: &Person) -> (String, Seed) {
        let enrollment = self.begin_enrollment(session).await;
        self.redeem(&self.server.mail_to(&person.email).await.token).await;
        let seed = self.continue_enrollment(session, &enrollment).await;
        (enrollment, seed)
    }

    /// The method, product and client of each factor.
    async fn origins(&self, session: &Session) -> Vec<(Method, String, String)> {
        let listed = self.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        let origins = listed.into_iter().map(|factor| {
            let method = factor.method();
            let proto::FactorOrigin { product, client } = factor.origin.unwrap_or_default();
            (method, product, client)
        });
        origins.collect()
    }
}

fn of(method: Method, client: &str) -> (Method, String, String) {
    (method, "kasa".to_owned(), client.to_owned())
}

on_both! {
    async fn what_is_kept_of_a_client_is_sealed_and_erased_with_the_persons_key(server) {
        let kasa = Kasa::open(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let (enrollment, seed) = kasa.frontend.scanned(&session, &ann).await;
        kasa.frontend.completes(from_client(&session, IP, USER_AGENT), &enrollment, &seed).await;
        let shown = format!("{USER_AGENT}, {IP}");
        let both = [of(Method::Totp, &shown), of(Method::RecoveryCodes, &shown)];
        assert_eq!(kasa.frontend.origins(&session).await, both);
        for (table, rows) in raw::contents(&server).await {
            for text in [USER_AGENT, IP] {
                let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                let is_clear = |row: &String| row.contains(text) || row.to_ascii_lowercase().contains(&hex);
                assert!(!rows.iter().any(is_clear), "{text} in {table}");
            }
        }
        damage(&server, "accounts", "personal_key").await;
        assert_eq!(kasa.frontend.origins(&session).await, [of(Method::Totp, ""), of(Method::RecoveryCodes, "")]);
    }

    async fn inv_46_an_origin_of_another_factor_does_not_open(server) {
        let kasa = Kasa::open(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let (enrollment, seed) = kasa.frontend.scanned(&session, &ann).await;
        kasa.frontend.completes(from_client(&session, IP, USER_AGENT), &enrollment, &seed).await;
        let moved = "UPDATE factors SET origin_client = (SELECT origin_client FROM factors WHERE method = 'totp')";
        raw::change(&server, moved).await;
        let shown = [of(Method::Totp, &format!("{USER_AGENT}, {IP}")), of(Method::RecoveryCodes, "")];
        assert_eq!(kasa.frontend.origins(&session).await, shown);
    }

    async fn inv_45_a_damaged_key_of_personal_data_keeps_no_factor_out(server) {
        let kasa = Kasa::open(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let (enrollment, seed) = kasa.frontend.scanned(&session, &ann).await;
        damage(&server, "accounts", "personal_key").await;
        kasa.frontend.completes(from_client(&session, IP, USER_AGENT), &enrollment, &seed).await;
        assert_eq!(kasa.frontend.origins(&session).await, [of(Method::Totp, ""), of(Method::RecoveryCodes, "")]);
    }

    async fn each_factor_has_the_origin_of_its_own_call(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.owner("ann").await;
        let laptop = Device::new("laptop");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &laptop, &owner.enrolled.seed).await;
        let begun = kasa.frontend.ok(begin(&session, "tablet")).await;
        let (enrollment, seed) = (begun.enrollment.unwrap().id, Seed::scan(begun.setup));
        kasa.frontend.completes(from_client(&session, "2001:db8::7", ""), &enrollment, &seed).await;
        server.clock.advance(Span::seconds(1));
        let subject = from_client(&session, "", "Firefox");
        kasa.frontend.ok(proto::GenerateRecoveryCodesRequest { subject, ..generate(&session) }).await;
        assert_eq!(
            kasa.frontend.origins(&session).await,
            [
                (Method::EmailCode, String::new(), String::new()),
                of(Method::Totp, ""),
                of(Method::Totp, "2001:db8::7"),
                of(Method::RecoveryCodes, "Firefox"),
            ]
        );
    }
}
