//! Histories with ladders through the service: a server answers as the plain model does, no verb of a rollout changes a
//! row of an account, and who must have two-step comes in by setting it up.

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use tidegate_core::{Requirement, Timestamp};
use tidegate_proto as proto;

use super::{
    climbing::{Act, Move, PlainRule, a_move, ladder, quarters, spoken_rung},
    ladder_model::Climb,
    model::Model,
    served::{heard, kept},
    steps::{Beginning, Deed, Product, Step, beginning, first_waves},
    vendor::Vendor,
    world::{KEYS, begin},
};
use crate::{
    ladders::set_clock,
    owner::{Device, SignIn},
    test_server::{TestServer, timestamp},
};

const MOVES: usize = 50;

/// The history of this number, which is the same in every run. What needs a proof by a factor, or a session that lives long, is
/// told elsewhere.
fn story(number: u8) -> (Beginning, Vec<Move>) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]);
    let mut runner = TestRunner::new_with_rng(super::cases(1), rng);
    let can = |step: &Move| match step {
        Move::Step(Step::Account(_, deed)) => {
            matches!(deed, Deed::Country(_) | Deed::Label(_) | Deed::Customer(_))
        }
        _ => true,
    };
    let moves = vec(a_move().prop_filter("told elsewhere", can), MOVES);
    let ladder = ladder().prop_map(|rules| Move::SetLadder(0, rules));
    let all = (beginning(), ladder, first_waves(0..3), moves);
    let (beginning, ladder, first, moves) = all.new_tree(&mut runner).unwrap().current();
    (beginning, std::iter::once(ladder).chain(first.into_iter().map(Move::Step)).chain(moves).collect())
}

struct Climber<'s> {
    server: &'s TestServer,
    vendor: Vendor,
    model: Model,
    begins: Timestamp,
    /// A sign-in that was completed after an enrollment in it.
    completed: Option<(usize, Product)>,
    met: BTreeSet<&'static str>,
}

/// Runs the history, and returns what it met.
async fn live(server: &TestServer, number: u8) -> BTreeSet<&'static str> {
    let (beginning, moves) = story(number);
    let (vendor, model) = Vendor::open(server, &beginning).await;
    let begins = server.now();
    let mut it = Climber { server, vendor, model, begins, completed: None, met: BTreeSet::new() };
    for (place, step) in moves.iter().enumerate() {
        let when = format!("{place}: {step:?}");
        let by_product = !matches!(step, Move::Step(Step::Account(..)) | Move::Act(..));
        let before = if by_product { kept(server).await } else { Vec::new() };
        it.make(step, &when).await;
        if by_product {
            assert_eq!(kept(server).await, before, "{when}");
        }
        set_clock(server, begins.plus(quarters(it.model.now)));
        it.agrees(&when).await;
    }
    it.met
}

