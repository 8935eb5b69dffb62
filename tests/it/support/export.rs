//! The export of everything that is stored about one account.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_core::Role;
use tidegate_proto as proto;

use super::{issue_pass, mailed_pass, with_factor};
use crate::{
    actor::Actor, arrange::PASSWORD, owner::Device, raw, setting::Kasa, test_server::CredentialSpec,
};

pub fn export(account: &str) -> proto::ExportAccountRequest {
    proto::ExportAccountRequest { account: account.to_owned(), reason: "access request".to_owned() }
}

/// The lines of an export, and how many messages they came in.
async fn exported(actor: &Actor, account: &str) -> (Vec<String>, usize) {
    let (mut stream, mut lines, mut messages) = (actor.stream(export(account)).await.unwrap(), Vec::new(), 0);
    while let Some(message) = stream.next().await.unwrap() {
        assert_eq!(message.lines.last(), Some(&b'\n'), "whole lines");
        let text = String::from_utf8(message.lines).unwrap();
        lines.extend(text.lines().map(str::to_owned));
        messages += 1;
    }
    (lines, messages)
}

on_both! {
    async fn everything_of_an_account_is_exported_and_no_secret(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let person = &owner.person;
        let phone = Device::remembered("phone");
        let session = kasa.frontend.sign_in_with(person, "kasa", &phone, &owner.enrolled.seed).await;
        kasa.frontend.ok(proto::RegisterInterestRequest { subject: session.subject() }).await;
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, person).await;
        let change = "INSERT INTO email_changes (realm_id, change_id, account_id, email, email_canonical, state, created_at) \
            SELECT realm_id, account_id, account_id, 'new@example.com', 'new@example.com', 'asked', created_at FROM accounts";
        raw::change(&server, change).await;
        let (lines, _) = exported(&support, "ann").await;
        let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in &lines {
            let Value::Object(fields) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
            assert_eq!(fields.len(), 1, "{line}");
            for (kind, value) in fields {
                kinds.entry(kind).or_default().push(value);
            }
        }
        let count = |kind: &str| kinds.get(kind).map_or(0, Vec::len);
        let all = ["account", "address_change", "device", "event", "factor", "interest", "message", "rollout", "session"];
        assert_eq!(kinds.keys().map(String::as_str).collect::<Vec<_>>(), all);
        assert_eq!((count("account"), count("factor"), count("session"), count("device")), (1, 3, 2, 2));
        assert_eq!(kinds["account"][0]["address"]["email"], "ann@example.com");
        assert_eq!(kinds["address_change"][0]["to"], "new@example.com");
        assert_eq!(kinds["session"][1]["methods"], serde_json::json!(["password", "totp"]));
        let newest = &kinds["event"][0];
        assert_eq!((newest["kind"].as_str(), newest["email"].as_str()), (Some("account_exported"), Some("ann@example.com")));
        assert_eq!(newest["data"]["reason"], "access request");
        let secrets = [pass, PASSWORD.to_owned(), session.token, phone.token(), owner.enrolled.recovery_codes[0].clone()];
        for secret in &secrets {
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}");
        }
        assert!(!lines.iter().any(|line| line.contains("argon2") || line.contains("digest") || line.contains("material")));
    }

    /// Pages of 500 rows, so that memory does not grow with the account.
    async fn a_long_history_comes_in_pages(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        kasa.admin.person("ann").await;
        for _ in 0..620 {
            kasa.admin.ok(proto::GetAccountRequest { account: "ann".to_owned() }).await;
        }
        let (lines, messages) = exported(&support, "ann").await;
        let events = lines.iter().filter(|line| line.starts_with(r#"{"event""#)).count();
        assert_eq!((events, messages), (620 + 2, 4), "the account, its address as a factor, and two pages of events");
    }

    async fn an_export_is_recorded_whether_or_not_it_is_read(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person("ann").await;
        drop(support.stream(export("ann")).await.unwrap());
        assert_eq!(kasa.recorded(&person, "account_exported").await, [r#"{"reason":"access request"}"#]);
        let spec = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Support) };
        let of_kasa = server.with_credential("of kasa", spec).await.quiet();
        let refused = of_kasa.stream(export("ann")).await.err().unwrap();
        assert_eq!(refused.name(), "PRODUCT_NOT_PERMITTED");
        // Names of nobody and of another realm are alike.
        server.realm("acme").await;
        let other = server.operator().in_realm("acme").quiet();
        let unknown = other.stream(export("nobody")).await.err().unwrap();
        for account in ["ann", person.id.as_str()] {
            assert_eq!(other.stream(export(account)).await.err().unwrap(), unknown);
        }
        assert_eq!(unknown.name(), "ACCOUNT_NOT_FOUND");
    }
}
