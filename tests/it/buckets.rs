//! The published buckets: computed by hand once, they hold in this program and in PostgreSQL.

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use tidegate_core::Salt;
use tidegate_rollout::bucket;
use tidegate_tests::postgres;

const VECTORS: &str = include_str!("../../proto/vectors/buckets.json");
const README: &str = include_str!("../../proto/README.md");

struct Vector {
    salt: String,
    kind: String,
    unit: String,
    bucket: u32,
}

fn vectors() -> Vec<Vector> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let read = |one: &Value| Vector {
        salt: text(one, "salt"),
        kind: text(one, "unit_kind"),
        unit: text(one, "unit_id"),
        bucket: one["bucket"].as_u64().unwrap().try_into().unwrap(),
    };
    all.as_array().unwrap().iter().map(read).collect()
}

fn salt(hex: &str) -> Salt {
    Salt(u128::from_str_radix(hex, 16).unwrap().to_be_bytes())
}

/// Vectors that cover too little would check nothing.
#[test]
fn vectors_cover_both_ends_both_kinds_and_the_usual_edges() {
    let vectors = vectors();
    for bucket in [0, 9_999, 10_000, 249_999, 250_000, 499_999, 500_000, 999_999] {
        assert!(vectors.iter().any(|vector| vector.bucket == bucket), "{bucket}");
    }
    let kinds = |kind: &str| vectors.iter().filter(|vector| vector.kind == kind).count();
    assert!(kinds("account") > 20 && kinds("customer") > 1);
    assert_eq!(kinds("account") + kinds("customer"), vectors.len());
}

#[test]
fn published_buckets_hold_here() {
    for Vector { salt: hex, unit, bucket, .. } in
        vectors().into_iter().filter(|vector| vector.kind == "account")
    {
        assert_eq!(bucket::of_account(salt(&hex), unit.parse().unwrap()).number(), bucket, "{hex} {unit}");
    }
}

#[tokio::test]
async fn published_buckets_hold_in_postgresql() {
    // The statement of the README, as it stands there.
    let statement = README.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let mut postgresql = PgConnection::connect(&postgres::database().await).await.unwrap();
    for Vector { salt, kind, unit, bucket } in vectors() {
        let ask = sqlx::query_scalar::<_, i32>(statement).bind(&salt).bind(&kind).bind(&unit);
        assert_eq!(
            ask.fetch_one(&mut postgresql).await.unwrap(),
            i32::try_from(bucket).unwrap(),
            "{salt} {unit}"
        );
    }
}
