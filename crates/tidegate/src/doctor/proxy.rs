//! Proxies that the environment names. The program uses none: `courier/src/transport/http.rs` says why.

use super::finding::{Check, Finding};
use crate::config::{self, Config};

const CHECK: Check = Check::Proxy;
/// What curl and most libraries read.
const VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut named = config::environment_names();
    named.retain(|name| VARIABLES.contains(&name.to_ascii_uppercase().as_str()));
    let is_named = |file: &std::path::Path| !file.as_os_str().is_empty();
    let uses_http = !config.sms.url.is_empty()
        || [&config.fcm.account_file, &config.apns.key_file, &config.web_push.key_file]
            .into_iter()
            .any(|file| is_named(file));
    vec![match named.join(", ") {
        named if named.is_empty() => CHECK.ok("the environment names no proxy, and the program would use none"),
        named if uses_http => CHECK.warning(
            format!("{named} is set, and the program does not use it: it connects to push services and to the SMS gateway itself"),
            "let this machine connect to them without the proxy; `push` and `sms` say whether it can",
        ),
        named => CHECK.ok(format!("{named} is set; the program uses no proxy, and calls no service that needs one")),
    }]
}
