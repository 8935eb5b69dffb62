//! Previews of ladders: who would have to have two-step, from which instant on, and who would find no way in.

use proto::{Rung, SignInState as State, planned_step, preview_rollout_request::Change};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::{Address, Person, row},
    ladders::{Setting, everybody, phase},
    owner::Device,
    previews::preview,
    raw,
    test_server::timestamp,
};

const DAY: Span = Span::days(1);

fn ladder(rules: Vec<proto::LadderRule>) -> Change {
    Change::SetLadder(proto::PlannedLadder { rules })
}

fn dated(rollout: &str, change: Change) -> proto::PreviewRolloutRequest {
    proto::PreviewRolloutRequest { all_dates: true, ..preview(rollout, change) }
}

fn graced(days: u32, phases: Vec<proto::LadderPhase>) -> proto::LadderRule {
    proto::LadderRule { grace: Some(proto::Grace { days, ..Default::default() }), ..everybody(phases) }
}

/// Who is in a sample, by external id; the sample must be whole.
fn names<'p>(sample: Option<&proto::AccountSample>, people: &'p [Person]) -> Vec<&'p str> {
    let sample = sample.unwrap();
    let found = people.iter().filter(|person| sample.account_ids.contains(&person.id));
    let mut found: Vec<_> = found.map(|person| person.external_id.as_str()).collect();
    found.sort_unstable();
    assert_eq!(usize::try_from(sample.count), Ok(found.len()));
    found
}

/// `ready` has two-step on, `plain` could enroll, `unsure` has an address that is not verified, `young` has a new address,
/// `none` has no address.
async fn people(it: &Setting) -> Vec<Person> {
    let begin = it.server.now().minus(Span::days(100));
    let rows =
        (1..).zip(["ready", "plain", "unsure", "young", "none"]).map(|(line, name)| proto::ImportRow {
            create_time: Some(timestamp(begin)),
            ..row(line, name, if name == "unsure" { Address::Unverified } else { Address::Verified })
        });
    it.admin.import(rows.collect()).await.unwrap();
    let mut people = Vec::new();
    for name in ["ready", "plain", "unsure", "young", "none"] {
        people.push(it.admin.known(name).await);
    }
    let now = it.server.now().unix_micros();
    let now =
        if it.server.is_sqlite() { now.to_string() } else { format!("to_timestamp({now} / 1000000.0)") };
    let young = format!("UPDATE accounts SET email_since = {now} WHERE external_id = 'young'");
    raw::change(&it.server, &young).await;
    let none = "UPDATE accounts SET email = NULL, email_canonical = NULL, email_since = NULL, email_verified_at = NULL \
                WHERE external_id = 'none'";
    raw::change(&it.server, none).await;
    it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Optional)])]).await;
    let session = it.app.sign_in(&people[0], "rmm", &Device::new("laptop")).await;
    it.app.enroll(&session, &people[0]).await;
    it.rollout.set_ladder(vec![]).await;
    people
}

/// The states into which sign-ins lead, by external id.
async fn lead(it: &Setting, people: &[Person]) -> Vec<(String, State)> {
    let mut states = Vec::new();
    for person in people.iter().filter(|person| person.external_id != "none") {
        states.push((person.external_id.clone(), it.leads(person).await));
    }
    states
}

