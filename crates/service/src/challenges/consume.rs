//! What a right answer consumes: the challenge, the factor's mark and a single-use code. All of
//! them are compared and set in the transaction that approves the answer, or none is.

use tidegate_core::{
    AccountId, Challenge, ChallengeState, FactorId, LaterProof, Mark, Sealed, Secret, SessionId, Timestamp,
};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, attempts, challenges, factors, recovery_codes, sessions};

use crate::{CommandContext, Fault, counters, factors::usable_codes};

/// What an approval consumes of a factor, in the form in which it is stored.
pub(super) struct Consumed {
    pub(super) factor: FactorId,
    pub(super) mark: Option<Mark>,
    pub(super) material: Option<Sealed>,
    /// The number of a single-use code.
    pub(super) code: Option<i64>,
}

/// The number of the unused code, if it is one of the factor's.
pub(super) async fn find(
    cx: &CommandContext,
    account: AccountId,
    factor: FactorId,
    code: &Secret<String>,
) -> Result<Option<i64>, Fault> {
    let context = SealContext::RecoveryCode { realm: cx.realm(), account, factor };
    for kept in usable_codes(cx.query(), &mut cx.view(), account, factor).await? {
        if cx.keyring().matches(&context, code.expose().as_bytes(), &kept.digest)? {
            return Ok(Some(kept.number));
        }
    }
    Ok(None)
}

/// Consumes a single-use code; `false` when it was used meanwhile.
pub(super) async fn code(
    tx: &mut Tx,
    account: AccountId,
    factor: FactorId,
    number: i64,
    now: Timestamp,
) -> Result<bool, Fault> {
    Ok(recovery_codes::consume(tx, account, factor, number, now).await?)
}

/// Approves the challenge, consumes what the answer names, and resets the factor's counter. `false`
/// when one of them was consumed before; the caller must then roll back.
pub(super) async fn challenge(
    tx: &mut Tx,
    challenge: &Challenge,
    Consumed { factor, mark, material, code }: &Consumed,
    now: Timestamp,
) -> Result<bool, Fault> {
    let (open, approved) = (ChallengeState::Open, ChallengeState::Approved);
    let (account, factor) = (challenge.account, *factor);
    let all = challenges::advance(tx, challenge.id, open, approved, now).await?
        && match code {
            Some(number) => self::code(tx, account, factor, *number, now).await?,
            None => true,
        }
        && factors::accept(tx, account, factor, *mark, material.as_ref(), now).await?;
    if all {
        attempts::forgive(tx, &counters::of_factor(factor)).await?;
    }
    Ok(all)
}

/// Stores the proof in the session, apart from the proofs that made it, so that its level never
/// rises (INV-26). `false` when the session has ended.
pub(super) async fn prove_later(tx: &mut Tx, session: SessionId, new: LaterProof) -> Result<bool, Fault> {
    let Some(held) = sessions::hold(tx, session, new.proof.at).await? else { return Ok(false) };
    let of = |later: &LaterProof| (later.purpose, later.proof.method, later.proof.factor);
    let same = |kept: &LaterProof| of(kept) == of(&new);
    let others = held.later_proofs.into_iter().filter(|kept| !same(kept));
    Ok(sessions::prove(tx, session, others.chain([new]).collect()).await?)
}
