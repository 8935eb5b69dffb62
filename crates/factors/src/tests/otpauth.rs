//! Secrets of authenticator apps that come from elsewhere, and the setups that are made here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tidegate_core::{Authenticator, Method, OtpHash, Secret, Setup, Timestamp, Word as _};
use tidegate_fuzz::fuzz;
use url::Url;

use crate::{
    method::{self, About},
    otpauth::{self, Imported, NotRead},
    testing::CountingEntropy,
    totp,
};

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);
/// A text of 8192 bytes holds no more secrets of 10 bytes, each with tag, length and kind, in base 64.
const MAX_FACTORS: usize = 8_192 * 3 / 4 / 16;
/// Bytes of the material of one factor: a secret of 64 bytes in base 32, and its parameters.
const MAX_MATERIAL: usize = 256;

/// What is read is bounded, and can be used.
fn read(text: &str) -> Result<Vec<Imported>, NotRead> {
    let read = otpauth::read(&Secret::new(text.to_owned()), NOW)?;
    assert!((1..=MAX_FACTORS).contains(&read.len()), "{} factors", read.len());
    for one in &read {
        assert!((80..=512).contains(&one.bits) && one.mark.0 > 0);
        assert!(one.material.expose().len() <= MAX_MATERIAL);
        assert!(method::is_usable(Method::Totp, &one.material));
    }
    Ok(read)
}

#[test]
fn a_key_uri_is_read_or_refused() {
    let examples = [
        "otpauth://totp/Kasa:ann@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kasa&algorithm=SHA256&digits=8&period=60",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ",
        "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1",
        "otpauth-migration://offline?data=CjgKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEhRLYXNhOmFubkBleGFtcGxlLmNvbRoES2FzYSABKAEwAhABGAEgACiOspWX%2Bf%2F%2F%2F%2F8B",
    ];
    fuzz!(3_000, examples, |input| {
        let text = input.text();
        let _ = read(&text);
        let _ = totp::read_uri(&Secret::new(text.into_owned()));
    });
}

#[test]
fn a_migration_payload_is_read_or_refused() {
    let written = "CjgKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEhRLYXNhOmFubkBleGFtcGxlLmNvbRoES2FzYSABKAEwAhABGAEgACiOspWX+f////8B";
    let written = BASE64_STANDARD.decode(written).unwrap();
    let least = [&[0x0a, 14, 0x0a, 10][..], b"1234567890", &[0x30, 2]].concat();
    let mut accepted = 0;
    fuzz!(3_000, [written.clone(), least.clone(), least.repeat(300)], |input| {
        let mut uri = Url::parse("otpauth-migration://offline").unwrap();
        uri.query_pairs_mut().append_pair("data", &BASE64_STANDARD.encode(&**input));
        accepted += usize::from(read(uri.as_str()).is_ok());
    });
    assert!(accepted > 100, "changed payloads are read too: {accepted}");
}

/// What an app is set up with is what is stored, whatever the account and the product are called.
#[test]
fn a_setup_is_read_as_it_was_made() {
    fuzz!(30, ["ann@example.com\nKasa", "a:b c\n\u{202e}％&?#", "\n"], |input| {
        let [account, product] = input.texts();
        let hash = OtpHash::ALL[input.len() % OtpHash::ALL.len()];
        let authenticator = Authenticator { hash, digits: 8, period: 60 };
        let (user, party, registered) = ([0; 16], None, &[][..]);
        let about = About {
            account: &account,
            product: &product,
            authenticator,
            party,
            enrollee: None,
            user,
            registered,
            now: NOW,
        };
        let begun = method::begin(Method::Totp, about, &CountingEntropy).unwrap();
        let (material, Setup::Authenticator { otpauth_uri, .. }) = begun else { panic!("a setup") };
        // A longer one is for the app alone.
        match read(otpauth_uri.expose()) {
            Ok(imported) => assert_eq!(imported[0].material.expose(), material.expose()),
            Err(_) => assert!(otpauth_uri.expose().len() > 8_192, "{}", otpauth_uri.expose()),
        }
    });
}
