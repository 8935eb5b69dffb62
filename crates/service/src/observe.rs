//! The values that are read for each scrape of the metrics.

use tidegate_core::{Channel, Timestamp, Word as _};
use tidegate_metrics::Observed;
use tidegate_store::{Error, credentials, deliveries, events};

use crate::{App, Share};

impl App {
    /// What this process knows by itself. `memory` and `open_files` are the program's to fill in.
    pub fn observed(&self) -> Observed {
        let parts = &self.inner.parts;
        let counted = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        Observed {
            connections: parts.store.connections().map(counted),
            hashes: parts.passwords.queue().map(counted),
            cache_staleness: self.cache_staleness(),
            ..Observed::default()
        }
    }

    /// What the database knows: what is not sealed yet, which credentials end soon, and for how long messages have been due.
    pub async fn look_up(&self, observed: &mut Observed) -> Result<(), Error> {
        let (parts, now) = (&self.inner.parts, self.inner.parts.clock.now());
        let mut across = parts.store.across("metrics").sharing(Share::Bulk);
        if let Some(backlog) = events::backlog(&mut across).await? {
            let age = backlog.oldest.map(|oldest| now.since(oldest).as_duration());
            observed.unsealed = (age.unwrap_or_default(), backlog.count);
        }
        if let Some(outlook) = credentials::outlook(&mut across, now).await? {
            observed.credentials = [outlook.expiring, outlook.lasting_operators];
            observed.next_expiry = outlook.next_expiry.map(Timestamp::unix_seconds);
        }
        let oldest = deliveries::oldest(&mut across).await?;
        for channel in Channel::ALL {
            let due = oldest.iter().find(|one| one.channel == *channel).map(|one| one.due_at);
            let age = due.map(|due| now.since(due).as_duration()).unwrap_or_default();
            parts.metrics.oldest_delivery(channel.as_str(), age);
        }
        Ok(())
    }
}
