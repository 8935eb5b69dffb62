//! What a mail says: the templates, filled in. The name of a template decides about escaping: the
//! HTML form is escaped, the text form is not.
//!
//! A file of a product's own folder takes the place of the built-in one of the same name. If the product's texts cannot
//! be filled in, or lack the code or a link, the built-in ones are sent: a wrong file must not keep a code from its owner.
//!
//! What every notice ends with is in `notice.txt` and `notice.html`: from where it was done, and the link "this wasn't me".
//! The layout includes the HTML form. The other one is appended, so that a product's own texts have it without naming it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use minijinja::{Environment, HtmlEscape, Template, UndefinedBehavior};
use serde::Serialize;
use tidegate_core::{
    Body, Destination, Language, Message, MessagePurpose, NotMeLink, ProductKey, Secret, Timestamp, Word as _,
};
use time::{Month, OffsetDateTime};

use crate::{origin, trouble::Trouble};

/// No `Debug`: it contains a link or a code, which are secrets.
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) plain: String,
    pub(crate) html: String,
}

/// What templates may name.
#[derive(Serialize)]
pub(crate) struct Words<'m> {
    subject: &'m str,
    language: &'static str,
    product: &'m str,
    color: String,
    /// Black or white, whichever is easier to read on the colour.
    ink: &'static str,
    to: &'m str,
    /// Empty where there is none, like everything that follows.
    link: &'m str,
    code: String,
    /// Until when the code or link is valid.
    until: String,
    at: String,
    factor: &'m str,
    codes_left: usize,
    from: String,
    /// The address that a change is about, masked.
    address: &'m str,
    /// Until when it can be taken back.
    undo_until: String,
    /// The link "this wasn't me".
    not_me: &'m str,
    /// From when on two-step is demanded.
    deadline: String,
    /// How many whole days are left until then.
    days_left: u32,
    /// The product's own page.
    page: &'m str,
}

macro_rules! built_in {
    (mails $($name:literal)+; texts $($text:literal)+) => {
        /// The texts that every product has.
        const BUILT_IN: &[(&str, &str)] = &[
            ("layout.html", include_str!("../templates/layout.html")),
            ("button.html", include_str!("../templates/button.html")),
            ("code.html", include_str!("../templates/code.html")),
            $(
                (concat!("en/", $name, ".txt"), include_str!(concat!("../templates/en/", $name, ".txt"))),
                (concat!("en/", $name, ".html"), include_str!(concat!("../templates/en/", $name, ".html"))),
                (concat!("de/", $name, ".txt"), include_str!(concat!("../templates/de/", $name, ".txt"))),
                (concat!("de/", $name, ".html"), include_str!(concat!("../templates/de/", $name, ".html"))),
            )+
            $(
                (concat!("en/sms/", $text, ".txt"), include_str!(concat!("../templates/en/sms/", $text, ".txt"))),
                (concat!("de/sms/", $text, ".txt"), include_str!(concat!("../templates/de/sms/", $text, ".txt"))),
            )+
        ];
    };
}

built_in! {
    mails
        "verify_email"
        "confirm_enrollment"
        "sign_in_code"
        "change_code"
        "factor_added"
        "factor_removed"
        "recovery_codes_replaced"
        "recovery_code_used"
        "factor_copied"
        "push_denied"
        "phone_changed"
        "reset_password"
        "new_password_demanded"
        "password_changed"
        "device_copied"
        "new_device"
        "second_step_failed"
        "sign_in_closed"
        "confirm_address"
        "claim_address"
        "address_change_requested"
        "address_changed"
        "account_suspended"
        "account_reactivated"
        "account_locked_down"
        "account_deleted"
        "factors_reset"
        "access_pass"
        "enrollment_reminder"
        "two_step_stays_on"
        "enrollment_postponed"
        "recovery_codes_voided"
        "test"
        "notice";
    texts
        "sign_in_code"
        "change_code"
        "confirm_phone"
}

/// Whether messages of this purpose are sent by mail.
pub(crate) fn is_mailed(purpose: MessagePurpose) -> bool {
    is_built_in(&format!("en/{}.txt", purpose.as_str()))
}

/// Whether messages of this purpose are sent by SMS.
pub(crate) fn is_texted(purpose: MessagePurpose) -> bool {
    is_built_in(&format!("en/sms/{}.txt", purpose.as_str()))
}

fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
}

/// The templates: built in, and the products' own.
pub(crate) struct Templates {
    /// Holds a folder for each product that has texts of its own, named by its key.
    folder: PathBuf,
}

impl Templates {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn text_of(&self, message: &Message) -> Result<Text, Trouble> {
        self.text(message.purpose.as_str(), message)
    }

