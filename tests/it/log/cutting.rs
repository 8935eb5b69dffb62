//! What is old enough is dropped from the front, and what is left still proves itself.

use proto::tail_events_request::Start;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::{account, batches, count, verify};
use crate::raw;

const RETENTION: Span = Span::days(400);

on_both! {
    async fn inv_49_the_record_goes_on_behind_a_signed_cut(stage) {
        let operator = stage.operator();
        batches(&stage, &operator).await;
        let old = count(&stage).await;
        let anchor = verify(&operator).await.head;
        let start = Some(Start::FromBeginning(true));
        let mut stream = operator.stream(proto::TailEventsRequest { start, ..Default::default() }).await.unwrap();
        let early = stream.one().await.resume_token;
        stage.clock.advance(RETENTION);
        account(&operator, "new").await;
        stage.seal().await;
        stage.sealer.cut(RETENTION).await.unwrap();
        assert_eq!(verify(&operator).await.cut, None, "not a moment too early");
        stage.clock.advance(Span::from_micros(1));
        stage.sealer.cut(RETENTION).await.unwrap();
        stage.seal().await;

        let told = async |what: &str| u64::try_from(raw::count(&stage, &format!("SELECT {what}")).await).unwrap();
        assert_eq!(told("min(sequence) FROM events").await, old + 1);
        let verified = verify(&operator).await;
        let cut = verified.cut.unwrap();
        assert_eq!((verified.valid, verified.verified_count, cut.sequence), (true, 2, old));
        assert_eq!(Some(cut.digest), anchor.clone().map(|anchor| anchor.digest));
        let request = proto::VerifyChainRequest { anchor, ..Default::default() };
        let verified = operator.ok(request).await;
        assert!(verified.valid && verified.anchor_checked);

        let start = Some(Start::ResumeToken(early));
        let refused = operator.stream(proto::TailEventsRequest { start, ..Default::default() }).await.err().unwrap();
        assert_eq!((refused.name(), refused.metadata["oldest"].as_str()), ("RESUME_TOKEN_TOO_OLD", (old + 1).to_string().as_str()));
        let start = Some(Start::FromBeginning(true));
        let mut stream = operator.stream(proto::TailEventsRequest { start, ..Default::default() }).await.unwrap();
        let kinds = [stream.one().await, stream.one().await].map(|message| message.event.unwrap().kind);
        assert_eq!(kinds, ["account_created", "events_cut"], "the cut is an event");
    }

    async fn inv_49_everything_may_be_cut_and_the_places_go_on(stage) {
        let operator = stage.operator();
        batches(&stage, &operator).await;
        let old = count(&stage).await;
        stage.clock.advance(Span::days(401));
        stage.sealer.cut(RETENTION).await.unwrap();
        assert_eq!(raw::count(&stage, "SELECT count(*) FROM chain").await, 0);
        assert!(verify(&operator).await.valid);
        stage.seal().await;
        let verified = verify(&operator).await;
        assert_eq!((verified.valid, verified.verified_count, verified.head.unwrap().sequence), (true, 1, old + 1));
    }

    async fn a_forgery_is_not_cut_away(stage) {
        let operator = stage.operator();
        batches(&stage, &operator).await;
        raw::change(&stage, "UPDATE chain SET digest = previous_digest WHERE last_sequence = 14").await;
        stage.clock.advance(Span::days(401));
        assert!(stage.sealer.cut(RETENTION).await.is_err());
        assert_eq!(verify(&operator).await.first_break.unwrap().kind(), proto::BreakKind::SealWrong);
    }
}