impl Climber<'_> {
    async fn make(&mut self, step: &Move, when: &str) {
        let done = match step {
            Move::Step(step) => self.vendor.take(&mut self.model, step).await,
            Move::SetLadder(which, drafts) => {
                let rules: Vec<_> = drafts.iter().map(|draft| draft.set_at(self.model.now)).collect();
                if !self.set_ladder(*which, &rules).await && !self.model.plans[*which].archived {
                    // What is wrong with a ladder is told elsewhere.
                    self.model.pass(1);
                    self.met.insert("refused");
                    return;
                }
                !self.model.plans[*which].archived
            }
            Move::Regrace(which, grace) => {
                let rules = self.model.plans[*which].ladder.iter().cloned();
                let rules: Vec<_> = rules.map(|rule| rule.with(*grace)).collect();
                self.set_ladder(*which, &rules).await
            }
            Move::Wait(_) => true,
            Move::Act(who, product, act) => self.deal(*who, product, *act, when).await,
        };
        assert_eq!(done, self.model.make_here(step), "{when}");
        if let Some((who, product)) = self.completed.take() {
            self.model.tell(who, product);
        }
        self.model.pass(if let Move::Wait(long) = step { *long } else { 1 });
    }

    async fn set_ladder(&self, which: usize, rules: &[PlainRule]) -> bool {
        let (rollout, operator) = (KEYS[which].to_owned(), &self.vendor.operator);
        let get = proto::GetRolloutRequest { rollout: rollout.clone() };
        let etag = operator.ok(get).await.rollout.unwrap().etag;
        let rules = rules.iter().map(|rule| rule.spoken(self.begins)).collect();
        operator.call(proto::SetLadderRequest { rollout, etag, rules, ..Default::default() }).await.is_ok()
    }

    /// Whether it was carried out.
    async fn deal(&mut self, who: usize, product: Product, act: Act, when: &str) -> bool {
        let (account, product_key, reason) =
            (self.vendor.people[who].id.clone(), product.to_owned(), "ticket 7".to_owned());
        let rollout = |which: usize| KEYS[which].to_owned();
        match act {
            Act::SignIn | Act::Enroll | Act::Postpone => self.sign_in(who, product, act, when).await,
            Act::Skip => {
                // The session is new, so that its owner was told.
                let begun = self.begin(who, product).await;
                self.model.make_here(&Move::Act(who, product, Act::SignIn));
                if begun.state != proto::SignInState::Ready {
                    return false;
                }
                let session = self.vendor.app.finish(&begun, &self.device()).await.unwrap();
                let subject = session.subject();
                self.vendor
                    .app
                    .call(proto::SkipEnrollmentRequest { subject, ..Default::default() })
                    .await
                    .is_ok()
            }
            Act::Exempt(which, long) => {
                let until_time = Some(timestamp(self.server.now().plus(quarters(long))));
                let request = proto::ExemptRequest {
                    account,
                    rollout: rollout(which),
                    product: product_key,
                    reason,
                    until_time,
                    ..Default::default()
                };
                self.vendor.support.call(request).await.is_ok()
            }
            Act::EndExemption(which) => {
                let request = proto::EndExemptionRequest {
                    account,
                    rollout: rollout(which),
                    product: product_key,
                    reason,
                    ..Default::default()
                };
                self.vendor.support.call(request).await.is_ok()
            }
            Act::Extend(which, days) => {
                let request = proto::ExtendDeadlineRequest {
                    account,
                    rollout: rollout(which),
                    product: product_key,
                    reason,
                    days,
                    ..Default::default()
                };
                self.vendor.support.call(request).await.is_ok()
            }
        }
    }

    fn device(&self) -> Device {
        Device::new(&format!("at-{}", self.server.now().unix_micros()))
    }

    /// A sign-in with the right password is ready, or waits for the factor that there is, or for the enrollment of one.
    async fn begin(&mut self, who: usize, product: Product) -> SignIn {
        let begun = self.vendor.app.begin(&self.vendor.people[who], product, &self.device()).await;
        let waits = match (self.model.answer(who, product).required, self.model.people[who].enrolled) {
            (false, _) => proto::SignInState::Ready,
            (true, true) => proto::SignInState::PendingChallenge,
            (true, false) => proto::SignInState::PendingEnrollment,
        };
        assert_eq!(begun.state, waits, "{who} at {product}");
        begun
    }

    async fn sign_in(&mut self, who: usize, product: Product, act: Act, when: &str) -> bool {
        let begun = self.begin(who, product).await;
        let (app, person) = (&self.vendor.app, &self.vendor.people[who]);
        let can = self.model.can_switch_on(who, product) && !self.model.people[who].enrolled;
        if begun.state == proto::SignInState::Ready {
            let session = app.finish(&begun, &self.device()).await.unwrap();
            let enrolls = matches!(act, Act::Enroll) && can;
            if enrolls {
                app.enroll(&session, person).await;
            }
            return enrolls || matches!(act, Act::SignIn);
        }
        if begun.state == proto::SignInState::PendingChallenge {
            return matches!(act, Act::SignIn);
        }
        self.met.insert("waits for an enrollment");
        match act {
            Act::Postpone => {
                let subject = begun.subject();
                let request = proto::PostponeEnrollmentRequest { subject, ..Default::default() };
                let done = app.call(request).await.is_ok();
                self.met.extend(done.then_some("postponed"));
                done
            }
            Act::Enroll if can => {
                app.enroll(&begun, person).await;
                let subject = begun.subject();
                let complete = proto::CompleteSignInRequest { subject, ..Default::default() };
                self.met.insert("enrolled on the way in");
                assert!(app.call(complete).await.is_ok(), "{when}");
                self.completed = Some((who, product));
                true
            }
            _ => {
                // Nobody is left without a way: two-step can be set up, or the answer says what is missing.
                let (subject, method) = (begun.subject(), proto::Method::Totp.into());
                let request = proto::BeginEnrollmentRequest { subject, method, ..Default::default() };
                let refused = app.call(request).await.err();
                let verified = self.model.people[who].verified;
                assert_eq!(
                    refused.map(|refused| refused.name().to_owned()),
                    (!verified).then(|| "EMAIL_NOT_VERIFIED".to_owned()),
                    "{when}"
                );
                if verified {
                    self.model.show(who, product);
                }
                matches!(act, Act::SignIn)
            }
        }
    }

    async fn agrees(&mut self, when: &str) {
        let items = Model::everywhere().map(|(who, product)| proto::EvaluationItem {
            product: product.to_owned(),
            account: self.vendor.people[who].id.clone(),
        });
        let request = proto::BatchEvaluateRequest { items: items.collect() };
        let answer = self.vendor.operator.ok(request).await;
        for ((who, product), result) in Model::everywhere().zip(answer.results) {
            let Some(proto::evaluation_result::Result::Decision(decision)) = result.result else { panic!() };
            let when = format!("{when}: {who} at {product}");
            assert_eq!(heard(&decision), self.model.answer(who, product), "{when}");
            let expected = self.model.strictest(who, product).map(|(which, climb)| {
                // Who has a factor is not offered to put the set-up off.
                let until = climb.postponable_until.filter(|_| !self.model.people[who].enrolled);
                self.spoken(which, Climb { postponable_until: until, ..climb })
            });
            let told = decision.ladder.map(|ladder| proto::LadderDecision {
                revision: 0,
                required_from_time: None,
                ..ladder
            });
            self.met.extend(told.as_ref().filter(|ladder| ladder.enforced).map(|_| "enforced"));
            self.met.extend(told.as_ref().filter(|ladder| ladder.held).map(|_| "held"));
            self.met.extend(
                told.as_ref().filter(|ladder| ladder.skipped_until_time.is_some()).map(|_| "skipped"),
            );
            assert_eq!(told, expected, "{when}");
        }
    }

    fn spoken(&self, which: usize, climb: Climb) -> proto::LadderDecision {
        let at = |quarter: i64| timestamp(self.begins.plus(quarters(quarter)));
        let demands = match climb.demands {
            Requirement::None => proto::Requirement::None,
            Requirement::SecondStep => proto::Requirement::SecondStep,
            Requirement::Aal2 => proto::Requirement::Aal2,
            Requirement::Aal2Phr => proto::Requirement::Aal2Phr,
        };
        proto::LadderDecision {
            rollout: KEYS[which].to_owned(),
            rule: climb.rule,
            rung: spoken_rung(climb.rung).into(),
            demands: demands.into(),
            enforced: climb.enforced,
            enroll_by_time: climb.enroll_by.map(at),
            held: climb.held,
            exempt_until_time: climb.exempt_until.map(at),
            skips_left: climb.skips_left,
            skipped_until_time: climb.skipped_until.map(at),
            postponable_until_time: climb.postponable_until.map(at),
            ..Default::default()
        }
    }
}

