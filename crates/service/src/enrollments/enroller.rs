//! Who sets a factor up: a session, or a sign-in that waits for it.

use tidegate_core::{
    Account, Factor, Id, Proof, Refusal, Requirement, Session, SignIn, SignInState, Span, Word as _,
};
use tidegate_factors::{level, policy};
use tidegate_store::{Tx, accounts, sessions, sign_ins};

use crate::{
    CommandContext, Denied, Fault,
    accounts::owner,
    acting::{Acting, By},
};

impl Acting {
    /// Refuses subjects that enroll nothing. A sign-in does only while nothing but an enrollment is missing.
    pub(crate) fn may_enroll(&self) -> Result<(), Refusal> {
        match &self.by {
            By::Session(_) => Ok(()),
            By::SignIn(sign_in) if sign_in.state == SignInState::PendingEnrollment => Ok(()),
            By::SignIn(sign_in) => Err(Refusal::SignInState { state: sign_in.state.as_str() }),
            By::Support(_) => Err(Refusal::SubjectNotAccepted { accepted: "session_token, sign_in_token" }),
        }
    }
}

/// What the subject has proved, as it is now. Changes that somebody's "this wasn't me" has locked are unlocked by a proof of
/// the owner.
pub(super) async fn proved(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    (account, factors): (&Account, &[Factor]),
) -> Result<Session, Denied> {
    let proved = match &acting.by {
        // Read again: a factor that was removed meanwhile has ended the sessions that rest on it.
        By::Session(session) => {
            let session = sessions::get(tx, session.id).await?.filter(|session| session.is_live(cx.now()));
            session.ok_or(Refusal::SubjectNotValid)?
        }
        By::SignIn(sign_in) => {
            let pending = SignInState::PendingEnrollment;
            if !sign_ins::hold(tx, sign_in.id, pending, cx.now()).await? {
                let found = sign_ins::get(tx, sign_in.id).await?.ok_or(Fault::Dangling("sign-in"))?;
                return Err(Refusal::SignInState { state: found.state.as_str() }.into());
            }
            as_session(sign_in)
        }
        By::Support(_) => return Err(Refusal::SubjectNotValid.into()),
    };
    // Where nothing is enrolled, the mailbox has to confirm a sign-in's enrollment, which proves as much.
    let by_mail = matches!(acting.by, By::SignIn(_)) && !policy::has_enrolled(factors);
    if !by_mail && !owner::may_change(tx, account, &proved).await? {
        return Err(Refusal::ChangesLocked.into());
    }
    if !by_mail {
        owner::unlock(cx, tx, acting, account).await?;
    }
    Ok(proved)
}

/// The proofs of a sign-in in the form in which rules read them. It is as old as the device is known from which it comes.
fn as_session(sign_in: &SignIn) -> Session {
    Session {
        id: Id::from_uuid_bytes([0; 16]),
        account: sign_in.account,
        product: sign_in.product.clone(),
        device: sign_in.device.clone(),
        proofs: sign_in.proofs.clone(),
        later_proofs: Vec::new(),
        trusted: false,
        met: Requirement::None,
        created_at: sign_in.device_since.unwrap_or(sign_in.created_at),
        last_used_at: sign_in.created_at,
        idle: Span::ZERO,
        expires_at: sign_in.expires_at,
        end: None,
        client: None,
        refresh: None,
        reauth_by: None,
    }
}

/// The enrollment that a sign-in waited for is complete: its first answer is the sign-in's second step.
pub(super) async fn enrolled(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    factor: &Factor,
) -> Result<(), Fault> {
    let By::SignIn(sign_in) = &acting.by else { return Ok(()) };
    let proof = Proof { method: factor.method, at: cx.now(), factor: Some(factor.id), mailed: false };
    let proofs: Vec<_> = sign_in.proofs.iter().copied().chain([proof]).collect();
    // What was set up may prove less than is required: then a stronger factor is set up next.
    let met = sign_in.requirement.is_met_by(level::of(&proofs, cx.now(), cx.now()), false);
    let state = if met { SignInState::Ready } else { SignInState::PendingEnrollment };
    sign_ins::enroll(tx, sign_in.id, (state, proofs), cx.now()).await?;
    Ok(())
}

/// The mailed link that confirms a sign-in's enrollment was redeemed: the owner has proved that the account is theirs.
pub(super) async fn confirmed(cx: &CommandContext, tx: &mut Tx, acting: &Acting) -> Result<(), Fault> {
    if matches!(acting.by, By::SignIn(_)) {
        let account = accounts::get(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
        owner::unlock(cx, tx, acting, &account).await?;
    }
    Ok(())
}
