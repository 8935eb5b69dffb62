//! Reads a message field by field, and collects every violation.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    str::FromStr,
};

use prost::Message;
use tidegate_core::{
    AccountRef, ClientContext, DeviceId, Identifier, Labels, Language, RequestId, Revision, Secret, Span,
    Subject, Timestamp, Title, Token, Who, Word as _, is_readable,
};
use tidegate_proto as proto;
use tidegate_service::{PageRequest, PageToken, Request, support::Case};

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) field: String,
    pub(crate) what: String,
    /// Set for violations with a reason of their own.
    pub(crate) kind: Option<Kind>,
    /// What is wrong as a word for programs, where the contract lists such words.
    pub(crate) code: Option<&'static str>,
}

/// Violations that have an `ErrorReason` of their own, so that callers can distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Edge,
    /// A share that is more often a mistake of its unit than meant.
    Tiny,
    Attribute,
    Zone,
    Gap,
    Overlap,
}

impl Violation {
    pub(crate) fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self { field: field.into(), what: what.into(), kind: None, code: None }
    }
}

/// Each reader notes a violation and returns `None`. A parser reads every field before it applies
/// `?` to any, so that all violations are reported at once.
#[derive(Default)]
pub(crate) struct Form {
    within: Vec<Within>,
    violations: Vec<Violation>,
}

