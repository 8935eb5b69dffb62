//! What is accepted and what is not.

use tidegate_fuzz::fuzz;

use super::*;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn codes(password: &str, least: usize) -> Vec<&'static str> {
    let own_words = OwnWords::default().with("mara@example.com").with("mara-1987").with("Kasa Camera");
    let rules = PasswordRules { least, own_words };
    flaws(&secret(password), &rules).into_iter().map(PasswordFlaw::code).collect()
}

#[test]
fn what_an_attacker_tries_early_is_refused() {
    for (password, expected) in [
        ("passwordpassword", ["COMMON"].as_slice()),
        ("aaaaaaaaaaaaaaaaaaaa", &["COMMON"]),
        ("123456789012345", &["COMMON"]),
        ("qwertyuiopasdfgh", &["COMMON"]),
        ("P@ssw0rdP@ssw0rd", &["COMMON"]),
        ("letmein letmein letmein", &["COMMON"]),
        ("пароль пароль пароль", &["WEAK"]),
        ("mara@example.com", &["OWN_WORDS"]),
        ("mara@example.com2026", &["OWN_WORDS"]),
        ("moc.elpmaxe@aram", &["OWN_WORDS"]),
        ("kasacamera2026!", &["OWN_WORDS"]),
        ("Kasa Camera 12345", &["OWN_WORDS", "WEAK"]),
        ("mara-1987 mara-1987", &["OWN_WORDS", "WEAK"]),
    ] {
        assert_eq!(codes(password, LEAST), expected, "{password}");
    }
}

#[test]
fn a_password_that_is_hard_to_guess_is_accepted() {
    let long = "the tide turns at the gate ".repeat(2) + "xK9 lantern orchid";
    for password in [
        "correct horse battery staple",
        "schöne lange Passphrase",
        "мама мыла раму весь день",
        "我喜欢吃苹果和香蕉还有橘子水果",
        "aB3$dE6&gH9(jK2)",
        "7h3-q9v2-xk41-mm0z",
        "😀🐙🎈🍕🚲🌵🎻🧊🦉🪁🏺🧲🍀🛶🎲",
        "the keys of the kasa camera lie under the mat",
        &long,
    ] {
        assert!(codes(password, LEAST).is_empty(), "{password}: {:?}", codes(password, LEAST));
    }
}

#[test]
fn all_flaws_are_found_at_once() {
    assert_eq!(codes("password", LEAST), ["TOO_SHORT", "COMMON"]);
    assert_eq!(codes("mara@example", LEAST), ["TOO_SHORT", "OWN_WORDS", "WEAK"]);
    assert_eq!(codes(&"a".repeat(257), LEAST), ["TOO_LONG", "COMMON"]);
    assert_eq!(codes("", LEAST), ["TOO_SHORT", "COMMON"]);
}

#[test]
fn a_shorter_password_needs_to_withstand_less() {
    assert!(codes("xk9#mq2v", 8).is_empty());
    assert_eq!(codes("xk9#mq2v", LEAST), ["TOO_SHORT", "WEAK"]);
    assert_eq!(codes("sunshine", 8), ["COMMON"]);
}

/// SP 800-63B-4 §3.1.1.2: each Unicode code point counts as one character.
#[test]
fn length_is_counted_in_characters() {
    let of_length = |password: &str| {
        let length = |flaw: &PasswordFlaw| {
            matches!(flaw, PasswordFlaw::TooShort { .. } | PasswordFlaw::TooLong { .. })
        };
        flaws(&secret(password), &PasswordRules::default()).into_iter().filter(length).collect::<Vec<_>>()
    };
    let (short, long) = (PasswordFlaw::TooShort { least: 15 }, PasswordFlaw::TooLong { most: 256 });
    assert_eq!(of_length(&"ä".repeat(15)), []);
    assert_eq!(of_length(&"ä".repeat(14)), [short]);
    assert_eq!(of_length(&"a".repeat(256)), []);
    assert_eq!(of_length(&"a".repeat(257)), [long]);
    assert_eq!(of_length(&"\u{10000}".repeat(256)), []);
    assert_eq!(of_length(&"\u{10000}".repeat(257)), [long]);
    assert_eq!(of_length(&"a\u{308}".repeat(14)), [short]);
    assert_eq!(of_length(&"a\u{308}".repeat(256)), []);
}

/// However long they are, and wherever they end.
#[test]
fn repetitions_do_not_make_a_password_strong() {
    for (unit, expected) in
        [("password", "COMMON"), ("letmein4@5$", "WEAK"), ("p4@ssw0rd", "WEAK"), ("1a", "COMMON")]
    {
        for length in [30, 50, 101, 256] {
            let password: String = unit.chars().cycle().take(length).collect();
            let codes = codes(&password, LEAST);
            assert!(codes == [expected] || codes == ["COMMON"], "{password}: {codes:?}");
        }
    }
    assert!(codes(&"correct horse battery staple ".repeat(8), LEAST).is_empty());
}

/// A long password that begins weakly is as strong as its end.
#[test]
fn every_part_of_a_long_password_counts() {
    let weak = "a".repeat(100);
    assert_eq!(codes(&weak, LEAST), ["COMMON"]);
    assert!(codes(&(weak + "7h3-q9v2-xk41-mm0z"), LEAST).is_empty());
}

#[test]
fn a_password_of_any_text_is_judged() {
    let signs = "4@8({[<369!1|70$5+%2".repeat(13);
    let words = "correct horse battery staple ".repeat(8);
    let longest = "\u{1d15e}".repeat(256);
    let examples =
        ["mara@example.com", &signs, &words, &longest, "a\u{301}\u{345}", "\u{fdfa}İıſﬃ", "11.12.1987aab"];
    fuzz!(200, examples, |input| {
        let text = input.text();
        let flaws = codes(&text, LEAST);
        assert!(flaws.len() <= 3, "{flaws:?}");
        assert!(!flaws.is_empty() || text.len() <= 4 * MAX_BYTES, "{flaws:?}");
    });
}
