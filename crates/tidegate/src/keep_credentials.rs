//! What is kept of credentials beside the calls: when each was used last, and a warning before one expires.

use std::{sync::Arc, time::Duration};

use tidegate_service::{App, installation};
use tidegate_store::Store;
use tokio_util::sync::CancellationToken;

use crate::ambient::AuthorityClock;

/// Between two rounds, and so between two writes of when a credential was used.
const ROUND: Duration = Duration::from_mins(1);

/// Runs until it is stopped; writes once more at the end, so that a restart forgets no use.
pub async fn keep(app: App, store: Store, clock: Arc<AuthorityClock>, stop: CancellationToken) {
    loop {
        let last = stop.is_cancelled();
        if let Err(error) = app.write_uses().await {
            tracing::warn!(%error, "when credentials were used could not be written");
        }
        if last {
            return;
        }
        match installation::warn_of_expiry(&store, &*clock).await {
            Ok(expiring) => expiring.iter().for_each(warn),
            Err(error) => tracing::warn!(%error, "credentials that expire could not be looked for"),
        }
        let _ = tokio::time::timeout(ROUND, stop.cancelled()).await;
    }
}

fn warn(expiring: &installation::Expiring) {
    let installation::Expiring { realm, credential, role, expires_at } = expiring;
    tracing::warn!(
        %realm, %credential, role, %expires_at,
        "a credential expires within 14 days: create another one, or let it end"
    );
}
