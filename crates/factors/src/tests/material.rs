//! Material as it comes out of its seal: of another version of the program, or damaged (INV-45).

use tidegate_core::{Answer, Email, Mark, Method, RelyingParty, Secret, Timestamp, Word as _};
use tidegate_fuzz::fuzz;

use super::keys::Ceremony;
use crate::{
    method::{self, Opened, Reach},
    passkey,
    testing::{CountingEntropy, occasion},
};

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);

/// Everything that is done with material, for every method.
fn use_it(material: &Opened, party: &RelyingParty) {
    let email = Email::parse("ann@example.com").unwrap();
    let reach = Reach { email: Some(&email), party: Some(party) };
    for method in Method::ALL {
        let _ = method::is_usable_at(*method, material, reach);
        let _ = method::is_for(*method, material, reach);
        let _ = (method::first_message(*method, material), method::hint(*method, material));
        let _ = method::is_late(*method, material, NOW);
        let product = "kasa".parse().unwrap();
        let posed = method::pose(*method, material, reach, &occasion(&product), &CountingEntropy);
        for answer in [Answer::Code(text("287082")), Answer::Assertion(text("{}"))] {
            let read = method::read(*method, material, None, &answer);
            assert!(read.is_err() || method::is_usable(*method, material), "{method:?}");
        }
        for code in ["287082", "28708212", "", "{}"] {
            let _ = method::bind(*method, material, &text(code), NOW);
            let _ = method::verify(*method, (material, Mark(0)), None, &text(code), NOW);
            let _ = method::verify(*method, (material, Mark(0)), Some(material), &text(code), NOW);
            if let Ok(posed) = &posed {
                let _ =
                    method::verify(*method, (material, Mark(0)), posed.material.as_ref(), &text(code), NOW);
            }
        }
    }
}

fn text(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn inv_45_material_of_any_bytes_is_used_or_unusable() {
    let ceremony = Ceremony::new();
    let examples = [
        br#"{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","algorithm":"sha256","digits":8,"period":60}"#
            .to_vec(),
        b"12345678901234567890".to_vec(),
        br#"{"code":"12345678","to":"ann@example.com"}"#.to_vec(),
        ceremony.pending.expose().clone(),
        ceremony.material.expose().clone(),
        ceremony.posed.expose().clone(),
    ];
    fuzz!(600, examples, |input| use_it(&Secret::new(input.to_vec()), &ceremony.party));
}

#[test]
fn inv_45_a_request_for_a_passkey_of_any_bytes_is_used_or_unusable() {
    let ceremony = Ceremony::new();
    let request = passkey::ask(&ceremony.party).unwrap();
    fuzz!(600, [request.material.expose().as_slice()], |input| {
        let answer = passkey::PasskeyAnswer::read(&text(&ceremony.passkey())).unwrap();
        let _ = passkey::verify(&ceremony.material, &Secret::new(input.to_vec()), &answer);
        let _ = passkey::verify(&Secret::new(input.to_vec()), &request.material, &answer);
    });
}
