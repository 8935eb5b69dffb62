//! The devices that an account knows: those from which it completed a sign-in, at each product. What support sees is recorded.

use serde::{Deserialize, Serialize};
use tidegate_core::{DeviceId, Fact, Permission, ProductKey, Refusal, SessionEnd, Subject, Timestamp};
use tidegate_keyring::PersonalContext;
use tidegate_store::{devices, sessions};

use super::ending;
use crate::{Command, CommandContext, Error, accounts::owner, idempotency::outcomes};

#[derive(Debug)]
pub struct ListTrustedDevices {
    pub subject: Subject,
}

/// The one that signed in last comes first.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrustedDevices(pub Vec<ListedDevice>);

outcomes!(TrustedDevices);

#[derive(Debug, Serialize, Deserialize)]
pub struct ListedDevice {
    pub product: ProductKey,
    pub device: DeviceId,
    /// Where it last signed in from; may be empty.
    pub client: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Until when it stands in for the second step; `None`: it does not.
    pub trusted_until: Option<Timestamp>,
}

impl Command for ListTrustedDevices {
    const NAME: &'static str = "list_trusted_devices";
    const PERMISSION: Permission = Permission::SessionsRead;
    type Outcome = TrustedDevices;

    async fn run(self, cx: &CommandContext) -> Result<TrustedDevices, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.not_signing_in()?;
        let account = &acting.account;
        let known = devices::of_account(&mut cx.view(), account.id).await?;
        let listed = known.into_iter().map(|devices::DeviceAt { product, device }| {
            let context = PersonalContext::DeviceClient(device.series);
            let trusted_until = device.trusted_until;
            ListedDevice {
                product,
                client: cx.query().shown_client(account, context, device.client.as_ref()),
                device: device.device,
                first_at: device.created_at,
                last_at: device.rotated_at,
                trusted_until: trusted_until
                    .filter(|until| cx.now() < *until && device.epoch == account.epoch),
            }
        });
        let listed = TrustedDevices(listed.collect());
        cx.idempotent(async |tx| {
            cx.record_seen(tx, &acting).await?;
            Ok(listed)
        })
        .await
    }
}

#[derive(Debug)]
pub struct RevokeTrustedDevice {
    pub subject: Subject,
    pub product: ProductKey,
    pub device: DeviceId,
}

/// Whether the device was known.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeviceRevoked(pub bool);

outcomes!(DeviceRevoked);

impl Command for RevokeTrustedDevice {
    const NAME: &'static str = "revoke_trusted_device";
    const PERMISSION: Permission = Permission::SessionsRevoke;
    type Outcome = DeviceRevoked;

    /// The device is forgotten, so its token makes it neither trusted nor known, and its sessions at the product end. The
    /// subject's own session goes on.
    async fn run(self, cx: &CommandContext) -> Result<DeviceRevoked, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let own = acting.session()?.id;
        if acting.recovers {
            return Err(Refusal::SessionRecovers.into());
        }
        let Self { product, device, .. } = self;
        cx.idempotent(async |tx| {
            let account = owner::lock(tx, &acting).await?;
            let whose = (&account, &acting.client);
            for session in sessions::of_device(tx, account.id, &product, &device).await? {
                if session.id != own {
                    ending::end(cx, tx, whose, &session, SessionEnd::Revoked).await?;
                }
            }
            let known = devices::forget(tx, account.id, &product, &device).await?;
            if known {
                let event = cx.event(Fact::DeviceForgotten {}).at(&product).of(&account);
                event.from(&acting.client).record(tx).await?;
            }
            Ok(DeviceRevoked(known))
        })
        .await
    }
}
