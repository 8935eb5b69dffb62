//! What a sign-up page is told of ladders, before the account is created.

use proto::{Requirement, Rung, SignInState as State};
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{PASSWORD, Person},
    audiences::{any, has, labelled, not, test},
    ladders::{DAY, MILLI, Setting, T0, T1, at, dashboard, days, everybody, phase, set_clock},
    manage::mask,
    owner::Device,
    test_server::{CredentialSpec, timestamp},
};

/// What a front end may know of the person.
#[derive(Debug, Clone, Copy, Default)]
struct SignUp<'s> {
    customer: &'s str,
    country: &'s str,
}

const ANYBODY: SignUp<'_> = SignUp { customer: "", country: "" };

fn of(customer: &str) -> SignUp<'_> {
    SignUp { customer, country: "" }
}

fn from(country: &str) -> SignUp<'_> {
    SignUp { customer: "", country }
}

fn request(product: &str, SignUp { customer, country }: SignUp<'_>) -> proto::EvaluateProspectRequest {
    let [product, customer, country] = [product, customer, country].map(str::to_owned);
    proto::EvaluateProspectRequest { product, customer, country }
}

impl Setting {
    async fn foretold(&self, sign_up: SignUp<'_>) -> proto::EvaluateProspectResponse {
        self.app.ok(request("rmm", sign_up)).await
    }

    /// The place of the rule, the rung, and whether it is enforced.
    async fn rung(&self, sign_up: SignUp<'_>) -> Option<(u32, Rung, bool)> {
        let ladder = self.foretold(sign_up).await.ladder?;
        Some((ladder.rule, ladder.rung(), ladder.enforced))
    }

    async fn changes(&self, sign_up: SignUp<'_>) -> Option<prost_types::Timestamp> {
        self.foretold(sign_up).await.next_change_time
    }

    async fn sign_up(&self, name: &str, sign_up: SignUp<'_>) -> Person {
        let request = proto::CreateAccountRequest {
            external_id: name.to_owned(),
            email: format!("{name}@example.com"),
            password: PASSWORD.to_owned(),
            customer: sign_up.customer.to_owned(),
            country: sign_up.country.to_owned(),
            ..Default::default()
        };
        self.app.ok(request).await;
        self.admin.known(name).await
    }
}

fn required() -> proto::LadderRule {
    everybody(vec![phase(None, Rung::Required)])
}

/// Accounts, or customers, that were created from then on.
fn created_from(attribute: &str, from: Timestamp) -> proto::Audience {
    test(proto::AttributeTest {
        attribute: attribute.to_owned(),
        from_time: Some(timestamp(from)),
        ..Default::default()
    })
}

async fn deny_customer(setting: &Setting, customer: &str) {
    let deny = proto::NamedAccounts { accounts: vec![], customers: vec![customer.to_owned()] };
    let request = proto::UpdateRolloutRequest {
        rollout: setting.rollout.key.clone(),
        etag: setting.rollout.etag(),
        deny: Some(deny),
        update_mask: mask("deny"),
        ..Default::default()
    };
    setting.rollout.keep(&setting.rollout.manager.ok(request).await.rollout.unwrap());
}

async fn abroad(actor: &Actor, customer: &str, country: &str) {
    let request = proto::CreateCustomerRequest {
        key: customer.to_owned(),
        title: "Abroad".to_owned(),
        country: country.to_owned(),
        labels: std::iter::once(("tier".to_owned(), "gold".to_owned())).collect(),
        ..Default::default()
    };
    actor.ok(request).await;
}

