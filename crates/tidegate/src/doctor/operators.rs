//! Whether somebody can manage the installation, and for how long.

use tidegate_store::{Error, Schema, credentials, installation};

use super::{
    database::{Opened, failed, installed, not_opened},
    finding::{Check, Finding},
};
use crate::ambient::AuthorityClock;

const CHECK: Check = Check::Operators;
const CREATE: &str =
    "create another operator's credential (AccessService/CreateCredential) while one is accepted";

pub(super) async fn look(opened: Opened) -> Vec<Finding> {
    match opened {
        Opened::Yes(inspection) => match count(&inspection).await {
            Ok(findings) => findings,
            Err(error) => vec![failed(CHECK, &error)],
        },
        Opened::NotYet => vec![CHECK.ok("there is no operator yet: the first `serve` makes one")],
        Opened::No => vec![not_opened(CHECK)],
    }
}

async fn count(inspection: &tidegate_store::Inspection) -> Result<Vec<Finding>, Error> {
    if installed(inspection).await?.is_none() {
        return Ok(vec![CHECK.ok("there is no operator yet: `init` makes one")]);
    }
    let mut across = inspection.across();
    if !matches!(installation::schema(&mut across).await?, Schema::Usable { .. }) {
        return Ok(vec![CHECK.unknown("not looked at: the schema is another one", "see what `schema` says")]);
    }
    let now = inspection.clock().await?.unwrap_or_else(AuthorityClock::host);
    let Some(outlook) = credentials::outlook(&mut across, now).await? else { return Ok(Vec::new()) };
    let operators = outlook.operators;
    let mut found = vec![match outlook.lasting_operators {
        0 if operators == 0 => CHECK.error(
            "no operator's credential is accepted, so nobody can manage the installation",
            "run `tidegate credential recover`",
        ),
        0 => CHECK.warning(
            format!("{operators} operators' credentials are accepted, and each expires within 14 days"),
            CREATE,
        ),
        1 => CHECK.ok(
            "one operator's credential is accepted for more than 14 days; have another one, which a second person keeps",
        ),
        lasting => CHECK.ok(format!("{lasting} operators' credentials are accepted for more than 14 days")),
    }];
    if outlook.expiring > 0 {
        found.push(CHECK.warning(
            format!("{} credentials expire within 14 days", outlook.expiring),
            "see AccessService/ListCredentials, and create others for what is still in use",
        ));
    }
    Ok(found)
}
