//! Mails without an owner: what each one looks like, and one that shows whether mail is set up.

use std::path::PathBuf;

use tidegate_core::{
    Body, DeliveryId, Email, Message, MessagePurpose, MessageStyle, Notice, ProductKey, Recipient, Span,
    Timestamp, Title, Word as _,
};

use crate::{
    Settings, SetupError,
    letter::Sender,
    text::{Templates, Text},
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

/// One mail with invented content. It is no secret.
pub struct Preview {
    /// The name of its templates.
    pub name: &'static str,
    pub subject: String,
    pub plain: String,
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

/// Every mail, from the product's own texts where there are some. What is wrong with those is an error here.
pub fn previews(
    templates: PathBuf,
    look: &Look,
    to: &Email,
    now: Timestamp,
) -> Result<Vec<Preview>, PreviewError> {
    let templates = Templates::new(templates);
    let names = MessagePurpose::ALL.iter().map(|purpose| (purpose.as_str(), *purpose));
    let names = names.chain([(TEST, MessagePurpose::FactorAdded)]);
    let preview = |(name, purpose)| {
        let Text { subject, plain, html } = templates.own_text(name, &example(look, purpose, to, now))?;
        Ok(Preview { name, subject, plain, html })
    };
    names.map(preview).collect()
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
    let message = example(look, MessagePurpose::FactorAdded, to, now);
    let text = templates.text(TEST, &message)?;
    let sender = Sender::parse(&from, templates).ok_or(SetupError::From { from })?;
    let transport = Transport::open(server, sender.domain())?;
    let letter = sender.with_text(id, &message, text, now)?;
    Ok(transport.send(letter).await?)
}

fn example(look: &Look, purpose: MessagePurpose, to: &Email, now: Timestamp) -> Message {
    let token = "tgl_1_exampleexampleexampleexampleexampleexampleexampl";
    let url = || "https://example.com/confirm".parse();
    let body = match purpose {
        MessagePurpose::VerifyEmail | MessagePurpose::ConfirmEnrollment => {
            url().ok().map(|url| Body::Link { url, token: token.to_owned() })
        }
        MessagePurpose::SignInCode | MessagePurpose::ChangeCode => {
            Some(Body::Code { code: "12345678".to_owned() })
        }
        MessagePurpose::FactorAdded
        | MessagePurpose::FactorRemoved
        | MessagePurpose::RecoveryCodesReplaced
        | MessagePurpose::RecoveryCodeUsed
        | MessagePurpose::FactorCopied
        | MessagePurpose::PushDenied => None,
    };
    let notice = Notice { at: now, factor: "phone".parse().ok(), codes_left: Some(3) };
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
