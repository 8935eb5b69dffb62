//! Waits until something may have changed for a device, and reads again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_core::{AccountId, FactorId, Permission, Refusal};
use tidegate_store::factors;
use tokio::sync::Notify;

use super::{Push, list};
use crate::{App, Error, Query, QueryContext, Share};

/// A device whose signature was verified.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Listening {
    pub(super) account: AccountId,
    pub(super) factor: FactorId,
}

impl App {
    /// Is notified when something may wait for the device. Must be waited on before the device's pushes are read.
    pub fn device_signal(&self, Listening { factor, .. }: Listening) -> Arc<Notify> {
        self.inner.cache.signals.of(factor)
    }
}

/// Reads what waits for a device that was verified before.
#[derive(Debug)]
pub struct ReadPushes {
    pub listening: Listening,
}

impl Query for ReadPushes {
    const NAME: &'static str = "read_pushes";
    const PERMISSION: Permission = Permission::Pushes;
    const SHARE: Share = Share::Hot;
    type Outcome = Vec<Push>;

    async fn run(self, cx: &QueryContext) -> Result<Vec<Push>, Error> {
        let (mut view, Listening { account, factor }) = (cx.view(), self.listening);
        // The factor may have been removed meanwhile.
        if factors::find(&mut view, account, factor).await?.is_none() {
            return Err(Refusal::DeviceNotValid.into());
        }
        Ok(list::waiting(cx, &mut view, self.listening).await?)
    }
}
