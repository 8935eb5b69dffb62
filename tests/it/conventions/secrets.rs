//! Secrets leave `keyring` only sealed, digested, or as `Secret<T>` whose `Debug` prints nothing.

use std::collections::BTreeMap;

use expect_test::expect;

use super::sources::{self, in_code};

/// The only traits that `Secret` implements are `Debug` and `Drop`, and it derives only `Clone`.
#[test]
fn a_secret_implements_nothing_that_shows_it() {
    let all = sources::of(&sources::crates());
    let lines: Vec<_> = all.iter().flat_map(|source| source.code.lines()).collect();
    let headers = lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("impl"));
    let of_secret = headers.filter(|line| {
        ["for Secret", "> Secret", "for Token", "> Token {"].iter().any(|end| line.contains(end))
    });
    expect![[r"
        impl<T: Zeroize> Secret<T> {
        impl<T: Zeroize> Drop for Secret<T> {
        impl<T: Zeroize> fmt::Debug for Secret<T> {
    "]]
    .assert_eq(&of_secret.fold(String::new(), |text, line| text + line + "\n"));
    let derives = lines.windows(2).find(|two| two[1].starts_with("pub struct Secret<")).map(|two| two[0]);
    assert_eq!(derives, Some("#[derive(Clone)]"));
}

/// Where a secret is exposed, and how often. A reviewer must understand each new line.
#[test]
fn every_place_that_lays_a_secret_open_is_known() {
    let at_home = |path: &str| {
        let renders = path.starts_with("crates/grpc/") && path.ends_with("/render.rs");
        renders || ["crates/keyring/", "crates/factors/"].iter().any(|home| path.starts_with(home))
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for found in in_code(&sources::of(&sources::crates()), &[".expose()"]) {
        *counts.entry(found.path).or_default() += 1;
    }
    let abroad = counts.into_iter().filter(|(path, _)| !at_home(path));
    let counts = abroad.fold(String::new(), |text, (path, count)| format!("{text}{count} {path}\n"));
    expect![[r"
        5 crates/client/src/device/key.rs
        3 crates/client/src/settings.rs
        1 crates/courier/src/deliver.rs
        1 crates/courier/src/preview.rs
        1 crates/courier/src/text.rs
        2 crates/courier/src/transport/apns.rs
        1 crates/courier/src/transport/fcm.rs
        3 crates/courier/src/transport/fcm/access.rs
        2 crates/courier/src/transport/folder.rs
        5 crates/courier/src/transport/sms.rs
        1 crates/courier/src/transport/smtp.rs
        2 crates/courier/src/transport/tokens.rs
        2 crates/courier/src/transport/web_push/vapid.rs
        2 crates/grpc/src/form.rs
        1 crates/grpc/src/tls/files.rs
        1 crates/service/src/access/identify.rs
        1 crates/service/src/acting.rs
        1 crates/service/src/audit/resume.rs
        1 crates/service/src/challenges/consume.rs
        1 crates/service/src/challenges/context.rs
        1 crates/service/src/challenges/pose.rs
        1 crates/service/src/enrollments/first_code.rs
        1 crates/service/src/factors/recovery_codes.rs
        5 crates/service/src/idempotency.rs
        1 crates/service/src/installation/initialise.rs
        3 crates/service/src/links.rs
        1 crates/service/src/material.rs
        1 crates/service/src/pages.rs
        1 crates/service/src/passwords/send_resets.rs
        1 crates/service/src/sessions/introspect.rs
        1 crates/service/src/sessions/judge.rs
        3 crates/service/src/sessions/refresh.rs
        1 crates/service/src/sign_ins/password.rs
        1 crates/service/src/sign_ins/trust.rs
        2 crates/service/src/support/pass.rs
        1 crates/tidegate/src/demo/methods/sms_code.rs
        1 crates/tidegate/src/demo/owner/enroll.rs
        1 crates/tidegate/src/demo/owner/mod.rs
        1 crates/tidegate/src/demo/scenes.rs
        1 crates/tidegate/src/device/enroll.rs
        1 crates/tidegate/src/device/key_file.rs
        2 crates/tidegate/src/device/owner.rs
        3 crates/tidegate/src/files.rs
        1 crates/tidegate/src/init.rs
        1 crates/tidegate/src/mail.rs
        2 crates/tidegate/src/new_secret.rs
        1 crates/tidegate/src/passwords/test.rs
        1 crates/tidegate/src/receipts.rs
        1 crates/tidegate/src/server.rs
        1 crates/tidegate/src/sms.rs
    "]]
    .assert_eq(&counts);
}