on_both! {
    async fn the_dashboard_says_before_the_account_is_created_that_two_step_is_on_from_the_start(server) {
        let it = Setting::open(&server).await;
        it.admin.customer("acme").await;
        it.rollout.set_ladder(dashboard()).await;
        set_clock(&server, at(T0).minus(MILLI));
        it.admin.customer("almost").await;
        for old in [of("acme"), of("almost"), ANYBODY] {
            let answer = it.foretold(old).await;
            assert_eq!(answer.ladder, None);
            assert_eq!(answer.evaluate_time, Some(timestamp(at(T0).minus(MILLI))));
            assert_eq!(answer.next_change_time, Some(timestamp(at(T0))));
        }
        set_clock(&server, at(T0));
        it.admin.customer("new").await;
        let answer = it.foretold(of("new")).await;
        let ladder = answer.ladder.clone().unwrap();
        assert_eq!((ladder.rollout.as_str(), ladder.rule, ladder.rung()), ("two-step", 1, Rung::Locked));
        assert_eq!((ladder.enforced, ladder.demands()), (true, Requirement::SecondStep));
        assert_eq!((ladder.enroll_by_time, answer.next_change_time), (Some(timestamp(at(T0))), None));
        for old in [of("acme"), of("almost"), ANYBODY] {
            assert_eq!(it.rung(old).await, Some((2, Rung::Optional, false)), "{old:?}");
            assert_eq!(it.changes(old).await, Some(timestamp(at(T1))));
        }
        let ann = it.sign_up("ann", of("new")).await;
        assert_eq!(it.leads(&ann).await, State::PendingEnrollment, "as it was said");
        set_clock(&server, at(T1).minus(MILLI));
        assert_eq!(it.rung(of("acme")).await, Some((2, Rung::Optional, false)));
        assert_eq!(it.rung(of("new")).await, Some((1, Rung::Locked, true)));
        set_clock(&server, at(T1));
        assert_eq!(it.rung(of("acme")).await, Some((2, Rung::Required, true)));
        assert_eq!(it.changes(of("acme")).await, None);
    }

    async fn an_account_gets_what_was_said_before_it_was_created(server) {
        let it = Setting::open(&server).await;
        it.admin.customer("acme").await;
        abroad(&it.admin, "bolt", "FR").await;
        let (now, soon) = (server.now(), server.now().plus(DAY));
        let skips = Some(proto::Grace { skips: 3, skip_spacing: days(1), ..Default::default() });
        let cap_time = Some(timestamp(soon.plus(DAY)));
        let graced = Some(proto::Grace { days: 10, cap_time, ..Default::default() });
        let is_for = |audience, phases| proto::LadderRule { audience: Some(audience), ..everybody(phases) };
        let rules = vec![
            is_for(has("account.email_verified", &[]), vec![phase(None, Rung::Nudge)]),
            is_for(labelled("account.label", "tier", &[]), vec![phase(None, Rung::Nudge)]),
            proto::LadderRule {
                grace: skips, ..is_for(has("account.country", &["DE"]), vec![phase(None, Rung::Required)])
            },
            proto::LadderRule {
                grace: graced,
                ..is_for(labelled("customer.label", "tier", &["gold"]), vec![phase(None, Rung::Required)])
            },
            is_for(created_from("account.created", soon), vec![phase(None, Rung::Locked)]),
            proto::LadderRule {
                postponement: days(7),
                ..is_for(
                    any(vec![has("customer.key", &["acme"]), has("customer.country", &["DE"])]),
                    vec![phase(None, Rung::Nudge), phase(Some(now.plus(Span::hours(20))), Rung::Required)],
                )
            },
            is_for(not(has("account.country", &["US"])), vec![phase(None, Rung::Optional)]),
        ];
        it.rollout.set_ladder(rules).await;
        let people = [
            ANYBODY, of("acme"), of("bolt"), from("DE"), from("US"), from("FR"),
            SignUp { customer: "acme", country: "US" }, SignUp { customer: "bolt", country: "DE" },
        ];
        let mut rules = std::collections::BTreeSet::new();
        for (day, instant) in [now.plus(MILLI), soon.minus(MILLI), soon, soon.plus(DAY)].into_iter().enumerate() {
            set_clock(&server, instant);
            for (number, person) in people.into_iter().enumerate() {
                let answer = it.foretold(person).await;
                let created = it.sign_up(&format!("person-{day}-{number}"), person).await;
                let decision = it.evaluate(&created).await;
                assert_eq!(answer.ladder, decision.ladder, "{instant} {person:?}");
                assert_eq!(answer.evaluate_time, decision.evaluate_time);
                rules.insert(answer.ladder.map(|ladder| (ladder.rule, ladder.enforced)));
            }
        }
        let told: Vec<_> = rules.into_iter().collect();
        let expected =
            [(3, false), (4, false), (4, true), (5, true), (6, false), (6, true), (7, false)].map(Some);
        assert_eq!(told, [&[None], &expected[..]].concat(), "every rule that can be for a new account");
    }

    async fn a_customer_on_the_deny_list_is_left_alone(server) {
        let it = Setting::open(&server).await;
        it.admin.customer("acme").await;
        it.admin.customer("bolt").await;
        it.rollout.set_ladder(vec![required()]).await;
        for sign_up in [of("acme"), of("bolt"), ANYBODY] {
            assert_eq!(it.rung(sign_up).await, Some((1, Rung::Required, true)));
        }
        deny_customer(&it, "acme").await;
        let denied = it.foretold(of("acme")).await;
        assert_eq!((denied.ladder, denied.next_change_time), (None, None));
        assert!(it.rung(of("bolt")).await.is_some() && it.rung(ANYBODY).await.is_some());
    }

    async fn an_audience_by_country_asks_for_the_country_of_the_person(server) {
        let it = Setting::open(&server).await;
        abroad(&it.admin, "acme", "DE").await;
        let german = Some(has("account.country", &["DE"]));
        it.rollout.set_ladder(vec![proto::LadderRule { audience: german, ..required() }]).await;
        assert_eq!(it.rung(from("DE")).await, Some((1, Rung::Required, true)));
        for other in [from("FR"), ANYBODY, of("acme"), SignUp { customer: "acme", country: "FR" }] {
            assert_eq!(it.rung(other).await, None, "{other:?}");
        }
        let of_germans = Some(has("customer.country", &["DE"]));
        it.rollout.set_ladder(vec![proto::LadderRule { audience: of_germans, ..required() }]).await;
        assert_eq!(it.rung(SignUp { customer: "acme", country: "FR" }).await, Some((1, Rung::Required, true)));
        assert_eq!(it.rung(from("DE")).await, None);
    }

    /// It would be created at the instant of the question.
    async fn a_date_of_creation_is_a_date_of_the_answer(server) {
        let it = Setting::open(&server).await;
        let from_then_on = server.now().plus(DAY);
        let audience = Some(created_from("account.created", from_then_on));
        it.rollout.set_ladder(vec![proto::LadderRule { audience, ..required() }]).await;
        set_clock(&server, from_then_on.minus(MILLI));
        assert_eq!((it.rung(ANYBODY).await, it.changes(ANYBODY).await), (None, Some(timestamp(from_then_on))));
        let early = it.sign_up("early", ANYBODY).await;
        set_clock(&server, from_then_on);
        assert_eq!((it.rung(ANYBODY).await, it.changes(ANYBODY).await), (Some((1, Rung::Required, true)), None));
        assert_eq!(it.evaluate(&early).await.ladder, None);
    }

    /// Neither the wave that will reach the account nor its bucket is asked.
    async fn rules_within_waves_are_for_no_account_that_is_not_created_yet(server) {
        let it = Setting::open(&server).await;
        it.rollout.add_wave("all", 1_000_000, &[]).await;
        let within = proto::LadderRule { within_waves: true, ..everybody(vec![phase(None, Rung::Locked)]) };
        let others = proto::LadderRule { title: "Others".into(), ..everybody(vec![phase(None, Rung::Nudge)]) };
        it.rollout.set_ladder(vec![within, others]).await;
        it.rollout.start().await;
        assert_eq!(it.rung(ANYBODY).await, Some((2, Rung::Nudge, false)));
        let ann = it.sign_up("ann", ANYBODY).await;
        assert_eq!(it.evaluate(&ann).await.ladder.unwrap().rule, 1);
    }

    /// The days of its grace begin when the person is told, which is after the creation.
    async fn nobody_was_told_before_the_account_is_created(server) {
        let it = Setting::open(&server).await;
        let grace = Some(proto::Grace { days: 10, skips: 3, ..Default::default() });
        it.rollout.set_ladder(vec![proto::LadderRule { grace, ..required() }]).await;
        let ladder = it.foretold(ANYBODY).await.ladder.unwrap();
        assert_eq!((ladder.rung(), ladder.demands()), (Rung::Required, Requirement::SecondStep));
        assert_eq!((ladder.enforced, ladder.enroll_by_time, ladder.skips_left), (false, None, Some(3)));
        let ann = it.sign_up("ann", ANYBODY).await;
        it.app.sign_in(&ann, "rmm", &Device::new("laptop")).await;
        assert_eq!(it.foretold(ANYBODY).await.ladder, Some(ladder), "another person's days are not this one's");
    }

    async fn a_page_that_asks_about_what_is_not_there_is_refused(server) {
        let it = Setting::open(&server).await;
        it.admin.product("kasa").await;
        let spec = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Frontend) };
        let kasas = server.with_credential("kasa's app", spec).await.quiet();
        let refused = async |actor: &Actor, product, sign_up| actor.refused(request(product, sign_up)).await.name();
        assert_eq!(refused(&it.app, "rmm", of("nobody")).await, "CUSTOMER_NOT_FOUND");
        assert_eq!(refused(&it.app, "other", ANYBODY).await, "PRODUCT_NOT_FOUND");
        assert_eq!(refused(&kasas, "rmm", of("nobody")).await, "PRODUCT_NOT_PERMITTED");
        for country in ["Germany", "de", "D1", "DEU"] {
            assert_eq!(refused(&it.app, "rmm", from(country)).await, "INVALID_REQUEST", "{country}");
        }
        assert_eq!(it.rung(ANYBODY).await, None, "no rollout has a ladder");
    }
}
