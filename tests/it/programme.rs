//! A developer platform requires two-step of its accounts: each has 45 days from the day on which it was told, and may put the set-up
//! off once, for a week that begins with the first sign-in after the day.

use proto::{Advice, Rung, SignInState as State};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    ladders::{DAY, MILLI, Setting, days, everybody, phase, set_clock},
    owner::Device,
    postponements::postpone,
    reminders::{DAYS, programme, remind_once, reminders},
    test_server::timestamp,
};

on_both! {
    /// GitHub, 2023.
    async fn the_programme_tells_counts_down_waits_a_week_and_knows_no_other_way(server) {
        let it = Setting::open(&server).await;
        let (ann, bob, on) =
            (it.admin.person("ann").await, it.admin.person("bob").await, it.admin.person("on").await);
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        let session = it.app.sign_in(&on, "rmm", &Device::new("laptop")).await;
        let enrolled = it.app.enroll(&session, &on).await;
        server.pass(Span::hours(1));
        it.rollout.set_ladder(vec![proto::LadderRule { postponement: days(7), ..programme(DAYS) }]).await;
        let told = server.now();
        let deadline = told.plus(Span::days(45));
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().enroll_by_time, None, "nobody has told it yet");

        for (sent, day) in DAYS.iter().enumerate() {
            let at = told.plus(Span::days((*day).into()));
            if *day > 0 {
                set_clock(&server, at.minus(MILLI));
                remind_once(&server).await;
                assert_eq!(reminders(&server, &ann).await.len(), sent, "before day {day}");
            }
            set_clock(&server, at);
            remind_once(&server).await;
            remind_once(&server).await;
            let mails = reminders(&server, &ann).await;
            assert_eq!(mails.len(), sent + 1, "day {day}");
            let newest = mails.last().unwrap();
            let left = match 45 - day { 1 => "One day is left".to_owned(), left => format!("{left} days are left") };
            assert!(newest.contains(&left) && newest.contains("16 April 2026, 10:00 UTC"), "day {day}: {newest}");
            assert!(newest.contains("https://rmm.example/confirm") && !newest.contains('#'), "no token: {newest}");
        }
        // The banner counts down too.
        let session = it.app.sign_in(&bob, "rmm", &Device::new("laptop")).await;
        assert_eq!(session.answer.advice(), Advice::TwoStepRequired);
        assert_eq!(session.answer.ladder.unwrap().enroll_by_time, Some(timestamp(deadline)));

        set_clock(&server, deadline.minus(MILLI));
        assert_eq!((it.leads(&ann).await, it.leads(&bob).await), (State::Ready, State::Ready));
        set_clock(&server, deadline);
        assert_eq!(it.leads(&bob).await, State::PendingEnrollment);
        remind_once(&server).await;
        assert_eq!(reminders(&server, &ann).await.len(), 5, "the last one was that of day 44");

        // Ann comes back from a holiday, looks, and puts it off three days later.
        let first = deadline.plus(Span::days(10));
        set_clock(&server, first);
        assert_eq!(it.leads(&ann).await, State::PendingEnrollment);
        set_clock(&server, first.plus(Span::days(3)));
        let begun = it.begin(&ann).await;
        let until = first.plus(Span::days(7));
        let put_off = it.app.ok(postpone(&begun)).await;
        assert_eq!(put_off.sign_in.unwrap().state(), State::Ready);
        let session = it.app.finish(&begun, &Device::new("laptop")).await.unwrap();
        assert_eq!(session.answer.advice(), Advice::TwoStepRequired);
        assert_eq!(session.answer.ladder.unwrap().enroll_by_time, Some(timestamp(until)), "from the first sign-in");
        set_clock(&server, until.minus(MILLI));
        assert_eq!(it.leads(&ann).await, State::Ready);
        set_clock(&server, until);
        let begun = it.begin(&ann).await;
        assert_eq!(begun.state, State::PendingEnrollment);
        assert_eq!(it.app.refused(postpone(&begun)).await.name(), "POSTPONEMENT_USED");
        let status = it.app.ok(proto::GetTwoStepStatusRequest { subject: begun.subject() }).await;
        assert_eq!(status.decision.unwrap().ladder.unwrap().postponable_until_time, None);
        let (_, done) = it.enroll_in(&begun, &ann).await;
        assert_eq!(done.session.unwrap().level(), proto::Level::Aal2);

        // Who had it on was told once, and only that.
        let mails = server.mails_to(&on.email).await;
        let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        let stays_on = subjects.iter().filter(|subject| subject.contains("stays on")).count();
        assert_eq!((stays_on, reminders(&server, &on).await.len()), (1, 0), "{subjects:?}");
        server.pass(DAY);
        let session = it.app.sign_in_with(&on, "rmm", &Device::new("laptop"), &enrolled.seed).await;
        assert_eq!(session.answer.advice(), Advice::Nothing, "told already");
        assert_eq!(it.app.disable(&session).await.unwrap_err().name(), "TWO_STEP_REQUIRED");
    }
}
