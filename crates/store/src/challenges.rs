//! Table `challenges`.

use tidegate_core::{
    AccountId, Challenge, ChallengeId, ChallengeState, FactorId, Method, SessionId, SignInId, Timestamp,
    Within,
};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Challenge`, each with the name of the table.
macro_rules! challenge {
    () => {
        "challenges.challenge_id, challenges.account_id, challenges.sign_in_id, challenges.session_id, challenges.factor_id, challenges.method, \
        challenges.purpose, challenges.state, challenges.tries, challenges.max_tries, challenges.material, challenges.created_at, challenges.expires_at"
    };
}
pub(crate) use challenge;

sql! {
    Select FIND = (concat!("SELECT ", challenge!(), " FROM challenges WHERE realm_id = $1 AND challenge_id = $2"));
    Select LIVE = (concat!("SELECT ", challenge!(), " FROM challenges \
        WHERE realm_id = $1 AND account_id = $2 AND state = $3 AND expires_at > $4 ORDER BY expires_at"));
    Select WAITING = (concat!("SELECT ", challenge!(), " FROM challenges WHERE realm_id = $1 AND factor_id = $2 \
        AND method IN ('push', 'device_code') AND state = $3 AND expires_at > $4 ORDER BY created_at DESC, challenge_id DESC LIMIT $5"));
    Change INSERT = "INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, session_id, factor_id, method, purpose, state, tries, \
        max_tries, material, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    Change SUPERSEDE = "UPDATE challenges SET state = $9 \
        WHERE realm_id = $1 AND account_id = $2 AND (sign_in_id = $3 OR session_id = $4) \
        AND (factor_id = $5 OR ($5 IS NULL AND factor_id IS NULL AND method = $6)) AND purpose = $7 AND state = $8";
    Change SUPERSEDE_OLDEST = "UPDATE challenges SET state = $6 \
        WHERE realm_id = $1 AND account_id = $2 AND method = $7 AND state = $5 AND expires_at > $4 AND challenge_id NOT IN \
        (SELECT challenge_id FROM challenges \
            WHERE realm_id = $1 AND account_id = $2 AND method = $7 AND state = $5 AND expires_at > $4 \
            ORDER BY created_at DESC, challenge_id DESC LIMIT $3)";
    Change CANCEL_ALL = "UPDATE challenges SET state = $6 WHERE realm_id = $1 AND account_id = $2 AND (sign_in_id = $3 OR session_id = $4) AND state = $5";
    Change CANCEL_OF_ACCOUNT = "UPDATE challenges SET state = $4 WHERE realm_id = $1 AND account_id = $2 AND state = $3";
    Change CANCEL_OF_FACTOR = "UPDATE challenges SET state = $5 WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND state = $4";
    Change GIVE_BACK = "UPDATE challenges SET tries = tries - 1 WHERE realm_id = $1 AND challenge_id = $2 AND tries > 0";
    Change MOVE = "UPDATE challenges SET state = $4 WHERE realm_id = $1 AND challenge_id = $2 AND state = $3 AND expires_at > $5";
}

impl Record for Challenge {
    const TABLE: &'static str = "challenges";
    const KEY: &'static str = "challenge_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let within = match (row.get("sign_in_id")?, row.get("session_id")?) {
            (Some(sign_in), None) => Within::SignIn(sign_in),
            (None, Some(session)) => Within::Session(session),
            _ => return Err(Unreadable::new("session_id", "a challenge belongs to a sign-in or a session")),
        };
        Ok(Self {
            id: row.get("challenge_id")?,
            account: row.get("account_id")?,
            within,
            factor: row.get("factor_id")?,
            method: row.get("method")?,
            purpose: row.get("purpose")?,
            state: row.get("state")?,
            tries: row.get("tries")?,
            max_tries: row.get("max_tries")?,
            material: row.get("material")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// One of the two is NULL, which equals nothing in SQL.
const fn columns(within: Within) -> (Option<SignInId>, Option<SessionId>) {
    match within {
        Within::SignIn(sign_in) => (Some(sign_in), None),
        Within::Session(session) => (None, Some(session)),
    }
}

pub async fn find(view: &mut View, id: ChallengeId) -> Result<Option<Challenge>, Error> {
    view.select(FIND).bind(id).optional().await
}

/// The account's live challenges, the first to expire first.
pub async fn live(view: &mut View, account: AccountId, now: Timestamp) -> Result<Vec<Challenge>, Error> {
    view.select(LIVE).bind(account).bind(ChallengeState::Open).bind(now).all().await
}

/// The challenges that wait on a device, the newest first.
pub async fn waiting(
    view: &mut View,
    factor: FactorId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Challenge>, Error> {
    view.select(WAITING).bind(factor).bind(ChallengeState::Open).bind(now).bind(limit).all().await
}

/// Ends every open challenge of a sign-in that was cancelled, or of a session that ended.
pub async fn cancel_all(tx: &mut Tx, account: AccountId, within: Within) -> Result<(), Error> {
    let (sign_in, session) = columns(within);
    let cancel = tx.change(CANCEL_ALL).bind(account).bind(sign_in).bind(session);
    cancel.bind(ChallengeState::Open).bind(ChallengeState::Cancelled).rows().await?;
    Ok(())
}

/// Cancels every open challenge of the account.
pub async fn cancel_of_account(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    let cancel = tx.change(CANCEL_OF_ACCOUNT).bind(account).bind(ChallengeState::Open);
    cancel.bind(ChallengeState::Cancelled).rows().await?;
    Ok(())
}

/// Cancels the open challenges of a factor that is removed.
pub async fn cancel_of_factor(tx: &mut Tx, account: AccountId, factor: FactorId) -> Result<(), Error> {
    let cancel = tx.change(CANCEL_OF_FACTOR).bind(account).bind(factor);
    cancel.bind(ChallengeState::Open).bind(ChallengeState::Cancelled).rows().await?;
    Ok(())
}

/// Supersedes every older challenge of the same sign-in or session, factor and purpose (INV-5). A
/// challenge without a factor supersedes those of its method instead. Returns how many.
pub async fn supersede(tx: &mut Tx, new: &Challenge) -> Result<u64, Error> {
    let (sign_in, session) = columns(new.within);
    let supersede = tx.change(SUPERSEDE).bind(new.account).bind(sign_in).bind(session);
    let supersede = supersede.bind(new.factor).bind(new.method).bind(new.purpose);
    supersede.bind(ChallengeState::Open).bind(ChallengeState::Superseded).rows().await
}

/// Supersedes the account's live challenges of a method except for the newest `keep`; returns how many.
pub async fn supersede_oldest(
    tx: &mut Tx,
    (account, method): (AccountId, Method),
    keep: i64,
    now: Timestamp,
) -> Result<u64, Error> {
    let supersede = tx.change(SUPERSEDE_OLDEST).bind(account).bind(keep).bind(now);
    supersede.bind(ChallengeState::Open).bind(ChallengeState::Superseded).bind(method).rows().await
}

pub async fn insert(tx: &mut Tx, new: &Challenge) -> Result<(), Error> {
    let (sign_in, session) = columns(new.within);
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(sign_in).bind(session);
    let insert = insert.bind(new.factor).bind(new.method).bind(new.purpose).bind(new.state).bind(new.tries);
    let insert = insert.bind(new.max_tries).bind(new.material.clone());
    insert.bind(new.created_at).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Gives back a try that was taken for a replay, or for a code that was not evaluated.
pub async fn give_back(tx: &mut Tx, id: ChallengeId) -> Result<(), Error> {
    tx.change(GIVE_BACK).bind(id).rows().await?;
    Ok(())
}

/// Compare-and-set of the state; `false` when it was not `from`, or the challenge has expired.
pub async fn advance(
    tx: &mut Tx,
    id: ChallengeId,
    from: ChallengeState,
    to: ChallengeState,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(MOVE).bind(id).bind(from).bind(to).bind(now).hit().await
}
