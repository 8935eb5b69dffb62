//! Names, ids and URLs: what is read is bounded, and is read again as the same.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use serde::{Serialize, de::DeserializeOwned};
use tidegate_fuzz::fuzz;
use url::Url;

use crate::{
    AccountId, Actor, ChainDigest, Color, Country, CredentialId, CustomerKey, DeviceId, Domain, ExternalId,
    KeyModel, LabelName, LabelText, LinkUrl, Method, Origin, PageUrl, PhoneNumber, ProductKey, PushAddress,
    RealmKey, RelyingParty, Revision, RolloutKey, SiteCategory, Title, Word as _,
};

/// The longest text of an error. An error of a URL shows its normal form, in which a character may take twelve.
const MAX_ERROR: usize = 12 * 500 + 100;

/// A value is never longer than `most` characters, and its text means the same value.
fn read<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str, most: usize) {
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert!(shown.chars().count() <= most, "{value:?} is too long");
            assert_eq!(shown.parse::<T>().ok(), Some(value), "{shown:?}");
        }
        Err(error) => assert!(error.to_string().len() <= MAX_ERROR),
    }
}

/// The same, also in JSON.
fn stored<T>(text: &str, most: usize)
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    read::<T>(text, most);
    if let Ok(value) = text.parse::<T>() {
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    }
    let json = serde_json::Value::String(text.to_owned());
    assert_eq!(serde_json::from_value::<T>(json).is_ok(), text.parse::<T>().is_ok(), "{text:?}");
}

#[test]
fn names_are_read_or_refused() {
    let examples = [
        "kasa",
        "kasa-two-step",
        "u-1",
        "DE",
        "plan.tier_2",
        "Käsa ＆ Tapo",
        "#1f3a5f",
        "r30",
        "iot",
        "phone-1",
    ];
    fuzz!(1_000, examples, |input| {
        let text = input.text();
        stored::<RealmKey>(&text, 63);
        stored::<ProductKey>(&text, 63);
        stored::<RolloutKey>(&text, 63);
        stored::<CustomerKey>(&text, 63);
        stored::<LabelName>(&text, 63);
        stored::<LabelText>(&text, 100);
        stored::<ExternalId>(&text, 128);
        stored::<DeviceId>(&text, 128);
        stored::<Country>(&text, 2);
        stored::<Title>(&text, 200);
        stored::<SiteCategory>(&text, 32);
        stored::<Color>(&text, 7);
        read::<Revision>(&text, 20);
        if let Ok(title) = text.parse::<Title>() {
            assert!(title.names_the_same_as(&title));
        }
        let _ = Method::parse(&text);
    });
}

#[test]
fn ids_are_read_or_refused() {
    let digest = "0f".repeat(32);
    let examples = [
        "acct_01h455vb4pex5vsknk084sn02q",
        "cred_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        "worker/courier",
        "person/acct_01h455vb4pex5vsknk084sn02q",
        &digest,
    ];
    fuzz!(2_000, examples, |input| {
        let text = input.text();
        stored::<AccountId>(&text, AccountId::TEXT);
        stored::<CredentialId>(&text, CredentialId::TEXT);
        stored::<ChainDigest>(&text, 64);
        read::<Actor>(&text, usize::MAX);
        if let Ok(id) = text.parse::<AccountId>() {
            assert_eq!(id.to_string(), text, "an id has one text");
        }
    });
}

#[test]
fn inv_31_a_url_that_is_read_is_written_the_same() {
    let examples = [
        "https://kasa.example/confirm?x=%20&y=1",
        "http://localhost:8080/",
        "https://xn--bcher-kva.example/",
        "https://[2001:db8::1]:8443/a",
        "https://login.kasa.example",
        "https://kasa.example/help#two-step",
        "kasa.example",
    ];
    fuzz!(2_000, examples, |input| {
        let text = input.text();
        stored::<LinkUrl>(&text, 500);
        stored::<PageUrl>(&text, 500);
        stored::<Domain>(&text, 253);
        stored::<Origin>(&text, usize::MAX);
        if let Ok(url) = text.parse::<LinkUrl>() {
            // RFC 3986, without a library.
            let rest = url.as_str().split_once("://").unwrap().1;
            let authority = rest.split(['/', '?', '#']).next().unwrap();
            let parsed = Url::parse(url.as_str()).unwrap();
            let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
            assert_eq!(authority, format!("{}{port}", parsed.host_str().unwrap()));
        }
    });
}

#[test]
fn a_relying_party_has_origins_at_its_domain() {
    let pem = "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----";
    let model = format!("kasa.example\nhttps://kasa.example\nd8522d9f-575b-4866-88a9-ba99fa02f35b\n{pem}");
    let examples =
        ["localhost\nhttp://localhost:8080\n\n", "kasa.example\nhttps://login.kasa.example\n\n", &model];
    fuzz!(1_000, examples, |input| {
        let [id, origin, aaguid, pem] = input.texts();
        if let Ok(party) = origin.parse().and_then(|origin| RelyingParty::new(&id, vec![origin])) {
            let host = Url::parse(party.origins[0].as_str()).unwrap().host_str().unwrap().to_owned();
            assert!(host == id || host.ends_with(&format!(".{id}")), "{party:?}");
            let json = serde_json::to_string(&party).unwrap();
            assert_eq!(serde_json::from_str::<RelyingParty>(&json).unwrap(), party);
        }
        if let Ok(model) = KeyModel::new(&aaguid, &pem) {
            assert!(model.root_pem.len() <= 8_192 && !model.aaguid.is_nil());
        }
    });
}

#[test]
fn an_address_of_a_push_service_is_bounded() {
    let apns = format!("\n{}", "AB".repeat(32));
    let key = format!("https://push.example/send/1\n\u{4}{}\n{}", "k".repeat(64), "a".repeat(16));
    fuzz!(
        1_000,
        ["http://localhost:1/x\n\n", "https://push.example/send/1\nann-device:1", &apns, &key],
        |input| {
            let [endpoint, key, auth] = input.texts();
            let web = PushAddress::web_push(&endpoint, key.clone().into_bytes(), auth.into_bytes());
            for address in [web, PushAddress::fcm(&key), PushAddress::apns(&key)].into_iter().flatten() {
                let (PushAddress::WebPush { endpoint: text, .. }
                | PushAddress::Fcm { token: text }
                | PushAddress::Apns { token: text }) = &address;
                assert!(text.len() <= 1_024);
                let json = serde_json::to_string(&address).unwrap();
                assert_eq!(serde_json::from_str::<PushAddress>(&json).unwrap(), address);
            }
        }
    );
}

/// What is a number is one again in E.164, of the same country.
#[test]
fn a_phone_number_is_read_again_as_the_same() {
    fuzz!(
        3_000,
        ["+49 151 12345678", "+1 (202) 555-0143", "\u{ff0b}\u{664}\u{669}1511", "+4915112345678 ext 5"],
        |input| {
            let text = input.text();
            let Ok(number) = PhoneNumber::parse(&text) else { return };
            assert!(number.e164().len() <= 16, "{}", number.e164());
            assert_eq!(PhoneNumber::parse(number.e164()), Ok(number.clone()));
            assert!(!format!("{number:?}").contains(&number.e164()[4..]));
        }
    );
}
