//! Table `accounts`.

use tidegate_core::{
    Account, AccountId, AccountRef, AccountState, Contact, Country, Email, ExternalId, Identifier,
    KeyedDigest, Labels, RealmId, Timestamp,
};

use crate::{
    Across, Error, Tx, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Account`. Statements that join other tables use them too.
macro_rules! account {
    () => {
        "accounts.account_id, external_id, email, email_canonical, email_since, email_verified_at, country, customer_key, labels, state, \
        two_step_since, personal_key, accounts.epoch, changes_locked_at, deleted_at, check_up_asked_at, accounts.created_at"
    };
}
pub(crate) use account;

sql! {
    Select GET = (concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND account_id = $2"));
    Select BY_EXTERNAL_ID = (concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND external_id = $2"));
    Select BY_EMAIL = (concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND email_canonical = $2"));
    Select PAGE = (concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND account_id > $2 AND (CAST($3 AS TEXT) IS NULL OR country = $3) \
        ORDER BY account_id LIMIT $4"));
    Select MANY = {
        sqlite: concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND account_id IN (SELECT unhex(value) FROM json_each($2))"),
        postgres: concat!("SELECT ", account!(), " FROM accounts WHERE realm_id = $1 AND account_id = ANY($2)")
    };
    Select IMPORTED = (concat!("SELECT ", account!(), ", import_digest, passwords.hash \
        FROM accounts LEFT JOIN passwords ON passwords.realm_id = $1 AND passwords.account_id = accounts.account_id \
        WHERE accounts.realm_id = $1 AND external_id = $2"));
    Change INSERT = "INSERT INTO accounts (realm_id, account_id, external_id, email, email_canonical, email_since, email_verified_at, \
        country, customer_key, labels, state, two_step_since, personal_key, epoch, created_at, import_digest) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
        ON CONFLICT DO NOTHING";
    Change VERIFY_EMAIL = "UPDATE accounts SET email_verified_at = $4 \
        WHERE realm_id = $1 AND account_id = $2 AND email_canonical = $3 AND email_verified_at IS NULL";
    Change LOCK = (concat!("UPDATE accounts SET state = state WHERE realm_id = $1 AND account_id = $2 RETURNING ", account!()));
    Change DESCRIBE = "UPDATE accounts SET country = $3, customer_key = $4, labels = $5 WHERE realm_id = $1 AND account_id = $2";
    Change SWITCH_ON = "UPDATE accounts SET two_step_since = $3 WHERE realm_id = $1 AND account_id = $2 AND two_step_since IS NULL";
    Change MOVE = "UPDATE accounts SET state = $3, deleted_at = $4 WHERE realm_id = $1 AND account_id = $2";
    Select DELETED_BEFORE = "SELECT realm_id, account_id FROM accounts WHERE deleted_at <= $1 AND state = 'deleted' ORDER BY deleted_at LIMIT $2";
    Change RAISE_EPOCH = "UPDATE accounts SET epoch = COALESCE(epoch, 0) + 1 WHERE realm_id = $1 AND account_id = $2";
    Change SET_EMAIL = "UPDATE accounts SET email = $3, email_canonical = $4, email_since = $5, email_verified_at = $6 \
        WHERE realm_id = $1 AND account_id = $2";
    Change LOSE_EMAIL = "UPDATE accounts SET email = NULL, email_canonical = NULL, email_since = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND email_canonical = $3 AND email_verified_at IS NULL";
    Change LOCK_CHANGES = "UPDATE accounts SET changes_locked_at = $3 WHERE realm_id = $1 AND account_id = $2";
    Change ASK_CHECK_UP = "UPDATE accounts SET check_up_asked_at = $3 WHERE realm_id = $1 AND account_id = $2";
    Change SWITCH_OFF = "UPDATE accounts SET two_step_since = NULL WHERE realm_id = $1 AND account_id = $2 AND two_step_since IS NOT NULL";
}

impl Record for Account {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let email: Option<String> = row.get("email")?;
        let canonical: Option<String> = row.get("email_canonical")?;
        let since: Option<Timestamp> = row.get("email_since")?;
        let verified_at = row.get("email_verified_at")?;
        let contact = match (email, canonical, since) {
            (Some(email), Some(canonical), Some(since)) => {
                Some(Contact { email: Email::restored(email, canonical), since, verified_at })
            }
            _ => None,
        };
        Ok(Self {
            id: row.get("account_id")?,
            external_id: row.get("external_id")?,
            contact,
            country: row.get("country")?,
            customer: row.get("customer_key")?,
            labels: row.get::<Option<Labels>>("labels")?.unwrap_or_default(),
            state: row.get("state")?,
            two_step_since: row.get("two_step_since")?,
            personal_key: row.get("personal_key")?,
            epoch: row.get::<Option<i64>>("epoch")?.unwrap_or_default(),
            changes_locked_at: row.get("changes_locked_at")?,
            deleted_at: row.get("deleted_at")?,
            check_up_asked_at: row.get("check_up_asked_at")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// An account as a later import finds it. It holds a password hash, so it has no `Debug`.
pub struct Imported {
    pub account: Account,
    /// The digest of the row that the account was imported from. `None` when it was not imported.
    pub digest: Option<KeyedDigest>,
    /// The account's password hash, as it is stored.
    pub hash: Option<String>,
}

impl Record for Imported {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { account: Account::read(row)?, digest: row.get("import_digest")?, hash: row.get("hash")? })
    }
}

pub async fn get(view: &mut View, id: AccountId) -> Result<Option<Account>, Error> {
    view.select(GET).bind(id).optional().await
}

pub async fn find(view: &mut View, account: &AccountRef) -> Result<Option<Account>, Error> {
    match account {
        AccountRef::Id(id) => get(view, *id).await,
        AccountRef::External(id) => view.select(BY_EXTERNAL_ID).bind(id.clone()).optional().await,
    }
}

pub async fn by_email(view: &mut View, email: &Identifier) -> Result<Option<Account>, Error> {
    view.select(BY_EMAIL).bind(email.clone()).optional().await
}

/// By id, after `after`.
pub async fn page(
    view: &mut View,
    after: AccountId,
    country: Option<Country>,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    view.select(PAGE).bind(after).bind(country).bind(limit).all().await
}

/// The accounts of these ids that exist, in no order.
pub async fn many(view: &mut View, ids: Vec<AccountId>) -> Result<Vec<Account>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    view.select(MANY).bind(AnyOf(ids)).all().await
}

pub async fn imported(view: &mut View, id: &ExternalId) -> Result<Option<Imported>, Error> {
    view.select(IMPORTED).bind(id.clone()).optional().await
}

/// `false` when its external id or its address is taken; the caller finds out which.
pub async fn insert(tx: &mut Tx, account: &Account, imported: Option<KeyedDigest>) -> Result<bool, Error> {
    let contact = account.contact.as_ref();
    let insert = tx.change(INSERT).bind(account.id).bind(account.external_id.clone());
    let insert = insert.bind(contact.map(|contact| contact.email.as_typed().to_owned()));
    let insert = insert.bind(contact.map(|contact| contact.email.canonical().clone()));
    let insert = insert.bind(contact.map(|contact| contact.since));
    let insert = insert.bind(contact.and_then(|contact| contact.verified_at));
    let insert = insert.bind(account.country.clone()).bind(account.customer.clone());
    let insert = insert.bind(account.labels.clone()).bind(account.state).bind(account.two_step_since);
    insert
        .bind(account.personal_key.clone())
        .bind(account.epoch)
        .bind(account.created_at)
        .bind(imported)
        .hit()
        .await
}

/// `false` when the address is no longer the account's, or was verified before.
pub async fn verify_email(
    tx: &mut Tx,
    id: AccountId,
    email: &Identifier,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(VERIFY_EMAIL).bind(id).bind(email.clone()).bind(now).hit().await
}

/// Reads the account and locks its row for the rest of the transaction. Transactions that take this
/// lock run one after the other for an account: compare-and-set cannot protect rows that do not
/// exist yet.
pub async fn lock(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, Error> {
    tx.change(LOCK).bind(id).optional().await
}

/// `false` when two-step was on already.
pub async fn switch_on(tx: &mut Tx, id: AccountId, now: Timestamp) -> Result<bool, Error> {
    tx.change(SWITCH_ON).bind(id).bind(now).hit().await
}

/// Writes what the realm's own systems say of the account: its country, customer and labels.
pub async fn describe(tx: &mut Tx, account: &Account) -> Result<(), Error> {
    let describe = tx.change(DESCRIBE).bind(account.id).bind(account.country.clone());
    describe.bind(account.customer.clone()).bind(account.labels.clone()).rows().await?;
    Ok(())
}

/// `false` when two-step was off already.
pub async fn switch_off(tx: &mut Tx, id: AccountId) -> Result<bool, Error> {
    tx.change(SWITCH_OFF).bind(id).hit().await
}

/// Moves a locked account to another state.
pub async fn advance(
    tx: &mut Tx,
    id: AccountId,
    to: AccountState,
    deleted_at: Option<Timestamp>,
) -> Result<(), Error> {
    tx.change(MOVE).bind(id).bind(to).bind(deleted_at).rows().await?;
    Ok(())
}

/// An account that was deleted, and its realm.
pub struct DeletedAccount {
    pub realm: RealmId,
    pub id: AccountId,
}

impl Record for DeletedAccount {
    const TABLE: &'static str = Account::TABLE;
    const KEY: &'static str = Account::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, id: row.get("account_id")? })
    }
}

/// The accounts of all realms that were deleted at that instant or before, the first deleted first.
pub async fn deleted_before(
    across: &mut Across,
    at: Timestamp,
    limit: i64,
) -> Result<Vec<DeletedAccount>, Error> {
    across.select(DELETED_BEFORE).bind(at).bind(limit).all().await
}

/// Ends what was begun before: sign-ins under way and trust of an earlier epoch count no more (INV-25).
pub async fn raise_epoch(tx: &mut Tx, id: AccountId) -> Result<(), Error> {
    tx.change(RAISE_EPOCH).bind(id).rows().await?;
    Ok(())
}

/// Gives the account another address.
pub async fn set_email(tx: &mut Tx, id: AccountId, contact: &Contact) -> Result<(), Error> {
    let set = tx.change(SET_EMAIL).bind(id).bind(contact.email.as_typed().to_owned());
    let set = set.bind(contact.email.canonical().clone()).bind(contact.since);
    set.bind(contact.verified_at).rows().await?;
    Ok(())
}

/// Takes from the account an address that it has not verified; `false` when it is not the account's any more, or is
/// verified.
pub async fn lose_email(tx: &mut Tx, id: AccountId, email: &Identifier) -> Result<bool, Error> {
    tx.change(LOSE_EMAIL).bind(id).bind(email.clone()).hit().await
}

/// Since when what protects the account cannot be changed; `None`: it can.
pub async fn lock_changes(tx: &mut Tx, id: AccountId, since: Option<Timestamp>) -> Result<(), Error> {
    tx.change(LOCK_CHANGES).bind(id).bind(since).rows().await?;
    Ok(())
}

/// Since when the owner is asked to use the second step once more; `None`: is not asked.
pub async fn ask_check_up(tx: &mut Tx, id: AccountId, since: Option<Timestamp>) -> Result<(), Error> {
    tx.change(ASK_CHECK_UP).bind(id).bind(since).rows().await?;
    Ok(())
}
