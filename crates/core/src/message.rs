//! A message that waits to be sent. `service` seals it into a delivery; `courier`, the outbox worker,
//! opens and sends it.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ChallengeId, DeliveryId, Destination, FactorId, Language, LinkUrl, MessageStyle, PhoneNumber,
    Product, ProductKey, PushAddress, Secret, Timestamp, Title, words,
};

words! {
    /// How a message travels. Each channel has a worker of its own, so that one that hangs delays no other.
    Channel "channel" {
        Mail = "mail",
        /// A notification on a device.
        Push = "push",
        /// A text message.
        Sms = "sms",
    }
}

words! {
    /// What a message is for. It decides about the text.
    MessagePurpose "message purpose" {
        VerifyEmail = "verify_email",
        ConfirmEnrollment = "confirm_enrollment",
        SignInCode = "sign_in_code",
        ChangeCode = "change_code",
        FactorAdded = "factor_added",
        FactorRemoved = "factor_removed",
        RecoveryCodesReplaced = "recovery_codes_replaced",
        RecoveryCodeUsed = "recovery_code_used",
        FactorCopied = "factor_copied",
        PushDenied = "push_denied",
        ConfirmPhone = "confirm_phone",
        PhoneChanged = "phone_changed",
        ResetPassword = "reset_password",
        NewPasswordDemanded = "new_password_demanded",
        PasswordChanged = "password_changed",
        DeviceCopied = "device_copied",
        NewDevice = "new_device",
        SecondStepFailed = "second_step_failed",
        SignInClosed = "sign_in_closed",
        ConfirmAddress = "confirm_address",
        ClaimAddress = "claim_address",
        AddressChangeRequested = "address_change_requested",
        AddressChanged = "address_changed",
        AccountSuspended = "account_suspended",
        AccountReactivated = "account_reactivated",
        AccountLockedDown = "account_locked_down",
        AccountDeleted = "account_deleted",
        FactorsReset = "factors_reset",
        AccessPass = "access_pass",
        /// The deadline comes nearer.
        EnrollmentReminder = "enrollment_reminder",
        /// Two-step is on, and cannot be switched off any more.
        TwoStepStaysOn = "two_step_stays_on",
        EnrollmentPostponed = "enrollment_postponed",
        /// The database was restored from a copy, in which used codes may look unused.
        RecoveryCodesVoided = "recovery_codes_voided",
    }
}

/// It may hold a link or a code that can take over an account. It has no `Debug`, and is serialised only in
/// order to be sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    pub purpose: MessagePurpose,
    pub to: Recipient,
    /// Whose texts are used, where it has its own.
    #[serde(default)]
    pub key: Option<ProductKey>,
    /// The product's title.
    pub product: Title,
    #[serde(default)]
    pub style: MessageStyle,
    pub body: Body,
    pub expires_at: Timestamp,
}

/// Where a message goes: only what is stored and verified (INV-30).
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Recipient {
    Mailbox(Destination),
    Device(PushAddress),
    Phone(PhoneNumber),
}

