//! Which country codes ISO 3166-1 assigns. An account may have any two letters, because other systems chose them; who
//! asks for a country in an audience should learn that no account can have it.

use crate::Country;

/// The 249 officially assigned codes, in order.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

impl Country {
    /// Whether the code is assigned, or is one that users may assign themselves (ISO 3166-1 §8.1.3: AA, QM to QZ, XA to
    /// XZ, ZZ), such as XK for Kosovo.
    pub fn is_assigned(&self) -> bool {
        let code = self.as_str();
        let by_users = matches!(code.as_bytes(), b"AA" | b"ZZ" | [b'X', _] | [b'Q', b'M'..=b'Z']);
        by_users || ASSIGNED.split(' ').any(|assigned| assigned == code)
    }

    /// The assigned code that a well-known code which is not assigned stands for.
    pub fn instead(&self) -> Option<&'static str> {
        match self.as_str() {
            "UK" => Some("GB"),
            // The European Union's code for Greece.
            "EL" => Some("GR"),
            "AN" => Some("CW"),
            "TP" => Some("TL"),
            "ZR" => Some("CD"),
            "BU" => Some("MM"),
            "SU" => Some("RU"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    #[test]
    fn every_code_is_there_once_and_in_order() {
        let codes: Vec<_> = ASSIGNED.split(' ').collect();
        let set: BTreeSet<_> = codes.iter().copied().collect();
        assert_eq!((codes.len(), set.into_iter().collect::<Vec<_>>()), (249, codes.clone()));
        assert!(codes.iter().all(|code| country(code).is_assigned() && country(code).instead().is_none()));
    }

    #[test]
    fn codes_that_look_right_are_not_assigned() {
        for code in ["UK", "EL", "EN", "JA", "DA", "SU", "AB"] {
            assert!(!country(code).is_assigned(), "{code}");
        }
        for code in ["GB", "XK", "QM", "QZ", "AA", "ZZ"] {
            assert!(country(code).is_assigned(), "{code}");
        }
        let instead = country("UK").instead().map(country);
        assert!(instead.is_some_and(|instead| instead.is_assigned()));
    }
}
