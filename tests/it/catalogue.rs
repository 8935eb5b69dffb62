//! What the migrations make: the same tables on both engines, and every key begins with its realm.

use std::fmt::Write as _;

use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::{story::compare, test_server::TestServer};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// By kind and columns: primary key, unique, index.
    keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    kind: String,
    nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: &'static str,
    /// The name of an index; empty for a constraint, which each engine names as it likes.
    name: String,
    columns: Vec<String>,
}

/// Keys that begin with something else, and why they may.
const EXCUSED: &[(&str, &str)] = &[
    ("accounts index accounts_deleted", "the worker that purges serves all realms"),
    ("chain index chain_recent", "followers serve all realms"),
    ("credentials primary key", "a credential names its realm"),
    ("deliveries index deliveries_by_gateway_id", "a gateway names its message, and no realm"),
    ("deliveries index deliveries_due", "the courier serves all realms"),
    ("installation primary key", "there is one for all realms"),
    ("realms unique", "an operator names a realm by its key"),
    ("rollouts index rollouts_due", "the scheduler serves all realms"),
];

#[tokio::test]
async fn both_engines_have_the_same_tables() {
    let (sqlite, postgres) = (of_sqlite().await, of_postgres().await);
    let normal = |tables: &[Table]| told(&tables.iter().map(normal).collect::<Vec<_>>());
    assert_eq!(normal(&sqlite), normal(&postgres), "SQLite (left) and PostgreSQL (right) differ");
    compare("catalogue", &told(&postgres));
}

#[tokio::test]
async fn every_key_begins_with_the_realm() {
    let mut others = Vec::new();
    for table in of_sqlite().await {
        for key in table.keys.iter().filter(|key| key.columns[0] != "realm_id") {
            others.push(format!("{} {} {}", table.name, key.kind, key.name).trim_end().to_owned());
        }
    }
    assert_eq!(others, EXCUSED.iter().map(|(key, _)| *key).collect::<Vec<_>>());
}

/// Gives one name to the types that both engines use for the same values.
fn normal(table: &Table) -> Table {
    let kind = |kind: &str| match kind {
        "blob" | "uuid" | "bytea" => "bytes",
        "integer" | "bigint" | "boolean" | "timestamp with time zone" => "integer",
        "text" | "jsonb" => "text",
        other => panic!("{other} has no counterpart"),
    };
    let columns =
        table.columns.iter().map(|column| Column { kind: kind(&column.kind).to_owned(), ..column.clone() });
    Table { columns: columns.collect(), ..table.clone() }
}

fn told(tables: &[Table]) -> String {
    let mut told = String::new();
    for Table { name, columns, keys } in tables {
        writeln!(told, "{name}").unwrap();
        for Column { name, kind, nullable } in columns {
            writeln!(told, "  {name:<20} {kind}{}", if *nullable { ", or none" } else { "" }).unwrap();
        }
        for Key { kind, name, columns } in keys {
            writeln!(told, "  {} ({})", format!("{kind} {name}").trim_end(), columns.join(", ")).unwrap();
        }
        told.push('\n');
    }
    told
}

async fn of_sqlite() -> Vec<Table> {
    let server = TestServer::sqlite().await;
    let mut db = SqliteConnection::connect(&server.url).await.unwrap();
    let odd = "SELECT name FROM sqlite_schema WHERE type NOT IN ('table', 'index')
        UNION SELECT t.name FROM pragma_table_list t WHERE t.type = 'table' AND t.schema = 'main' AND NOT (t.strict AND (t.wr OR t.name = 'requests')) AND t.name NOT IN ('sqlite_schema', '_sqlx_migrations')
        UNION SELECT t.name FROM pragma_table_list t, pragma_foreign_key_list(t.name) WHERE t.schema = 'main'";
    let odd: Vec<String> = sqlx::query_scalar(odd).fetch_all(&mut db).await.unwrap();
    assert_eq!(
        odd, [""; 0],
        "no table without STRICT and WITHOUT ROWID (requests has long rows), no view, no trigger, no foreign key"
    );
    let columns = "SELECT t.name, c.name, lower(c.type), NOT c.\"notnull\" FROM pragma_table_list t, pragma_table_info(t.name) c
        WHERE t.schema = 'main' AND t.name NOT IN ('sqlite_schema', '_sqlx_migrations') ORDER BY t.name, c.cid";
    let columns = sqlx::query_as(columns).fetch_all(&mut db).await.unwrap();
    let keys = "SELECT t.name, i.origin, i.\"unique\", i.name, (SELECT group_concat(c.name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c)
        FROM pragma_table_list t, pragma_index_list(t.name) i WHERE t.schema = 'main' AND t.name <> '_sqlx_migrations'";
    let keys = sqlx::query(keys).fetch_all(&mut db).await.unwrap();
    let keys = keys.iter().map(|row| {
        let kind = match (row.get::<&str, _>(1), row.get::<bool, _>(2)) {
            ("pk", _) => "primary key",
            ("u", _) => "unique",
            (_, true) => "unique index",
            (_, false) => "index",
        };
        (row.get::<String, _>(0), kind, row.get::<String, _>(3), row.get::<String, _>(4))
    });
    tables(columns, keys.collect())
}

async fn of_postgres() -> Vec<Table> {
    let server = TestServer::postgres().await;
    let mut db = PgConnection::connect(&server.url).await.unwrap();
    let odd = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i')
        UNION SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('p', 'u', 'n')
        UNION SELECT tgname::text FROM pg_trigger
        UNION SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' AND (column_default IS NOT NULL OR is_identity = 'YES')";
    let odd: Vec<String> = sqlx::query_scalar(odd).fetch_all(&mut db).await.unwrap();
    assert_eq!(odd, [""; 0], "no view, no sequence, no foreign key, no check, no trigger, no default");
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' ORDER BY table_name COLLATE \"C\", ordinal_position";
    let columns = sqlx::query_as(columns).fetch_all(&mut db).await.unwrap();
    let keys = "SELECT t.relname::text, CASE WHEN x.indisprimary THEN 'p' WHEN c.oid IS NOT NULL THEN 'u' ELSE 'c' END, x.indisunique, i.relname::text,
        (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(x.indkey::int[]) WITH ORDINALITY k (number, place)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number)
        FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_constraint c ON c.conindid = i.oid WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> '_sqlx_migrations'";
    let keys = sqlx::query(keys).fetch_all(&mut db).await.unwrap();
    let keys = keys.iter().map(|row| {
        let kind = match (row.get::<&str, _>(1), row.get::<bool, _>(2)) {
            ("p", _) => "primary key",
            ("u", _) => "unique",
            (_, true) => "unique index",
            (_, false) => "index",
        };
        (row.get::<String, _>(0), kind, row.get::<String, _>(3), row.get::<String, _>(4))
    });
    tables(columns, keys.collect())
}

type Found = (String, &'static str, String, String);

fn tables(columns: Vec<(String, String, String, bool)>, keys: Vec<Found>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for (table, name, kind, nullable) in columns {
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new(), keys: Vec::new() });
        }
        tables.last_mut().unwrap().columns.push(Column { name, kind, nullable });
    }
    for (table, kind, name, columns) in keys {
        let table = tables.iter_mut().find(|known| known.name == table).unwrap();
        let name = if kind.ends_with("index") { name } else { String::new() };
        table.keys.push(Key { kind, name, columns: columns.split(',').map(str::to_owned).collect() });
    }
    for table in &mut tables {
        table.keys.sort_by(|one, other| {
            one.kind.len().cmp(&other.kind.len()).reverse().then_with(|| one.cmp(other))
        });
    }
    tables
}
