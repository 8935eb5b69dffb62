//! Notifications: each one goes to the push service that gave the device its address.

use tidegate_core::{DeliveryId, Entropy, Notification, PushAddress, Timestamp};

use super::{
    apns::{self, Apns, ApnsSettings},
    fcm::{self, Fcm, FcmSettings},
    web_push::{self, WebPush, WebPushSettings},
};
use crate::{SetupError, trouble::Trouble};

/// The push services that are set up. A notification for another one fails with a problem of its own.
#[derive(Debug, Clone, Default)]
pub struct PushSettings {
    pub web_push: Option<WebPushSettings>,
    pub fcm: Option<FcmSettings>,
    pub apns: Option<ApnsSettings>,
}

impl PushSettings {
    /// Everything that `Push::open` would refuse.
    pub(crate) fn faults(self) -> impl Iterator<Item = SetupError> {
        let Self { web_push, fcm, apns } = self;
        let web_push = web_push.and_then(|settings| WebPush::open(settings).err());
        let fcm = fcm.and_then(|settings| Fcm::open(settings).err());
        let apns = apns.and_then(|settings| Apns::open(settings).err());
        [web_push, fcm, apns].into_iter().flatten()
    }
}

pub(crate) struct Push {
    web: Option<WebPush>,
    fcm: Option<Fcm>,
    apns: Option<Apns>,
}

impl Push {
    /// Reads the key files.
    pub(crate) fn open(settings: PushSettings) -> Result<Self, SetupError> {
        let PushSettings { web_push, fcm, apns } = settings;
        Ok(Self {
            web: web_push.map(WebPush::open).transpose()?,
            fcm: fcm.map(Fcm::open).transpose()?,
            apns: apns.map(Apns::open).transpose()?,
        })
    }

    pub(crate) fn web_push_key(&self) -> Option<&str> {
        self.web.as_ref().map(WebPush::public_key)
    }

    /// A notification that is sent again replaces the first one on the device.
    pub(crate) async fn send(
        &self,
        id: DeliveryId,
        notification: &Notification,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), Trouble> {
        let not_configured = |service| Trouble::NotConfigured { service };
        match &notification.to {
            PushAddress::WebPush { endpoint, p256dh, auth } => {
                let web = self.web.as_ref().ok_or_else(|| not_configured(web_push::SERVICE))?;
                web.send((endpoint, p256dh, auth), notification, now, entropy).await
            }
            PushAddress::Fcm { token } => {
                let fcm = self.fcm.as_ref().ok_or_else(|| not_configured(fcm::SERVICE))?;
                fcm.send(token, notification, now).await
            }
            PushAddress::Apns { token } => {
                let apns = self.apns.as_ref().ok_or_else(|| not_configured(apns::SERVICE))?;
                apns.send(id, token, notification, now).await
            }
        }
    }
}

/// The word by which the payload of a notice is told from that of a prompt. It is also what replaces an earlier notice: all
/// of them say the same, so a device shows one.
pub(super) const NOTICE: &str = "notice";

/// A later notification with the same tag replaces the one that is shown.
pub(super) fn tag(notification: &Notification) -> String {
    notification.challenge.map_or_else(|| NOTICE.to_owned(), |challenge| challenge.to_string())
}

/// For how many seconds the push service keeps a notification that it cannot deliver at once.
pub(super) fn seconds_left(notification: &Notification, now: Timestamp) -> i64 {
    (notification.expires_at.unix_seconds() - now.unix_seconds()).max(0)
}