impl Recipient {
    pub const fn mailbox(&self) -> Option<&Destination> {
        match self {
            Self::Mailbox(to) => Some(to),
            Self::Device(_) | Self::Phone(_) => None,
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A link to redeem.
    Link { url: LinkUrl, token: String },
    /// A code to type.
    Code { code: String },
    /// Something happened to the account.
    Notice(Notice),
    /// What a ladder will demand, and from when on.
    Reminder(Reminder),
    /// Something waits on the device.
    Prompt { challenge: ChallengeId, factor: FactorId },
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Notice {
    pub at: Timestamp,
    /// What the owner calls the factor it is about.
    pub factor: Option<Title>,
    /// How many recovery codes are left.
    pub codes_left: Option<usize>,
    /// From where it was done, as far as that is known: user agent and IP address.
    #[serde(default)]
    pub from: Option<String>,
    /// The address that a change is about, masked.
    #[serde(default)]
    pub address: Option<String>,
    /// Until when it can be taken back.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The link "this wasn't me".
    #[serde(default)]
    pub not_me: Option<NotMeLink>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Reminder {
    /// The product's own page. It holds no token, so that a reminder is no use to who reads it.
    pub page: LinkUrl,
    /// From when on two-step is demanded, and how many whole days are left. `None`: it is on already.
    pub deadline: Option<(Timestamp, u32)>,
}

impl Notice {
    /// A notice that says when, and no more.
    pub const fn at(at: Timestamp) -> Self {
        Self { at, factor: None, codes_left: None, from: None, address: None, until: None, not_me: None }
    }
}

/// Where the person who gets a notice says that it was not them. Opening it changes nothing.
#[derive(Clone, Serialize, Deserialize)]
pub struct NotMeLink {
    pub url: LinkUrl,
    pub token: String,
}

impl NotMeLink {
    /// The product's page with the token after `#`, where no server log sees it: `#not-me=tgl_…`.
    pub fn link(&self) -> Secret<String> {
        Secret::new(format!("{}#not-me={}", self.url, self.token))
    }
}

impl Message {
    /// A message in the name of a product, in the person's language if it is known.
    pub fn of(
        product: &Product,
        language: Option<Language>,
        (purpose, body): (MessagePurpose, Body),
        to: Recipient,
        expires_at: Timestamp,
    ) -> Self {
        let mut style = product.settings.messages;
        style.language = language.unwrap_or(style.language);
        let (key, product) = (Some(product.key.clone()), product.title.clone());
        Self { purpose, to, key, product, style, body, expires_at }
    }

    /// The product's page with the token after `#`, where no server log sees it: `#verify=tgl_…`, `#reset=tgl_…` or
    /// `#confirm=tgl_…`. The word names the call that redeems the token. `None` for other bodies.
    pub fn link(&self) -> Option<Secret<String>> {
        let Body::Link { url, token } = &self.body else { return None };
        let call = match self.purpose {
            MessagePurpose::VerifyEmail | MessagePurpose::ConfirmAddress | MessagePurpose::ClaimAddress => {
                "verify"
            }
            MessagePurpose::ResetPassword | MessagePurpose::NewPasswordDemanded => "reset",
            _ => "confirm",
        };
        Some(Secret::new(format!("{url}#{call}={token}")))
    }

    /// Reads a message as it was sealed, by this version of the program or one before the channels.
    pub fn read(plain: &[u8]) -> Option<Self> {
        if let Ok(message) = serde_json::from_slice(plain) {
            return Some(message);
        }
        let LinkMail { template, to, product, link_url, token, expires_at } =
            serde_json::from_slice(plain).ok()?;
        let body = Body::Link { url: link_url, token };
        let (key, style) = (None, MessageStyle::default());
        let to = Recipient::Mailbox(to);
        Some(Self { purpose: template, to, key, product, style, body, expires_at })
    }
}

/// Before the channels, every message was a mail with a link.
#[derive(Deserialize)]
struct LinkMail {
    template: MessagePurpose,
    to: Destination,
    product: Title,
    link_url: LinkUrl,
    token: String,
    expires_at: Timestamp,
}

/// What became of a message. The message itself is sealed, and dropped at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub account: AccountId,
    pub channel: Channel,
    pub purpose: MessagePurpose,
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: i64,
    /// Why the last try failed.
    pub problem: Option<DeliveryProblem>,
    pub next_try_at: Timestamp,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

words! {
    DeliveryState "delivery state" {
        Queued = "queued",
        /// A mail server, push service or gateway has taken it.
        Sent = "sent",
        /// The gateway's receipt says that the phone has it.
        Delivered = "delivered",
        Failed = "failed",
    }
}

words! {
    /// Why a message was not sent, or did not arrive.
    DeliveryProblem "delivery problem" {
        /// It expired before it was sent.
        Expired = "expired",
        /// Its payload does not open. It waits for its key until it expires.
        Sealed = "sealed",
        /// The destination cannot be written into a message.
        Destination = "destination",
        /// The text could not be made.
        Text = "text",
        /// The transport could not take it.
        Transport = "transport",
        /// Sending took too long.
        TimedOut = "timed_out",
        /// The mail server, push service or gateway refused for now.
        RefusedForNow = "refused_for_now",
        /// The mail server, push service or gateway refused for good.
        Refused = "refused",
        /// The push service no longer knows the device.
        Gone = "gone",
        /// No service is set up for such a destination.
        NotConfigured = "not_configured",
        /// The gateway took it, and its receipt says that the phone did not get it.
        NotDelivered = "not_delivered",
    }
}
