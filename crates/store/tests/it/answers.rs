//! What an answer changes: a mark only rises, and new material replaces the old.

use tidegate_core::{
    Actor, Budget, Event, Fact, Factor, FactorOrigin, Mark, Method, Sealed, SignInState, TokenDigest,
};
use tidegate_store::{
    Error, Executor, Store, Tx,
    answers::{self, Approval, ChallengeRow, Charge},
    attempts::Counter,
    factors,
};
use uuid::Uuid;

use crate::{
    database::{Database, NOW, id, realm},
    on_both,
};

on_both!(a_mark_rises, a_lookup_is_of_one_factor, an_approval, answers_at_the_same_time,);

fn factor(number: u128, lookup: Option<Vec<u8>>) -> Factor {
    Factor {
        id: id(number),
        account: id(2),
        method: Method::Totp,
        label: Some("My key".parse().unwrap()),
        hint: Some("a***@one.example".to_owned()),
        material: Some(Sealed(vec![1])),
        mark: Mark(5),
        lookup,
        created_at: NOW,
        last_used_at: None,
        origin: Some(FactorOrigin { product: "kasa".parse().unwrap(), client: Some(Sealed(vec![3])) }),
    }
}

async fn a_mark_rises(database: &Database) {
    let store = database.store().await;
    let work = async |tx: &mut Tx| {
        factors::insert(tx, &factor(3, None)).await?;
        let new = Sealed(vec![2]);
        assert!(!factors::accept(tx, id(2), id(3), Some(Mark(5)), Some(&new), NOW).await?);
        assert_eq!(factors::find(tx, id(2), id(3)).await?, Some(factor(3, None)));
        assert!(factors::accept(tx, id(2), id(3), Some(Mark(6)), None, NOW).await?);
        assert!(factors::accept(tx, id(2), id(3), None, Some(&new), NOW).await?);
        let used = Factor { mark: Mark(6), material: Some(new), last_used_at: Some(NOW), ..factor(3, None) };
        assert_eq!(factors::find(tx, id(2), id(3)).await?, Some(used));
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}

async fn a_lookup_is_of_one_factor(database: &Database) {
    let store = database.store().await;
    let work = async |tx: &mut Tx| {
        for (number, lookup, new) in
            [(3, Some(vec![9]), true), (4, Some(vec![9]), false), (5, None, true), (6, None, true)]
        {
            assert_eq!(factors::insert(tx, &factor(number, lookup)).await?, new, "{number}");
        }
        assert_eq!(factors::by_lookup(tx, &[9]).await?, Some(factor(3, Some(vec![9]))));
        assert_eq!(factors::by_lookup(tx, &[8]).await?, None);
        Ok::<(), Error>(())
    };
    store.tx("test", realm(), work).await.unwrap();
}

const ROWS_OF_ACCOUNT: &str = r"
INSERT INTO accounts (realm_id, account_id, state, personal_key, created_at, labels) VALUES (ID1, ID2, 'active', BYTES, AT , '{}');
";

const ROWS_OF_SIGN_IN: &str = r"
INSERT INTO sign_ins (realm_id, sign_in_id, account_id, product_key, token_digest, state, requirement, proofs, created_at, expires_at)
VALUES (ID1, SIGNIN, ID2, 'one', DIGEST, 'pending_challenge', 'aal2', '[]', AT , LATER);
INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, factor_id, method, purpose, state, tries, max_tries, material, created_at, expires_at)
VALUES (ID1, CHALLENGE, ID2, SIGNIN, FACTOR, 'totp', 'sign_in', 'open', 0, 5, BYTES, AT , LATER);
INSERT INTO factors (realm_id, account_id, factor_id, method, material, mark, created_at) VALUES (ID1, ID2, FACTOR, 'totp', BYTES, 5, AT );
";

const ROWS: &str = r"
INSERT INTO accounts (realm_id, account_id, state, personal_key, created_at, labels) VALUES (ID1, ID2, 'active', BYTES, AT , '{}');
INSERT INTO sign_ins (realm_id, sign_in_id, account_id, product_key, token_digest, state, requirement, proofs, created_at, expires_at)
VALUES (ID1, ID4, ID2, 'one', DIGEST4, 'pending_challenge', 'aal2', '[]', AT , LATER), (ID1, ID5, ID2, 'one', DIGEST5, 'pending_challenge', 'aal2', '[]', AT , LATER);
INSERT INTO challenges (realm_id, challenge_id, account_id, sign_in_id, factor_id, method, purpose, state, tries, max_tries, material, created_at, expires_at)
VALUES (ID1, ID6, ID2, ID4, ID3, 'totp', 'sign_in', 'open', 0, 5, BYTES, AT , LATER), (ID1, ID7, ID2, ID5, NULL, 'totp', 'sign_in', 'open', 0, 5, NULL, AT , LATER);
INSERT INTO factors (realm_id, account_id, factor_id, method, material, mark, created_at) VALUES (ID1, ID2, ID3, 'totp', BYTES, 5, AT );
";

