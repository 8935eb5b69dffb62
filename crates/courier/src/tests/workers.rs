//! Mails that are sent, by one worker and by several.

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use tidegate_core::{Channel, Clock as _, Entropy, Fact, MessagePurpose, Span};
use tidegate_store::deliveries;
use tokio_util::sync::CancellationToken;

use super::{CountingEntropy, Outbox, TOKEN, to_ann};

#[tokio::test]
async fn a_queued_mail_becomes_one_file() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let courier = outbox.courier();
    assert_eq!(courier.drain_once().await.unwrap(), 1);
    assert_eq!(courier.drain_once().await.unwrap(), 0);

    let [mail] = &outbox.mails()[..] else { panic!("one mail") };
    assert!(mail.contains(&format!("\nhttps://kasa.example/confirm#verify={TOKEN}\n")), "{mail}");
    assert!(mail.contains("\nTo: ann@example.com\n"), "{mail}");
    assert!(mail.contains(&format!("Message-ID: <{id}@tidegate.example>\n")), "{mail}");
    assert_eq!(outbox.row(id).await, ("sent".to_owned(), 1, false));
    let sent = Fact::Delivered { delivery: id, channel: Channel::Mail, purpose: MessagePurpose::VerifyEmail };
    assert_eq!(outbox.facts().await, [sent]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_mails() {
    let outbox = Outbox::new().await;
    outbox.queue(&to_ann()).await;
    outbox.courier().drain_once().await.unwrap();
    let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(outbox.folder()), 0o700);
    let files = std::fs::read_dir(outbox.folder()).unwrap().map(|file| mode(file.unwrap().path()));
    let mut modes: Vec<_> = files.collect();
    modes.sort_unstable();
    assert_eq!(modes, [0o600, 0o700], "the mail, and the folder of unfinished ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_send_every_mail_once() {
    let outbox = Outbox::new().await;
    // More than one batch.
    for _ in 0..130 {
        outbox.queue(&to_ann()).await;
    }
    let (one, two) = (outbox.courier(), outbox.courier());
    let one = tokio::spawn(async move { one.drain_once().await.unwrap() });
    let two = tokio::spawn(async move { two.drain_once().await.unwrap() });
    assert_eq!(one.await.unwrap() + two.await.unwrap(), 130);
    assert_eq!(outbox.mails().len(), 130);
    let events = outbox.facts().await;
    assert_eq!(events.iter().filter(|fact| matches!(fact, Fact::Delivered { .. })).count(), 130);
}

#[tokio::test]
async fn the_mail_of_a_worker_that_died_is_sent_when_its_lease_is_over() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let now = outbox.clock.now();
    let dead = outbox
        .store
        .tx("test", outbox.realm, async |tx| deliveries::claim(tx, id, now, Span::seconds(60)).await);
    assert!(dead.await.unwrap().is_some());
    let courier = outbox.courier();
    outbox.advance(Span::seconds(59));
    assert_eq!(courier.drain_once().await.unwrap(), 0);
    outbox.advance(Span::seconds(1));
    assert_eq!(courier.drain_once().await.unwrap(), 1);
}

/// It was paused, and comes back after another one claimed the delivery: what it says does not move the other one's claim.
#[tokio::test]
async fn a_worker_that_lost_its_claim_postpones_nothing() {
    let outbox = Outbox::new().await;
    let id = outbox.queue(&to_ann()).await;
    let claim = async || {
        let now = outbox.clock.now();
        let claim = outbox
            .store
            .tx("test", outbox.realm, async |tx| deliveries::claim(tx, id, now, Span::seconds(60)).await);
        claim.await.unwrap().unwrap().tries
    };
    let postpone = async |tries: i64| {
        let now = outbox.clock.now();
        let postpone = outbox.store.tx("test", outbox.realm, async |tx| {
            deliveries::postpone(tx, (id, Some(tries)), now, None).await
        });
        postpone.await.unwrap();
    };
    let first = claim().await;
    outbox.advance(Span::seconds(60));
    let second = claim().await;
    postpone(first).await;
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 0, "the second one has it");
    postpone(second).await;
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 1);
}

/// Tells the worker to stop while it is writing the end of a delivery.
struct Stopping(CancellationToken, Arc<CountingEntropy>);

impl Entropy for Stopping {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.cancel();
        self.1.fill(bytes);
    }
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_ends_what_it_began() {
    let outbox = Outbox::new().await;
    for _ in 0..9 {
        outbox.queue(&to_ann()).await;
    }
    let stop = CancellationToken::new();
    let entropy = Stopping(stop.clone(), outbox.entropy.clone());
    let courier = outbox.courier_with(outbox.keyring.clone(), Arc::new(entropy));
    tokio::spawn(courier.run(stop)).await.unwrap();
    let sent = outbox.mails().len();
    assert_eq!(outbox.facts().await.len(), sent, "each has its end");
    assert!((1..=4).contains(&sent), "four at once, and none after the stop: {sent}");
    assert_eq!(outbox.courier().drain_once().await.unwrap(), 9 - sent);
}
