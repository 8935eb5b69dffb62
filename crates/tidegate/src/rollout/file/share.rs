//! Shares of a line as people write them, and as they read them.

const MILLION: u32 = 1_000_000;
const PPM_A_PERCENT: u32 = 10_000;

/// Reads `5 %`, `0.5 %` or `5000 ppm`. A number without its unit is refused: 5 could be either.
pub fn parse_share(text: &str) -> Option<u32> {
    let text = text.trim();
    let ppm = if let Some(number) = text.strip_suffix("ppm") {
        digits(number.trim())?
    } else {
        let number = text.strip_suffix('%')?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let part = Some(part).filter(|part| (1..=4).contains(&part.len()))?;
        digits(whole)?.checked_mul(PPM_A_PERCENT)?.checked_add(digits(&format!("{part:0<4}"))?)?
    };
    Some(ppm).filter(|ppm| *ppm <= MILLION)
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `5 %`, `0.5 %`.
pub fn percent(ppm: u32) -> String {
    let (whole, part) = (ppm / PPM_A_PERCENT, ppm % PPM_A_PERCENT);
    let fraction = format!("{part:04}");
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} %"),
        fraction => format!("{whole}.{fraction} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_exactly() {
        for (text, ppm) in
            [("5 %", 50_000), ("5%", 50_000), ("0.05 %", 500), ("100.0 %", 1_000_000), ("7 ppm", 7)]
        {
            assert_eq!(parse_share(text), Some(ppm), "{text}");
        }
        for text in
            ["5", "", "%", "5.", "5. %", "0.00001 %", "101 %", "-1 %", "+1 %", "1000001 ppm", "1e2 %", ".5 %"]
        {
            assert_eq!(parse_share(text), None, "{text}");
        }
    }

    #[test]
    fn every_share_is_read_as_it_is_shown() {
        for ppm in (0..=MILLION).step_by(7).chain([1, 10, 250_000, MILLION]) {
            assert_eq!(parse_share(&percent(ppm)), Some(ppm));
        }
    }
}
