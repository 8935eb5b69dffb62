//! The types that all crates share.
//!
//! No I/O, no async, no clock and no random source: time and entropy are parameters.

mod access;
mod account;
mod agent;
mod caller;
mod chain;
mod challenge;
mod country;
mod customer;
mod denial;
mod directory;
mod email;
mod email_change;
mod enrollment;
mod entropy;
mod event;
mod fact;
mod factor;
mod id;
mod issuers;
mod key;
mod level;
mod link_url;
mod message;
mod password_length;
mod phone;
mod product;
mod proof;
mod push_address;
mod recorded_fact;
mod refusal;
mod relying_party;
mod rollout;
mod sealed;
mod secret;
mod sign_in;
mod signing_key;
mod subject;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod word;

pub use access::{Credential, EXPIRY_NOTICE, Realm};
pub use account::{Account, AccountRef, AccountState, Contact};
pub use agent::{Agent, Person};
pub use caller::{Caller, CallerProof, Permission, Products, Role};
pub use chain::{Anchor, Batch, BreakKind, ChainDigest, ChainTag, Cut, Logged, PersonalDigest, Sequence};
pub use challenge::{Answered, Challenge, ChallengeState, Purpose, Within};
pub use customer::{Customer, Labels};
pub use denial::Denial;
pub use directory::{DeclaredMethod, DirectoryEntry, Domain, MethodCategory, PageUrl, SiteCategory};
pub use email::{Destination, Email, Identifier};
pub use email_change::{EmailChange, EmailChangeState};
pub use enrollment::{Enrollment, EnrollmentState, Link, LinkTarget};
pub use entropy::Entropy;
pub use event::{Actor, Event, Personal};
pub use fact::Fact;
pub use factor::{Budget, Factor, FactorOrigin, Mark, Method, MethodSet, RecoveryCode};
pub use id::{
    AccountId, AssertionId, ChallengeId, ClaimId, CredentialId, CustomerId, DeliveryId, EmailChangeId,
    EnrollmentId, EventId, FactorId, HolderId, Id, IdError, IncidentId, Kind, ProcessId, RealmId, RecoveryId,
    RequestId, SeriesId, SessionId, SignInId, SigningKeyId, kind,
};
pub use issuers::Issuers;
pub use key::{
    AssertionAudience, Country, CustomerKey, DeviceId, ExternalId, LabelName, LabelText, Malformed,
    ProductKey, RealmKey, RolloutKey, Title, ZoneName,
};
pub use level::{Level, Proof, Requirement};
pub use link_url::{LinkUrl, LinkUrlError};
pub use message::{
    Body, Channel, Delivery, DeliveryProblem, DeliveryState, Message, MessagePurpose, NotMeLink, Notice,
    Recipient, Reminder,
};
pub use password_length::PasswordLength;
pub use phone::PhoneNumber;
pub use product::{
    Authenticator, Color, Language, MessageStyle, MethodPolicy, MethodRule, OtpHash, Product,
    ProductSettings, Removable,
};
pub use proof::{Answer, AnswerForm, Enrollee, NewDevice, Prompt, Setup, SignedDecision};
pub use push_address::{Notification, PushAddress, TextMessage};
pub use recorded_fact::RecordedFact;
pub use refusal::{LadderFlaw, LadderFlawKind, NamesNothing, Nothing, PasswordFlaw, PolicyFlaw, Refusal};
pub use relying_party::{KeyModel, Origin, RelyingParty};
pub use rollout::{
    AdvanceWindow, Approver, Attribute, Audience, Bucket, Buckets, Decision, During, Edge, FirstShown,
    FunnelCell, FunnelStep, Gate, GateMeasure, Grace, Grouped, Hold, Label, LadderDecision, LadderMarks,
    LadderRule, LedgerEntry, LocalDateTime, MAX_GATES, MethodAdvice, MethodEnd, MethodMove, Missing, Named,
    OnePerson, Ordinal, Phase, PlannedTime, Reason, RequiredSince, Revision, RollBack, Rollout, RolloutState,
    Rule, RuleAsked, Rung, Salt, Share, Skips, Standing, StepFailure, Stop, Test, TimeOfDay, Unit, UtcOffset,
    Wave, WaveState, Weekday, hour_of,
};
pub use sealed::{KeyId, KeyedDigest, Sealed, TokenDigest};
pub use secret::Secret;
pub use sign_in::{
    Advice, Introspected, KnownDevice, LaterProof, Offer, Refresh, Rotation, Session, SessionEnd, SignIn,
    SignInState,
};
pub use signing_key::{MAX_ASSERTION, PUBLISHED_BEFORE, SigningKey, SigningKeys};
pub use subject::{ClientContext, Subject, Token, Who};
pub use text::is_readable;
pub use time::{Clock, Span, Timestamp};
pub use word::{UnknownWord, Word};
