//! Whether the gateway for text messages can be reached. No message is sent.

use std::sync::Arc;

use tidegate_courier::{SmsTo, reach_sms_gateway};

use super::{
    broken,
    finding::{Check, Finding},
    push,
};
use crate::{config::Config, files::Files, sms};

const CHECK: Check = Check::Sms;

pub(super) async fn look(config: Arc<Config>) -> Vec<Finding> {
    let read = tokio::task::spawn_blocking({
        let config = config.clone();
        move || sms::to(&config, Files::Here)
    });
    vec![match read.await {
        Ok(Ok(None)) => CHECK.ok("text messages are off"),
        Ok(Ok(Some(SmsTo::Folder(folder)))) => CHECK.warning(
            format!("text messages are written to the folder {}: no phone gets them", folder.display()),
            "set sms.url; nothing, if this is for development",
        ),
        Ok(Ok(Some(SmsTo::Gateway(settings)))) => {
            push::judge(CHECK, &reach_sms_gateway(*settings).await, "no text message leaves")
        }
        Ok(Err(_)) => CHECK
            .unknown("not looked at: the settings of text messages are wrong", "see what `settings` says"),
        Err(_) => broken(CHECK),
    }]
}
