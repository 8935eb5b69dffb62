//! Table `passwords`, and the tables that are read with it to verify one: `accounts` and `attempts`.

use tidegate_core::{Account, AccountId, Identifier, Timestamp};

use crate::{
    Error, Tx, View,
    attempts::{AttemptRow, Counter},
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select IDENTIFIED = "SELECT accounts.account_id, external_id, email, email_canonical, email_since, email_verified_at, country, customer_key, labels, state, \
        two_step_since, personal_key, accounts.created_at, passwords.hash, \
        tag, attempts.revision, hour_began, in_hour, day_began, in_day, in_row, successes, last_at \
        FROM realms \
        LEFT JOIN accounts ON accounts.realm_id = $1 AND accounts.email_canonical = $2 \
        LEFT JOIN passwords ON passwords.realm_id = $1 AND passwords.account_id = COALESCE(accounts.account_id, $3) \
        LEFT JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = COALESCE(accounts.account_id, $3) \
        WHERE realms.realm_id = $1";
    Change INSERT = "INSERT INTO passwords (realm_id, account_id, hash, changed_at) VALUES ($1, $2, $3, $4)";
    Change REHASH = "UPDATE passwords SET hash = $4 WHERE realm_id = $1 AND account_id = $2 AND hash = $3";
}

/// The account of an identifier, and what its password is verified against.
pub struct Identified {
    /// `None`: the identifier is unknown.
    pub account: Option<Account>,
    /// The account's password as a PHC string.
    pub hash: Option<String>,
    /// What was charged to the account's counter, or to the decoy's where the identifier is unknown.
    pub kept: Option<AttemptRow>,
}

impl Record for Identified {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (account, charged): (Option<AccountId>, Option<i64>) =
            (row.get("account_id")?, row.get("revision")?);
        Ok(Self {
            account: account.map(|_| Account::read(row)).transpose()?,
            hash: row.get("hash")?,
            kept: charged.map(|_| AttemptRow::read(row)).transpose()?,
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
    Ok(found.unwrap_or(Identified { account: None, hash: None, kept: None }))
}

pub async fn insert(tx: &mut Tx, account: AccountId, hash: String, now: Timestamp) -> Result<(), Error> {
    tx.change(INSERT).bind(account).bind(hash).bind(now).rows().await?;
    Ok(())
}

/// Stores another hash of the same password; `false` when the password was changed meanwhile.
pub async fn rehash(tx: &mut Tx, account: AccountId, seen: String, hash: String) -> Result<bool, Error> {
    tx.change(REHASH).bind(account).bind(seen).bind(hash).hit().await
}
