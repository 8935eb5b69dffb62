//! What reminders of required two-step say, in each language.

use std::path::Path;

use tidegate_core::{Body, Language, Message, MessagePurpose, MessageStyle, Reminder, Span};

use super::{BEGIN, to_ann};
use crate::text::{Templates, Text};

const PAGE: &str = "https://kasa.example/account";

fn text(language: Language, purpose: MessagePurpose, days: Option<u32>) -> Text {
    let style = MessageStyle { language, ..MessageStyle::default() };
    let deadline = days.map(|days| (BEGIN.plus(Span::days(days.into())), days));
    let body = Body::Reminder(Reminder { page: PAGE.parse().unwrap(), deadline });
    let message = Message { purpose, style, body, ..to_ann() };
    Templates::new(Path::new("no-templates").to_owned()).text_of(&message).unwrap()
}

#[test]
fn a_reminder_says_the_date_and_the_days_and_has_no_link_with_a_token() {
    for (language, days, left, date) in [
        (Language::En, 15, "15 days are left", "22 March 2026, 09:05 UTC"),
        (Language::En, 1, "One day is left", "8 March 2026, 09:05 UTC"),
        (Language::En, 0, "Less than a day is left", "7 March 2026, 09:05 UTC"),
        (Language::De, 15, "Es bleiben noch 15 Tage", "22. März 2026, 09:05 Uhr UTC"),
        (Language::De, 1, "Es bleibt noch ein Tag", "8. März 2026, 09:05 Uhr UTC"),
        (Language::De, 0, "Es bleibt weniger als ein Tag", "7. März 2026, 09:05 Uhr UTC"),
    ] {
        let Text { subject, plain, html } = text(language, MessagePurpose::EnrollmentReminder, Some(days));
        assert!(subject.contains("Kasa") && subject.contains(date), "{subject}");
        for form in [&plain, &html] {
            assert!(form.contains(left) && form.contains(date), "{form}");
            assert!(!form.contains("tgl_") && !form.contains("not-me"), "{form}");
        }
        assert!(plain.lines().any(|line| line == PAGE), "{plain}");
        assert!(!plain.contains("\n\n\n") && !plain.contains("  "), "{plain}");
    }
}

#[test]
fn who_has_it_on_is_told_no_date() {
    for (language, stays) in
        [(Language::En, "cannot be switched off"), (Language::De, "nicht mehr ausschalten")]
    {
        let Text { plain, html, .. } = text(language, MessagePurpose::TwoStepStaysOn, None);
        assert!(plain.contains(stays) && html.contains(stays), "{plain}");
        assert!(!plain.contains("2026") && plain.lines().any(|line| line == PAGE), "{plain}");
    }
}