on_both! {
    async fn a_ladder_is_previewed_at_each_of_its_dates(server) {
        let it = Setting::open(&server).await;
        let people = people(&it).await;
        let (soon, late) = (server.now().plus(DAY), server.now().plus(Span::days(30)));
        let rules = vec![everybody(vec![
            phase(None, Rung::Optional),
            phase(Some(soon), Rung::Required),
            phase(Some(late), Rung::Locked),
        ])];
        let told = it.admin.preview(dated("two-step", ladder(rules.clone()))).await.unwrap();
        let [now] = told.products.as_slice() else { panic!("{told:?}") };
        assert_eq!((now.before_count, now.after_count), (1, 5), "two-step acts where it was enrolled");
        assert_eq!((now.required_before_count, now.required_after_count), (0, 0));
        let at: Vec<_> = told.instants.iter().map(|told| told.at_time.unwrap()).collect();
        assert_eq!(at, [timestamp(soon), timestamp(late)]);
        for told in &told.instants {
            let product = &told.products[0];
            assert_eq!((product.required_before_count, product.required_after_count), (0, 5));
            let all = ["none", "plain", "ready", "unsure", "young"];
            assert_eq!(names(product.become_required.as_ref(), &people), all);
            assert_eq!((names(product.enforced.as_ref(), &people), names(product.in_grace.as_ref(), &people).len()), (all.to_vec(), 0));
            assert_eq!(names(product.required_on.as_ref(), &people), ["ready"]);
            assert_eq!(names(product.required_missing.as_ref(), &people), ["none", "unsure"]);
            assert_eq!(product.cease_required.as_ref().unwrap().count, 0);
        }
        let locked_out = |place: usize| names(told.instants[place].products[0].locked_out.as_ref(), &people);
        assert_eq!(locked_out(0), ["none", "young"]);
        assert_eq!(locked_out(1), ["none"], "the address has become old enough");
        // What the change then does.
        it.rollout.set_ladder(rules).await;
        server.clock.advance(DAY);
        for (name, state) in lead(&it, &people).await {
            let wanted = if name == "ready" { State::PendingChallenge } else { State::PendingEnrollment };
            assert_eq!(state, wanted, "{name}");
        }
        for (name, says) in [("young", Some("NO_PROOF_OF_ORIGIN")), ("unsure", Some("EMAIL_NOT_VERIFIED")), ("plain", None)] {
            let person = people.iter().find(|person| person.external_id == name).unwrap();
            let begun = it.app.begin(person, "rmm", &Device::new("new")).await;
            let request = proto::BeginEnrollmentRequest {
                subject: begun.subject(), method: proto::Method::Totp.into(), ..Default::default()
            };
            match says {
                Some(says) => assert_eq!(it.app.refused(request).await.name(), says, "{name}"),
                None => drop(it.app.ok(request).await),
            }
        }
    }

    /// Who was not told has all days before them from that instant on.
    async fn grace_is_told_apart_from_what_is_enforced(server) {
        let it = Setting::open(&server).await;
        let people = people(&it).await;
        let (from, cap) = (server.now().plus(DAY), server.now().plus(Span::days(40)));
        let mut rule = graced(30, vec![phase(Some(from), Rung::Required)]);
        rule.grace.as_mut().unwrap().cap_time = Some(timestamp(cap));
        let request = proto::PreviewRolloutRequest {
            at_times: vec![timestamp(cap.plus(DAY)), timestamp(from), timestamp(from)],
            ..preview("two-step", ladder(vec![rule.clone()]))
        };
        let told = it.admin.preview(request).await.unwrap();
        assert_eq!(told.instants.len(), 2, "each instant once, in order");
        let [begin, end] = [0, 1].map(|place: usize| &told.instants[place].products[0]);
        assert_eq!((names(begin.enforced.as_ref(), &people).len(), names(begin.in_grace.as_ref(), &people).len()), (0, 5));
        assert_eq!(names(begin.locked_out.as_ref(), &people), ["none"], "thirty days make the address old");
        assert_eq!((names(end.enforced.as_ref(), &people).len(), names(end.in_grace.as_ref(), &people).len()), (5, 0));
        it.rollout.set_ladder(vec![rule]).await;
        server.clock.advance(Span::days(2));
        assert!(lead(&it, &people[1..3]).await.iter().all(|(_, state)| *state == State::Ready));
        // Less grace is earlier.
        let shorter = graced(1, vec![phase(None, Rung::Required)]);
        let shorter = proto::PreviewRolloutRequest {
            at_times: vec![timestamp(server.now().plus(Span::days(3)))],
            ..preview("two-step", ladder(vec![proto::LadderRule { grace: Some(proto::Grace::default()), ..shorter }]))
        };
        let told = it.admin.preview(shorter).await.unwrap();
        let now = &told.products[0];
        assert_eq!((now.required_before_count, now.required_after_count), (5, 5));
        assert_eq!(names(now.enforced.as_ref(), &people).len(), 5, "it is demanded at once of whom it was not");
        // A stop makes the days of those who were told stand still, and none ends.
        let gone = it.admin.preview(preview("two-step", ladder(vec![]))).await.unwrap();
        assert_eq!(names(gone.products[0].cease_required.as_ref(), &people).len(), 5);
        assert_eq!((gone.products[0].after_count, gone.products[0].required_after_count), (1, 0));
    }

    async fn a_demand_of_another_rollout_is_named(server) {
        let it = Setting::open(&server).await;
        let people = people(&it).await;
        let other = it.admin.rollout("a-later-one", &["rmm"], &[]).await;
        let later = server.now().plus(Span::days(10));
        let request = proto::SetLadderRequest {
            rollout: other.key.clone(),
            etag: other.etag,
            rules: vec![everybody(vec![phase(Some(later), Rung::Required)])],
            ..Default::default()
        };
        it.admin.ok(request).await;
        let soon = server.now().plus(DAY);
        let rules = vec![everybody(vec![phase(Some(soon), Rung::Required)])];
        let request = proto::PreviewRolloutRequest {
            at_times: vec![timestamp(soon), timestamp(later)],
            ..preview("two-step", ladder(rules))
        };
        let told = it.admin.preview(request).await.unwrap();
        let conflict = |place: usize| {
            let [one] = told.instants[place].products[0].conflicts.as_slice() else { panic!("{told:?}") };
            (one.rollout.clone(), one.account_count, one.decides_count)
        };
        assert_eq!(conflict(0), ("a-later-one".to_owned(), 0, 0), "it demands nothing yet");
        assert_eq!(conflict(1), ("a-later-one".to_owned(), 5, 0), "the earlier one is the stricter one");
        assert_eq!(names(told.instants[0].products[0].become_required.as_ref(), &people).len(), 5);
        assert_eq!(names(told.instants[1].products[0].become_required.as_ref(), &people).len(), 0);
        let reach = it.admin.preview(preview("two-step", Change::Stop(true))).await.unwrap();
        assert!(reach.products[0].conflicts.is_empty(), "this one demands nothing");
    }

    async fn several_changes_are_previewed_as_one(server) {
        let it = Setting::open(&server).await;
        people(&it).await;
        let step = |change| proto::PlannedStep { change: Some(change) };
        let wave = proto::WaveDraft { title: "all".into(), edge: crate::manage::ppm(1_000_000), ..Default::default() };
        let within = proto::LadderRule { within_waves: true, ..everybody(vec![phase(None, Rung::Required)]) };
        let steps = |steps| Change::Steps(proto::PlannedSteps { steps });
        let both = steps(vec![
            step(planned_step::Change::AddWave(wave.clone())),
            step(planned_step::Change::AddWave(wave.clone())),
            step(planned_step::Change::RemoveWave(2)),
            step(planned_step::Change::SetLadder(proto::PlannedLadder { rules: vec![within] })),
        ]);
        let request = proto::PreviewRolloutRequest { then_start: true, ..preview("two-step", both.clone()) };
        let told = it.admin.preview(request).await.unwrap();
        assert_eq!((told.products[0].after_count, told.products[0].required_after_count), (5, 5));
        let told = it.admin.preview(preview("two-step", both)).await.unwrap();
        assert_eq!(told.products[0].required_after_count, 1, "a wave that has not started reaches nobody new");
        let refused = async |change| it.admin.preview(preview("two-step", change)).await.unwrap_err();
        let gone = steps(vec![step(planned_step::Change::RemoveWave(1))]);
        assert_eq!(refused(gone).await.name(), "WAVE_NOT_FOUND");
        assert_eq!(refused(steps(vec![])).await.violations[0].field, "steps.steps");
        let past = everybody(vec![phase(Some(server.now().minus(DAY)), Rung::Required)]);
        let wrong = steps(vec![step(planned_step::Change::SetLadder(proto::PlannedLadder { rules: vec![past.clone()] }))]);
        let wrong = refused(wrong).await;
        assert_eq!(wrong.name(), "PLANNED_IN_PAST");
        assert_eq!(wrong.violations[0].field, "steps.steps[0].set_ladder.rules[0].phases[0]");
        let wrong = refused(ladder(vec![past])).await;
        assert_eq!(wrong.violations[0].field, "set_ladder.rules[0].phases[0]");
    }

    async fn instants_of_a_preview_lie_ahead(server) {
        let it = Setting::open(&server).await;
        let refused = async |request| it.admin.preview(request).await.unwrap_err().violations.remove(0).field;
        let request = preview("two-step", Change::Stop(true));
        let now = server.now();
        let past = proto::PreviewRolloutRequest { at_times: vec![timestamp(now.minus(DAY))], ..request.clone() };
        assert_eq!(refused(past).await, "at_times");
        let many = proto::PreviewRolloutRequest { at_times: vec![timestamp(now); 11], ..request.clone() };
        assert_eq!(refused(many).await, "at_times");
        let both = proto::PreviewRolloutRequest {
            at_times: vec![timestamp(now)], all_dates: true, ..request.clone()
        };
        assert_eq!(refused(both).await, "all_dates");
        let told = it.admin.preview(proto::PreviewRolloutRequest { at_times: vec![timestamp(now)], ..request }).await;
        assert_eq!(told.unwrap().instants, [], "now is always told");
    }
}
