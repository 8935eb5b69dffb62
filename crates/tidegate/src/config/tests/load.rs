use super::{
    super::{Format, Reflection, Sources, load, setting::Rule, settings::SETTINGS},
    given, loaded,
};

const VARIABLE: (&str, &str) = ("TIDEGATE__GRPC__LISTEN", "127.0.0.3:1");
const FLAG: &str = "grpc.listen=127.0.0.4:1";

#[test]
fn each_source_outweighs_the_one_before() {
    let file = "[grpc]\nlisten = '127.0.0.2:1'";
    let listen = |file, environment: &[_], set: &[_]| {
        let loaded = loaded(file, environment, set);
        let (value, origin) = loaded.entry("grpc.listen");
        assert_eq!(value, format!("\"{}\"", loaded.config.grpc.listen));
        format!("{value} {origin}")
    };
    assert_eq!(listen("", &[], &[]), r#""127.0.0.1:50051" default"#);
    assert_eq!(listen(file, &[], &[]), r#""127.0.0.2:1" tidegate.toml"#);
    let variable = r#""127.0.0.3:1" environment variable TIDEGATE__GRPC__LISTEN"#;
    assert_eq!(listen(file, &[VARIABLE], &[]), variable);
    assert_eq!(listen(file, &[VARIABLE], &[FLAG]), r#""127.0.0.4:1" --set grpc.listen"#);
    assert_eq!(listen(file, &[], &[FLAG, "grpc.listen=[::1]:0"]), r#""[::1]:0" --set grpc.listen"#);
}

#[test]
fn load_reads_all_that_the_sources_name() {
    let sources = Sources {
        file: Some("src/config/tests/tidegate.toml".into()),
        environment: vec![
            ("HOME".into(), "/".into()),
            ("TIDEGATE__LOG__FORMAT".into(), "json".into()),
            ("TIDEGATE__GRPC__LISTEN".into(), "127.0.0.3:1".into()),
        ],
        set: vec!["limits.commands=3".into()],
    };
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config.grpc.listen.to_string(), "127.0.0.3:1");
    assert_eq!(loaded.config.log.format, Format::Json);
    assert_eq!(loaded.config.limits.commands, 3);
    assert_eq!(loaded.config.mail.poll_ms, 50);
    assert_eq!(loaded.entry("mail.poll_ms"), ("50", "src/config/tests/tidegate.toml"));
}

#[test]
fn a_setting_leaves_its_neighbours_alone() {
    let loaded = loaded("[mail]\nfrom = 'a@b'", &[("TIDEGATE__MAIL__POLL_MS", "60")], &["mail.folder=out"]);
    assert_eq!(loaded.entry("mail.from"), (r#""a@b""#, "tidegate.toml"));
    assert_eq!(loaded.entry("mail.poll_ms"), ("60", "environment variable TIDEGATE__MAIL__POLL_MS"));
    assert_eq!(loaded.entry("mail.folder"), (r#""out""#, "--set mail.folder"));
}

#[test]
fn digits_and_truths_stay_text_where_text_is_wanted() {
    let loaded = loaded("", &[("TIDEGATE__BOOTSTRAP__REALM", "007")], &["keys.master_file=true"]);
    assert_eq!(loaded.config.bootstrap.realm, "007");
    assert_eq!(loaded.config.keys.master_file.to_str(), Some("true"));
    assert_eq!(loaded.entry("bootstrap.realm").0, r#""007""#);
}

#[test]
fn text_keeps_its_equals_signs() {
    let loaded = loaded("", &[], &["log.level=info,tidegate=debug"]);
    assert_eq!(loaded.config.log.level, "info,tidegate=debug");
}

#[test]
fn reflection_follows_the_listen_address_unless_told() {
    let reflection = |set: &[&str]| loaded("", &[], set).config.grpc.reflection();
    assert!(reflection(&[]));
    assert!(reflection(&["grpc.listen=[::ffff:127.0.0.1]:1"]));
    assert!(!reflection(&["grpc.listen=0.0.0.0:1"]));
    assert!(reflection(&["grpc.listen=0.0.0.0:1", "grpc.reflection=on"]));
    assert!(!reflection(&["grpc.reflection=off"]));
    assert_eq!(loaded("", &[], &[]).config.grpc.reflection, Reflection::Auto);
}

#[test]
fn the_types_of_the_program_take_what_the_rules_allow_and_no_more() {
    for setting in SETTINGS {
        let takes = |value: &str| given("", &[], &[&format!("{}={value}", setting.key)]).is_ok();
        match &setting.rule {
            Rule::Text => assert!(takes("x") && !takes("")),
            Rule::Optional => assert!(takes("x") && takes("")),
            Rule::Address => assert!(takes("[::]:0") && !takes("localhost:1") && !takes("127.0.0.1")),
            Rule::Database => assert!(
                takes("sqlite::memory:")
                    && takes("postgres://db")
                    && takes("postgresql://db")
                    && !takes("mysql://db")
            ),
            Rule::Choice(words) => assert!(words.iter().all(|word| takes(word)) && !takes("Auto")),
            Rule::Whole(range) => {
                assert!(takes(&range.start().to_string()) && takes(&range.end().to_string()));
                assert!(!takes(&(range.start() - 1).to_string()) && !takes(&(range.end() + 1).to_string()));
                assert!(!takes("many") && !takes(""));
            }
            Rule::Boolean => assert!(takes("true") && takes("false") && !takes("on") && !takes("")),
        }
    }
}
