//! A mail as a MIME message: addresses, headers, and both forms of its text.
//!
//! No value from outside may inject a header: lettre encodes the subject, and both `Email` and
//! lettre must accept an address. A mail goes to a `Destination`, the address as typed, never to
//! the canonical form that is compared (INV-28).

use std::time::{Duration, SystemTime};

use lettre::{
    Address,
    address::Envelope,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use tidegate_core::{DeliveryId, Destination, Email, Message, Secret, Timestamp};

use crate::{
    text::{Templates, Text},
    trouble::Trouble,
};

/// The sender of all mails, and their texts.
pub(crate) struct Sender {
    from: Mailbox,
    templates: Templates,
}

/// The last second that the date of a mail can say: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

impl Sender {
    /// `None` when it is no mailbox. The domain is kept in ASCII, for headers that allow nothing else.
    pub(crate) fn parse(text: &str, templates: Templates) -> Option<Self> {
        let Mailbox { name, email } = text.parse().ok()?;
        let address = address(&Email::parse(email.as_ref()).ok()?.destination())?;
        let from = Mailbox::new(name, address);
        Some(Self { from, templates })
    }

    /// The domain that mails come from.
    pub(crate) fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// The same delivery has the same Message-ID however often it is sent. The name of the machine
    /// is not part of it.
    pub(crate) fn letter(
        &self,
        id: DeliveryId,
        message: &Message,
        now: Timestamp,
    ) -> Result<lettre::Message, Trouble> {
        self.with_text(id, message, self.templates.text_of(message)?, now)
    }

    /// What a phone shows of a text message.
    pub(crate) fn sms(&self, message: &Message) -> Result<Secret<String>, Trouble> {
        self.templates.sms(message)
    }

    pub(crate) fn with_text(
        &self,
        id: DeliveryId,
        message: &Message,
        Text { subject, plain, html }: Text,
        now: Timestamp,
    ) -> Result<lettre::Message, Trouble> {
        let to = message.to.mailbox().and_then(address).ok_or(Trouble::Address)?;
        let from = self.from.email.clone();
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0).min(LAST);
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        lettre::Message::builder()
            .message_id(Some(format!("<{id}@{}>", from.domain())))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .from(self.from.clone())
            .to(to.clone().into())
            .subject(subject)
            // RFC 3834 §5: no automatic answer comes back.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .envelope(Envelope::new(Some(from), vec![to]).map_err(Trouble::Letter)?)
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, plain))
                    .singlepart(part(ContentType::TEXT_HTML, html)),
            )
            .map_err(Trouble::Letter)
    }
}

/// The longest line that may be sent unencoded, in bytes (RFC 5322 §2.1.1).
const LINE: usize = 998;

/// ASCII is sent unencoded, so that a link stays whole on its line; lettre would break it at 76
/// bytes. lettre chooses the encoding of other text.
fn part(kind: ContentType, text: String) -> SinglePart {
    let part = SinglePart::builder().header(kind);
    if !text.is_ascii() || text.contains('\r') || text.lines().any(|line| line.len() > LINE) {
        return part.body(text);
    }
    let lines = text.replace('\n', "\r\n").into_bytes();
    part.body(Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit))
}

/// The local part as typed, the domain as A-labels.
fn address(to: &Destination) -> Option<Address> {
    to.smtp_address().ok()?.parse().ok()
}
