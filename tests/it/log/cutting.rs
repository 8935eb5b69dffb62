//! Events that are older than the retention are cut off at the front, and the rest of the record still
//! verifies.

use proto::tail_events_request::Start;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::{account, batches, count, verify};
use crate::raw;

const RETENTION: Span = Span::days(400);

on_both! {
    async fn inv_49_the_record_goes_on_after_a_signed_cut(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let old = count(&server).await;
        let anchor = verify(&operator).await.head;
        let start = Some(Start::FromBeginning(true));
        let mut stream = operator.stream(proto::TailEventsRequest { start, ..Default::default() }).await.unwrap();
        let early = stream.one().await.resume_token;
        server.clock.advance(RETENTION);
        account(&operator, "new").await;
        server.seal().await;
        server.sealer.cut(RETENTION).await.unwrap();
        assert_eq!(verify(&operator).await.cut, None, "not a moment too early");
        server.clock.advance(Span::from_micros(1));
        server.sealer.cut(RETENTION).await.unwrap();
        server.seal().await;

        let told = async |what: &str| u64::try_from(raw::count(&server, &format!("SELECT {what}")).await).unwrap();
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

    async fn inv_49_everything_may_be_cut_and_the_places_go_on(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        let old = count(&server).await;
        server.clock.advance(Span::days(401));
        server.sealer.cut(RETENTION).await.unwrap();
        assert_eq!(raw::count(&server, "SELECT count(*) FROM chain").await, 0);
        assert!(verify(&operator).await.valid);
        server.seal().await;
        let verified = verify(&operator).await;
        assert_eq!((verified.valid, verified.verified_count, verified.head.unwrap().sequence), (true, 1, old + 1));
    }

    async fn a_forgery_is_not_cut_away(server) {
        let operator = server.operator();
        batches(&server, &operator).await;
        raw::change(&server, "UPDATE chain SET digest = previous_digest WHERE last_sequence = 14").await;
        server.clock.advance(Span::days(401));
        assert!(server.sealer.cut(RETENTION).await.is_err());
        assert_eq!(verify(&operator).await.first_break.unwrap().kind(), proto::BreakKind::SealWrong);
    }
}
