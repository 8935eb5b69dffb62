//! What a dead process was sending is due at once, and nothing is taken from one that lives.

use std::time::Duration;

use tidegate_core::{Channel, MessagePurpose, Sealed, Span};
use tidegate_store::{
    Error,
    deliveries::{self, New},
    installation,
};

use crate::{
    database::{Database, NOW, id, realm},
    on_both,
};

on_both!(mails_of_a_dead_process,);

fn mail(number: u128) -> New {
    New {
        id: id(number),
        account: id(4),
        channel: Channel::Mail,
        purpose: MessagePurpose::RecoveryCodesVoided,
        payload: Sealed(vec![7]),
        now: NOW,
        due_at: NOW,
        expires_at: NOW.plus(Span::days(1)),
    }
}

/// It claimed both mails. The second one was claimed by another process since, when the first claim had ended.
async fn mails_of_a_dead_process(database: &Database) {
    let store = database.store().await;
    let queue = async |tx: &mut tidegate_store::Tx| {
        installation::insert(tx, Sealed(vec![7]), NOW).await?;
        deliveries::insert(tx, mail(2)).await?;
        deliveries::insert(tx, mail(3)).await
    };
    store.tx("test", realm(), queue).await.map_err(|error: Error| error).unwrap();
    database
        .run(
            "UPDATE deliveries SET next_try_at = LATER, tries = CASE WHEN delivery_id = ID2 THEN 1 ELSE 2 END; \
             INSERT INTO delivery_claims (realm_id, delivery_id, process_id, tries) \
             VALUES (ID1, ID2, ID9, 1), (ID1, ID3, ID9, 1), (ID1, ID3, ID8, 2); \
             INSERT INTO processes (realm_id, process_id, beat, patience) VALUES (ID1, ID9, 1, 1)",
        )
        .await;
    store.register(id(7), Duration::from_hours(1));
    // It is seen, and then its beat has stood still for much longer than its patience, a microsecond.
    for _ in 0..2 {
        assert!(store.pulse(realm(), NOW, false).await.unwrap().is_some());
    }
    let due = deliveries::due(&mut store.across("test"), Channel::Mail, NOW, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [id(2)]);
    let claims = "SELECT CAST(COUNT(*) AS TEXT) || ' ' || CAST(MAX(tries) AS TEXT) FROM delivery_claims";
    assert_eq!(database.value(claims).await, "1 2", "of the one that lives");
    let dead = "SELECT CAST(COUNT(*) AS TEXT) FROM processes WHERE process_id = ID9";
    assert_eq!(database.value(dead).await, "0");
}
