//! Table `challenges`.

use tidegate_core::{
    AccountId, Challenge, ChallengeId, ChallengeState, SessionId, SignInId, Timestamp, Within,
};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT challenge_id, account_id, sign_in_id, session_id, factor_id, purpose, state, tries, created_at, expires_at FROM challenges WHERE realm_id = $1 AND challenge_id = $2";
    Select LIVE = "SELECT challenge_id, account_id, sign_in_id, session_id, factor_id, purpose, state, tries, created_at, expires_at FROM challenges WHERE realm_id = $1 AND account_id = $2 AND state = 'open' AND expires_at > $3 ORDER BY expires_at";
    Change INSERT = "INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, session_id, factor_id, purpose, state, tries, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    Change SUPERSEDE = "UPDATE challenges SET state = 'superseded' \
        WHERE realm_id = $1 AND account_id = $2 AND (sign_in_id = $3 OR session_id = $4) AND factor_id = $5 AND purpose = $6 AND state = 'open'";
    Change CANCEL_ALL = "UPDATE challenges SET state = 'cancelled' WHERE realm_id = $1 AND account_id = $2 AND (sign_in_id = $3 OR session_id = $4) AND state = 'open'";
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
            purpose: row.get("purpose")?,
            state: row.get("state")?,
            tries: row.get("tries")?,
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
    view.select(LIVE).bind(account).bind(now).all().await
}

/// Ends every open challenge of a sign-in that was cancelled, or of a session that ended.
pub async fn cancel_all(tx: &mut Tx, account: AccountId, within: Within) -> Result<(), Error> {
    let (sign_in, session) = columns(within);
    tx.change(CANCEL_ALL).bind(account).bind(sign_in).bind(session).rows().await?;
    Ok(())
}

/// Ends every older challenge of the same sign-in or session, factor and purpose (INV-5); returns how many.
pub async fn supersede(tx: &mut Tx, new: &Challenge) -> Result<u64, Error> {
    let (sign_in, session) = columns(new.within);
    let supersede = tx.change(SUPERSEDE).bind(new.account).bind(sign_in).bind(session);
    supersede.bind(new.factor).bind(new.purpose).rows().await
}

pub async fn insert(tx: &mut Tx, new: &Challenge) -> Result<(), Error> {
    let (sign_in, session) = columns(new.within);
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(sign_in).bind(session);
    let insert = insert.bind(new.factor).bind(new.purpose).bind(new.state).bind(new.tries);
    insert.bind(new.created_at).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Gives a try back that was taken for a replay, or for a code that was not evaluated.
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