    /// The template of this name, filled in for a message.
    pub(crate) fn text(&self, name: &str, message: &Message) -> Result<Text, Trouble> {
        self.or_built_in(message, |templates| fill(templates, name, message))
    }

    /// What a phone shows.
    pub(crate) fn sms(&self, message: &Message) -> Result<Secret<String>, Trouble> {
        self.or_built_in(message, |templates| fill_sms(templates, message))
    }

    /// The same, without the way out.
    pub(crate) fn own_text(&self, name: &str, message: &Message) -> Result<Text, Trouble> {
        fill(&environment(self.of_message(message)), name, message)
    }

    pub(crate) fn own_sms(&self, message: &Message) -> Result<Secret<String>, Trouble> {
        fill_sms(&environment(self.of_message(message)), message)
    }

    /// From the product's own texts where there are some, else from the built-in ones.
    fn or_built_in<T>(
        &self,
        message: &Message,
        fill: impl Fn(&Environment<'static>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let Some(folder) = self.of_message(message) else { return fill(&environment(None)) };
        fill(&environment(Some(folder))).or_else(|trouble| {
            let product = message.key.as_ref().map(ProductKey::as_str);
            tracing::error!(product, ?trouble, "a product's own text is wrong; the built-in one is sent");
            fill(&environment(None))
        })
    }

    fn of_message(&self, message: &Message) -> Option<PathBuf> {
        message.key.as_ref().and_then(|key| self.of_product(key))
    }

    fn of_product(&self, key: &ProductKey) -> Option<PathBuf> {
        Some(self.folder.join(key.as_str())).filter(|folder| folder.is_dir())
    }
}

/// What filling in a template may cost: steps of its loops, and bytes. The built-in ones take a hundredth of it. A product's
/// own one that needs more is wrong, and must not hold up the mails of others (INV-52).
const MAX_STEPS: u64 = 50_000;
const MAX_BYTES: usize = 256 * 1024;

/// Read anew for every mail, so that a changed file needs no restart.
fn environment(folder: Option<PathBuf>) -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(MAX_STEPS));
    templates.set_loader(move |name| {
        let own = folder.as_deref().and_then(|folder| own_text(folder, name));
        let built_in =
            || BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| (*text).to_owned());
        Ok(own.or_else(built_in))
    });
    templates
}

/// Only names that are built in are looked for, so a template cannot read other files.
fn own_text(folder: &Path, name: &str) -> Option<String> {
    let path = folder.join(name);
    // Reading a pipe would not end.
    let is_read = || fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= MAX_BYTES as u64);
    (is_built_in(name) && is_read()).then(|| fs::read_to_string(&path).ok()).flatten()
}

/// A text that ends where it becomes too long.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.0.len() + more.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn render(template: &Template<'_, '_>, words: &Words<'_>) -> Result<String, minijinja::Error> {
    let mut text = Limited(Vec::new());
    template.render_captured_to(words, &mut text)?;
    String::from_utf8(text.0).map_err(|_| minijinja::ErrorKind::InvalidOperation.into())
}

fn fill(templates: &Environment<'_>, name: &str, message: &Message) -> Result<Text, Trouble> {
    let language = message.style.language.as_str();
    let file = |form: &str| format!("{language}/{name}.{form}");
    let (link, not_me) = (message.link(), not_me(message));
    let mut words = Words::of(message, (exposed(link.as_ref()), exposed(not_me.as_ref())));
    let text = fill_file(templates, &file("txt"), &words)?;
    let (subject, plain) = split(&text).ok_or_else(|| wrong(file("txt")))?;
    words.subject = subject;
    let plain = if let Body::Notice(_) = &message.body {
        let end = fill_file(templates, &format!("{language}/notice.txt"), &words)?;
        format!("{}\n\n{}", plain.trim_end(), end.trim()).trim_end().to_owned()
    } else {
        plain.to_owned()
    };
    let html = fill_file(templates, &file("html"), &words)?;
    for (text, form) in [(&plain, "txt"), (&html, "html")] {
        if !words.are_told(text) {
            return Err(wrong(file(form)));
        }
    }
    Ok(Text { subject: subject.to_owned(), plain, html })
}

fn not_me(message: &Message) -> Option<Secret<String>> {
    match &message.body {
        Body::Notice(notice) => notice.not_me.as_ref().map(NotMeLink::link),
        Body::Link { .. } | Body::Code { .. } | Body::Reminder(_) | Body::Prompt { .. } => None,
    }
}

fn exposed(link: Option<&Secret<String>>) -> &str {
    link.map_or("", |link| link.expose())
}

/// The longest text message, in characters: a product's own text that is longer would cost too much.
const MAX_SMS: usize = 480;

