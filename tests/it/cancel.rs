//! Callers that hang up at any moment leave no open transaction, no half-done command, and no guess that was
//! evaluated without a charge (INV-53).

use std::time::{Duration, Instant};

use tidegate_proto as proto;

use crate::{
    owner::{SignIn, by_code},
    raw,
    setting::{Kasa, Owner, wrong},
};

/// The duration of a whole guess is divided into this many moments, at which callers hang up.
const MOMENTS: u32 = 36;

on_both! {
    async fn inv_53_hanging_up_leaves_nothing_half_done(server) {
        let kasa = Kasa::open(&server).await;
        let mut asked = Vec::new();
        for n in 0..9 {
            let owner = kasa.owner(&format!("ann-{n}")).await;
            let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
            asked.push((begun, challenge_id, owner));
        }
        let guess = |(begun, challenge_id, owner): &(SignIn, String, Owner), right: bool| {
            let code = kasa.code(owner);
            let code = if right { code } else { wrong(&code) };
            let (subject, challenge_id) = (begun.subject(), challenge_id.clone());
            kasa.frontend.call(proto::AnswerChallengeRequest { subject, challenge_id, answer: by_code(code), ..Default::default() })
        };
        // One caller waits to the end, to learn how long a guess takes on this machine.
        let begin = Instant::now();
        guess(&asked.pop().unwrap(), false).await.unwrap();
        let whole = begin.elapsed();
        for round in 0..5_u32 {
            for (n, one) in (0_u32..).zip(&asked) {
                // Wrong codes, and right ones in the last round. Each caller hangs up at another moment.
                let _ = tokio::time::timeout(whole * (n * 5 + round) / MOMENTS, guess(one, round == 4)).await;
            }
        }
        server.app.close().await;

        assert_eq!(raw::idle_in_transaction(&server).await, 0);
        let told = async |what: &str| {
            let fact = format!("challenge_answered%{what}");
            raw::count(&server, &format!("SELECT count(*) FROM events WHERE fact LIKE '%{fact}%'")).await
        };
        let (answered, approved) = (told("").await, told("approved").await);
        let wrong = told("wrong_answer").await + told("used_up").await;
        let tries = raw::count(&server, "SELECT COALESCE(SUM(tries), 0) FROM challenges").await;
        let moved = raw::count(&server, "SELECT count(*) FROM challenges WHERE state = 'approved'").await;
        let ready = raw::count(&server, "SELECT count(*) FROM sign_ins WHERE state = 'ready'").await;
        assert!(answered > 0, "nobody waited");
        assert_eq!(tries, answered, "every charge was settled, and nothing was looked at uncharged");
        assert_eq!((moved, ready, answered), (approved, approved, wrong + approved));
    }

    async fn inv_53_a_transaction_that_is_dropped_is_undone(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let id = person.id.parse().unwrap();
        let realm = raw::realm(&server).await;
        for n in 0..100_u64 {
            let work = server.store.tx("dropped", realm, async |tx| -> Result<(), tidegate_store::Error> {
                for _ in 0..5 {
                    tidegate_store::accounts::switch_on(tx, id, server.now()).await?;
                }
                tx.abandon();
                Ok(())
            });
            let _ = tokio::time::timeout(Duration::from_micros(n * 20), work).await;
            // The next writer must commit nothing of the dropped work.
            server.store.tx("next", realm, async |_| Ok::<_, tidegate_store::Error>(())).await.unwrap();
        }
        kasa.admin.person("bob").await;
        let account = kasa.admin.ok(proto::GetAccountRequest { account: person.id }).await.account.unwrap();
        assert_eq!(account.two_step_time, None);
        server.store.close().await;
        assert_eq!(raw::idle_in_transaction(&server).await, 0);
    }
}
