//! The two engines, and empty databases on them.

use std::str::FromStr as _;

use anyhow::{Context as _, anyhow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, postgres::PgConnectOptions};
use tidegate_tests::postgres::Durable;

use crate::site::Site;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineName {
    Sqlite,
    Postgres,
}

pub enum Engine {
    Sqlite,
    Postgres(Durable),
}

impl Engine {
    pub fn start(name: EngineName) -> anyhow::Result<Self> {
        Ok(match name {
            EngineName::Sqlite => Self::Sqlite,
            EngineName::Postgres => Self::Postgres(Durable::start().map_err(|why| anyhow!(why))?),
        })
    }

    pub const fn title(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Whether several processes may serve one database.
    pub const fn has_replicas(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// An installation on a database of its own.
    pub async fn site(&self, name: &str) -> anyhow::Result<Site> {
        let Self::Postgres(server) = self else { return Site::make(None) };
        let mut admin = PgConnectOptions::from_str(&server.url("postgres"))?.connect().await?;
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.context("failed to make a database")?;
        Site::make(Some(server.url(name)))
    }

    pub async fn version(&self) -> anyhow::Result<String> {
        let version = match self {
            Self::Sqlite => {
                let mut memory = sqlx::sqlite::SqliteConnectOptions::new().connect().await?;
                sqlx::query("SELECT sqlite_version()").fetch_one(&mut memory).await?.try_get(0)?
            }
            Self::Postgres(server) => {
                let mut admin = PgConnectOptions::from_str(&server.url("postgres"))?.connect().await?;
                let told = sqlx::query("SHOW server_version").fetch_one(&mut admin).await?;
                told.try_get::<String, _>(0)?
            }
        };
        Ok(format!("{} {version}", self.title()))
    }
}
