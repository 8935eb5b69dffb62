//! Table `factors`: active factors. A pending factor is a row of `enrollments` (INV-22).

use tidegate_core::{
    AccountId, Factor, FactorId, FactorOrigin, Mark, Method, Sealed, Timestamp, Title, Word as _,
};

use crate::{
    Error, Tx, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Factor`.
macro_rules! factor {
    () => {
        "factor_id, account_id, method, label, hint, material, mark, lookup, created_at, last_used_at, origin_product, origin_client"
    };
}
pub(crate) use factor;

sql! {
    Select FIND = (concat!("SELECT ", factor!(), " FROM factors WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3"));
    Select BY_LOOKUP = (concat!("SELECT ", factor!(), " FROM factors WHERE realm_id = $1 AND lookup = $2"));
    Select BY_ID = (concat!("SELECT ", factor!(), " FROM factors WHERE realm_id = $1 AND factor_id = $2"));
    Select OF_ACCOUNT = (concat!("SELECT ", factor!(), " FROM factors WHERE realm_id = $1 AND account_id = $2 ORDER BY factor_id"));
    Change INSERT = (concat!("INSERT INTO factors (realm_id, ", factor!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
        ON CONFLICT (realm_id, lookup) WHERE lookup IS NOT NULL DO NOTHING"));
    Select LOCKED_OUT = {
        sqlite: "SELECT a.account_id, COUNT(*) OVER () AS count FROM accounts a WHERE a.realm_id = $1 AND a.two_step_since IS NOT NULL \
            AND EXISTS (SELECT 1 FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id AND f.method IN (SELECT value FROM json_each($2))) \
            AND NOT EXISTS (SELECT 1 FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id AND f.method IN (SELECT value FROM json_each($3))) \
            ORDER BY a.account_id LIMIT $4",
        postgres: "SELECT a.account_id, COUNT(*) OVER () AS count FROM accounts a WHERE a.realm_id = $1 AND a.two_step_since IS NOT NULL \
            AND EXISTS (SELECT 1 FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id AND f.method = ANY($2)) \
            AND NOT EXISTS (SELECT 1 FROM factors f WHERE f.realm_id = $1 AND f.account_id = a.account_id AND f.method = ANY($3)) \
            ORDER BY a.account_id LIMIT $4"
    };
    Change RENAME = "UPDATE factors SET label = $4 WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change RESET = "UPDATE factors SET material = $4 WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change REBIND = "UPDATE factors SET material = $4, hint = $5, last_used_at = $6 WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change REMOVE = "DELETE FROM factors WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change ACCEPT = "UPDATE factors SET mark = COALESCE($4, mark), material = COALESCE($5, material), last_used_at = $6 \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND (mark < $4 OR $4 IS NULL)";
}

impl Record for Factor {
    const TABLE: &'static str = "factors";
    const KEY: &'static str = "factor_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (product, client) = (row.get::<Option<_>>("origin_product")?, row.get("origin_client")?);
        Ok(Self {
            id: row.get("factor_id")?,
            account: row.get("account_id")?,
            method: row.get("method")?,
            label: row.get("label")?,
            hint: row.get("hint")?,
            material: row.get("material")?,
            mark: row.get("mark")?,
            lookup: row.get("lookup")?,
            created_at: row.get("created_at")?,
            last_used_at: row.get("last_used_at")?,
            origin: product.map(|product| FactorOrigin { product, client }),
        })
    }
}

/// An account, and how many there are like it.
struct LockedOut {
    account: AccountId,
    count: i64,
}

impl Record for LockedOut {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { account: row.get("account_id")?, count: row.get("count")? })
    }
}

/// The accounts with two-step on that have a factor of the methods `before` and none of the methods `after`: how many,
/// and the first `sample` of them.
pub async fn locked_out(
    view: &mut View,
    (before, after): (&[Method], &[Method]),
    sample: i64,
) -> Result<(u64, Vec<AccountId>), Error> {
    let names = |methods: &[Method]| {
        AnyOf(methods.iter().map(|method| method.as_str().to_owned()).collect::<Vec<_>>())
    };
    let select = view.select(LOCKED_OUT).bind(names(before)).bind(names(after)).bind(sample);
    let found: Vec<LockedOut> = select.all().await?;
    let count = found.first().map_or(0, |first| first.count);
    Ok((u64::try_from(count).unwrap_or(0), found.into_iter().map(|one| one.account).collect()))
}

pub async fn find(view: &mut View, account: AccountId, id: FactorId) -> Result<Option<Factor>, Error> {
    view.select(FIND).bind(account).bind(id).optional().await
}

/// The factor that an answer itself names.
pub async fn by_lookup(view: &mut View, lookup: &[u8]) -> Result<Option<Factor>, Error> {
    view.select(BY_LOOKUP).bind(lookup.to_vec()).optional().await
}

/// The factor of a device, which does not name its account.
pub async fn by_id(view: &mut View, id: FactorId) -> Result<Option<Factor>, Error> {
    view.select(BY_ID).bind(id).optional().await
}

/// Oldest first.
pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<Factor>, Error> {
    view.select(OF_ACCOUNT).bind(account).all().await
}

/// `false` when another factor of the realm has its `lookup`.
pub async fn insert(tx: &mut Tx, new: &Factor) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(new.method).bind(new.label.clone());
    let insert = insert.bind(new.hint.clone()).bind(new.material.clone()).bind(new.mark);
    let insert = insert.bind(new.lookup.clone()).bind(new.created_at).bind(new.last_used_at);
    let (product, client) = new.origin.clone().map(|origin| (origin.product, origin.client)).unzip();
    insert.bind(product).bind(client.flatten()).hit().await
}

/// Raises the mark if there is one, and stores new material if there is some. `false`, and nothing
/// is changed, when this mark or a later one was accepted before (INV-2).
pub async fn accept(
    tx: &mut Tx,
    account: AccountId,
    id: FactorId,
    mark: Option<Mark>,
    material: Option<&Sealed>,
    now: Timestamp,
) -> Result<bool, Error> {
    let accept = tx.change(ACCEPT).bind(account).bind(id).bind(mark);
    accept.bind(material.cloned()).bind(now).hit().await
}

/// Stores new material; `false` when there is no such factor.
pub async fn reset(tx: &mut Tx, account: AccountId, id: FactorId, material: Sealed) -> Result<bool, Error> {
    tx.change(RESET).bind(account).bind(id).bind(material).hit().await
}

/// Stores the material and hint of another destination; `false` when there is no such factor.
pub async fn rebind(tx: &mut Tx, factor: &Factor) -> Result<bool, Error> {
    let rebind = tx.change(REBIND).bind(factor.account).bind(factor.id).bind(factor.material.clone());
    rebind.bind(factor.hint.clone()).bind(factor.last_used_at).hit().await
}

/// `false` when there is no such factor.
pub async fn rename(
    tx: &mut Tx,
    account: AccountId,
    id: FactorId,
    label: Option<Title>,
) -> Result<bool, Error> {
    tx.change(RENAME).bind(account).bind(id).bind(label).hit().await
}

/// `false` when there is no such factor.
pub async fn remove(tx: &mut Tx, account: AccountId, id: FactorId) -> Result<bool, Error> {
    tx.change(REMOVE).bind(account).bind(id).hit().await
}
