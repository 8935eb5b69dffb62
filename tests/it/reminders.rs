//! Mails that count down to the day: to whom, when, and how often.

use proto::Rung;
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;
use tidegate_service::reminders::{RemindAccount, Reminders, TellAccount};

use crate::{
    arrange::{Address, Person, row},
    exemptions::exempt,
    ladders::{DAY, MILLI, Setting, everybody, phase, set_clock},
    owner::Device,
    raw,
    test_server::{TestServer, timestamp},
};

/// 45 days from the day on which the account is told, with mails.
pub fn programme(reminder_days: &[u32]) -> proto::LadderRule {
    proto::LadderRule {
        grace: Some(proto::Grace { days: 45, ..Default::default() }),
        reminder_days: reminder_days.to_vec(),
        ..everybody(vec![phase(None, Rung::Required)])
    }
}

pub const DAYS: &[u32] = &[0, 15, 30, 40, 44];

/// One run of the worker.
pub async fn remind_once(server: &TestServer) {
    Reminders::new(server.app.clone()).run().await.unwrap();
}

pub async fn reminders(server: &TestServer, person: &Person) -> Vec<String> {
    let mails = server.mails_to(&person.email).await;
    let reminders = mails.into_iter().filter(|mail| mail.subject.starts_with("Set up two-step"));
    reminders.map(|mail| mail.text).collect()
}

/// A run at this instant; how many reminders the person has then.
async fn run_at(server: &TestServer, at: Timestamp, person: &Person) -> usize {
    set_clock(server, at);
    remind_once(server).await;
    reminders(server, person).await.len()
}

