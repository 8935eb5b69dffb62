//! Messages without an owner: what each one looks like, and a mail that shows whether mail is set up.

use std::path::PathBuf;

use tidegate_core::{
    Body, DeliveryId, Email, Message, MessagePurpose, MessageStyle, NotMeLink, Notice, ProductKey, Recipient,
    Reminder, Span, Timestamp, Title, Word as _,
};

use crate::{
    Settings, SetupError,
    letter::Sender,
    text::{Templates, Text, is_mailed, is_texted},
    transport::Transport,
    trouble::Trouble,
};

/// In whose name, and how.
#[derive(Debug, Clone)]
pub struct Look {
    pub key: ProductKey,
    pub product: Title,
    pub style: MessageStyle,
}

/// One message with invented content. It is no secret.
pub struct Preview {
    /// The name of its templates.
    pub name: String,
    pub plain: String,
    /// Of a mail.
    pub mail: Option<MailPreview>,
}

pub struct MailPreview {
    pub subject: String,
    pub html: String,
}

/// Why a mail without an owner was not made or sent.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The text says nothing of the mail.
    #[error("{0}")]
    Trouble(String),
}

impl From<Trouble> for PreviewError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble.to_string())
    }
}

/// The name of the templates of the mail that an operator sends.
const TEST: &str = "test";

/// Every message, from the product's own texts where there are some. What is wrong with those is an error here.
pub fn previews(
    templates: PathBuf,
    look: &Look,
    to: &Email,
    now: Timestamp,
) -> Result<Vec<Preview>, PreviewError> {
    let templates = Templates::new(templates);
    let purposes = || MessagePurpose::ALL.iter().copied();
    let mails = purposes().filter(|purpose| is_mailed(*purpose));
    let mails = mails.map(|purpose| (purpose.as_str(), example(look, purpose, to, now)));
    let mails = mails.chain([(TEST, test_mail(look, to, now))]).map(|(name, message)| {
        let Text { subject, plain, html } = templates.own_text(name, &message)?;
        Ok(Preview { name: name.to_owned(), plain, mail: Some(MailPreview { subject, html }) })
    });
    let texts = purposes().filter(|purpose| is_texted(*purpose)).map(|purpose| {
        let body = Body::Code { code: "123456".to_owned() };
        let message = Message { body, ..example(look, purpose, to, now) };
        let plain = templates.own_sms(&message)?.expose().clone() + "\n";
        Ok(Preview { name: format!("sms_{}", purpose.as_str()), plain, mail: None })
    });
    mails.chain(texts).collect()
}

/// Sends one mail at once, as the settings say.
pub async fn send_test(
    settings: Settings,
    look: &Look,
    to: &Email,
    (id, now): (DeliveryId, Timestamp),
) -> Result<(), PreviewError> {
    let Settings { to: server, templates, from, .. } = settings;
    let templates = Templates::new(templates);
    let message = test_mail(look, to, now);
    let text = templates.text(TEST, &message)?;
    let sender = Sender::parse(&from, templates).ok_or(SetupError::From { from })?;
    let transport = Transport::open(server, sender.domain())?;
    let letter = sender.with_text(id, &message, text, now)?;
    Ok(transport.send(letter).await?)
}

/// It concerns no account, so it has none of what notices have.
fn test_mail(look: &Look, to: &Email, now: Timestamp) -> Message {
    let body = Body::Notice(Notice::at(now));
    Message { body, ..example(look, MessagePurpose::FactorAdded, to, now) }
}

fn example(look: &Look, purpose: MessagePurpose, to: &Email, now: Timestamp) -> Message {
    let token = "tgl_1_exampleexampleexampleexampleexampleexampleexampl";
    let url = || "https://example.com/confirm".parse();
    let body = match purpose {
        MessagePurpose::VerifyEmail
        | MessagePurpose::ConfirmEnrollment
        | MessagePurpose::ConfirmAddress
        | MessagePurpose::ClaimAddress
        | MessagePurpose::ResetPassword
        | MessagePurpose::NewPasswordDemanded => {
            url().ok().map(|url| Body::Link { url, token: token.to_owned() })
        }
        MessagePurpose::AccessPass => Some(Body::Code { code: "4m6ptc-9s2k0w-xv81ha-z7qe5d-3k".to_owned() }),
        MessagePurpose::SignInCode | MessagePurpose::ChangeCode | MessagePurpose::ConfirmPhone => {
            Some(Body::Code { code: "12345678".to_owned() })
        }
        MessagePurpose::FactorAdded
        | MessagePurpose::FactorRemoved
        | MessagePurpose::RecoveryCodesReplaced
        | MessagePurpose::RecoveryCodesVoided
        | MessagePurpose::RecoveryCodeUsed
        | MessagePurpose::FactorCopied
        | MessagePurpose::PushDenied
        | MessagePurpose::PhoneChanged
        | MessagePurpose::PasswordChanged
        | MessagePurpose::DeviceCopied
        | MessagePurpose::NewDevice
        | MessagePurpose::SecondStepFailed
        | MessagePurpose::SignInClosed
        | MessagePurpose::AddressChangeRequested
        | MessagePurpose::AddressChanged
        | MessagePurpose::AccountSuspended
        | MessagePurpose::AccountReactivated
        | MessagePurpose::AccountLockedDown
        | MessagePurpose::AccountDeleted
        | MessagePurpose::FactorsReset
        | MessagePurpose::EnrollmentPostponed => None,
        MessagePurpose::EnrollmentReminder => {
            let deadline = Some((now.plus(Span::days(15)), 15));
            url().ok().map(|page| Body::Reminder(Reminder { page, deadline }))
        }
        MessagePurpose::TwoStepStaysOn => {
            url().ok().map(|page| Body::Reminder(Reminder { page, deadline: None }))
        }
    };
    let notice = Notice {
        at: now,
        factor: "phone".parse().ok(),
        codes_left: Some(3),
        from: Some("Firefox on Linux, 203.0.113.7".to_owned()),
        address: Some("a…@e….com".to_owned()),
        until: Some(now.plus(Span::days(7))),
        not_me: url().ok().map(|url| NotMeLink { url, token: token.to_owned() }),
    };
    Message {
        purpose,
        to: Recipient::Mailbox(to.destination()),
        key: Some(look.key.clone()),
        product: look.product.clone(),
        style: look.style,
        body: body.unwrap_or(Body::Notice(notice)),
        expires_at: now.plus(Span::minutes(10)),
    }
}