/// What the model expects of the history.
fn foretold(number: u8) -> BTreeSet<&'static str> {
    let (beginning, moves) = story(number);
    let (_, mut model) = begin(&beginning);
    let mut met = BTreeSet::new();
    for step in &moves {
        if let Move::Act(who, product, act) = step {
            if matches!(act, Act::Skip) {
                model.make_here(&Move::Act(*who, product, Act::SignIn));
            }
            let waits = model.answer(*who, product).required && !model.people[*who].enrolled;
            let done = model.make_here(step);
            let cases = [
                ("skipped", done && matches!(act, Act::Skip)),
                ("postponed", done && matches!(act, Act::Postpone)),
                ("waits for an enrollment", waits),
                ("enrolled on the way in", done && waits && matches!(act, Act::Enroll)),
            ];
            met.extend(cases.into_iter().filter(|(_, is)| *is).map(|(case, _)| case));
        } else {
            model.make_here(step);
        }
        model.pass(if let Move::Wait(long) = step { *long } else { 1 });
    }
    met
}

/// Two histories that together meet everything.
fn chosen() -> [u8; 2] {
    let all: Vec<_> = (0..=255_u8).map(|number| (number, foretold(number))).collect();
    let most = all.iter().max_by_key(|(_, met)| met.len()).unwrap();
    let other = all.iter().max_by_key(|(_, met)| most.1.union(met).count()).unwrap();
    [most.0, other.0]
}

async fn all(one: &TestServer, other: &TestServer) {
    let [first, second] = chosen();
    let mut met = live(one, first).await;
    met.extend(live(other, second).await);
    let wanted =
        ["enforced", "held", "skipped", "postponed", "waits for an enrollment", "enrolled on the way in"];
    let never: Vec<_> = wanted.iter().filter(|name| !met.contains(*name)).collect();
    assert!(never.is_empty(), "never met: {never:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_42_no_ladder_touches_the_standing_sqlite() {
    all(&TestServer::sqlite().await, &TestServer::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_42_no_ladder_touches_the_standing_postgres() {
    all(&TestServer::postgres().await, &TestServer::postgres().await).await;
}
