use super::{
    super::{Sources, load},
    given, refused,
};

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    assert_eq!(
        refused("[grpc]\nlisen = 1", &[], &[]),
        r#"unknown key "grpc.lisen" from tidegate.toml; did you mean "grpc.listen"?"#
    );
    assert_eq!(
        refused("connections = 1", &[], &[]),
        r#"unknown key "connections" from tidegate.toml; did you mean "database.connections" or "limits.connections"?"#
    );
    assert_eq!(
        refused("", &[("TIDEGATE__GRCP__REFLECTION", "on")], &[]),
        "unknown key \"grcp.reflection\" from environment variable TIDEGATE__GRCP__REFLECTION; \
         did you mean \"grpc.reflection\"?"
    );
    assert_eq!(
        refused("", &[], &["limits.comands=1"]),
        r#"unknown key "limits.comands" from --set limits.comands; did you mean "limits.commands"?"#
    );
}

#[test]
fn nothing_far_fetched_is_proposed() {
    let all = "`tidegate config print --defaults` prints all";
    for (key, hint) in [
        ("grpc.certificate", all),
        ("port", r#"did you mean "smtp.port"?"#),
        ("timeout_ms", all),
        ("x", all),
        ("urll", r#"did you mean "database.url" or "fcm.url" or "apns.url" or "sms.url"?"#),
        ("smtp.hots", r#"did you mean "smtp.host"?"#),
    ] {
        let unknown = format!("unknown key \"{key}\" from --set {key}; {hint}");
        assert_eq!(refused("", &[], &[&format!("{key}=1")]), unknown);
    }
    assert_eq!(
        refused("[oidc]\nurl = 1", &[], &[]),
        format!(r#"unknown section "oidc" from tidegate.toml; {all}"#)
    );
}

#[test]
fn an_unknown_section_is_named_once_with_the_nearest() {
    assert_eq!(
        refused("[databse]\nurl = 'x'\nconnections = 1", &[], &[]),
        r#"unknown section "databse" from tidegate.toml; did you mean "database"?"#
    );
}

#[test]
fn a_section_is_no_value() {
    let names = "url, url_file, pooler, connections, acquire_timeout_ms, connect_timeout_ms, lock_timeout_ms, statement_timeout_ms, \
        idle_in_transaction_timeout_ms";
    let problem = |origin: &str| {
        format!("wrong value for \"database\" from {origin}: is text, must be a section of {names}")
    };
    assert_eq!(refused("database = 'postgres://a:pw@db'", &[], &[]), problem("tidegate.toml"));
    assert_eq!(
        refused("", &[("TIDEGATE__DATABASE", "postgres://a:pw@db")], &[]),
        problem("environment variable TIDEGATE__DATABASE")
    );
    assert_eq!(
        refused("[[log]]\nlevel = 'info'", &[], &[]),
        r#"wrong value for "log" from tidegate.toml: is a list, must be a section of format, level"#
    );
}

#[test]
fn a_wrong_type_is_named_with_what_is_allowed() {
    let is = |value: &str| {
        let text = refused(&format!("[limits]\ncommands = {value}"), &[], &[]);
        let text = text.strip_prefix("wrong value for \"limits.commands\" from tidegate.toml: is ");
        text.unwrap().strip_suffix(", must be a whole number from 1 to 65536").unwrap().to_owned()
    };
    assert_eq!(is("'8'"), r#"text "8""#);
    assert_eq!(is("8.0"), "the number 8.0");
    assert_eq!(is("true"), "the boolean true");
    assert_eq!(is("[8]"), "a list");
    assert_eq!(is("{ at_once = 8 }"), "a table");
    assert_eq!(is("2026-01-01"), "a date");
    assert_eq!(
        refused("", &[("TIDEGATE__LIMITS__COMMANDS", "ma\"ny\n")], &[]),
        "wrong value for \"limits.commands\" from environment variable TIDEGATE__LIMITS__COMMANDS: \
         is text \"ma\\\"ny\\u000A\", must be a whole number from 1 to 65536"
    );
}

#[test]
fn a_value_beyond_its_rule_is_named_with_what_is_allowed() {
    let text = |pair: &str| {
        let (key, _) = pair.split_once('=').unwrap();
        let text = refused("", &[], &[pair]);
        text.strip_prefix(&format!("wrong value for \"{key}\" from --set {key}: ")).unwrap().to_owned()
    };
    assert_eq!(text("mail.poll_ms=9"), "is the number 9, must be a whole number from 10 to 60000");
    assert_eq!(text("log.format=xml"), r#"is text "xml", must be one of "text", "json""#);
    assert_eq!(text("keys.master_file="), r#"is text "", must be text that is not empty"#);
    assert_eq!(
        text("grpc.listen=localhost"),
        r#"is text "localhost", must be an address and port such as 127.0.0.1:50051"#
    );
}

#[test]
fn a_file_that_is_named_must_exist() {
    let sources = Sources { file: Some("nowhere/tidegate.toml".into()), ..Sources::default() };
    assert_eq!(
        load(&sources).unwrap_err().to_string(),
        "failed to read nowhere/tidegate.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn malformed_toml_is_named_by_its_line_which_is_not_quoted() {
    assert_eq!(
        refused("[database]\nurl = postgres://ada:pw@db\n", &[], &[]),
        "malformed TOML in tidegate.toml, line 2: invalid string, expected `\"`, `'`"
    );
    assert_eq!(
        refused("[log]\nlevel = 'a'\n\nlevel = 'b'", &[], &[]),
        "malformed TOML in tidegate.toml, line 4: duplicate key `level` in table `log`"
    );
}

#[test]
fn a_flag_without_equals_is_named_up_to_what_no_key_holds() {
    assert_eq!(
        refused("", &[], &["grpc.lisen"]),
        r#"no "=" in --set "grpc.lisen"; did you mean --set grpc.listen=VALUE?"#
    );
    assert_eq!(
        refused("", &[], &["database.url:postgres://ada:pw@db"]),
        r#"no "=" in --set "database.url…"; did you mean --set database.url=VALUE?"#
    );
}

#[test]
fn a_malformed_secret_is_not_shown() {
    assert_eq!(
        refused("", &[("TIDEGATE__DATABASE__URL", "host=db password=pw")], &[]),
        "wrong value for \"database.url\" from environment variable TIDEGATE__DATABASE__URL: \
         is text, must be text that begins with sqlite:, postgres:// or postgresql://"
    );
    assert_eq!(
        refused("[database]\nurl = 4711", &[], &[]),
        "wrong value for \"database.url\" from tidegate.toml: \
         is a number, must be text that begins with sqlite:, postgres:// or postgresql://"
    );
}

#[test]
fn no_problem_repeats_a_password() {
    for url in ["postgres://ada:hush@db", "postgres://db/t?password=hush&x=1", "password=hush", "//a:hush@x"]
    {
        let set = [
            url,
            &format!("database.ulr={url}"),
            &format!("database.url.{url}"),
            &format!("database={url}"),
            &format!("database.url= {url}"),
        ];
        let file =
            format!("databse = '{url}'\n'{url}' = 1\n[database]\nlru = '{url}'\n[database.url]\n'{url}' = 1");
        let problems = given(&file, &[("TIDEGATE__DATABASE__ULR", url)], &set).unwrap_err();
        assert!(!format!("{problems} {problems:?}").contains("hush"), "{problems:?}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let file = "[grpc]\nlisen = 1\n[mail]\nfrom = 1\npoll_ms = 1\n[logs]";
    let environment = [("TIDEGATE__LIMITS__COMMANDS", "0"), ("TIDEGATE__", "")];
    assert_eq!(
        refused(file, &environment, &["log.level", "mail.poll_ms=500"]),
        r#"unknown key "grpc.lisen" from tidegate.toml; did you mean "grpc.listen"?
unknown section "logs" from tidegate.toml; did you mean "log"?
unknown key "" from environment variable TIDEGATE__; `tidegate config print --defaults` prints all
no "=" in --set "log.level"; did you mean --set log.level=VALUE?
wrong value for "mail.from" from tidegate.toml: is the number 1, must be text that is not empty
wrong value for "limits.commands" from environment variable TIDEGATE__LIMITS__COMMANDS: is the number 0, must be a whole number from 1 to 65536"#
    );
}

#[test]
fn a_malformed_file_hides_no_other_problem() {
    assert_eq!(
        refused("[grpc", &[], &["limits.command=0", "limits.commands=0"]),
        r#"malformed TOML in tidegate.toml, line 1: invalid table header, expected `.`, `]`
unknown key "limits.command" from --set limits.command; did you mean "limits.commands"?
wrong value for "limits.commands" from --set limits.commands: is the number 0, must be a whole number from 1 to 65536"#
    );
}
