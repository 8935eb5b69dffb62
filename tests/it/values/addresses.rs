//! Email addresses, and the pages that mailed links open.

use tidegate_proto as proto;

use super::{product, wrong};
use crate::{
    arrange::{Address, PASSWORD, row},
    test_server::TestServer,
};

/// An address that mail cannot reach is refused by every call that sets one.
async fn refuse_address(server: &TestServer, email: &str) {
    let operator = server.operator();
    let create =
        proto::CreateAccountRequest { email: email.into(), password: PASSWORD.into(), ..Default::default() };
    assert_eq!(wrong(&operator.refused(create).await).0, "email", "{email}");
    let imported = operator
        .import(vec![proto::ImportRow { email: email.into(), ..row(1, "ann", Address::Verified) }])
        .await;
    let imported = imported.unwrap();
    let fields: Vec<_> = imported.reports.iter().map(|report| report.field.as_str()).collect();
    assert_eq!((imported.created_count, fields), (0, vec!["email"]), "{email}");
}

on_both! {
    async fn an_address_that_mail_cannot_reach_is_refused(server) {
        for email in [
            "a@b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "\"a b\"@example.com",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "an\u{200b}n@example.com",
            "an\u{ad}n@example.com",
            "ann\u{202e}@example.com",
            "ann@exam\u{200b}ple.com",
        ] {
            refuse_address(&server, email).await;
        }
    }

    /// An account is found by the domain that was typed, and by no other domain that case folding turns into
    /// it. So two people at two such domains have an account each.
    async fn inv_28_domains_that_only_fold_alike_are_two(server) {
        let operator = server.operator();
        let emails = ["ann@faß.example", "ann@fass.example", "ann@βόλος.example", "ann@βόλοσ.example"];
        let mut ids = Vec::new();
        for email in emails {
            let create = proto::CreateAccountRequest { email: email.into(), ..Default::default() };
            ids.push(operator.ok(create).await.account.unwrap().id);
        }
        for (typed, id) in [
            ("Ann@Faß.EXAMPLE", &ids[0]),
            ("ann@xn--fa-hia.example", &ids[0]),
            ("ANN@FASS.example", &ids[1]),
            ("ann@βόλος.example", &ids[2]),
            ("ann@ΒΌΛΟΣ.example", &ids[3]),
        ] {
            let found = operator.ok(proto::LookupAccountRequest { email: typed.into() }).await;
            assert_eq!(found.account.unwrap().id, *id, "{typed}");
        }
        let again = proto::CreateAccountRequest { email: "ANN@XN--FA-HIA.example".into(), ..Default::default() };
        assert_eq!(operator.refused(again).await.name(), "EMAIL_TAKEN");
    }

    async fn a_link_url_says_the_same_to_every_reader(server) {
        let operator = server.operator();
        for link_url in [
            "https://u:p@kasa.example/",
            "https://kasa.example\\@evil.example/",
            "https://kasa.example",
            "https://KASA.example/",
            "https://0x7f.1/",
            "http://kasa.example/",
        ] {
            let (field, why) = {
                let refused = operator.refused(product("Kasa", link_url)).await;
                let (field, why) = wrong(&refused);
                (field.to_owned(), why.to_owned())
            };
            assert_eq!(field, "settings.link_url", "{link_url}");
            assert!(!why.contains("u:p"), "{why}");
        }
        let made = operator.ok(product("Kasa", "https://kasa.example/confirm?lang=de")).await.product.unwrap();
        assert_eq!(made.settings.unwrap().link_url, "https://kasa.example/confirm?lang=de");
    }
}
