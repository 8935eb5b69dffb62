//! The owner skips the set-up, and an app shows the advice by itself.

use proto::{Advice, Rung};
use tidegate_client::Refused;
use tidegate_core::{Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    arrange::Person,
    ladders::{DAY, MILLI, Setting, everybody, phase, set_clock},
    owner::{Device, Session},
    race::together,
    raw,
    test_server::timestamp,
};

pub fn skip(session: &Session) -> proto::SkipEnrollmentRequest {
    proto::SkipEnrollmentRequest { subject: session.subject(), ..Default::default() }
}

pub fn show(session: &Session) -> proto::RecordShownRequest {
    proto::RecordShownRequest { subject: session.subject() }
}

/// Required from now on, after two skips.
fn two_skips() -> proto::LadderRule {
    let grace = proto::Grace { skips: 2, ..Default::default() };
    proto::LadderRule { grace: Some(grace), ..everybody(vec![phase(None, Rung::Required)]) }
}

async fn session(it: &Setting, person: &Person) -> Session {
    it.app.sign_in(person, "rmm", &Device::new("laptop")).await
}

async fn skipped(it: &Setting, session: &Session) -> proto::LadderDecision {
    it.app.ok(skip(session)).await.decision.unwrap().ladder.unwrap()
}

async fn refused(it: &Setting, session: &Session) -> String {
    it.app.refused(skip(session)).await.name().to_owned()
}

