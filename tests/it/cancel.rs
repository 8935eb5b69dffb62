//! Callers that hang up at every moment leave no open transaction, no half-done command, and no guess that
//! was looked at without a charge (INV-53).

use std::time::Duration;

use tidegate_proto as proto;

use crate::{
    raw,
    setting::{Kasa, wrong},
};

/// A guess by a caller who waits for so long and then hangs up.
async fn guess_and_hang_up(kasa: &Kasa, request: &proto::AnswerChallengeRequest, after: Duration) {
    let _ = tokio::time::timeout(after, kasa.frontend.call(request.clone())).await;
}

on_both! {
    async fn inv_53_hanging_up_leaves_nothing_half_done(stage) {
        let kasa = Kasa::open(&stage).await;
        let mut asked = Vec::new();
        for n in 0..8 {
            let owner = kasa.owner(&format!("ann-{n}")).await;
            let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
            asked.push((begun, challenge_id, kasa.code(&owner)));
        }
        for round in 0..5_u64 {
            for (n, (begun, challenge_id, code)) in (0_u64..).zip(&asked) {
                // Wrong codes and right ones, each hung up on a little later than the last.
                let code = if round < 4 { wrong(code) } else { code.clone() };
                let (subject, challenge_id) = (begun.subject(), challenge_id.clone());
                let request = proto::AnswerChallengeRequest { subject, challenge_id, code, ..Default::default() };
                guess_and_hang_up(&kasa, &request, Duration::from_micros(n * 400 + round * 90)).await;
            }
        }
        stage.house.close().await;

        assert_eq!(raw::idle_in_transaction(&stage).await, 0);
        let told = async |what: &str| {
            let fact = format!("challenge_answered%{what}");
            raw::count(&stage, &format!("SELECT count(*) FROM events WHERE fact LIKE '%{fact}%'")).await
        };
        let (answered, approved) = (told("").await, told("approved").await);
        let wrong = told("wrong_answer").await + told("used_up").await;
        let tries = raw::count(&stage, "SELECT COALESCE(SUM(tries), 0) FROM challenges").await;
        let moved = raw::count(&stage, "SELECT count(*) FROM challenges WHERE state = 'approved'").await;
        let ready = raw::count(&stage, "SELECT count(*) FROM sign_ins WHERE state = 'ready'").await;
        assert!(answered > 0, "no guess got through at all");
        assert_eq!(tries, answered, "every charge was settled, and nothing was looked at uncharged");
        assert_eq!((moved, ready, answered), (approved, approved, wrong + approved));
    }

    async fn inv_53_a_transaction_that_is_dropped_is_undone(stage) {
        let kasa = Kasa::open(&stage).await;
        let person = kasa.admin.person("ann").await;
        let id = person.id.parse().unwrap();
        let realm = raw::realm(&stage).await;
        for n in 0..100_u64 {
            let work = stage.store.tx("dropped", realm, async |tx| -> Result<(), tidegate_store::Error> {
                for _ in 0..5 {
                    tidegate_store::accounts::switch_on(tx, id, stage.now()).await?;
                }
                tx.abandon();
                Ok(())
            });
            let _ = tokio::time::timeout(Duration::from_micros(n * 20), work).await;
            // The next writer finds everything as it was, and commits nothing of it.
            stage.store.tx("next", realm, async |_| Ok::<_, tidegate_store::Error>(())).await.unwrap();
        }
        kasa.admin.person("bob").await;
        let account = kasa.admin.ok(proto::GetAccountRequest { account: person.id }).await.account.unwrap();
        assert_eq!(account.two_step_time, None);
        stage.store.close().await;
        assert_eq!(raw::idle_in_transaction(&stage).await, 0);
    }
}
