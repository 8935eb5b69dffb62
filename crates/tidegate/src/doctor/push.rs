//! Whether the push services that are set up can be reached. No notification is sent.

use std::sync::Arc;

use tidegate_courier::{Obstacle, Reached, reach_push_services};

use super::{
    finding::{Check, Finding},
    story,
};
use crate::{ambient::AuthorityClock, config::Config, push};

const CHECK: Check = Check::Push;

pub(super) async fn look(config: Arc<Config>) -> Vec<Finding> {
    let reached = reach_push_services(push::settings(&config), AuthorityClock::host()).await;
    if reached.is_empty() {
        return vec![CHECK.ok("push services are off")];
    }
    let effect = "no notification leaves; prompts are seen only in an app that is open";
    reached.iter().map(|reached| judge(CHECK, reached, effect)).collect()
}

/// `effect`: what does not work.
pub(super) fn judge(check: Check, reached: &Reached, effect: &str) -> Finding {
    let Reached { service, at, outcome } = reached;
    let named = if at.is_empty() { (*service).to_owned() } else { format!("{service} at {at}") };
    match outcome {
        Ok(()) => check.ok(format!("{named} answers; no message was sent")),
        Err(error) => check.error(format!("{named}: {}: {effect}", story(error)), remedy(error)),
    }
}

fn remedy(obstacle: &Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Setup(_) => "correct the setting: `serve` does not start with it",
        Obstacle::Name(_) => "correct the URL, or the name server of this machine (/etc/resolv.conf)",
        Obstacle::Encryption(_) => {
            "find out who answers: a proxy that opens encrypted connections is not trusted. For a gateway with a certificate of \
             an authority of your own, give sms.ca_file"
        }
        Obstacle::Token(_) => {
            "see that the account still exists and its key was not revoked, and that this machine's clock is right"
        }
        Obstacle::Connection(_)
        | Obstacle::Slow
        | Obstacle::NotOffered(_)
        | Obstacle::Credentials(_)
        | Obstacle::Refused(_)
        | Obstacle::Answer => {
            "let this machine connect to it, without a proxy: firewall, NetworkPolicy (`networkPolicy.egress` of the chart)"
        }
    }
}
