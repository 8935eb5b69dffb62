//! The lanes of a password: strangers who guess shut out neither the owner's devices nor each other's.

use prost::Message as _;
use proto::SignInState as State;
use tidegate_core::{Clock as _, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{PASSWORD, Person},
    owner::{Device, by_password},
    race::together,
    raw,
    setting::Kasa,
};

/// A guess from a device that the account does not know.
pub fn guess(kasa: &Kasa, identifier: &str, password: &str) -> proto::BeginSignInRequest {
    let nobody = Person { id: String::new(), external_id: String::new(), email: identifier.to_owned() };
    proto::BeginSignInRequest {
        first_factor: by_password(password),
        ..kasa.frontend.begin_request(&nobody, "kasa", &Device::new("strange"))
    }
}

/// Guesses as fast as the throttle allows, until no password is looked at any more; returns how many were.
pub async fn close(kasa: &Kasa, identifier: &str) -> usize {
    let mut looked_at = 0;
    loop {
        let denied = kasa.frontend.ok(guess(kasa, identifier, "a wrong passphrase")).await;
        assert_eq!(denied.sign_in.unwrap().state(), State::Denied);
        if denied.closed {
            return looked_at;
        }
        match denied.retry_time {
            Some(until) => {
                let until = tidegate_core::Timestamp::from_unix_micros(
                    until.seconds * 1_000_000 + i64::from(until.nanos) / 1_000,
                );
                kasa.server.clock.advance(until.since(kasa.server.clock.now()));
            }
            None => looked_at += 1,
        }
    }
}

on_both! {
    async fn inv_13_strangers_shut_out_no_device_that_the_owner_used(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let phone = Device::new("phone");
        kasa.frontend.sign_in(&person, "kasa", &phone).await;
        assert_eq!(close(&kasa, &person.email).await, 100, "INV-10");
        server.clock.advance(Span::days(365));
        let denied = kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await;
        assert!(denied.closed, "no time opens it");
        // The phone holds the token of a complete sign-in. With another device's id it is worth nothing.
        let elsewhere = proto::BeginSignInRequest {
            device_token: phone.token(),
            ..guess(&kasa, &person.email, PASSWORD)
        };
        assert!(kasa.frontend.ok(elsewhere).await.closed);
        kasa.frontend.sign_in(&person, "kasa", &phone).await;
        let begun = kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await;
        assert_eq!(begun.sign_in.unwrap().state(), State::Ready, "the known device reopened the lane");
    }

    async fn inv_29_known_and_unknown_identifiers_are_denied_alike(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        for n in 0..8 {
            let known = kasa.frontend.ok(guess(&kasa, &person.email, "a wrong passphrase")).await;
            let unknown = kasa.frontend.ok(guess(&kasa, "nobody@example.com", "a wrong passphrase")).await;
            assert_eq!(known, unknown, "guess {n}");
            assert_eq!(known.retry_time.is_some(), n >= 4);
        }
        assert_eq!(close(&kasa, &person.email).await, 96);
        assert_eq!(close(&kasa, "nobody@example.com").await, 96);
        let known = kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await;
        let unknown = kasa.frontend.ok(guess(&kasa, "nobody@example.com", PASSWORD)).await;
        assert_eq!(known, unknown);
    }

    /// Byte for byte, whatever guesses came before: a sign-in and a reset say nothing of whether there is an account.
    async fn inv_29_sign_ins_and_resets_are_answered_alike_after_any_number_of_failures(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let both = [person.email.as_str(), "nobody@example.com"];
        let ask = |identifier: &str| proto::BeginRecoveryRequest {
            product: "kasa".into(),
            identifier: identifier.into(),
            client: Some(Device::new("strange").client()),
            ..Default::default()
        };
        let mut failures = 0;
        for until in [0, 1, 5, 100] {
            while failures < until {
                let at = kasa.server.clock.now();
                for identifier in both {
                    // The throttle is waited out for both, so that both are looked at.
                    let denied = kasa.frontend.ok(guess(&kasa, identifier, "a wrong passphrase")).await;
                    assert_eq!(denied.sign_in.unwrap().state(), State::Denied);
                }
                assert_eq!(kasa.server.clock.now(), at);
                failures += 1;
                server.clock.advance(Span::hours(1));
            }
            let guessed = both.map(|identifier| guess(&kasa, identifier, "a wrong passphrase"));
            let [known, unknown] = guessed.map(|request| kasa.frontend.call(request));
            let [known, unknown] = [known.await, unknown.await].map(|answer| answer.unwrap().encode_to_vec());
            assert_eq!(known, unknown, "a sign-in after {until} failures");
            failures += 1;
            server.clock.advance(Span::hours(1));
            for n in 0..5 {
                let [known, unknown] = [kasa.frontend.call(ask(both[0])).await, kasa.frontend.call(ask(both[1])).await];
                assert_eq!(known, unknown, "reset {n} after {until} failures");
                assert_eq!(known.is_ok(), n == 0, "one a minute");
            }
            server.mails_to(&person.email).await;
            server.clock.advance(Span::days(1));
        }
        let closed = kasa.frontend.ok(guess(&kasa, both[1], PASSWORD)).await;
        assert_eq!((kasa.frontend.ok(guess(&kasa, both[0], PASSWORD)).await, closed.closed), (closed, true));
    }

    async fn inv_12_a_known_device_is_slowed_by_its_own_failures(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let phone = Device::new("phone");
        kasa.frontend.sign_in(&person, "kasa", &phone).await;
        let request = |password: &str| proto::BeginSignInRequest {
            first_factor: by_password(password),
            ..kasa.frontend.begin_request(&person, "kasa", &phone)
        };
        for _ in 0..4 {
            assert_eq!(kasa.frontend.ok(request("a wrong passphrase")).await.retry_time, None);
        }
        let (right, wrong) = (request(PASSWORD), request("a wrong passphrase"));
        let slowed = kasa.frontend.ok(right).await;
        assert_eq!(slowed, kasa.frontend.ok(wrong).await);
        assert!(slowed.retry_time.is_some());
        let stranger = kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await;
        assert_eq!(stranger.sign_in.unwrap().state(), State::Ready, "the other lane is open");
    }

    /// A household's hubs sign in at once after an outage.
    async fn right_passwords_at_once_are_all_accepted(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let request = guess(&kasa, &person.email, PASSWORD);
        for answer in together(&callers, &request).await {
            let begun = match answer {
                Ok(begun) => begun,
                // Only for want of a place to hash.
                Err(refused) => {
                    assert_eq!(refused.name(), "TOO_MANY_PASSWORDS");
                    continue;
                }
            };
            assert_eq!(begun.sign_in.unwrap().state(), State::Ready);
        }
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events WHERE fact LIKE '%sign_in_denied%'").await, 0);
    }
}
