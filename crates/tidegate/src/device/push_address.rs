//! Where notifications reach the device that is played, from the command line.

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::Args;
use tidegate_proto::{self as proto, push_address::Address};

#[derive(Args)]
pub struct PushAddressArgs {
    /// Where notifications reach the device: a registration token of Firebase Cloud Messaging.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["apns_token", "web_push_endpoint"])]
    fcm_token: Option<String>,
    /// The same: a device token of the Apple Push Notification service.
    #[arg(long, value_name = "TOKEN", conflicts_with = "web_push_endpoint")]
    apns_token: Option<String>,
    /// The same: the endpoint of a browser's subscription. Its keys are named too, as `PushSubscription.toJSON` tells them.
    #[arg(long, value_name = "URL", requires_all = ["p256dh", "auth"])]
    web_push_endpoint: Option<String>,
    /// The subscription's key `p256dh`, in base64url.
    #[arg(long, value_name = "KEY", requires = "web_push_endpoint", value_parser = base64url)]
    p256dh: Option<KeyBytes>,
    /// The subscription's secret `auth`, in base64url.
    #[arg(long, value_name = "SECRET", requires = "web_push_endpoint", value_parser = base64url)]
    auth: Option<KeyBytes>,
}

#[derive(Clone)]
struct KeyBytes(Vec<u8>);

fn base64url(text: &str) -> anyhow::Result<KeyBytes> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    bytes.map(KeyBytes).context("must be base64url")
}

impl PushAddressArgs {
    /// The server says what is wrong with an address. `None`: the device asks by itself what waits.
    pub fn into_address(self) -> Option<proto::PushAddress> {
        let bytes = |key: Option<KeyBytes>| key.map(|key| key.0).unwrap_or_default();
        let web_push = self.web_push_endpoint.map(|endpoint| {
            let (p256dh, auth) = (bytes(self.p256dh), bytes(self.auth));
            Address::WebPush(proto::WebPushAddress { endpoint, p256dh, auth })
        });
        let token = self.fcm_token.map(Address::FcmToken).or(self.apns_token.map(Address::ApnsToken));
        token.or(web_push).map(|address| proto::PushAddress { address: Some(address) })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        address: PushAddressArgs,
    }

    fn read(words: &[&str]) -> Option<Option<Address>> {
        let line = Line::try_parse_from([&["tidegate"], words].concat()).ok()?;
        Some(line.address.into_address().map(|address| address.address.unwrap()))
    }

    #[test]
    fn a_device_has_one_address_or_none() {
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["--fcm-token", "ann:1"]), Some(Some(Address::FcmToken("ann:1".into()))));
        assert_eq!(read(&["--apns-token", "ab"]), Some(Some(Address::ApnsToken("ab".into()))));
        let endpoint = ["--web-push-endpoint", "https://push.example/ann"];
        let keys = ["--p256dh", "BP4-_w", "--auth", "AQI="];
        let (p256dh, auth) = (vec![4, 254, 62, 255], vec![1, 2]);
        let subscription = proto::WebPushAddress { endpoint: endpoint[1].into(), p256dh, auth };
        assert_eq!(read(&[endpoint.as_slice(), &keys].concat()), Some(Some(Address::WebPush(subscription))));
        for wrong in [
            ["--fcm-token", "ann:1", "--apns-token", "ab"].as_slice(),
            &["--fcm-token", "ann:1", "--web-push-endpoint", "https://push.example/ann"],
            &endpoint,
            &keys,
            &["--web-push-endpoint", "https://push.example/ann", "--p256dh", "!", "--auth", "AQI"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