/// An embedded message that is being read. Its path is formatted only for a violation.
enum Within {
    Field(String),
    Item(&'static str, usize),
}

/// Unicode characters; the rest is cut.
const MAX_USER_AGENT_CHARS: usize = 500;
/// As long as BCP 47 asks programs to support (RFC 5646 §4.4.1).
const MAX_LANGUAGE_BYTES: usize = 35;
const MAX_LABELS: usize = 32;

impl Form {
    /// Parses text as a type that validates itself.
    pub(crate) fn text<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.note(field, error),
        }
    }

    /// Like `text`, for text that need not be copied.
    pub(crate) fn owned<T: TryFrom<String, Error: Display>>(
        &mut self,
        field: &str,
        text: String,
    ) -> Option<T> {
        match T::try_from(text) {
            Ok(value) => Some(value),
            Err(error) => self.note(field, error),
        }
    }

    /// Like `text`, but empty means none.
    pub(crate) fn optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.text(field, text).map(Some) }
    }

    /// Parses each text of a list. A violation names the index.
    pub(crate) fn texts<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        texts: &[String],
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            values.push(self.text(&format!("{field}[{place}]"), text));
        }
        values.into_iter().collect()
    }

    /// `acct_…` or the caller's own name for the account.
    pub(crate) fn account(&mut self, field: &str, text: &str) -> Option<AccountRef> {
        self.owned_account(field, text.to_owned())
    }

    /// Like `account`, for text that need not be copied.
    pub(crate) fn owned_account(&mut self, field: &str, text: String) -> Option<AccountRef> {
        if text.starts_with("acct_") {
            self.text(field, &text).map(AccountRef::Id)
        } else {
            self.owned(field, text).map(AccountRef::External)
        }
    }

    pub(crate) fn etag(&mut self, text: &str) -> Option<Revision> {
        self.text("etag", text)
    }

    pub(crate) fn secret(&mut self, field: &str, text: String, most: usize) -> Option<Secret<String>> {
        let secret = Secret::new(text);
        match secret.expose().len() {
            0 => self.note(field, "must not be empty"),
            length if length > most => self.note(field, format!("must have at most {most} bytes")),
            _ => Some(secret),
        }
    }

    /// An enum. The unspecified value, for which `known` returns `None`, is a violation.
    pub(crate) fn word<P: TryFrom<i32>, W>(
        &mut self,
        field: &str,
        number: i32,
        known: fn(P) -> Option<W>,
    ) -> Option<W> {
        match P::try_from(number).ok().and_then(known) {
            Some(word) => Some(word),
            None => self.note(field, "must be one of the declared values"),
        }
    }

    /// Absent means none.
    pub(crate) fn time(
        &mut self,
        field: &str,
        at: Option<prost_types::Timestamp>,
    ) -> Option<Option<Timestamp>> {
        let Some(at) = at else { return Some(None) };
        // Year 1 to 9999, as google.protobuf.Timestamp demands.
        let sound = (-62_135_596_800..=253_402_300_799).contains(&at.seconds)
            && (0..1_000_000_000).contains(&at.nanos);
        if !sound {
            return self.note(field, "must be a time between the years 1 and 9999");
        }
        let micros = at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000;
        Some(Some(Timestamp::from_unix_micros(micros)))
    }

    /// A half-open range of time. An absent end is open; an empty range is a violation.
    pub(crate) fn times(
        &mut self,
        (from_field, from): (&str, Option<prost_types::Timestamp>),
        (end_field, end): (&str, Option<prost_types::Timestamp>),
    ) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
        let (from, end) = (self.time(from_field, from), self.time(end_field, end));
        match (from?, end?) {
            (Some(from), Some(end)) if end <= from => {
                self.note(end_field, format!("must be after {from_field}"))
            }
            range => Some(range),
        }
    }

    /// Absent means none. The bounds are included.
    pub(crate) fn span(
        &mut self,
        field: &str,
        span: Option<prost_types::Duration>,
        (least, most, words): (Span, Span, &str),
    ) -> Option<Option<Span>> {
        let Some(span) = span else { return Some(None) };
        // As google.protobuf.Duration demands: less than a second of nanoseconds, with the sign of the seconds.
        let one_sign = span.seconds == 0 || span.nanos == 0 || (span.seconds < 0) == (span.nanos < 0);
        if span.nanos.unsigned_abs() >= 1_000_000_000 || !one_sign {
            return self
                .note(field, "must be a duration with less than a second of nanoseconds, of one sign");
        }
        let micros = span.seconds.saturating_mul(1_000_000).saturating_add(i64::from(span.nanos) / 1_000);
        let span = Span::from_micros(micros);
        if least <= span && span <= most {
            Some(Some(span))
        } else {
            self.note(field, format!("must be {words}"))
        }
    }

    pub(crate) fn page(&mut self, size: i32, token: &str) -> Option<PageRequest> {
        let size = match size {
            0 => Some(50),
            1..=1_000 => Some(i64::from(size)),
            _ => self.note("page_size", "must be 1 to 1000, or 0 for 50"),
        };
        let after = if token.is_empty() {
            Some(None)
        } else {
            let bytes = crate::render::read_page_token(token);
            match bytes {
                Some(bytes) => Some(Some(PageToken(bytes))),
                None => self.note("page_token", "must be one as it was returned"),
            }
        };
        Some(PageRequest { size: size?, after: after? })
    }

    pub(crate) fn client(&mut self, client: Option<proto::ClientContext>) -> Option<ClientContext> {
        let Some(client) = client else { return Some(ClientContext::default()) };
        self.within("client", |form| {
            let ip = match client.ip.as_str() {
                "" => Some(None),
                ip => match ip.parse() {
                    Ok(ip) => Some(Some(ip)),
                    Err(_) => form.note("ip", "must be an IPv4 or IPv6 address"),
                },
            };
            let device = form.optional::<DeviceId>("device_id", &client.device_id);
            let readable = client.user_agent.chars().filter(|c| is_readable(*c));
            let user_agent: String = readable.take(MAX_USER_AGENT_CHARS).collect();
            let user_agent = Some(user_agent).filter(|text| !text.is_empty());
            let language = form.language(&client.language);
            Some(ClientContext { ip: ip?, user_agent, device: device?, language: language? })
        })
    }

    /// The language of a tag (BCP 47), by its first subtag. `Some(None)`: there are no texts in it.
    fn language(&mut self, tag: &str) -> Option<Option<Language>> {
        if tag.len() > MAX_LANGUAGE_BYTES {
            return self.note("language", "must have at most 35 bytes");
        }
        let subtag = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Some(Language::parse(&subtag).ok())
    }

    pub(crate) fn subject(&mut self, subject: Option<proto::Subject>) -> Option<Subject> {
        let Some(subject) = subject else { return self.note("subject", "must be given") };
        self.within("subject", |form| {
            let client = form.client(subject.client);
            let who = match subject.who {
                None => form.note("who", "must be session_token, sign_in_token or on_behalf"),
                Some(proto::subject::Who::SessionToken(token)) => {
                    form.token("session_token", token, "tgs_").map(Who::Session)
                }
                Some(proto::subject::Who::SignInToken(token)) => {
                    form.token("sign_in_token", token, "tgi_").map(Who::SignIn)
                }
                Some(proto::subject::Who::OnBehalf(on)) => form.within("on_behalf", |form| {
                    let account = form.account("account", &on.account);
                    let product = form.text("product", &on.product);
                    let reason = form.text::<Title>("reason", &on.reason);
                    Some(Who::OnBehalf { account: account?, product: product?, reason: reason? })
                }),
            };
            Some(Subject { who: who?, client: client? })
        })
    }

    /// What every verb of support names.
    pub(crate) fn case(&mut self, account: &str, product: &str, reason: &str) -> Option<Case> {
        let account = self.account("account", account);
        let product = self.text("product", product);
        let reason = self.text("reason", reason);
        Some(Case { account: account?, product: product?, reason: reason? })
    }

    /// A bearer token with this prefix.
    pub(crate) fn token(&mut self, field: &str, token: String, prefix: &str) -> Option<Token> {
        let token = Secret::new(token);
        let random = token.expose().strip_prefix(prefix).unwrap_or_default();
        if random.len() == 64 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Some(token);
        }
        self.note(field, format!("must be {prefix} and 64 hexadecimal digits"))
    }

    /// The idempotency key of the request, with its body. A request need not have one.
    pub(crate) fn request<M: Message + proto::Request>(&mut self, message: &M) -> Option<Option<Request>> {
        let Some(id) = message.request_id().filter(|id| !id.is_empty()) else { return Some(None) };
        match uuid::Uuid::parse_str(id) {
            Ok(id) => {
                let body = Secret::new(message.encode_to_vec());
                Some(Some(Request { id: RequestId(id), body }))
            }
            Err(_) => self.note("request_id", "must be a UUID"),
        }
    }

    /// Reads the fields of an embedded message.
    pub(crate) fn within<T>(&mut self, field: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.inside(Within::Field(field.to_owned()), read)
    }

    /// Reads the fields of one message of a list.
    pub(crate) fn within_item<T>(
        &mut self,
        field: &'static str,
        place: usize,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        self.inside(Within::Item(field, place), read)
    }

    fn inside<T>(&mut self, within: Within, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.within.push(within);
        let value = read(self);
        self.within.pop();
        value
    }

    /// The field's path from the top of the request.
    fn place(&self, field: &str) -> String {
        let mut place = String::new();
        for within in &self.within {
            match within {
                Within::Field(name) => place.push_str(name),
                Within::Item(name, number) => {
                    // Writing to a String cannot fail.
                    let _ = write!(place, "{name}[{number}]");
                }
            }
            place.push('.');
        }
        place.push_str(field);
        place
    }

    /// What a person typed to name an account. Refuses only text that cannot be any identifier.
    pub(crate) fn identifier(&mut self, field: &str, typed: &str) -> Option<Identifier> {
        match typed.trim() {
            "" => self.note(field, "must not be empty"),
            long if long.len() > 1_024 => self.note(field, "must have at most 1024 bytes"),
            odd if odd.chars().any(char::is_control) => self.note(field, "must have no control characters"),
            typed => Some(Identifier::of(typed)),
        }
    }

    /// Notes a violation, and is the `None` that a reader returns.
    pub(crate) fn note<T>(&mut self, field: &str, what: impl ToString) -> Option<T> {
        self.violations.push(Violation::new(self.place(field), what.to_string()));
        None
    }

    /// Notes a violation that has a reason of its own.
    pub(crate) fn note_as<T>(&mut self, kind: Kind, field: &str, what: impl ToString) -> Option<T> {
        let violation = Violation::new(self.place(field), what.to_string());
        self.violations.push(Violation { kind: Some(kind), ..violation });
        None
    }

    /// The paths of a field mask. An empty mask is a violation.
    pub(crate) fn mask(&mut self, mask: Option<prost_types::FieldMask>) -> Vec<String> {
        let paths = mask.unwrap_or_default().paths;
        if paths.is_empty() {
            self.note::<()>("update_mask", "must name what to change");
        }
        paths
    }

    pub(crate) fn unknown_path(&mut self, path: &str) {
        self.note::<()>("update_mask", format!("must name fields that can be changed, not {path:?}"));
    }

    pub(crate) fn labels(&mut self, labels: BTreeMap<String, String>) -> Option<Labels> {
        if labels.len() > MAX_LABELS {
            return self.note("labels", format!("must be at most {MAX_LABELS}"));
        }
        let mut read = Vec::new();
        for (place, (name, text)) in labels.into_iter().enumerate() {
            // The violation names the index: a label whose name is invalid may be called anything.
            let field = format!("labels[{place}]");
            let (name, text) = (self.text(&field, &name), self.text(&field, &text));
            read.push(name.zip(text));
        }
        read.into_iter().collect()
    }

    pub(crate) fn finish<T>(self, parsed: Option<T>) -> Result<T, Vec<Violation>> {
        match parsed {
            Some(parsed) if self.violations.is_empty() => Ok(parsed),
            _ => Err(self.violations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_told_with_its_place() {
        let mut form = Form::default();
        let subject = proto::Subject {
            who: Some(proto::subject::Who::SessionToken("tgs_short".into())),
            client: Some(proto::ClientContext { ip: "no address".into(), ..Default::default() }),
        };
        let subject = form.subject(Some(subject));
        let page = form.page(5_000, "");
        let told = form.finish(subject.zip(page)).unwrap_err();
        let fields: Vec<_> = told.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["subject.client.ip", "subject.session_token", "page_size"]);
    }

    #[test]
    fn a_range_of_no_instant_and_a_duration_of_two_signs_are_refused() {
        let mut form = Form::default();
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let at = |seconds: i64| Some(Timestamp::from_unix_micros(seconds * 1_000_000));
        assert_eq!(form.times(("from", time(1)), ("to", time(2))), Some((at(1), at(2))));
        assert_eq!(form.times(("from", time(2)), ("to", None)), Some((at(2), None)));
        assert_eq!(form.times(("from", time(2)), ("to", time(2))), None);
        let day = (Span::ZERO, Span::days(1), "0 s to 1 day");
        let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        assert_eq!(form.span("for", span(1, 5_000), day), Some(Some(Span::from_micros(1_000_005))));
        for (seconds, nanos) in [(60, -1), (0, 1_000_000_000), (1, i32::MAX), (0, i32::MIN)] {
            assert_eq!(form.span("for", span(seconds, nanos), day), None, "{seconds} {nanos}");
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_refused() {
        let mut form = Form::default();
        let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
        assert_eq!(form.time("at", time(0, 1_000)), Some(Some(Timestamp::from_unix_micros(1))));
        assert_eq!(form.time("at", time(253_402_300_800, 0)), None);
        assert_eq!(form.time("at", time(0, -1)), None);
        assert_eq!(form.time("at", None), Some(None));
    }
}
