//! What a notification says: one line, which asks the person to open the app. It tells nothing that a thief of the phone
//! could use on a locked screen: of a notice not even what happened, and never the link "this wasn't me".

use tidegate_core::{Body, Language, Message, MessagePurpose, Notification, Recipient};

use crate::trouble::Trouble;

/// The notification of a message to a device.
pub(crate) fn of(message: &Message) -> Result<Notification, Trouble> {
    let Recipient::Device(to) = &message.to else { return Err(Trouble::Address) };
    let language = message.style.language;
    let (text, challenge) = match &message.body {
        Body::Prompt { challenge, .. } => (prompt(message.purpose, language), Some(*challenge)),
        Body::Notice(_) => (notice(language), None),
        Body::Link { .. } | Body::Code { .. } | Body::Reminder(_) => return Err(Trouble::Address),
    };
    Ok(Notification {
        to: to.clone(),
        title: message.product.clone(),
        text: text.to_owned(),
        challenge,
        expires_at: message.expires_at,
    })
}

const fn notice(language: Language) -> &'static str {
    match language {
        Language::En => "Something about the security of your account changed. Open the app to see what.",
        Language::De => {
            "An der Sicherheit Ihres Kontos hat sich etwas geändert. Öffnen Sie die App, um zu sehen, was."
        }
    }
}

const fn prompt(purpose: MessagePurpose, language: Language) -> &'static str {
    match (purpose, language) {
        (MessagePurpose::ChangeCode, Language::En) => {
            "Do you change the security of your account? Open the app to confirm it."
        }
        (MessagePurpose::ChangeCode, Language::De) => {
            "Ändern Sie die Sicherheit Ihres Kontos? Öffnen Sie die App und bestätigen Sie es."
        }
        (_, Language::En) => "Do you sign in? Open the app to confirm it.",
        (_, Language::De) => "Melden Sie sich an? Öffnen Sie die App und bestätigen Sie es.",
    }
}
