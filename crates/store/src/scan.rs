//! Reads all accounts of a realm for decisions, page by page: of `accounts`, `customers`, `factors`, `ledger` and
//! `interest` only what the decisions look at. Accounts that were deleted are left out. Each page is a few statements over one range of ids, none for each
//! account, so a million accounts take seconds.

use tidegate_core::{
    AccountId, Buckets, Country, Customer, FirstShown, Labels, LedgerEntry, Method, Ordinal, ProductKey,
    Revision, RolloutKey, Standing, Timestamp,
};

use crate::{
    Error, View,
    column::{Row, Unreadable},
    executor::Record,
    ledger,
    standings::customer,
    statement::sql,
};

sql! {
    Select COUNT = "SELECT COUNT(*) AS count FROM accounts WHERE realm_id = $1 AND state NOT IN ('deleted', 'purged')";
    Select BRIEF = "SELECT account_id, created_at, country, email_since, email_verified_at, two_step_since FROM accounts \
        WHERE realm_id = $1 AND account_id > $2 AND state NOT IN ('deleted', 'purged') ORDER BY account_id LIMIT $3";
    Select DESCRIBED = "SELECT a.account_id, a.created_at, a.country, a.labels, a.email_since, a.email_verified_at, a.two_step_since, \
        c.customer_key, c.customer_id, c.title AS customer_title, c.country AS customer_country, c.labels AS customer_labels, \
        c.revision AS customer_revision, c.created_at AS customer_created_at, c.updated_at AS customer_updated_at \
        FROM accounts a LEFT JOIN customers c ON c.realm_id = $1 AND c.customer_key = a.customer_key \
        WHERE a.realm_id = $1 AND a.account_id > $2 AND a.state NOT IN ('deleted', 'purged') ORDER BY a.account_id LIMIT $3";
    Select LEDGER = "SELECT account_id, rollout_key, product_key, first_shown_at, shown_revision, shown_wave, active_since, \
        told_at, required_since, skips, skipped_at, overdue_at, postponed_until, extension, exempt_until FROM ledger \
        WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 ORDER BY account_id, rollout_key, product_key";
    Select METHODS = "SELECT account_id, method FROM factors \
        WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 ORDER BY account_id, method";
    Select INTEREST = "SELECT account_id, product_key FROM interest \
        WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 ORDER BY account_id, product_key";
}

/// What is read beside the account's own columns and its ledger. What is not read is empty in the standings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Labels, and the customer.
    pub described: bool,
    pub methods: bool,
    pub interest: bool,
}

/// How many accounts there are.
struct AccountCount(i64);

impl Record for AccountCount {
    const TABLE: &'static str = "a count";
    const KEY: &'static str = "count";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("count").map(Self)
    }
}

/// An account as a scan finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedAccount {
    /// It has no buckets.
    pub standing: Standing,
    /// Since when it has its address, verified or not.
    pub address_since: Option<Timestamp>,
}

struct Brief(ScannedAccount);

impl Record for Brief {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let standing = Standing {
            account: row.get("account_id")?,
            created_at: row.get("created_at")?,
            country: row.get::<Option<Country>>("country")?,
            labels: Labels::new(),
            email_verified: row.get::<Option<Timestamp>>("email_verified_at")?.is_some(),
            customer: None,
            methods: Vec::new(),
            two_step_since: row.get("two_step_since")?,
            ledger: Vec::new(),
            interest: Vec::new(),
            buckets: Buckets::new(),
        };
        Ok(Self(ScannedAccount { standing, address_since: row.get("email_since")? }))
    }
}

struct Described(ScannedAccount);

impl Record for Described {
    const TABLE: &'static str = Brief::TABLE;
    const KEY: &'static str = Brief::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let Brief(brief) = Brief::read(row)?;
        let labels = row.get::<Option<Labels>>("labels")?.unwrap_or_default();
        let customer: Option<Customer> = customer(row)?;
        let standing = Standing { labels, customer, ..brief.standing };
        Ok(Self(ScannedAccount { standing, ..brief }))
    }
}

/// A row of another table, and the account that it belongs to.
struct Of<T>(AccountId, T);

impl Record for Of<LedgerEntry> {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let shown = match row.get::<Option<Timestamp>>("first_shown_at")? {
            Some(at) => Some(FirstShown {
                at,
                // The feature was shown before revisions were stored, so any roll back takes it back.
                revision: row.get::<Option<Revision>>("shown_revision")?.unwrap_or(Revision(0)),
                wave: row.get::<Option<Ordinal>>("shown_wave")?,
            }),
            None => None,
        };
        let entry = LedgerEntry {
            rollout: row.get::<RolloutKey>("rollout_key")?,
            product: row.get("product_key")?,
            shown,
            active_since: row.get("active_since")?,
            marks: ledger::marks(row)?,
        };
        Ok(Self(row.get("account_id")?, entry))
    }
}

impl Record for Of<Method> {
    const TABLE: &'static str = "factors";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("account_id")?, row.get("method")?))
    }
}

impl Record for Of<ProductKey> {
    const TABLE: &'static str = "interest";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("account_id")?, row.get("product_key")?))
    }
}

/// All accounts of the realm.
pub async fn count(view: &mut View) -> Result<i64, Error> {
    let count: Option<AccountCount> = view.select(COUNT).optional().await?;
    Ok(count.map_or(0, |count| count.0))
}

/// By id, after `after`; fewer than `limit` at the end, and only there.
pub async fn page(
    view: &mut View,
    parts: Parts,
    after: AccountId,
    limit: usize,
) -> Result<Vec<ScannedAccount>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found: Vec<ScannedAccount> = if parts.described {
        let rows: Vec<Described> = view.select(DESCRIBED).bind(after).bind(limit).all().await?;
        rows.into_iter().map(|Described(account)| account).collect()
    } else {
        let rows: Vec<Brief> = view.select(BRIEF).bind(after).bind(limit).all().await?;
        rows.into_iter().map(|Brief(account)| account).collect()
    };
    let Some(last) = found.last().map(|account| account.standing.account) else { return Ok(found) };
    let ledger = view.select(LEDGER).bind(after).bind(last).all().await?;
    hand_out(&mut found, ledger, |standing, entry| standing.ledger.push(entry));
    if parts.methods {
        let methods = view.select(METHODS).bind(after).bind(last).all().await?;
        hand_out(&mut found, methods, |standing, method: Method| {
            // A verified address is an attribute of its own.
            if method != Method::EmailCode && !standing.methods.contains(&method) {
                standing.methods.push(method);
            }
        });
    }
    if parts.interest {
        let interest = view.select(INTEREST).bind(after).bind(last).all().await?;
        hand_out(&mut found, interest, |standing, product| standing.interest.push(product));
    }
    Ok(found)
}

/// Gives each row to its account; both are sorted by account. A row of an account that is not on the page belongs to one
/// that was created or purged between the statements.
fn hand_out<T>(found: &mut [ScannedAccount], rows: Vec<Of<T>>, give: impl Fn(&mut Standing, T)) {
    let mut accounts = found.iter_mut().map(|account| &mut account.standing).peekable();
    for Of(account, row) in rows {
        while accounts.next_if(|standing| standing.account < account).is_some() {}
        if let Some(standing) = accounts.peek_mut().filter(|standing| standing.account == account) {
            give(standing, row);
        }
    }
}
