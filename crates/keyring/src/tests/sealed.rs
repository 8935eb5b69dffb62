//! Sealed values, personal fields, tokens, and the file of master keys.

use std::sync::atomic::AtomicU8;

use tidegate_core::{AccountId, Id, KeyId, KeyedDigest, Personal, RealmId, Sealed, Secret};
use tidegate_fuzz::fuzz;

use super::CountingEntropy;
use crate::{
    Keyring, MasterFile, MasterFileError, PersonalContext, SealContext, TokenKind, encrypt,
    fixed_entropy::FixedEntropy,
};

const REALM: RealmId = Id::from_uuid_bytes([1; 16]);
const ACCOUNT: AccountId = Id::from_uuid_bytes([2; 16]);

fn keyring() -> Keyring {
    Keyring::new(&MasterFile::generate(&FixedEntropy))
}

#[test]
fn inv_46_a_sealed_value_opens_as_it_was_sealed_or_not_at_all() {
    let keyring = keyring();
    let (context, value) = (SealContext::KeyCheck, Secret::new(b"a seed of twenty bytes".to_vec()));
    let sealed = keyring.seal(&context, &value, &FixedEntropy).unwrap();
    let empty = keyring
        .seal(&SealContext::ImportRow { realm: REALM }, &Secret::new(Vec::new()), &FixedEntropy)
        .unwrap();
    fuzz!(2_000, [&sealed.0, &empty.0], |input| {
        let opened = keyring.open(&context, &Sealed(input.to_vec()));
        assert_eq!(opened.is_ok(), **input == *sealed.0);
        assert!(opened.is_ok_and(|opened| opened.expose() == value.expose()) || **input != *sealed.0);
    });
}

#[test]
fn inv_46_personal_fields_open_as_they_were_sealed_or_not_at_all() {
    let (keyring, whose) = (keyring(), (REALM, ACCOUNT));
    let key = keyring.new_personal_key(REALM, ACCOUNT, &FixedEntropy).unwrap();
    let personal = Personal { email: Some("ann@example.com".to_owned()), ..Personal::default() };
    let event = PersonalContext::Event(Id::from_uuid_bytes([3; 16]));
    let sealed = keyring.seal_personal(&key, whose, event, &personal, &FixedEntropy).unwrap();
    fuzz!(1_000, [&sealed.0, &key.0], |input| {
        let changed = Sealed(input.to_vec());
        let opened = keyring.open_personal(&key, whose, event, &changed);
        assert_eq!(opened.ok(), (changed.0 == sealed.0).then(|| personal.clone()));
        let opened = keyring.open_personal(&changed, whose, event, &sealed);
        assert_eq!(opened.ok(), (changed.0 == key.0).then(|| personal.clone()));
    });
}

#[test]
fn inv_46_personal_fields_open_only_where_they_were_sealed() {
    let (keyring, whose) = (keyring(), (REALM, ACCOUNT));
    let key = keyring.new_personal_key(REALM, ACCOUNT, &FixedEntropy).unwrap();
    let contexts = [
        PersonalContext::Event(Id::from_uuid_bytes([3; 16])),
        PersonalContext::Event(Id::from_uuid_bytes([4; 16])),
        PersonalContext::FactorOrigin(Id::from_uuid_bytes([3; 16])),
        PersonalContext::FactorOrigin(Id::from_uuid_bytes([4; 16])),
    ];
    for (number, context) in contexts.into_iter().enumerate() {
        let sealed =
            keyring.seal_personal(&key, whose, context, &Personal::default(), &FixedEntropy).unwrap();
        for (place, other) in contexts.into_iter().enumerate() {
            assert_eq!(keyring.open_personal(&key, whose, other, &sealed).is_ok(), place == number);
        }
        // The same key in the row of another account, or in another realm, opens nothing.
        for other in [(REALM, Id::from_uuid_bytes([5; 16])), (Id::from_uuid_bytes([5; 16]), ACCOUNT)] {
            assert!(keyring.open_personal(&key, other, context, &sealed).is_err());
        }
        // Nor does the own key of another account.
        let (account, entropy) = (Id::from_uuid_bytes([5; 16]), CountingEntropy(AtomicU8::new(7)));
        let theirs = keyring.new_personal_key(REALM, account, &entropy).unwrap();
        assert!(keyring.open_personal(&theirs, (REALM, account), context, &sealed).is_err());
    }
}

#[test]
fn personal_fields_of_an_earlier_version_open_and_fit_events_only() {
    let (keyring, whose) = (keyring(), (REALM, ACCOUNT));
    let key = keyring.new_personal_key(REALM, ACCOUNT, &FixedEntropy).unwrap();
    let opened_key = keyring.personal_key(&key, REALM, ACCOUNT).unwrap();
    let sealed = encrypt(
        &opened_key,
        Vec::new(),
        b"personal fields of an event",
        b"{\"email\":\"a@b.example\"}",
        &FixedEntropy,
    );
    let (sealed, id) = (sealed.unwrap(), Id::from_uuid_bytes([3; 16]));
    let personal = keyring.open_personal(&key, whose, PersonalContext::Event(id), &sealed).unwrap();
    assert_eq!(personal.email.as_deref(), Some("a@b.example"));
    let origin = PersonalContext::FactorOrigin(Id::from_uuid_bytes([3; 16]));
    assert!(keyring.open_personal(&key, whose, origin, &sealed).is_err());
}

#[test]
fn inv_24_only_a_token_has_a_digest() {
    let kinds =
        [TokenKind::SignIn, TokenKind::Session, TokenKind::Device, TokenKind::Link, TokenKind::Credential];
    let minted = kinds.map(|kind| kind.mint(&FixedEntropy).0.expose().clone());
    fuzz!(2_000, minted, |input| {
        let text = input.text();
        let digests = kinds.iter().filter(|kind| kind.digest(&text).is_some()).count();
        assert!(digests <= 1, "a token of {digests} kinds");
        assert!(digests == 0 || text.len() <= 68 && text.is_ascii());
    });
}

#[test]
fn a_file_of_master_keys_is_read_or_refused() {
    let file = MasterFile::generate(&FixedEntropy).text();
    let two = format!("{}\n# old\n{}\n", file.expose(), "0F".repeat(32));
    fuzz!(1_000, [file.expose().as_str(), &two], |input| {
        let text = Secret::new(input.text().into_owned());
        let (lines, read) = (text.expose().lines().count(), MasterFile::parse(&text));
        match read {
            Ok(file) => {
                let again = MasterFile::parse(&file.text()).unwrap();
                assert_eq!(again.keys().active, file.keys().active);
                assert!(again.keys().seals.len() <= lines);
            }
            Err(MasterFileError::NotAKey { line }) => assert!(line <= lines),
            Err(MasterFileError::Empty | MasterFileError::NoneActive) => {}
        }
    });
}

#[test]
fn a_digest_of_an_unknown_key_is_unreadable() {
    let keyring = keyring();
    let kept = keyring.digest(&SealContext::KeyCheck, b"body").unwrap();
    let bytes = [&kept.key.0.to_be_bytes()[..], &kept.mac].concat();
    fuzz!(500, [bytes], |input| {
        let Some((key, mac)) = input.split_first_chunk::<4>() else { return };
        let Ok(mac) = mac.try_into() else { return };
        let changed = KeyedDigest { key: KeyId(u32::from_be_bytes(*key)), mac };
        let same = changed.key == kept.key && changed.mac == kept.mac;
        assert_eq!(keyring.matches(&SealContext::KeyCheck, b"body", &changed).unwrap_or(false), same);
    });
}