on_both! {
    /// Two skips, a day apart, and the day of the last one.
    async fn each_skip_counts_once_its_spacing_is_over_and_after_the_last_it_is_demanded(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![two_skips()]).await;
        let first = session(&it, &ann).await;
        assert_eq!(first.answer.advice(), Advice::TwoStepRequired);
        let ladder = first.answer.ladder.clone().unwrap();
        assert_eq!((ladder.skips_left, ladder.enroll_by_time, ladder.enforced), (Some(2), None, false));
        let begun = server.now();
        let ladder = skipped(&it, &first).await;
        assert_eq!((ladder.skips_left, ladder.skipped_until_time), (Some(1), Some(timestamp(begun.plus(DAY)))));
        let again = session(&it, &ann).await;
        assert_eq!(again.answer.advice(), Advice::Nothing, "it rests");
        set_clock(&server, begun.plus(DAY).minus(MILLI));
        let again = session(&it, &ann).await;
        let soon = it.app.refused(skip(&again)).await;
        assert_eq!(soon.name(), "SKIP_TOO_SOON");
        let until: Timestamp = begun.plus(DAY);
        assert_eq!(soon.metadata["until"], until.to_string());
        assert_eq!(soon.retry_after, Some(MILLI.as_duration()));
        set_clock(&server, begun.plus(DAY));
        let again = session(&it, &ann).await;
        assert_eq!(again.answer.advice(), Advice::TwoStepRequired, "asked again");
        let ladder = skipped(&it, &again).await;
        let deadline = begun.plus(DAY).plus(DAY);
        assert_eq!((ladder.skips_left, ladder.enroll_by_time), (Some(0), Some(timestamp(deadline))));
        assert_eq!(refused(&it, &again).await, "NO_SKIP_LEFT");
        set_clock(&server, deadline.minus(MILLI));
        let again = session(&it, &ann).await;
        assert_eq!(it.leads(&ann).await, proto::SignInState::Ready);
        assert_eq!(refused(&it, &again).await, "NO_SKIP_LEFT");
        set_clock(&server, deadline);
        assert_eq!(it.leads(&ann).await, proto::SignInState::PendingEnrollment);
        assert_eq!(refused(&it, &again).await, "NOTHING_TO_SKIP", "it is demanded");
    }

    /// A ladder that was taken away is over: another one gives everybody its whole grace, and tells them anew.
    async fn what_was_spent_under_a_ladder_that_was_taken_away_is_not_spent(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let days = |days| proto::LadderRule {
            grace: Some(proto::Grace { days, ..Default::default() }), ..everybody(vec![phase(None, Rung::Required)])
        };
        let both = proto::Grace { days: 10, skips: 2, ..Default::default() };
        let both = proto::LadderRule { grace: Some(both), ..two_skips() };
        for rule in [days(10), both] {
            it.rollout.set_ladder(vec![rule.clone()]).await;
            let told = server.now();
            let first = session(&it, &ann).await.answer.clone();
            assert_eq!(first.advice(), Advice::TwoStepRequired);
            let due = Some(timestamp(told.plus(Span::days(10))));
            assert_eq!(first.ladder.as_ref().unwrap().enroll_by_time, due);
            // A change of the ladder gives nobody more time.
            it.rollout.set_ladder(vec![proto::LadderRule { title: "All".into(), ..rule }]).await;
            assert_eq!(it.evaluate(&ann).await.ladder.unwrap().enroll_by_time, due);
            set_clock(&server, told.plus(Span::days(10)));
            assert_eq!(it.leads(&ann).await, proto::SignInState::PendingEnrollment);
            it.rollout.set_ladder(vec![]).await;
        }
        it.rollout.set_ladder(vec![two_skips()]).await;
        let again = session(&it, &ann).await;
        skipped(&it, &again).await;
        it.rollout.set_ladder(vec![]).await;
        server.clock.advance(DAY);
        it.rollout.set_ladder(vec![two_skips()]).await;
        let ladder = session(&it, &ann).await.answer.ladder.clone().unwrap();
        assert_eq!((ladder.skips_left, ladder.skipped_until_time), (Some(2), None));
    }

    async fn a_skip_does_not_outlast_the_deadline(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let week = prost_types::Duration { seconds: 7 * 86_400, nanos: 0 };
        let grace = proto::Grace { days: 2, skips: 2, skip_spacing: Some(week), ..Default::default() };
        let rule = proto::LadderRule { grace: Some(grace), ..two_skips() };
        it.rollout.set_ladder(vec![rule]).await;
        let first = session(&it, &ann).await;
        let due = Some(timestamp(server.now().plus(Span::days(2))));
        let ladder = skipped(&it, &first).await;
        assert_eq!((ladder.enroll_by_time, ladder.skipped_until_time), (due, due));
    }

    async fn a_skip_of_a_nudge_hides_the_advice_and_counts_nothing(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let grace = Some(proto::Grace { skips: 2, ..Default::default() });
        let required = server.now().plus(Span::days(30));
        let phases = vec![phase(None, Rung::Nudge), phase(Some(required), Rung::Required)];
        it.rollout.set_ladder(vec![proto::LadderRule { grace, ..everybody(phases) }]).await;
        for day in 0..3 {
            let first = session(&it, &ann).await;
            assert_eq!(first.answer.advice(), Advice::TwoStepNudge, "day {day}");
            let now = server.now();
            let ladder = skipped(&it, &first).await;
            assert_eq!(ladder.skipped_until_time, Some(timestamp(now.plus(DAY))), "day {day}");
            assert_eq!(skipped(&it, &first).await, ladder, "a second one changes nothing");
            assert_eq!(session(&it, &ann).await.answer.advice(), Advice::Nothing);
            server.pass(DAY);
        }
        assert_eq!(raw::count(&server, "SELECT COALESCE(SUM(skips), 0) FROM ledger").await, 0);
        set_clock(&server, required);
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().skips_left, Some(2));
    }

    async fn two_skips_at_once_count_one(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![two_skips()]).await;
        let first = session(&it, &ann).await;
        let replica = server.replica().await;
        let callers = [it.app.clone(), it.app.at(replica.channel.clone())];
        let answers = together(&callers, &skip(&first)).await;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count();
        let names = answers.iter().filter_map(|answer| answer.as_ref().err()).map(Refused::name);
        assert!(names.clone().all(|name| name == "SKIP_TOO_SOON"), "{:?}", names.collect::<Vec<_>>());
        assert_eq!(taken, 1);
        assert_eq!(raw::count(&server, "SELECT SUM(skips) FROM ledger").await, 1);
    }

    async fn where_nothing_is_asked_there_is_nothing_to_skip(server) {
        let it = Setting::open(&server).await;
        let (ann, on) = (it.admin.person("ann").await, it.admin.person("on").await);
        let session_ = session(&it, &ann).await;
        assert_eq!(refused(&it, &session_).await, "NOTHING_TO_SKIP", "no ladder");
        let set = async |rule| { it.rollout.set_ladder(vec![rule]).await; };
        set(everybody(vec![phase(None, Rung::Optional)])).await;
        assert_eq!(refused(&it, &session_).await, "NOTHING_TO_SKIP", "optional");
        let has_it = session(&it, &on).await;
        it.app.enroll(&has_it, &on).await;
        set(two_skips()).await;
        assert_eq!(refused(&it, &has_it).await, "NOTHING_TO_SKIP", "it is on");
        let days = Some(proto::Grace { days: 10, ..Default::default() });
        set(proto::LadderRule { grace: days, ..everybody(vec![phase(None, Rung::Required)]) }).await;
        assert_eq!(refused(&it, &session_).await, "NOTHING_TO_SKIP", "days, and no skips");
        let both = Some(proto::Grace { days: 10, skips: 2, ..Default::default() });
        set(proto::LadderRule { grace: both, ..everybody(vec![phase(None, Rung::Locked)]) }).await;
        assert_eq!(refused(&it, &session_).await, "NOTHING_TO_SKIP", "locked");
        let wrong = proto::SkipEnrollmentRequest {
            subject: it.begin(&ann).await.subject(), ..Default::default()
        };
        assert_eq!(it.app.refused(wrong).await.name(), "SUBJECT_NOT_ACCEPTED");
        assert_eq!(raw::count(&server, "SELECT COUNT(*) FROM ledger WHERE skipped_at IS NOT NULL").await, 0);
    }

    /// An app that needs no sign-in for it tells the account by itself.
    async fn what_an_app_shows_by_itself_begins_the_days_once(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let before = session(&it, &ann).await;
        let nothing = it.app.ok(show(&before)).await.decision.unwrap();
        assert!(!nothing.visible);
        let grace = Some(proto::Grace { days: 10, ..Default::default() });
        let rule = proto::LadderRule { grace, ..everybody(vec![phase(None, Rung::Required)]) };
        it.rollout.set_ladder(vec![rule]).await;
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().enroll_by_time, None, "not told yet");
        let told = server.now();
        for _ in 0..2 {
            let ladder = it.app.ok(show(&before)).await.decision.unwrap().ladder.unwrap();
            assert_eq!(ladder.enroll_by_time, Some(timestamp(told.plus(Span::days(10)))));
            server.pass(Span::minutes(1));
        }
        let events = "SELECT COUNT(*) FROM events WHERE fact LIKE '%two_step_told%'";
        assert_eq!(raw::count(&server, events).await, 1);
    }

    /// A skip counts for the ladder under which it was made: whoever was told or skipped before it was removed begins anew.
    async fn a_ladder_that_comes_back_takes_skips_and_counts_none_from_before(server) {
        let it = Setting::open(&server).await;
        let (told, untold) = (it.admin.person("told").await, it.admin.person("untold").await);
        let early = session(&it, &untold).await;
        it.rollout.set_ladder(vec![two_skips()]).await;
        session(&it, &told).await;
        // By a session from before the ladder, so that nobody has told its owner.
        assert_eq!(skipped(&it, &early).await.skips_left, Some(1));
        it.rollout.set_ladder(vec![]).await;
        server.pass(MILLI);
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Nudge)])]).await;
        let again = session(&it, &told).await;
        let until = Some(timestamp(server.now().plus(DAY)));
        assert_eq!(skipped(&it, &again).await.skipped_until_time, until, "the advice rests");
        it.rollout.set_ladder(vec![]).await;
        server.pass(MILLI);
        it.rollout.set_ladder(vec![two_skips()]).await;
        for (person, session) in [(&told, &again), (&untold, &early)] {
            assert_eq!(it.evaluate(person).await.ladder.unwrap().skips_left, Some(2), "both of them are left");
            assert_eq!(skipped(&it, session).await.skips_left, Some(1));
        }
    }
}
