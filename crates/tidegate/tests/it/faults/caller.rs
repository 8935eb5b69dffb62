//! A back end that imports persons, signs them in and out, and makes each call again until it is answered, as the API
//! reference says: with the same request id, and at another door.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use tidegate_client::{Client, Refused};
use tidegate_core::{Secret, Timestamp};
use tidegate_factors::totp;
use tidegate_proto::{self as proto, ProofOutcome};
use tonic::{Code, Response, Status};
use uuid::Uuid;

use super::{ledger::Ledger, traffic::Traffic};
use crate::{
    owner::{SignIn, answer_request, begin_request, heard, row, signed_in},
    program::paused,
};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// Of one import.
const PERSONS: u64 = 6;
const PERIOD: i64 = 30;

/// One of the servers, for the back end and for the operator.
#[derive(Clone)]
pub struct Door {
    pub frontend: Client,
    pub operator: Client,
}

pub struct PatientCaller {
    number: usize,
    doors: Vec<Door>,
    traffic: Traffic,
    ledger: Ledger,
}

/// A call that is made again has the id of the first one.
fn id() -> String {
    let [high, low] = [(); 2].map(|()| RandomState::new().build_hasher().finish());
    Uuid::from_u64_pair(high, low).to_string()
}

impl PatientCaller {
    pub const fn new(number: usize, doors: Vec<Door>, traffic: Traffic, ledger: Ledger) -> Self {
        Self { number, doors, traffic, ledger }
    }

    pub async fn calls(self) {
        let mut customer = self.opens_customer().await;
        for round in 0.. {
            if self.traffic.is_over() {
                break;
            }
            let names: Vec<_> = (0..PERSONS).map(|n| format!("p-{}-{round}-{n}", self.number)).collect();
            self.imports(&names).await;
            for name in &names {
                customer = self.renames(customer).await;
                if let Err(refused) = Box::pin(self.person_signs_in(name)).await {
                    self.ledger.gave_up(&refused);
                }
            }
        }
    }

    async fn imports(&self, names: &[String]) {
        let uri = format!("otpauth://totp/Old%20Cloud:ann?secret={SECRET}&issuer=Old%20Cloud");
        let rows: Vec<_> = (1..)
            .zip(names)
            .map(|(line, name)| proto::ImportRow { otpauth_uris: vec![uri.clone()], ..row(line, name) })
            .collect();
        let imported = self.until_answered(rows, |door, rows| async move {
            door.operator.import_accounts(rows, |_| {}).await
        });
        let imported = imported.await.unwrap();
        let all = i64::try_from(names.len()).unwrap();
        assert_eq!(imported.created_count + imported.unchanged_count, all, "{imported:?}");
        self.ledger.imported(names);
    }

    async fn opens_customer(&self) -> proto::Customer {
        let request = proto::CreateCustomerRequest {
            key: format!("customer-{}", self.number),
            title: "0".into(),
            request_id: id(),
            ..Default::default()
        };
        let created = self.until_heard(request, |door, request| async move {
            door.operator.customers().create_customer(request).await
        });
        created.await.unwrap().customer.unwrap()
    }

    /// Counts up. Nobody else changes it, so that each change finds what the last one wrote.
    async fn renames(&self, customer: proto::Customer) -> proto::Customer {
        let number: u64 = customer.title.parse().unwrap();
        let mut request = proto::UpdateCustomerRequest {
            customer: customer.key,
            etag: customer.etag,
            title: (number + 1).to_string(),
            request_id: id(),
            ..Default::default()
        };
        request.update_mask.get_or_insert_default().paths = vec!["title".into()];
        let updated = self.until_heard(request, |door, request| async move {
            door.operator.customers().update_customer(request).await
        });
        let customer = updated.await.unwrap().customer.unwrap();
        self.ledger.renamed(&customer);
        customer
    }

    /// Two sign-ins at once, with one code: one of them is approved. Its session lives on, or is ended.
    async fn person_signs_in(&self, name: &str) -> Result<(), Refused> {
        let (one, two) = tokio::join!(self.is_asked(name, "phone"), self.is_asked(name, "tablet"));
        let (one, two) = (one?, two?);
        let code = self.code().await?;
        let (first, second) = tokio::join!(self.answers(&one, &code), self.answers(&two, &code));
        let (first, second) = (first?, second?);
        let approved = [(&one, first), (&two, second)]
            .into_iter()
            .filter(|(_, outcome)| *outcome == ProofOutcome::Approved)
            .map(|(asked, _)| asked)
            .collect::<Vec<_>>();
        assert!(approved.len() <= 1, "INV-01: {name} was approved twice with one code");
        let Some(asked) = approved.first() else {
            self.ledger.too_late(name);
            return Ok(());
        };
        let third = self.is_asked(name, "laptop").await?;
        let again = self.answers(&third, &code).await?;
        assert_ne!(again, ProofOutcome::Approved, "INV-01: {name}'s code was used before");
        self.signs_in_and_out(&asked.0).await
    }

