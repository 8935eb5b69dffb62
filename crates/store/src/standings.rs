//! What is known of accounts for decisions. It is one statement over `accounts`, `customers`, `factors`, `ledger` and
//! `interest`, because a decision that misses the cache waits for it.

use tidegate_core::{
    AccountId, AccountRef, AccountState, Buckets, Customer, ExternalId, FirstShown, Labels, LadderMarks,
    LedgerEntry, Method, Ordinal, ProductKey, Revision, RolloutKey, Span, Standing, Timestamp,
};

use crate::{
    Error, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

macro_rules! sqlite {
    ($which:literal) => {
        concat!(
            "SELECT a.account_id, a.external_id, a.state, a.created_at, a.country, a.labels, a.email_verified_at, a.two_step_since, ",
            "c.customer_key, c.customer_id, c.title AS customer_title, c.country AS customer_country, c.labels AS customer_labels, ",
            "c.revision AS customer_revision, c.created_at AS customer_created_at, c.updated_at AS customer_updated_at, ",
            "(SELECT json_group_array(f.method) FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id) AS methods, ",
            "(SELECT json_group_array(i.product_key) FROM interest i WHERE i.realm_id = $1 AND i.account_id = a.account_id) AS interest, ",
            "(SELECT json_group_array(json_array(l.rollout_key, l.product_key, json_array(l.first_shown_at, l.shown_revision, l.shown_wave), l.active_since, ",
            "json_array(l.told_at, l.required_since, l.skips, l.skipped_at, l.overdue_at, l.postponed_until, l.extension, l.exempt_until))) ",
            "FROM ledger l WHERE l.realm_id = $1 AND l.account_id = a.account_id) AS ledger ",
            "FROM accounts a LEFT JOIN customers c ON c.realm_id = $1 AND c.customer_key = a.customer_key WHERE a.realm_id = $1 AND ",
            $which
        )
    };
}
macro_rules! postgres {
    ($which:literal) => {
        concat!(
            "SELECT a.account_id, a.external_id, a.state, a.created_at, a.country, a.labels, a.email_verified_at, a.two_step_since, ",
            "c.customer_key, c.customer_id, c.title AS customer_title, c.country AS customer_country, c.labels AS customer_labels, ",
            "c.revision AS customer_revision, c.created_at AS customer_created_at, c.updated_at AS customer_updated_at, ",
            "COALESCE((SELECT json_agg(f.method) FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id)::text, '[]') AS methods, ",
            "COALESCE((SELECT json_agg(i.product_key) FROM interest i WHERE i.realm_id = $1 AND i.account_id = a.account_id)::text, '[]') AS interest, ",
            "COALESCE((SELECT json_agg(json_build_array(l.rollout_key, l.product_key, json_build_array((extract(epoch FROM l.first_shown_at) * 1000000)::bigint, ",
            "l.shown_revision, l.shown_wave), (extract(epoch FROM l.active_since) * 1000000)::bigint, ",
            "json_build_array((extract(epoch FROM l.told_at) * 1000000)::bigint, (extract(epoch FROM l.required_since) * 1000000)::bigint, l.skips, (extract(epoch FROM l.skipped_at) * 1000000)::bigint, ",
            "(extract(epoch FROM l.overdue_at) * 1000000)::bigint, (extract(epoch FROM l.postponed_until) * 1000000)::bigint, l.extension, (extract(epoch FROM l.exempt_until) * 1000000)::bigint))) ",
            "FROM ledger l WHERE l.realm_id = $1 AND l.account_id = a.account_id)::text, '[]') AS ledger ",
            "FROM accounts a LEFT JOIN customers c ON c.realm_id = $1 AND c.customer_key = a.customer_key WHERE a.realm_id = $1 AND ",
            $which
        )
    };
}

sql! {
    Select GET = { sqlite: sqlite!("a.account_id = $2"), postgres: postgres!("a.account_id = $2") };
    Select BY_EXTERNAL_ID = { sqlite: sqlite!("a.external_id = $2"), postgres: postgres!("a.external_id = $2") };
    Select MANY = {
        sqlite: sqlite!("a.account_id IN (SELECT unhex(value) FROM json_each($2))"),
        postgres: postgres!("a.account_id = ANY($2)")
    };
    Select MANY_EXTERNAL = {
        sqlite: sqlite!("a.external_id IN (SELECT value FROM json_each($2))"),
        postgres: postgres!("a.external_id = ANY($2)")
    };
}

/// An account for decisions. Its standing has no buckets yet.
#[derive(Debug, Clone)]
pub struct Known {
    pub external_id: Option<ExternalId>,
    pub state: AccountState,
    pub standing: Standing,
}

/// A row of the ledger: rollout and product; shown at, by which revision and wave; active since; the marks of the ladder.
type Entry = (
    RolloutKey,
    ProductKey,
    (Option<i64>, Option<i64>, Option<u32>),
    Option<i64>,
    (Option<i64>, Option<i64>, Option<u32>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>),
);

impl Record for Known {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let verified_at: Option<Timestamp> = row.get("email_verified_at")?;
        let mut methods = list::<Method>(row, "methods")?;
        // A verified address is an attribute of its own.
        methods.retain(|method| *method != Method::EmailCode);
        methods.sort();
        methods.dedup();
        let mut ledger: Vec<_> = list::<Entry>(row, "ledger")?.into_iter().map(entry).collect();
        ledger.sort_by(|one, other| (&one.rollout, &one.product).cmp(&(&other.rollout, &other.product)));
        let mut interest = list::<ProductKey>(row, "interest")?;
        interest.sort();
        let standing = Standing {
            account: row.get("account_id")?,
            created_at: row.get("created_at")?,
            country: row.get("country")?,
            labels: row.get::<Option<Labels>>("labels")?.unwrap_or_default(),
            email_verified: verified_at.is_some(),
            customer: customer(row)?,
            methods,
            two_step_since: row.get("two_step_since")?,
            ledger,
            interest,
            buckets: Buckets::new(),
        };
        Ok(Self { external_id: row.get("external_id")?, state: row.get("state")?, standing })
    }
}

