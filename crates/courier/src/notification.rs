//! What a notification says: one line, which asks the person to open the app. It tells nothing that a thief of the phone
//! could use on a locked screen.

use tidegate_core::{Body, Language, Message, MessagePurpose, Notification, Recipient};

use crate::trouble::Trouble;

/// The notification of a message to a device.
pub(crate) fn of(message: &Message) -> Result<Notification, Trouble> {
    let (Recipient::Device(to), Body::Prompt { challenge, .. }) = (&message.to, &message.body) else {
        return Err(Trouble::Address);
    };
    Ok(Notification {
        to: to.clone(),
        title: message.product.clone(),
        text: line(message.purpose, message.style.language).to_owned(),
        challenge: *challenge,
        expires_at: message.expires_at,
    })
}

const fn line(purpose: MessagePurpose, language: Language) -> &'static str {
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