    async fn signs_in_and_out(&self, sign_in: &SignIn) -> Result<(), Refused> {
        let request = proto::CompleteSignInRequest {
            subject: Some(sign_in.subject()),
            request_id: id(),
            ..Default::default()
        };
        let completed = self.until_heard(request, |door, request| async move {
            door.frontend.sign_ins().complete_sign_in(request).await
        });
        let completed = completed.await?;
        let (session, token) = (completed.session.unwrap(), completed.session_token);
        self.ledger.signed_in(&session.account_id, &token);
        // Every other one.
        if session.id.bytes().last().is_some_and(|last| last % 2 == 0) {
            let request = proto::RevokeSessionRequest {
                subject: Some(signed_in(&token)),
                session_id: session.id,
                request_id: id(),
            };
            let revoked = self.until_heard(request, |door, request| async move {
                door.frontend.sessions().revoke_session(request).await
            });
            revoked.await?;
            self.ledger.signed_out(&token);
        }
        Ok(())
    }

    /// A new sign-in that waits for a code, and the id of its challenge.
    async fn is_asked(&self, name: &str, device: &str) -> Result<(SignIn, String), Refused> {
        let request = proto::BeginSignInRequest { request_id: id(), ..begin_request(name, device) };
        let begun = self.until_heard(request, |door, request| async move {
            door.frontend.sign_ins().begin_sign_in(request).await
        });
        let begun = SignIn::of(begun.await?);
        assert_eq!(begun.state, proto::SignInState::PendingChallenge, "{name} has two-step on");
        let request = proto::CreateChallengeRequest {
            subject: Some(begun.subject()),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: begun.factor.clone(),
            request_id: id(),
        };
        let created = self.until_heard(request, |door, request| async move {
            door.frontend.challenges().create_challenge(request).await
        });
        Ok((begun, created.await?.challenge.unwrap().id))
    }

    async fn answers(&self, asked: &(SignIn, String), code: &str) -> Result<ProofOutcome, Refused> {
        let request =
            proto::AnswerChallengeRequest { request_id: id(), ..answer_request(&asked.0, &asked.1, code) };
        let answered = self.until_heard(request, |door, request| async move {
            door.frontend.challenges().answer_challenge(request).await
        });
        Ok(answered.await?.outcome())
    }

    /// The code of the next time step: that of the present one counts as used when it was imported.
    async fn code(&self) -> Result<String, Refused> {
        let info = self.until_heard(proto::GetServerInfoRequest {}, |door, request| async move {
            door.frontend.system().get_server_info(request).await
        });
        let now = info.await?.server_time.unwrap().seconds;
        let at = Timestamp::from_unix_micros((now + PERIOD) * 1_000_000);
        let uri = format!("otpauth://totp/ann?secret={SECRET}");
        let seed = totp::read_uri(&Secret::new(uri)).unwrap();
        Ok(totp::generate(&seed, at).unwrap().expose().clone())
    }

    async fn until_heard<R: Clone, T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        request: R,
        call: impl Fn(Door, R) -> F,
    ) -> Result<T, Refused> {
        self.until_answered(request, |door, request| {
            let answer = call(door, request);
            async { heard(answer.await) }
        })
        .await
    }

    /// Only a refusal that says no is an answer.
    async fn until_answered<R: Clone, T, F: Future<Output = Result<T, Refused>>>(
        &self,
        request: R,
        call: impl Fn(Door, R) -> F,
    ) -> Result<T, Refused> {
        let mut at = self.number;
        loop {
            match call(self.doors[at % self.doors.len()].clone(), request.clone()).await {
                Err(refused) if is_no_answer(&refused) => self.traffic.no_answer(),
                answer => {
                    self.traffic.answer_to(self.number);
                    return answer;
                }
            }
            at += 1;
            paused().await;
        }
    }
}

/// Nobody knows whether the call was carried out, or it may come again.
fn is_no_answer(refused: &Refused) -> bool {
    match refused.code {
        Code::Unavailable | Code::DeadlineExceeded => true,
        Code::ResourceExhausted => refused.retry_after.is_some(),
        // A connection that broke, as the library tells it.
        Code::Unknown | Code::Cancelled | Code::Internal => refused.reason.is_none(),
        _ => false,
    }
}
