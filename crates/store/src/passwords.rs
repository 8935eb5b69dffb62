//! Table `passwords`, and `accounts`, which is read with it to verify one.

use tidegate_core::{Account, AccountId, Identifier, Timestamp};

use crate::{
    Error, Tx, View,
    accounts::account,
    attempts::Counter,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select IDENTIFIED = (concat!("SELECT ", account!(), ", passwords.hash, passwords.demanded_at, passwords.reset_at \
        FROM realms \
        LEFT JOIN accounts ON accounts.realm_id = $1 AND accounts.email_canonical = $2 \
        LEFT JOIN passwords ON passwords.realm_id = $1 AND passwords.account_id = COALESCE(accounts.account_id, $3) \
        WHERE realms.realm_id = $1"));
    Change INSERT = "INSERT INTO passwords (realm_id, account_id, hash, changed_at) VALUES ($1, $2, $3, $4)";
    Change CHANGE = "UPDATE passwords SET hash = $4, changed_at = $5, demanded_at = NULL, reset_at = NULL WHERE realm_id = $1 AND account_id = $2 AND hash = $3";
    Change RESET = "INSERT INTO passwords (realm_id, account_id, hash, changed_at, reset_at) VALUES ($1, $2, $3, $4, $4) \
        ON CONFLICT (realm_id, account_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at, reset_at = excluded.reset_at, \
        demanded_at = NULL";
    Change DEMAND = "UPDATE passwords SET demanded_at = $3 WHERE realm_id = $1 AND account_id = $2 AND demanded_at IS NULL";
    Select RESET_AFTER = "SELECT hash FROM passwords WHERE realm_id = $1 AND account_id = $2 AND reset_at > $3";
    Select DEMANDED = "SELECT hash FROM passwords WHERE realm_id = $1 AND account_id = $2 AND demanded_at IS NOT NULL";
    Select HASH = "SELECT hash FROM passwords WHERE realm_id = $1 AND account_id = $2";
    Change REHASH = "UPDATE passwords SET hash = $4 WHERE realm_id = $1 AND account_id = $2 AND hash = $3";
}

/// The account of an identifier, and what its password is verified against.
pub struct Identified {
    /// `None`: the identifier is unknown.
    pub account: Option<Account>,
    /// The account's password as a PHC string.
    pub hash: Option<String>,
    /// Since when a new password is demanded, before this one counts again.
    pub demanded_at: Option<Timestamp>,
    /// When it was set by a mailed link; `None`: otherwise.
    pub reset_at: Option<Timestamp>,
}

impl Record for Identified {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let account: Option<AccountId> = row.get("account_id")?;
        Ok(Self {
            account: account.map(|_| Account::read(row)).transpose()?,
            hash: row.get("hash")?,
            demanded_at: row.get("demanded_at")?,
            reset_at: row.get("reset_at")?,
        })
    }
}

/// The same query for known and unknown identifiers, so that timing does not reveal which accounts exist (INV-29).
pub async fn identified(
    view: &mut View,
    identifier: &Identifier,
    decoy: &Counter,
) -> Result<Identified, Error> {
    let found = view.select(IDENTIFIED).bind(identifier.clone()).bind(decoy.id).optional().await?;
    Ok(found.unwrap_or(Identified { account: None, hash: None, demanded_at: None, reset_at: None }))
}

pub async fn insert(tx: &mut Tx, account: AccountId, hash: String, now: Timestamp) -> Result<(), Error> {
    tx.change(INSERT).bind(account).bind(hash).bind(now).rows().await?;
    Ok(())
}

/// Stores another hash of the same password; `false` when the password was changed meanwhile.
pub async fn rehash(tx: &mut Tx, account: AccountId, seen: String, hash: String) -> Result<bool, Error> {
    tx.change(REHASH).bind(account).bind(seen).bind(hash).hit().await
}

/// A PHC string.
struct KeptHash(String);

impl Record for KeptHash {
    const TABLE: &'static str = "passwords";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("hash")?))
    }
}

/// The account's password as a PHC string; `None`: it has none.
pub async fn hash(view: &mut View, account: AccountId) -> Result<Option<String>, Error> {
    let kept: Option<KeptHash> = view.select(HASH).bind(account).optional().await?;
    Ok(kept.map(|kept| kept.0))
}

/// Stores a new password in the place of the one that was seen; `false` when it was changed meanwhile.
pub async fn change(
    tx: &mut Tx,
    account: AccountId,
    (seen, hash): (String, String),
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(CHANGE).bind(account).bind(seen).bind(hash).bind(now).hit().await
}

/// Stores a new password that was set by a mailed link, whether or not there was one.
pub async fn reset(tx: &mut Tx, account: AccountId, hash: String, now: Timestamp) -> Result<(), Error> {
    tx.change(RESET).bind(account).bind(hash).bind(now).rows().await?;
    Ok(())
}

/// Demands a new password before the stored one counts again; `false` when one was demanded already, or there is none.
pub async fn demand(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<bool, Error> {
    tx.change(DEMAND).bind(account).bind(now).hit().await
}

/// Whether a new password is demanded.
pub async fn is_demanded(view: &mut View, account: AccountId) -> Result<bool, Error> {
    Ok(view.select(DEMANDED).bind(account).optional::<KeptHash>().await?.is_some())
}

/// Whether the password was set by a mailed link after that instant.
pub async fn reset_after(view: &mut View, account: AccountId, at: Timestamp) -> Result<bool, Error> {
    Ok(view.select(RESET_AFTER).bind(account).bind(at).optional::<KeptHash>().await?.is_some())
}
