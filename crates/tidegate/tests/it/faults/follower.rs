//! A reader of the record, from its beginning on, that comes back with its token whenever its stream breaks.

use std::sync::Arc;

use tidegate_proto::{self as proto, tail_events_request::Start};
use tidegate_tests::TIMEOUT;
use tokio::{sync::watch, time::timeout};

use super::caller::Door;
use crate::program::paused;

/// What it has read.
pub struct Follower(Arc<watch::Sender<Vec<proto::Event>>>);

impl Follower {
    pub fn start(doors: Vec<Door>) -> Self {
        let read = Arc::new(watch::Sender::new(Vec::new()));
        tokio::spawn(follow(doors, Arc::downgrade(&read)));
        Self(read)
    }

    /// Waits for the event of this place, and returns all up to it.
    pub async fn up_to(self, sequence: u64) -> Vec<proto::Event> {
        let mut read = self.0.subscribe();
        let is_last =
            |events: &Vec<proto::Event>| events.last().is_some_and(|last| last.sequence >= sequence);
        let waited = timeout(TIMEOUT, read.wait_for(is_last)).await;
        assert!(waited.is_ok(), "the record was not read to its end");
        self.0.borrow().clone()
    }
}

/// Until nobody wants to know any more.
async fn follow(doors: Vec<Door>, read: std::sync::Weak<watch::Sender<Vec<proto::Event>>>) {
    let mut start = Start::FromBeginning(true);
    for turn in 0.. {
        let request = proto::TailEventsRequest { start: Some(start.clone()), ..Default::default() };
        let door = &doors[turn % doors.len()];
        if let Ok(answer) = door.operator.without_deadline().audit().tail_events(request).await {
            let mut stream = answer.into_inner();
            while let Ok(Some(message)) = stream.message().await {
                let Some(read) = read.upgrade() else { return };
                if let Some(event) = message.event {
                    read.send_modify(|events| events.push(event));
                }
                if !message.resume_token.is_empty() {
                    start = Start::ResumeToken(message.resume_token);
                }
            }
        }
        if read.strong_count() == 0 {
            return;
        }
        paused().await;
    }
}
