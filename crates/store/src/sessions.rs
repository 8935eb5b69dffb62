//! Table `sessions`.

use tidegate_core::{
    AccountId, DeviceId, LaterProof, ProductKey, Refresh, Rotation, Session, SessionEnd, SessionId,
    Timestamp, TokenDigest,
};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Session`.
macro_rules! session {
    () => {
        "session_id, account_id, product_key, device_id, proofs, later_proofs, trusted, met, created_at, last_used_at, idle, expires_at, \
        end_reason, client, refresh_until, refresh_epoch, reauth_by"
    };
}
pub(crate) use session;

sql! {
    Select FIND = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND token_digest = $2"));
    Select GET = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND session_id = $2"));
    Select OF_DEVICE = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND device_id = $4 AND end_reason IS NULL"));
    Select OF_ACCOUNT = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND account_id = $2 AND end_reason IS NULL AND (expires_at > $3 OR refresh_until > $3) ORDER BY session_id"));
    Select OF_SERIES = (concat!("SELECT ", session!(), ", refresh_digest, refresh_previous, refreshed_at FROM sessions WHERE realm_id = $1 AND refresh_series = $2"));
    Select PAGE = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND account_id = $2 AND session_id > $3 ORDER BY session_id LIMIT $4"));
    Change INSERT = "INSERT INTO sessions (realm_id, token_digest, session_id, account_id, product_key, device_id, proofs, trusted, met, created_at, last_used_at, idle, expires_at, end_reason, client) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    Change TOUCH = "UPDATE sessions SET last_used_at = $3, reauth_by = $4 WHERE realm_id = $1 AND session_id = $2 AND last_used_at < $3 AND end_reason IS NULL";
    Change END = "UPDATE sessions SET end_reason = $4, ended_at = $5 WHERE realm_id = $1 AND session_id = $2 AND account_id = $3 AND end_reason IS NULL";
    Change BEGIN_REFRESHES = "UPDATE sessions SET refresh_series = $3, refresh_digest = $4, refreshed_at = $5, refresh_until = $6, refresh_epoch = $7 WHERE realm_id = $1 AND session_id = $2";
    Change REFRESH = "UPDATE sessions SET token_digest = $3, last_used_at = $4, idle = $5, expires_at = $6, refresh_digest = $7, refresh_previous = $8, refreshed_at = $9 WHERE realm_id = $1 AND session_id = $2 AND refresh_digest = $10 AND end_reason IS NULL";
    Change END_REFRESHES = "UPDATE sessions SET refresh_until = NULL WHERE realm_id = $1 AND account_id = $2 AND refresh_until IS NOT NULL";
    Change HOLD = (concat!("UPDATE sessions SET end_reason = end_reason WHERE realm_id = $1 AND session_id = $2 AND end_reason IS NULL AND expires_at > $3 RETURNING ", session!()));
    Change COUNT_FAILED = "UPDATE sessions SET failed_proofs = COALESCE(failed_proofs, 0) + 1 WHERE realm_id = $1 AND session_id = $2 AND end_reason IS NULL RETURNING failed_proofs";
    Change PROVE = "UPDATE sessions SET later_proofs = $3, failed_proofs = 0 WHERE realm_id = $1 AND session_id = $2 AND end_reason IS NULL";
}

impl Record for Session {
    const TABLE: &'static str = "sessions";
    const KEY: &'static str = "session_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let later_proofs: Option<Vec<LaterProof>> = row.get("later_proofs")?;
        let until: Option<Timestamp> = row.get("refresh_until")?;
        let epoch = row.get::<Option<i64>>("refresh_epoch")?.unwrap_or_default();
        Ok(Self {
            id: row.get("session_id")?,
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            device: row.get("device_id")?,
            proofs: row.get("proofs")?,
            later_proofs: later_proofs.unwrap_or_default(),
            trusted: row.get("trusted")?,
            met: row.get("met")?,
            created_at: row.get("created_at")?,
            last_used_at: row.get("last_used_at")?,
            idle: row.get("idle")?,
            expires_at: row.get("expires_at")?,
            end: row.get("end_reason")?,
            client: row.get("client")?,
            refresh: until.map(|until| Refresh { until, epoch }),
            reauth_by: row.get("reauth_by")?,
        })
    }
}

/// A session with the series of its refresh tokens.
pub struct InSeries {
    pub session: Session,
    pub series: Rotation,
}

impl Record for InSeries {
    const TABLE: &'static str = Session::TABLE;
    const KEY: &'static str = Session::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let series = Rotation {
            token: row.get("refresh_digest")?,
            previous: row.get("refresh_previous")?,
            rotated_at: row.get("refreshed_at")?,
        };
        Ok(Self { session: Session::read(row)?, series })
    }
}

pub async fn find(view: &mut View, token: TokenDigest) -> Result<Option<Session>, Error> {
    view.select(FIND).bind(token).optional().await
}

pub async fn get(view: &mut View, id: SessionId) -> Result<Option<Session>, Error> {
    view.select(GET).bind(id).optional().await
}

/// The sessions of one account at one product on one device that were not ended.
pub async fn of_device(
    view: &mut View,
    account: AccountId,
    product: &ProductKey,
    device: &DeviceId,
) -> Result<Vec<Session>, Error> {
    view.select(OF_DEVICE).bind(account).bind(product.clone()).bind(device.clone()).all().await
}

/// The session of a series of refresh tokens, in whatever state it is.
pub async fn of_series(view: &mut View, series: TokenDigest) -> Result<Option<InSeries>, Error> {
    view.select(OF_SERIES).bind(series).optional().await
}

/// The sessions of one account that were not ended, and have not expired or can be refreshed.
pub async fn of_account(view: &mut View, account: AccountId, now: Timestamp) -> Result<Vec<Session>, Error> {
    view.select(OF_ACCOUNT).bind(account).bind(now).all().await
}

/// The account's sessions after `after`, those that ended too, the oldest first.
pub async fn page(
    view: &mut View,
    account: AccountId,
    after: SessionId,
    limit: i64,
) -> Result<Vec<Session>, Error> {
    view.select(PAGE).bind(account).bind(after).bind(limit).all().await
}

pub async fn insert(tx: &mut Tx, token: TokenDigest, new: &Session) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(token).bind(new.id).bind(new.account).bind(new.product.clone());
    let insert = insert.bind(new.device.clone()).bind(new.proofs.clone()).bind(new.trusted).bind(new.met);
    let insert = insert.bind(new.created_at).bind(new.last_used_at).bind(new.idle);
    insert.bind(new.expires_at).bind(new.end).bind(new.client.clone()).rows().await?;
    Ok(())
}

/// Gives a new session its first refresh token.
pub async fn begin_refreshes(
    tx: &mut Tx,
    id: SessionId,
    (series, first): (TokenDigest, Rotation),
    Refresh { until, epoch }: Refresh,
) -> Result<(), Error> {
    let begin = tx.change(BEGIN_REFRESHES).bind(id).bind(series).bind(first.token).bind(first.rotated_at);
    begin.bind(until).bind(epoch).rows().await?;
    Ok(())
}

/// Replaces the tokens of a session; `false` when it had ended, or was refreshed meanwhile.
pub async fn refresh(
    tx: &mut Tx,
    refreshed: &Session,
    token: TokenDigest,
    (from, to): (&Rotation, &Rotation),
) -> Result<bool, Error> {
    let refresh = tx.change(REFRESH).bind(refreshed.id).bind(token).bind(refreshed.last_used_at);
    let refresh = refresh.bind(refreshed.idle).bind(refreshed.expires_at);
    let refresh = refresh.bind(to.token).bind(to.previous).bind(to.rotated_at);
    refresh.bind(from.token).hit().await
}

/// Makes the refresh tokens of all sessions of the account worthless.
pub async fn end_refreshes(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    tx.change(END_REFRESHES).bind(account).rows().await?;
    Ok(())
}

/// Records the last use, and by when the session must be authenticated again.
pub async fn touch(
    tx: &mut Tx,
    id: SessionId,
    now: Timestamp,
    reauth_by: Option<Timestamp>,
) -> Result<(), Error> {
    tx.change(TOUCH).bind(id).bind(now).bind(reauth_by).rows().await?;
    Ok(())
}

/// `false` when the session had ended before, or is not the account's.
pub async fn end(
    tx: &mut Tx,
    id: SessionId,
    account: AccountId,
    why: SessionEnd,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(END).bind(id).bind(account).bind(why).bind(now).hit().await
}

/// Reads a session and locks its row for the rest of the transaction; `None` when it has ended.
pub async fn hold(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<Option<Session>, Error> {
    tx.change(HOLD).bind(id).bind(now).optional().await
}

/// Stores the session's later proofs; `false` when it had ended. The proofs that made it stay as they are (INV-26).
pub async fn prove(tx: &mut Tx, id: SessionId, later: Vec<LaterProof>) -> Result<bool, Error> {
    tx.change(PROVE).bind(id).bind(later).hit().await
}

struct FailedProofs(i64);

impl Record for FailedProofs {
    const TABLE: &'static str = Session::TABLE;
    const KEY: &'static str = Session::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("failed_proofs")?))
    }
}

/// Counts a proof that failed in the session; returns how many have failed in a row. `None`: it had ended.
pub async fn count_failed(tx: &mut Tx, id: SessionId) -> Result<Option<i64>, Error> {
    Ok(tx.change(COUNT_FAILED).bind(id).optional::<FailedProofs>().await?.map(|failed| failed.0))
}