on_both! {
    async fn a_day_that_an_outage_missed_is_left_out_for_the_newest(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        let told = server.now();
        assert_eq!(run_at(&server, told, &ann).await, 1);
        assert_eq!(run_at(&server, told.plus(Span::days(41)), &ann).await, 2, "of 15, 30 and 40 the newest");
        assert!(reminders(&server, &ann).await[1].contains("4 days are left"));
        assert_eq!(run_at(&server, told.plus(Span::days(44)).minus(MILLI), &ann).await, 2);
        assert_eq!(run_at(&server, told.plus(Span::days(44)), &ann).await, 3);
        assert_eq!(run_at(&server, told.plus(Span::days(60)), &ann).await, 3);
    }

    async fn while_the_rollout_is_held_the_days_stand_still(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        let told = server.now();
        assert_eq!(run_at(&server, told, &ann).await, 1);
        set_clock(&server, told.plus(Span::days(10)));
        it.rollout.pause().await;
        assert_eq!(run_at(&server, told.plus(Span::days(16)), &ann).await, 1);
        set_clock(&server, told.plus(Span::days(20)));
        it.rollout.resume().await;
        assert_eq!(run_at(&server, told.plus(Span::days(25)).minus(MILLI), &ann).await, 1);
        assert_eq!(run_at(&server, told.plus(Span::days(25)), &ann).await, 2);
        assert!(reminders(&server, &ann).await[1].contains("30 days are left"));
    }

    /// The days count from when the ladder that stands told the account, and not one before it.
    async fn a_ladder_that_was_taken_away_reminds_nobody(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        let told = server.now();
        let at = |days| told.plus(Span::days(days));
        let grace = proto::Grace { days: 45, cap_time: Some(timestamp(at(200))), ..Default::default() };
        let rule = proto::LadderRule { grace: Some(grace), ..programme(&[5]) };
        it.rollout.set_ladder(vec![rule.clone()]).await;
        it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        it.rollout.set_ladder(vec![]).await;
        set_clock(&server, at(3));
        it.rollout.set_ladder(vec![rule]).await;
        assert_eq!(run_at(&server, at(6), &ann).await, 0, "it was not told by this one");
        it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        assert_eq!(run_at(&server, at(11).minus(MILLI), &ann).await, 0);
        assert_eq!(run_at(&server, at(11), &ann).await, 1);
    }

    async fn nobody_is_told_while_the_rollout_is_stopped(server) {
        let it = Setting::open(&server).await;
        let ann = it.admin.person("ann").await;
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        it.rollout.stop("too many tickets").await;
        assert_eq!(run_at(&server, server.now(), &ann).await, 0);
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().enroll_by_time, None);
    }

    async fn nothing_is_sent_to_who_is_exempt_set_up_or_asked_nothing_any_more(server) {
        let it = Setting::open(&server).await;
        let support = server.actor("support", Role::Support).await.quiet();
        let (exempted, done, left) =
            (it.admin.person("exempted").await, it.admin.person("done").await, it.admin.person("left").await);
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        let told = server.now();
        remind_once(&server).await;
        support.ok(exempt(&exempted, told.plus(Span::days(20)))).await;
        server.pass(Span::minutes(5));
        let session = it.app.sign_in(&done, "rmm", &Device::new("laptop")).await;
        it.app.enroll(&session, &done).await;
        set_clock(&server, told.plus(Span::days(15)));
        remind_once(&server).await;
        let count = async |person| reminders(&server, person).await.len();
        assert_eq!((count(&exempted).await, count(&done).await, count(&left).await), (1, 1, 2));
        assert_eq!(run_at(&server, told.plus(Span::days(20)).minus(MILLI), &exempted).await, 1);
        assert_eq!(run_at(&server, told.plus(Span::days(20)), &exempted).await, 2, "the newest, once it ended");
        it.rollout.set_ladder(vec![]).await;
        set_clock(&server, told.plus(Span::days(40)));
        remind_once(&server).await;
        // Without a ladder nobody is looked at. With one that asks for nothing, the reminder is dropped.
        it.rollout.set_ladder(vec![proto::LadderRule {
            phases: vec![phase(None, Rung::Optional)], ..programme(DAYS)
        }]).await;
        remind_once(&server).await;
        assert_eq!((count(&exempted).await, count(&done).await, count(&left).await), (2, 1, 2));
        assert_eq!(raw::count(&server, "SELECT COUNT(*) FROM ledger WHERE remind_at IS NOT NULL").await, 0);
        let stays_on = server.mails_to(&done.email).await.into_iter().filter(|mail| mail.subject.contains("stays on"));
        assert_eq!(stays_on.count(), 0, "it was not on when it was told");
    }

    /// Two replicas, each with a worker, and commands past the lease.
    async fn each_account_gets_each_mail_once(server) {
        let it = Setting::open(&server).await;
        let rows = (1..=12).map(|line| row(line, &format!("p{line}"), Address::Verified)).collect();
        it.admin.import(rows).await.unwrap();
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        let replica = server.replica().await;
        let realm = raw::realm(&server).await;
        let mails = "SELECT COUNT(*) FROM deliveries WHERE purpose = 'enrollment_reminder'";
        for (round, day) in [0, 15].into_iter().enumerate() {
            server.clock.advance(Span::days(day));
            let workers = [Reminders::new(server.app.clone()), Reminders::new(replica.app.clone())];
            let past_the_lease = async |app: tidegate_service::App| {
                for line in 1..=12 {
                    let account = it.admin.known(&format!("p{line}")).await.id.parse().unwrap();
                    let (rollout, product) = ("two-step".parse().unwrap(), "rmm".parse().unwrap());
                    if day == 0 {
                        app.work("test", realm, TellAccount { account, rollout, product }).await.unwrap();
                    } else {
                        app.work("test", realm, RemindAccount { account, rollout, product }).await.unwrap();
                    }
                }
            };
            let (one, other, ..) = tokio::join!(
                workers[0].run(), workers[1].run(),
                past_the_lease(server.app.clone()), past_the_lease(replica.app.clone())
            );
            one.unwrap();
            other.unwrap();
            assert_eq!(raw::count(&server, mails).await, 12 * (i64::try_from(round).unwrap() + 1), "day {day}");
        }
        let told = "SELECT COUNT(*) FROM events WHERE fact LIKE '%two_step_told%'";
        assert_eq!(raw::count(&server, told).await, 12);
    }

    /// Bounded in each run, and resumed by whoever comes next.
    async fn the_worker_tells_everybody_in_portions_and_goes_on_after_a_restart(server) {
        let it = Setting::open(&server).await;
        let rows = (1..=7).map(|line| row(line, &format!("p{line}"), Address::Verified)).collect();
        it.admin.import(rows).await.unwrap();
        it.admin.person_with("unverified", Address::Unverified).await;
        it.rollout.set_ladder(vec![programme(DAYS)]).await;
        let told = async || raw::count(&server, "SELECT COUNT(told_at) FROM ledger").await;
        for expected in [3, 6, 7, 7] {
            // Each time another process.
            let restarted = server.reopened().await;
            Reminders::new(restarted.app.clone()).at_most(3).run().await.unwrap();
            assert_eq!(told().await, expected);
        }
        it.admin.person("later").await;
        remind_once(&server).await;
        assert_eq!(told().await, 7, "all accounts are read once a day");
        server.pass(DAY);
        remind_once(&server).await;
        assert_eq!(told().await, 8);
    }

    /// Without day 0, the app tells, and the worker only reminds.
    async fn a_rule_without_day_0_tells_nobody_by_mail(server) {
        let it = Setting::open(&server).await;
        let (ann, bob) = (it.admin.person("ann").await, it.admin.person("bob").await);
        it.rollout.set_ladder(vec![programme(&[15])]).await;
        let told = server.now();
        it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        assert_eq!(run_at(&server, told, &ann).await, 0);
        assert_eq!(run_at(&server, told.plus(Span::days(15)), &ann).await, 1);
        assert_eq!(reminders(&server, &bob).await.len(), 0);
        assert_eq!(it.evaluate(&bob).await.ladder.unwrap().enroll_by_time, None);
    }

    /// From a date on: told while it is a nudge, with the date that will count.
    async fn a_nudge_tells_of_the_day_that_comes(server) {
        let it = Setting::open(&server).await;
        let (ann, on) = (it.admin.person("ann").await, it.admin.person("on").await);
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
        let session = it.app.sign_in(&on, "rmm", &Device::new("laptop")).await;
        it.app.enroll(&session, &on).await;
        let begun = server.now();
        let required = begun.plus(Span::days(60));
        let phases = vec![phase(None, Rung::Nudge), phase(Some(required), Rung::Required)];
        it.rollout.set_ladder(vec![proto::LadderRule { phases, ..programme(DAYS) }]).await;
        assert_eq!(run_at(&server, begun, &ann).await, 1);
        assert!(reminders(&server, &ann).await[0].contains("60 days are left"));
        let stays_on = async || {
            let mails = server.mails_to(&on.email).await;
            mails.into_iter().filter(|mail| mail.subject.contains("stays on")).count()
        };
        assert_eq!(stays_on().await, 0, "it can still be switched off");
        assert_eq!(run_at(&server, required.minus(MILLI), &on).await, 0);
        assert_eq!(stays_on().await, 0);
        assert_eq!(run_at(&server, required, &on).await, 0);
        assert_eq!(stays_on().await, 1);
    }
}
