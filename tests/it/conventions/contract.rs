//! The contract's own habits: everything is explained, named alike, and says who may call it.

use std::collections::BTreeMap;

use prost_reflect::{MessageDescriptor, MethodDescriptor};
use prost_types::FileOptions;

use super::descriptors::{about, contract, shouted};

/// Fields whose names sound like secrets and are none.
const NO_SECRETS: &[(&str, &str)] = &[
    ("page_token", "tells where a page ended; authorises nothing"),
    ("next_page_token", "tells where a page ended; authorises nothing"),
    ("resume_token", "tells where a stream was; authorises nothing"),
    ("secret_withheld", "says that there is none"),
    ("codes_left", "a number"),
    ("min_password_length", "a number"),
    ("weak_password", "says that the password is weak"),
    ("password_demanded", "says that a new one is"),
    ("recovery_codes_left", "a number"),
];

#[test]
fn everything_is_explained() {
    let silent = contract().everything().into_iter().filter(|one| one.comment.len() < 2);
    assert_eq!(silent.map(|one| one.name).collect::<Vec<_>>(), Vec::<String>::new());
    // A map's entry is a message that is not written in the contract.
    let nested = contract()
        .messages()
        .into_iter()
        .filter(|one| one.child_messages().any(|child| !child.is_map_entry()) || one.child_enums().len() > 0);
    assert_eq!(nested.collect::<Vec<_>>(), [], "nested types are not looked at here");
}

/// Languages count text differently, so a limit without a unit means something else in each of them.
#[test]
fn every_limit_of_a_text_has_a_unit() {
    let mut limits = 0;
    for one in contract().everything() {
        let words: Vec<_> = one.comment.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[1].starts_with("characters")) {
            assert!(!pair[0].ends_with(|c: char| c.is_ascii_digit()), "{}: {}", one.name, one.comment);
            limits += usize::from(pair[0] == "Unicode");
        }
    }
    assert!(limits > 20, "limits are found: {limits}");
}

/// Without these options, generators need flags, or put stubs where other packages' stubs are.
#[test]
fn every_file_tells_generators_where_its_stubs_belong() {
    for file in contract().files {
        let options = file.file_descriptor_proto().options.clone().unwrap_or_default();
        let stem = file.name().rsplit('/').next().unwrap().trim_end_matches(".proto");
        let words = stem.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        let expected = FileOptions {
            csharp_namespace: Some("Tidegate.V1".to_owned()),
            go_package: Some("tidegate.dev/gen/tidegate/v1;tidegatev1".to_owned()),
            java_multiple_files: Some(true),
            java_outer_classname: Some(format!("{}Proto", words.collect::<String>())),
            java_package: Some("dev.tidegate.v1".to_owned()),
            objc_class_prefix: Some("TGX".to_owned()),
            php_metadata_namespace: Some(r"Tidegate\V1\GPBMetadata".to_owned()),
            php_namespace: Some(r"Tidegate\V1".to_owned()),
            ruby_package: Some("Tidegate::V1".to_owned()),
            ..Default::default()
        };
        assert_eq!(options, expected, "{}", file.name());
    }
}

#[test]
fn every_enum_begins_with_unspecified_and_prefixes_its_values() {
    for words in contract().enums() {
        let prefix = shouted(words.name());
        assert_eq!(words.get_value(0).unwrap().name(), format!("{prefix}_UNSPECIFIED"));
        for value in words.values() {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.full_name());
        }
    }
}

#[test]
fn every_method_has_a_request_and_a_response_of_its_own() {
    let mut uses = BTreeMap::<String, usize>::new();
    for method in contract().methods() {
        assert_eq!(method.input().name(), format!("{}Request", method.name()));
        assert_eq!(method.output().name(), format!("{}Response", method.name()));
        *uses.entry(method.input().full_name().to_owned()).or_default() += 1;
        *uses.entry(method.output().full_name().to_owned()).or_default() += 1;
    }
    assert!(uses.values().all(|count| *count == 1), "{uses:?}");
    let ends = |message: &MessageDescriptor| {
        message.name().ends_with("Request") || message.name().ends_with("Response")
    };
    let idle =
        contract().messages().into_iter().filter(|one| ends(one) && !uses.contains_key(one.full_name()));
    assert_eq!(idle.collect::<Vec<_>>(), []);
}

#[test]
fn every_method_says_which_permission_it_needs() {
    let contract = contract();
    let option = contract.pool.get_extension_by_name("tidegate.v1.rule").unwrap();
    for method in contract.methods() {
        let options = method.options();
        let rule = options.get_extension(&option);
        let number =
            rule.as_message().unwrap().get_field_by_name("permission").unwrap().as_enum_number().unwrap();
        let words = contract.pool.get_enum_by_name("tidegate.v1.Permission").unwrap();
        let declared = words.get_value(number).unwrap().name().replace("PERMISSION_", "");
        let about = about(&method);
        let told: Vec<_> =
            about.split("Permission ").skip(1).map(|rest| shout(rest).unwrap_or_default()).collect();
        assert_eq!(told, [declared.as_str()], "{}", method.full_name());
    }
}

#[test]
fn every_error_a_method_names_exists() {
    let reasons = contract().pool.get_enum_by_name("tidegate.v1.ErrorReason").unwrap();
    for method in contract().methods() {
        let named = listed_errors(&method);
        assert_eq!(named.is_empty(), !about(&method).contains("Errors: "), "{}", method.full_name());
        for name in named {
            assert!(
                reasons.get_value_by_name(&format!("ERROR_REASON_{name}")).is_some(),
                "{}: {name}",
                method.full_name()
            );
        }
    }
}

#[test]
fn every_field_that_sounds_like_a_secret_is_sensitive() {
    let contract = contract();
    let option = contract.pool.get_extension_by_name("tidegate.v1.sensitive").unwrap();
    let mut excused = Vec::new();
    for field in contract.messages().iter().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        let sounds = ["token", "password", "code", "codes", "secret", "otpauth", "qr", "seed", "pin"];
        if !field.name().split('_').any(|part| sounds.contains(&part)) {
            continue;
        }
        let sensitive = field.options().get_extension(&option).as_bool().unwrap();
        let excuse = NO_SECRETS.iter().find(|(name, _)| *name == field.name());
        assert_ne!(sensitive, excuse.is_some(), "{}", field.full_name());
        excused.extend(excuse);
    }
    assert!(
        NO_SECRETS.iter().all(|excuse| excused.contains(excuse)),
        "an excuse is not needed any more: {excused:?}"
    );
}

/// The reasons that the comment of a method lists after `Errors:`, without their prefix.
fn listed_errors(method: &MethodDescriptor) -> Vec<String> {
    let about = about(method);
    let Some((_, errors)) = about.split_once("Errors: ") else { return Vec::new() };
    let words = errors.split('.').next().unwrap().split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter(|word| word.len() > 2).map(ToOwned::to_owned).collect()
}

/// The capital letters a text begins with.
fn shout(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().filter(|word| !word.is_empty())
}
