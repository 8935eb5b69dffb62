//! What the courier is told of the push services.

use std::{path::Path, time::Duration};

use tidegate_courier::{ApnsSettings, FcmSettings, PushSettings, WebPushSettings};

use crate::config::Config;

/// A service whose key file is not named is not used.
pub(crate) fn settings(config: &Config) -> PushSettings {
    let (web, fcm, apns) = (&config.web_push, &config.fcm, &config.apns);
    PushSettings {
        web_push: is_named(&web.key_file).then(|| WebPushSettings {
            key_file: web.key_file.clone(),
            contact: web.contact.clone(),
            hosts: hosts(&web.hosts),
            timeout: Duration::from_millis(web.timeout_ms),
        }),
        fcm: is_named(&fcm.account_file).then(|| FcmSettings {
            account_file: fcm.account_file.clone(),
            project: optional(&fcm.project),
            base: fcm.url.clone(),
            token_url: optional(&fcm.token_url),
            timeout: Duration::from_millis(fcm.timeout_ms),
        }),
        apns: is_named(&apns.key_file).then(|| ApnsSettings {
            key_file: apns.key_file.clone(),
            key_id: apns.key_id.clone(),
            team_id: apns.team_id.clone(),
            topic: apns.topic.clone(),
            base: apns.url.clone(),
            timeout: Duration::from_millis(apns.timeout_ms),
        }),
    }
}

fn hosts(named: &str) -> Vec<String> {
    if named.is_empty() {
        return WebPushSettings::DEFAULT_HOSTS.iter().map(ToString::to_string).collect();
    }
    named.split(',').map(|host| host.trim().to_owned()).collect()
}

fn is_named(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}

fn optional(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
