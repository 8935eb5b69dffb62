//! Whether the mail server takes mails from this program. None is sent.

use std::sync::Arc;

use tidegate_courier::{Obstacle, reach_mail_server};

use super::{
    broken,
    finding::{Check, Finding},
    story,
};
use crate::{config::Config, files::Files, mail};

const CHECK: Check = Check::Mail;

pub(super) async fn look(config: Arc<Config>) -> Vec<Finding> {
    let smtp = &config.smtp;
    if smtp.host.is_empty() {
        return vec![CHECK.warning(
            format!(
                "mails are written to the folder {}: nobody gets them, and who can read the folder can sign in with the codes",
                config.mail.folder.display()
            ),
            "set smtp.host, smtp.port, smtp.user and smtp.password_file; nothing, if this is for development",
        )];
    }
    let read = tokio::task::spawn_blocking({
        let config = config.clone();
        move || mail::server(&config, Files::Here)
    });
    let settings = match read.await {
        Ok(Ok(settings)) => settings,
        Ok(Err(error)) => {
            return vec![
                CHECK.error(format!("{error:#}, so `serve` does not start"), "correct smtp.password_file"),
            ];
        }
        Err(_) => return vec![broken(CHECK)],
    };
    let at = format!("the mail server {}:{}", smtp.host, smtp.port);
    vec![match reach_mail_server(settings, &config.mail.from).await {
        Ok(()) if smtp.user.is_empty() => CHECK.ok(format!("{at} answers; no mail was sent")),
        Ok(()) => CHECK.ok(format!("{at} answers and accepts the user {}; no mail was sent", smtp.user)),
        Err(error) => CHECK
            .error(format!("{at}: {}: no mail leaves, and no code by mail", story(&error)), remedy(&error)),
    }]
}

fn remedy(obstacle: &Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Setup(_) => "correct the settings of smtp and mail.from: `serve` does not start with them",
        Obstacle::Name(_) => "correct smtp.host, or the name server of this machine (/etc/resolv.conf)",
        Obstacle::Connection(_) | Obstacle::Slow => {
            "see that the server runs and that nothing is between: a firewall, a NetworkPolicy, a cloud that blocks port 25; \
             compare smtp.port (587 with starttls, 465 with implicit)"
        }
        Obstacle::Encryption(_) => {
            "give smtp.ca_file, if an authority of your own issued its certificate; compare smtp.host with the names in it, and \
             smtp.tls with the port (587 with starttls, 465 with implicit)"
        }
        Obstacle::NotOffered(_) => {
            "compare smtp.tls and smtp.user with what the server offers: `openssl s_client -starttls smtp -connect HOST:PORT`"
        }
        Obstacle::Credentials(_) => {
            "correct smtp.user and the password in smtp.password_file, and restart the server: the file is read once"
        }
        Obstacle::Refused(_) => {
            "ask who runs the mail server why it refuses this machine (a block list, a relay rule)"
        }
        Obstacle::Answer | Obstacle::Token(_) => {
            "see that a mail server listens there: `tidegate mail test --to ADDRESS`"
        }
    }
}
