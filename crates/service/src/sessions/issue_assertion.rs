//! An assertion: a short signed statement of what a session is worth, which a service checks by itself. It says nothing of
//! what happens after it was issued, so it lives for at most five minutes, and never longer than its session.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    AccountId, AssertionAudience, AssertionId, Level, MAX_ASSERTION, Method, Permission, ProductKey, RealmId,
    Refusal, Session, SessionId, Span, Subject, Timestamp, Who,
};
use tidegate_factors::level;

use super::{introspect::keep_awake, judge::judge};
use crate::{Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, Share, acting::is_elsewhere};

#[derive(Debug)]
pub struct IssueAssertion {
    pub subject: Subject,
    /// `None`: the product.
    pub audience: Option<AssertionAudience>,
    /// At most `MAX_ASSERTION`; `None`: a minute.
    pub lifetime: Option<Span>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct IssuedAssertion {
    pub text: OneTimeSecret,
    pub expires_at: Timestamp,
}

impl Outcome for IssuedAssertion {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        vec![&mut self.text]
    }
}

const LIFETIME: Span = Span::minutes(1);

/// The claims, most of them by the registry of RFC 7519 §10.1. Times are whole seconds.
#[derive(Serialize)]
struct Claims<'c> {
    /// The realm, because the keys are the realm's. A product's address may change.
    iss: RealmId,
    sub: AccountId,
    aud: &'c str,
    iat: i64,
    exp: i64,
    jti: AssertionId,
    sid: SessionId,
    product: &'c ProductKey,
    acr: Level,
    amr: Vec<&'static str>,
    auth_time: i64,
}

impl Command for IssueAssertion {
    const NAME: &'static str = "issue_assertion";
    const PERMISSION: Permission = Permission::SessionsIntrospect;
    const SHARE: Share = Share::Hot;
    type Outcome = IssuedAssertion;

    async fn run(self, cx: &CommandContext) -> Result<IssuedAssertion, Error> {
        let Who::Session(token) = &self.subject.who else {
            return Err(Refusal::SubjectNotAccepted { accepted: "session_token" }.into());
        };
        let live = judge(cx.query(), token).await?.ok_or(Refusal::SubjectNotValid)?;
        let (session, level) = (&live.introspected.session, live.introspected.level);
        if is_elsewhere(session.device.as_ref(), &self.subject.client) {
            return Err(Refusal::SubjectNotValid.into());
        }
        // No product may serve a recovery session.
        if level == Level::Recovery {
            return Err(Refusal::SessionRecovers.into());
        }
        keep_awake(cx, session, live.introspected.reauth_by).await?;
        let keys = cx.signing_keys().await?;
        let now = cx.now();
        let signer = keys.signer(now).ok_or(Fault::Dangling("signing key"))?;
        let lifetime = self.lifetime.unwrap_or(LIFETIME).min(MAX_ASSERTION);
        let until = [Some(session.expires_at), live.introspected.reauth_by].into_iter().flatten();
        let exp = until.fold(now.plus(lifetime), Timestamp::min).unix_seconds();
        let claims = Claims {
            iss: cx.realm(),
            sub: session.account,
            aud: self.audience.as_ref().map_or(session.product.as_str(), AssertionAudience::as_str),
            iat: now.unix_seconds(),
            exp,
            jti: cx.new_id(),
            sid: session.id,
            product: &session.product,
            acr: level,
            amr: amr(session),
            auth_time: authenticated_at(session).unix_seconds(),
        };
        let claims = serde_json::to_vec(&claims).map_err(Fault::from)?;
        let text = OneTimeSecret::Now(cx.assertion_signer(signer)?.sign(&claims));
        let expires_at = Timestamp::from_unix_micros(exp.saturating_mul(1_000_000));
        Ok(IssuedAssertion { text, expires_at })
    }
}

/// When the person proved something last, in the sign-in that made the session.
fn authenticated_at(session: &Session) -> Timestamp {
    session.proofs.iter().map(|proof| proof.at).max().unwrap_or(session.created_at)
}

/// How the person signed in, in the words of RFC 8176, each once. `mfa`: by two factors.
fn amr(session: &Session) -> Vec<&'static str> {
    let Session { proofs, created_at, .. } = session;
    let mut words: Vec<_> = proofs.iter().map(|proof| word(proof.method)).collect();
    if level::of(proofs, *created_at, *created_at) >= Level::Aal2 {
        words.push("mfa");
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// RFC 8176 has no word for a code by mail: like every code that is used once, it is `otp`, and `acr` tells it apart. A key
/// may be in hardware or not, so it is `pop`, the possession of a key.
const fn word(method: Method) -> &'static str {
    match method {
        Method::Password => "pwd",
        Method::Totp | Method::EmailCode | Method::DeviceCode | Method::RecoveryCodes => "otp",
        Method::SmsCode => "sms",
        Method::WebAuthn | Method::Push => "pop",
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Id, Proof, Requirement};

    use super::*;

    fn session(methods: &[Method]) -> Session {
        let at =
            |seconds: i64| Timestamp::from_unix_micros(1_700_000_000_000_000).plus(Span::seconds(seconds));
        let proof = |(place, method): (usize, &Method)| Proof {
            method: *method,
            at: at(i64::try_from(place).unwrap()),
            factor: None,
            mailed: false,
        };
        Session {
            id: Id::MIN,
            account: Id::MIN,
            product: "kasa".parse().unwrap(),
            device: None,
            proofs: methods.iter().enumerate().map(proof).collect(),
            later_proofs: Vec::new(),
            trusted: false,
            met: Requirement::None,
            created_at: at(9),
            last_used_at: at(9),
            idle: Span::hours(1),
            expires_at: at(99),
            end: None,
            client: None,
            refresh: None,
            reauth_by: None,
        }
    }

    #[test]
    fn what_was_proved_is_told_in_the_words_of_rfc_8176() {
        use Method as M;
        for (methods, words) in [
            (&[M::Password][..], &["pwd"][..]),
            (&[M::Password, M::Totp], &["mfa", "otp", "pwd"]),
            (&[M::Password, M::EmailCode], &["otp", "pwd"]),
            (&[M::Password, M::SmsCode], &["mfa", "pwd", "sms"]),
            (&[M::Password, M::Push], &["mfa", "pop", "pwd"]),
            (&[M::Password, M::DeviceCode], &["otp", "pwd"]),
            (&[M::WebAuthn], &["mfa", "pop"]),
            (&[M::Password, M::WebAuthn], &["mfa", "pop", "pwd"]),
        ] {
            assert_eq!(amr(&session(methods)), words, "{methods:?}");
        }
        let both = session(&[M::Password, M::Totp]);
        assert_eq!(authenticated_at(&both), both.proofs[1].at);
    }
}
