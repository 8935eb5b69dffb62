//! Assertions: what they say, who gets none, and the keys that verify them. A library that is not ours verifies them here.

use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use proto::subject::Who;
use serde_json::{Value, json};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    owner::{Device, subject},
    raw,
    setting::Kasa,
    test_server::{CredentialSpec, TestServer},
};

fn issue(token: &str) -> proto::IssueAssertionRequest {
    let subject = subject(Who::SessionToken(token.to_owned()));
    proto::IssueAssertionRequest { subject, ..Default::default() }
}

fn lasting(token: &str, seconds: i64, nanos: i32) -> proto::IssueAssertionRequest {
    proto::IssueAssertionRequest { lifetime: Some(prost_types::Duration { seconds, nanos }), ..issue(token) }
}

/// The published keys, and the issuer.
async fn published(actor: &Actor) -> (JwkSet, String) {
    let answer = actor.ok(proto::GetJwksRequest {}).await;
    (serde_json::from_str(&answer.jwks).unwrap(), answer.issuer)
}

fn names(keys: &JwkSet) -> Vec<String> {
    keys.keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect()
}

fn signer(assertion: &str) -> String {
    jsonwebtoken::decode_header(assertion).unwrap().kid.unwrap()
}

/// The claims, if a key of the set verifies the assertion for this service. The server's clock is not the real one, so the
/// times are compared by the tests themselves.
fn claims(assertion: &str, (keys, issuer): &(JwkSet, String), audience: &str) -> Option<Value> {
    let header = jsonwebtoken::decode_header(assertion).unwrap();
    assert_eq!(header.typ.as_deref(), Some("tidegate-assertion+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap())?).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    jsonwebtoken::decode::<Value>(assertion, &key, &validation).ok().map(|token| token.claims)
}

async fn rotate(server: &TestServer, at_once: bool) -> proto::RotateSigningKeyResponse {
    server.operator().ok(proto::RotateSigningKeyRequest { at_once, ..Default::default() }).await
}

async fn kept(server: &TestServer) -> i64 {
    raw::count(server, "SELECT count(*) FROM signing_keys").await
}

on_both! {
    async fn an_assertion_says_what_the_session_is_worth(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let begun = server.now().unix_seconds();
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        server.clock.advance(Span::seconds(7));
        let issued = kasa.frontend.ok(issue(&session.token)).await;
        let keys = published(&kasa.frontend).await;
        let first = issued.assertion;
        let told = claims(&first, &keys, "kasa").unwrap();
        let now = server.now().unix_seconds();
        let jti = told["jti"].as_str().unwrap().to_owned();
        assert!(jti.starts_with("ast_"));
        assert_eq!(told, json!({
            "iss": raw::realm(&server).await.to_string(), "sub": owner.person.id, "aud": "kasa", "iat": now,
            "exp": now + 60, "jti": jti, "sid": session.id, "product": "kasa", "acr": "aal2",
            "amr": ["mfa", "otp", "pwd"], "auth_time": begun,
        }));
        assert_eq!(issued.expire_time.unwrap().seconds, now + 60);

        let api = "https://api.kasa.example";
        let request = proto::IssueAssertionRequest { audience: api.into(), ..lasting(&session.token, 300, 0) };
        let issued = kasa.frontend.ok(request).await;
        let told = claims(&issued.assertion, &keys, api).unwrap();
        assert_eq!((told["exp"].as_i64().unwrap(), told["jti"] == jti), (now + 300, false));
        assert_eq!(claims(&issued.assertion, &keys, "kasa"), None, "it is for another service");
        let other = (keys.0.clone(), "realm_01h2xcejqtf2nbrexx3vqjhp41".to_owned());
        assert_eq!(claims(&issued.assertion, &other, api), None, "it is of another realm");
        let signature = issued.assertion.rsplit_once('.').unwrap().1;
        let forged = format!("{}.{signature}", first.rsplit_once('.').unwrap().0);
        assert_eq!(claims(&forged, &keys, "kasa"), None, "it is the signature of another one");
    }

    async fn an_assertion_lives_for_five_minutes_and_no_longer_than_its_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        for (seconds, nanos) in [(0, 0), (-1, 0), (0, 999_999_999), (300, 1_000), (i64::MAX, 0)] {
            let refused = kasa.frontend.refused(lasting(&session.token, seconds, nanos)).await;
            assert_eq!(refused.name(), "INVALID_REQUEST", "{seconds} {nanos}");
        }
        for audience in ["a b", "ä", &"a".repeat(201)] {
            let request = proto::IssueAssertionRequest { audience: audience.to_owned(), ..issue(&session.token) };
            assert_eq!(kasa.frontend.refused(request).await.name(), "INVALID_REQUEST", "{audience}");
        }
        let ends = session.answer.session.clone().unwrap().expire_time.unwrap().seconds;
        // Each use keeps the session from going idle.
        let issued = loop {
            let issued = kasa.frontend.ok(lasting(&session.token, 300, 0)).await;
            let left = ends - 30 - server.now().unix_seconds();
            if left == 0 {
                break issued;
            }
            server.clock.advance(Span::seconds(left.min(2_700)));
        };
        assert_eq!(issued.expire_time.unwrap().seconds, ends);
    }

    async fn who_may_not_be_served_gets_no_assertion(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("tapo").await;
        let owner = kasa.owner("ann").await;
        let session = &owner.session;
        let refused = async |request: proto::IssueAssertionRequest| kasa.frontend.refused(request).await.name().to_owned();
        assert!(kasa.frontend.call(issue(&session.token)).await.is_ok());
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let signing_in = proto::IssueAssertionRequest { subject: begun.subject(), ..Default::default() };
        assert_eq!(refused(signing_in).await, "SUBJECT_NOT_ACCEPTED");
        let on_behalf = proto::OnBehalf { account: "ann".into(), product: "kasa".into(), reason: "ticket".into() };
        let on_behalf = proto::IssueAssertionRequest { subject: subject(Who::OnBehalf(on_behalf)), ..Default::default() };
        assert_eq!(refused(on_behalf).await, "SUBJECT_NOT_ACCEPTED");
        let mut elsewhere = issue(&session.token);
        elsewhere.subject.as_mut().unwrap().client =
            Some(proto::ClientContext { device_id: "of-a-thief".into(), ..Default::default() });
        assert_eq!(refused(elsewhere).await, "SUBJECT_NOT_VALID");
        let spec = CredentialSpec { products: &["tapo"], ..CredentialSpec::of(Role::Frontend) };
        let tapo = server.with_credential("tapo", spec).await.quiet();
        assert_eq!(tapo.refused(issue(&session.token)).await.name(), "SUBJECT_NOT_VALID");
        let recovered = kasa.recovered(&owner, 0).await;
        assert_eq!(refused(issue(&recovered.token)).await, "SESSION_RECOVERS");

        let other = kasa.frontend.sign_in(&kasa.admin.person("bob").await, "kasa", &Device::new("phone")).await;
        kasa.frontend.ok(proto::RevokeSessionRequest { subject: other.subject(), ..Default::default() }).await;
        assert_eq!(refused(issue(&other.token)).await, "SUBJECT_NOT_VALID");
        raw::change(&server, "UPDATE accounts SET state = 'suspended'").await;
        assert_eq!(refused(issue(&session.token)).await, "SUBJECT_NOT_VALID");
    }

    async fn calls_at_once_on_two_servers_make_one_first_key(server) {
        let replica = server.replica().await;
        let operator = server.operator();
        let calls = (0..16).map(|number| {
            let actor = if number % 2 == 0 { operator.clone() } else { operator.at(replica.channel.clone()) };
            tokio::spawn(async move { names(&published(&actor).await.0) })
        });
        let calls: Vec<_> = calls.collect();
        let mut told = Vec::new();
        for call in calls {
            told.push(call.await.unwrap());
        }
        told.dedup();
        assert_eq!((told.len(), told[0].len(), kept(&server).await), (1, 1, 1));
        let made = "SELECT count(*) FROM events WHERE fact LIKE '%signing_key_created%'";
        assert_eq!(raw::count(&server, made).await, 1);
    }

    async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_its_last_assertion_has_expired(server) {
        let kasa = Kasa::open(&server).await;
        let session = kasa.frontend.sign_in(&kasa.admin.person("ann").await, "kasa", &Device::new("phone")).await;
        let assertion = async || kasa.frontend.ok(lasting(&session.token, 300, 0)).await.assertion;
        let old = names(&published(&kasa.frontend).await.0).remove(0);
        let rotated = rotate(&server, false).await;
        let new = rotated.key_id.clone();
        assert_eq!(rotated.sign_time.unwrap().seconds, server.now().unix_seconds() + 600);
        assert_eq!(rotate(&server, false).await, rotated, "it waits already");
        assert_eq!(names(&published(&kasa.frontend).await.0), [old.clone(), new.clone()]);
        server.clock.advance(Span::from_micros(10 * 60_000_000 - 1));
        let last = assertion().await;
        assert_eq!(signer(&last), old);
        server.clock.advance(Span::from_micros(1));
        let first = assertion().await;
        assert_eq!(signer(&first), new);
        server.clock.advance(Span::from_micros(5 * 60_000_000 - 1));
        let both = published(&kasa.frontend).await;
        assert!(claims(&last, &both, "kasa").is_some() && claims(&first, &both, "kasa").is_some());
        server.clock.advance(Span::from_micros(1));
        let one = published(&kasa.frontend).await;
        assert_eq!(names(&one.0), std::slice::from_ref(&new));
        assert_eq!((claims(&last, &one, "kasa"), claims(&first, &one, "kasa").is_some()), (None, true));
        assert_eq!(kept(&server).await, 2);
        let third = rotate(&server, false).await.key_id;
        assert_eq!((kept(&server).await, names(&published(&kasa.frontend).await.0)), (2, vec![new, third]));
    }

    async fn a_key_that_others_know_is_gone_at_once(server) {
        let kasa = Kasa::open(&server).await;
        let session = kasa.frontend.sign_in(&kasa.admin.person("ann").await, "kasa", &Device::new("phone")).await;
        let known = kasa.frontend.ok(issue(&session.token)).await.assertion;
        rotate(&server, false).await;
        let new = rotate(&server, true).await;
        assert_eq!(new.sign_time.unwrap().seconds, server.now().unix_seconds());
        let keys = published(&kasa.frontend).await;
        assert_eq!((names(&keys.0), kept(&server).await), (vec![new.key_id.clone()], 1));
        let next = kasa.frontend.ok(issue(&session.token)).await.assertion;
        assert_eq!((claims(&known, &keys, "kasa"), signer(&next)), (None, new.key_id));
        assert!(claims(&next, &keys, "kasa").is_some());
    }

    async fn rotations_at_once_leave_one_key_that_waits(server) {
        let replica = server.replica().await;
        published(&server.operator()).await;
        let operator = server.operator();
        let calls = (0..8).map(|number| {
            let actor = if number % 2 == 0 { operator.clone() } else { operator.at(replica.channel.clone()) };
            tokio::spawn(async move { actor.ok(proto::RotateSigningKeyRequest::default()).await.key_id })
        });
        let calls: Vec<_> = calls.collect();
        let mut ids = Vec::new();
        for call in calls {
            ids.push(call.await.unwrap());
        }
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), kept(&server).await), (1, 2));
    }

    async fn each_realm_has_keys_of_its_own_and_none_in_clear(server) {
        server.realm("acme").await;
        let ours = published(&server.operator()).await;
        let theirs = published(&server.operator().in_realm("acme")).await;
        assert!(ours.1 != theirs.1 && names(&ours.0) != names(&theirs.0));
        // The keys of two realms in each other's rows do not open.
        raw::change(&server, "CREATE TABLE kept AS SELECT * FROM signing_keys").await;
        let swap = "UPDATE signing_keys SET sealed_key = \
            (SELECT sealed_key FROM kept WHERE kept.realm_id <> signing_keys.realm_id)";
        raw::change(&server, swap).await;
        let refused = server.operator().refused(proto::GetJwksRequest {}).await;
        assert_eq!(refused.name(), "DATA_DAMAGED");
    }
}
