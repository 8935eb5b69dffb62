//! Phone numbers that take text messages: kept and sent to in E.164, read with the numbering plans of all countries.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};
use serde::{Deserialize, Serialize};

use crate::{Country, Malformed};

/// The mobile number of a country. `Debug` masks it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// E.164: `+4915112345678`.
    number: String,
    country: Country,
}

const MUST: Malformed =
    Malformed("be a mobile number with + and the code of its country, for example +49 151 12345678");
/// As people type it, with blanks.
const MAX_BYTES: usize = 64;

impl PhoneNumber {
    /// Refuses what no text message reaches or what is made to cost money: landlines, premium and shared-cost numbers,
    /// numbers over the internet and numbers of no country. Extensions, parameters and letters for digits are refused, too.
    pub fn parse(typed: &str) -> Result<Self, Malformed> {
        let is_written = |c: char| c.is_numeric() || c.is_whitespace() || "+-–().\u{a0}\u{ff0b}".contains(c);
        let typed = typed.trim();
        if typed.len() > MAX_BYTES || !typed.starts_with(['+', '\u{ff0b}']) || !typed.chars().all(is_written)
        {
            return Err(MUST);
        }
        let plans = &*PHONE_NUMBER_UTIL;
        let number = plans.parse(typed, None).map_err(|_| MUST)?;
        let takes_texts = matches!(
            plans.get_number_type(&number),
            PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile
        );
        if !plans.is_valid_number(&number) || !takes_texts {
            return Err(MUST);
        }
        let region = plans.get_region_for_number(&number).ok_or(MUST)?;
        let country = region.as_region_str().parse().map_err(|_| MUST)?;
        let number = plans.format(&number, PhoneNumberFormat::E164).into_owned();
        Ok(Self { number, country })
    }

    /// E.164: `+4915112345678`.
    pub fn e164(&self) -> &str {
        &self.number
    }

    pub const fn country(&self) -> &Country {
        &self.country
    }

    /// `+49…78`: the owner recognises it, and other people learn too little.
    pub fn masked(&self) -> String {
        let (begin, end) = (self.number.get(..3), self.number.get(self.number.len().saturating_sub(2)..));
        format!("{}…{}", begin.unwrap_or_default(), end.unwrap_or_default())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_number_is_read_as_people_type_it() {
        for (typed, number, country) in [
            ("+4915112345678", "+4915112345678", "DE"),
            (" +49 151 / 123", "", ""),
            ("+49 (151) 123-456.78", "+4915112345678", "DE"),
            ("\u{ff0b}\u{ff14}\u{ff19}15112345678", "+4915112345678", "DE"),
            ("+1 (202) 555-0143", "+12025550143", "US"),
            ("+1 684 733 1234", "+16847331234", "AS"),
            ("+77012345678", "+77012345678", "KZ"),
            ("+39 312 345 6789", "+393123456789", "IT"),
            ("+54 9 11 2345 6789", "+5491123456789", "AR"),
        ] {
            let read = PhoneNumber::parse(typed).ok();
            let read = read.map(|read| (read.e164().to_owned(), read.country().to_string()));
            let expected = (!number.is_empty()).then(|| (number.to_owned(), country.to_owned()));
            assert_eq!(read, expected, "{typed}");
        }
    }

    #[test]
    fn a_number_that_takes_no_texts_is_refused() {
        for typed in [
            "",
            "+",
            "015112345678",
            "004915112345678",
            "+999123",
            "+49151123456789012345",
            "+4915112345678 ext 5",
            "+4915112345678;ext=5",
            "+4915112345678;phone-context=x",
            "tel:+4915112345678",
            "+1-800-FLOWERS",
            "+18005551234",
            "+19005550143",
            "+449098790000",
            "+390612345678",
            "+441534700300",
            "+8821612345678",
            "+49 30 901820",
            "+49\u{202e}15112345678",
            "+4915112345678\n+4915112345679",
        ] {
            assert_eq!(PhoneNumber::parse(typed), Err(MUST), "{typed:?}");
        }
    }

    #[test]
    fn inv_47_debug_shows_no_number() {
        let number = PhoneNumber::parse("+4915112345678").unwrap();
        assert_eq!(format!("{number:?} {}", number.masked()), "+49…78 +49…78");
    }
}