/// The code in one piece, as phones offer it for typing, in one paragraph.
fn fill_sms(templates: &Environment<'_>, message: &Message) -> Result<Secret<String>, Trouble> {
    let file = format!("{}/sms/{}.txt", message.style.language.as_str(), message.purpose.as_str());
    let mut words = Words::of(message, ("", ""));
    words.code.retain(|letter| letter != ' ');
    let text = fill_file(templates, &file, &words)?.trim().to_owned();
    let is_told = !words.code.is_empty() && text.contains(&words.code);
    if is_told && text.chars().count() <= MAX_SMS { Ok(Secret::new(text)) } else { Err(wrong(file)) }
}

fn fill_file(templates: &Environment<'_>, file: &str, words: &Words<'_>) -> Result<String, Trouble> {
    let filled = templates.get_template(file).and_then(|template| render(&template, words));
    filled.map_err(|error| Trouble::Template {
        name: error.name().unwrap_or(file).to_owned(),
        line: error.line().unwrap_or_default(),
        kind: error.kind(),
    })
}

/// A text that lacks what it must say.
const fn wrong(name: String) -> Trouble {
    Trouble::Template { name, line: 1, kind: minijinja::ErrorKind::InvalidOperation }
}

/// The subject, which is the first line after `Subject: `, and the text after an empty line.
fn split(text: &str) -> Option<(&str, &str)> {
    let (subject, plain) = text.strip_prefix("Subject: ")?.split_once('\n')?;
    Some((subject.trim_end(), plain.trim_start_matches(['\r', '\n'])))
}

impl<'m> Words<'m> {
    /// Whether a text says the code, in one piece or in two, all links, as they are or as HTML writes them, and the deadline.
    fn are_told(&self, text: &str) -> bool {
        let has = |link: &str| text.contains(link) || text.contains(&HtmlEscape(link).to_string());
        text.replace(' ', "").contains(&self.code.replace(' ', ""))
            && has(self.link)
            && has(self.not_me)
            && has(self.page)
            && has(&self.deadline)
    }

    fn of(message: &'m Message, (link, not_me): (&'m str, &'m str)) -> Self {
        let language = message.style.language;
        let words = Self {
            subject: "",
            language: language.as_str(),
            product: message.product.as_str(),
            color: message.style.color.to_string(),
            ink: if message.style.color.takes_white() { "#ffffff" } else { "#000000" },
            to: message.to.mailbox().map_or("", Destination::as_typed),
            link,
            code: String::new(),
            until: readable(message.expires_at, language),
            at: String::new(),
            factor: "",
            codes_left: 0,
            from: String::new(),
            address: "",
            undo_until: String::new(),
            not_me,
            deadline: String::new(),
            days_left: 0,
            page: "",
        };
        match &message.body {
            // A notification is no mail.
            Body::Link { .. } | Body::Prompt { .. } => words,
            Body::Code { code } => Self { code: grouped(code), ..words },
            Body::Reminder(reminder) => Self {
                deadline: reminder.deadline.map(|(at, _)| readable(at, language)).unwrap_or_default(),
                days_left: reminder.deadline.map_or(0, |(_, days)| days),
                page: reminder.page.as_str(),
                ..words
            },
            Body::Notice(notice) => Self {
                at: readable(notice.at, language),
                factor: notice.factor.as_ref().map_or("", |factor| factor.as_str()),
                codes_left: notice.codes_left.unwrap_or(0),
                from: notice.from.as_deref().map(origin::shown).unwrap_or_default(),
                address: notice.address.as_deref().unwrap_or_default(),
                undo_until: notice.until.map(|until| readable(until, language)).unwrap_or_default(),
                ..words
            },
        }
    }
}

/// In two halves, which people read and type more easily: `1234 5678`. A code that has groups already stays as it is.
fn grouped(code: &str) -> String {
    match code.split_at_checked(code.len() / 2) {
        Some((first, second)) if code.len() > 4 && !code.contains('-') => format!("{first} {second}"),
        _ => code.to_owned(),
    }
}

/// Rounded down to the minute, in UTC: `7 March 2026, 09:05 UTC`.
fn readable(at: Timestamp, language: Language) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.unix_seconds()) else { return at.to_string() };
    let ((hour, minute, _), day, year) = (at.to_hms(), at.day(), at.year());
    match language {
        Language::En => format!("{day} {} {year}, {hour:02}:{minute:02} UTC", at.month()),
        Language::De => format!("{day}. {} {year}, {hour:02}:{minute:02} Uhr UTC", in_german(at.month())),
    }
}

const fn in_german(month: Month) -> &'static str {
    match month {
        Month::January => "Januar",
        Month::February => "Februar",
        Month::March => "März",
        Month::April => "April",
        Month::May => "Mai",
        Month::June => "Juni",
        Month::July => "Juli",
        Month::August => "August",
        Month::September => "September",
        Month::October => "Oktober",
        Month::November => "November",
        Month::December => "Dezember",
    }
}
