//! Rows of schema 5 are read as what they were.

use tidegate_core::{Mark, Method, MethodPolicy, ProductSettings, Sealed, Span, TokenDigest};
use tidegate_store::{Schema, challenges, enrollments, factors, installation, links, products};

use crate::{
    database::{Database, id, realm},
    on_both,
};

on_both!(rows_of_schema_5,);

const ROWS: &str = r#"
INSERT INTO installation (singleton, first_realm_id, min_binary, key_check, clock_floor, created_at) VALUES (1, ID1, 1, BYTES, AT , AT );
INSERT INTO products (realm_id, product_key, title, link_url, allowed_methods, trusted_device, session_idle, session_absolute, revision, created_at, updated_at)
VALUES (ID1, 'one', 'One', 'https://one.example/l?a=%C3%A4', '["totp","recovery_codes"]', 0, 1800000000, 43200000000, 3, AT , AT ),
  (ID1, 'two', 'Two', 'https://two.example/', '["recovery_codes","totp"]', 7, 8, 9, 1, AT , AT );
INSERT INTO accounts (realm_id, account_id, email, email_canonical, email_since, email_verified_at, state, personal_key, created_at)
VALUES (ID1, ID2, 'ann@one.example', 'ann@one.example', AT , AT , 'active', BYTES, AT ),
  (ID1, ID3, 'bob@one.example', 'bob@one.example', AT , NULL, 'active', BYTES, AT );
INSERT INTO factors (realm_id, account_id, factor_id, method, seed, last_step, created_at, last_used_at)
VALUES (ID1, ID2, ID3, 'totp', BYTES, 5, AT , AT ), (ID1, ID2, ID4, 'recovery_codes', NULL, NULL, AT , NULL);
INSERT INTO enrollments (realm_id, enrollment_id, account_id, product_key, method, state, factor_id, seed, tries, created_at, expires_at)
VALUES (ID1, ID5, ID2, 'one', 'totp', 'awaiting_proof', ID6, BYTES, 1, AT , LATER);
INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, factor_id, purpose, state, tries, created_at, expires_at)
VALUES (ID1, ID7, ID2, ID9, ID3, 'sign_in', 'open', 2, AT , LATER), (ID1, ID8, ID2, ID9, ID6, 'sign_in', 'cancelled', 0, AT , LATER);
INSERT INTO links (realm_id, token_digest, account_id, target, email_canonical, created_at, expires_at)
VALUES (ID1, DIGEST, ID2, '"email"', 'ann@one.example', AT , LATER);
"#;

async fn rows_of_schema_5(database: &Database) {
    database.migrate_to_5().await;
    database.run(&ROWS.replace("DIGEST", &database.digest(9))).await;
    let store = database.store().await;
    assert_eq!(
        installation::schema(&mut store.across("test")).await.unwrap(),
        Schema::Usable { applied: 17 }
    );
    let min_binary = installation::find(&mut store.across("test")).await.unwrap().unwrap().min_binary;
    assert_eq!(min_binary, 16, "an older program must not start");
    let view = &mut store.view("test", realm());

    for (key, settings) in [
        (
            "one",
            settings(
                "https://one.example/l?a=%C3%A4",
                [Method::Totp, Method::RecoveryCodes],
                [0, 1_800_000_000, 43_200_000_000],
            ),
        ),
        ("two", settings("https://two.example/", [Method::RecoveryCodes, Method::Totp], [7, 8, 9])),
    ] {
        let product = products::find(view, &key.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(product.settings, settings);
        let kept =
            database.value(&format!("SELECT settings FROM products WHERE product_key = '{key}'")).await;
        assert_eq!(kept, serde_json::to_string(&settings).unwrap());
    }

    let kept = factors::of_account(view, id(2)).await.unwrap();
    let of = |method| {
        let kept = kept.iter().filter(move |factor| factor.method == method);
        kept.map(|factor| (factor.material.clone(), factor.mark)).collect::<Vec<_>>()
    };
    let bytes = Some(Sealed(vec![1, 2]));
    assert_eq!(of(Method::Totp), [(bytes.clone(), Mark(5))]);
    assert_eq!(of(Method::RecoveryCodes), [(None, Mark(0))]);
    assert_eq!(of(Method::EmailCode), [(None, Mark(0))], "the address is verified");
    assert!(kept.iter().all(|factor| factor.origin.is_none()), "nobody knows where they were added");
    assert_eq!(factors::of_account(view, id(3)).await.unwrap(), []);

    let enrollment = enrollments::find(view, id(5)).await.unwrap().unwrap();
    assert_eq!((enrollment.material, enrollment.label, enrollment.tries), (bytes, None, 1));
    assert_eq!(enrollment.proved_by, None, "it may bind a first factor only");

    for (number, factor, tries) in [(7, id(3), 2), (8, id(6), 0)] {
        let challenge = challenges::find(view, id(number)).await.unwrap().unwrap();
        assert_eq!((challenge.factor, challenge.method), (Some(factor), Method::Totp));
        assert_eq!((challenge.tries, challenge.max_tries, challenge.material), (tries, 5, None));
    }

    let link = links::find(view, TokenDigest([9; 32])).await.unwrap().unwrap();
    assert_eq!((link.used_at, link.superseded_at), (None, None));
}

fn settings<const N: usize>(link_url: &str, methods: [Method; N], spans: [i64; 3]) -> ProductSettings {
    let [trusted_device, session_idle, session_absolute] = spans.map(Span::from_micros);
    let methods = MethodPolicy::allowing(methods);
    let defaults = ProductSettings::new(link_url.parse().unwrap(), methods);
    ProductSettings { trusted_device, session_idle, session_absolute, ..defaults }
}