fn list<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<Vec<T>, Unreadable> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| Unreadable::new(column, "not the list that the statement makes"))
}

fn entry((rollout, product, (shown_at, revision, wave), active_since, marks): Entry) -> LedgerEntry {
    let at = |micros: Option<i64>| micros.map(Timestamp::from_unix_micros);
    let shown = at(shown_at).map(|at| FirstShown {
        at,
        // The feature was shown before revisions were stored, so any roll back takes it back.
        revision: Revision(revision.unwrap_or(0)),
        wave: wave.map(Ordinal),
    });
    let (told, required, skips, skipped, overdue, postponed, extension, exempt) = marks;
    let marks = LadderMarks {
        told_at: at(told),
        required_since: at(required),
        skips: skips.unwrap_or(0),
        skipped_at: at(skipped),
        overdue_at: at(overdue),
        postponed_until: at(postponed),
        extension: Span::from_micros(extension.unwrap_or(0)),
        exempt_until: at(exempt),
    };
    LedgerEntry { rollout, product, shown, active_since: at(active_since), marks }
}

pub(crate) fn customer(row: &Row) -> Result<Option<Customer>, Unreadable> {
    let Some(key) = row.get("customer_key")? else { return Ok(None) };
    Ok(Some(Customer {
        key,
        id: row.get("customer_id")?,
        title: row.get("customer_title")?,
        country: row.get("customer_country")?,
        labels: row.get("customer_labels")?,
        revision: row.get("customer_revision")?,
        created_at: row.get("customer_created_at")?,
        updated_at: row.get("customer_updated_at")?,
    }))
}

pub async fn get(view: &mut View, id: AccountId) -> Result<Option<Known>, Error> {
    view.select(GET).bind(id).optional().await
}

/// By id or external id, as the caller names the account.
pub async fn find(view: &mut View, account: &AccountRef) -> Result<Option<Known>, Error> {
    match account {
        AccountRef::Id(id) => get(view, *id).await,
        AccountRef::External(id) => view.select(BY_EXTERNAL_ID).bind(id.clone()).optional().await,
    }
}

/// The named accounts that exist, in no order.
pub async fn many(
    view: &mut View,
    ids: Vec<AccountId>,
    external: Vec<ExternalId>,
) -> Result<Vec<Known>, Error> {
    let mut found = Vec::new();
    if !ids.is_empty() {
        found.extend(view.select(MANY).bind(AnyOf(ids)).all().await?);
    }
    if !external.is_empty() {
        found.extend(view.select(MANY_EXTERNAL).bind(AnyOf(external)).all().await?);
    }
    Ok(found)
}
