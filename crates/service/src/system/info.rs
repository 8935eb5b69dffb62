//! Returns the server's version, database, schema and clock, and the key that browsers subscribe with.

use tidegate_core::{Permission, Timestamp};
use tidegate_store::{Engine, installation};

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetServerInfo;

#[derive(Debug)]
pub struct ServerInfo {
    pub version: &'static str,
    pub database: &'static str,
    pub schema: i64,
    pub now: Timestamp,
    /// `None`: Web Push is not set up.
    pub web_push_key: Option<String>,
}

impl Query for GetServerInfo {
    const NAME: &'static str = "get_server_info";
    const PERMISSION: Permission = Permission::AnyCaller;
    type Outcome = ServerInfo;

    async fn run(self, cx: &QueryContext) -> Result<ServerInfo, Error> {
        let database = match cx.store().engine() {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgresql",
        };
        let schema = installation::applied(&mut cx.across()).await?;
        let settings = cx.settings();
        let (version, web_push_key) = (settings.version, settings.web_push_key.clone());
        Ok(ServerInfo { version, database, schema, now: cx.now(), web_push_key })
    }
}