async fn an_approval(database: &Database) {
    let store = database.store().await;
    database.run(&ROWS.replace("DIGEST4", &database.digest(4)).replace("DIGEST5", &database.digest(5))).await;
    let find = async |sign_in, challenge| find(&store, sign_in, challenge).await;
    let first = find(4, 6).await;
    assert_eq!((first.factor_material.clone(), first.mark), (Some(Sealed(vec![1, 2])), Some(Mark(5))));
    assert_eq!(first.challenge.material, Some(Sealed(vec![1, 2])));
    let second = find(5, 7).await;
    assert_eq!((second.factor_material, second.mark, second.challenge.factor), (None, None, None));

    let second = find(5, 7).await;
    assert!(!approve(&store, 8, approval(&first, 4, Some(Mark(5)), None)).await, "not newer");
    assert!(approve(&store, 8, approval(&first, 4, Some(Mark(6)), None)).await);
    assert!(!approve(&store, 9, approval(&first, 4, Some(Mark(7)), None)).await, "approved before");
    assert!(approve(&store, 9, approval(&second, 5, None, Some(Sealed(vec![3])))).await);
    assert_eq!(find(4, 6).await.state, SignInState::PendingEnrollment);
    let kept = factors::find(&mut store.view("test", realm()), id(2), id(3)).await.unwrap().unwrap();
    assert_eq!((kept.mark, kept.material, kept.last_used_at), (Mark(6), Some(Sealed(vec![3])), Some(NOW)));
}

fn approval(row: &ChallengeRow, sign_in: u128, mark: Option<Mark>, material: Option<Sealed>) -> Approval {
    Approval {
        sign_in: id(sign_in),
        proofs: Vec::new(),
        next: SignInState::PendingEnrollment,
        challenge: row.challenge.clone(),
        factor: id(3),
        mark,
        material,
        counter: Counter { id: Uuid::from_u128(3), tag: Vec::new() },
        now: NOW,
    }
}

async fn find(store: &Store, sign_in: u8, challenge: u128) -> ChallengeRow {
    let work = async |executor: Executor<'_>| {
        answers::find(executor, TokenDigest([sign_in; 32]), id(challenge)).await
    };
    store.autocommit::<_, Error>("test", realm(), work).await.unwrap().unwrap()
}

async fn charge(store: &Store, row: &ChallengeRow, factor: u128) -> Option<i64> {
    let charge = Charge {
        challenge: row.challenge.id,
        limit: row.challenge.max_tries,
        counter: Counter { id: Uuid::from_u128(factor), tag: Vec::new() },
        next: Budget { revision: 1, ..Budget::fresh(NOW) },
        now: NOW,
    };
    let work = async |executor: Executor<'_>| answers::charge(executor, charge).await;
    store.autocommit::<_, Error>("test", realm(), work).await.unwrap()
}

/// The first runs by itself, and the others wait for it and run as one batch.
async fn answers_at_the_same_time(database: &Database) {
    const EACH: [u8; 4] = [10, 20, 30, 40];
    let store = database.store().await;
    database.run(ROWS_OF_ACCOUNT).await;
    for number in EACH {
        let own = |offset| database.id(u128::from(number) + offset);
        let rows = ROWS_OF_SIGN_IN.replace("SIGNIN", &own(0)).replace("CHALLENGE", &own(1));
        let rows = rows.replace("FACTOR", &own(2)).replace("DIGEST", &database.digest(number));
        database.run(&rows).await;
    }
    let find = async |number: u8| find(&store, number, u128::from(number) + 1).await;
    let [a, b, c, d] = EACH;
    let rows = tokio::join!(find(a), find(b), find(c), find(d));
    let charge = async |row: &ChallengeRow, number: u8| charge(&store, row, u128::from(number) + 2).await;
    let tries = tokio::join!(charge(&rows.0, a), charge(&rows.1, b), charge(&rows.2, c), charge(&rows.3, d));
    assert_eq!(tries, (Some(1), Some(1), Some(1), Some(1)));
    let approve = async |row: &ChallengeRow, number: u8, mark, material| {
        let number = u128::from(number);
        let own = Counter { id: Uuid::from_u128(number + 2), tag: Vec::new() };
        let approval = approval(row, number, mark, material);
        approve(&store, number + 3, Approval { factor: id(number + 2), counter: own, ..approval }).await
    };
    let new = Some(Sealed(vec![3]));
    let approved = tokio::join!(
        approve(&rows.0, a, Some(Mark(6)), None),
        approve(&rows.1, b, Some(Mark(6)), new.clone()),
        approve(&rows.2, c, None, new.clone()),
        approve(&rows.3, d, Some(Mark(5)), new.clone()),
    );
    assert_eq!(approved, (true, true, true, false));
    let kept = factors::of_account(&mut store.view("test", realm()), id(2)).await.unwrap();
    let kept: Vec<_> = kept.into_iter().map(|factor| (factor.mark, factor.material)).collect();
    let old = Some(Sealed(vec![1, 2]));
    assert_eq!(kept, [(Mark(6), old.clone()), (Mark(6), new.clone()), (Mark(5), new), (Mark(5), old)]);
    for (number, state) in [
        (a, SignInState::PendingEnrollment),
        (b, SignInState::PendingEnrollment),
        (c, SignInState::PendingEnrollment),
        (d, SignInState::PendingChallenge),
    ] {
        assert_eq!(find(number).await.state, state);
    }
}

async fn approve(store: &Store, event: u128, approval: Approval) -> bool {
    let event = Event {
        id: id(event),
        at: NOW,
        actor: Actor::Worker("test".to_owned()),
        product: None,
        account: Some(id(2)),
        fact: Fact::CredentialRevoked { credential: id(9) },
        personal: None,
    };
    let work = async |executor: Executor<'_>| answers::approve(executor, approval, event).await;
    store.autocommit::<_, Error>("test", realm(), work).await.unwrap()
}
