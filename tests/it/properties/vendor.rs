//! Carries out the steps of a history as calls to a server.

use tidegate_client::Refused;
use tidegate_core::{AccountId, CustomerId, Role};
use tidegate_proto as proto;

use super::{
    PRODUCTS,
    crowd::LABEL,
    model::Model,
    steps::{Beginning, CUSTOMERS, Deed, Draft, Names, PEOPLE, Product, ROLLOUTS, Step, Verb},
    world::{KEYS, begin, born},
};
use crate::{
    actor::Actor,
    arrange::{Address, Person, row},
    manage::{mask, ppm, whole_wave},
    owner::{Device, Session},
    test_server::{TestServer, timestamp},
};

pub(super) struct Vendor {
    pub(super) people: Vec<Person>,
    server: TestServer,
    pub(super) operator: Actor,
    pub(super) app: Actor,
    pub(super) support: Actor,
    /// By the holder's name.
    approvers: Vec<(&'static str, Actor)>,
    /// A session of each person at each product, made before any wave was started.
    sessions: Vec<Vec<Session>>,
}

impl Vendor {
    /// Creates the products, customers, accounts and rollouts of the beginning, and a model of them.
    pub(super) async fn open(server: &TestServer, beginning: &Beginning) -> (Self, Model) {
        let operator = server.operator();
        for product in PRODUCTS {
            operator.product(product).await;
        }
        let mut beginning = beginning.clone();
        for (place, key) in CUSTOMERS.iter().enumerate() {
            let id = customer(&operator, place, key).await.id;
            beginning.customers[place] = id.parse::<CustomerId>().unwrap().uuid().as_u128();
        }
        let people = people(&operator).await;
        for (account, person) in beginning.accounts.iter_mut().zip(&people) {
            *account = person.id.parse::<AccountId>().unwrap().uuid().as_u128();
        }
        for which in 0..ROLLOUTS {
            let rollout = rollout(&operator, &beginning, which).await;
            beginning.salts[which] = rollout.salt.try_into().unwrap();
        }
        let app = server.actor("app", Role::Frontend).await.quiet();
        let mut sessions = Vec::new();
        for person in &people {
            let mut own = Vec::new();
            for product in PRODUCTS {
                own.push(app.sign_in(person, product, &Device::new("first")).await);
            }
            sessions.push(own);
        }
        let mut approvers = Vec::new();
        for name in super::steps::APPROVERS {
            approvers.push((*name, server.held("approver", Role::RolloutApprover, name).await.quiet()));
        }
        let support = server.actor("support", Role::Support).await.quiet();
        let vendor = Self { people, server: server.clone(), operator, app, support, approvers, sessions };
        (vendor, begin(&beginning).1)
    }

    /// Whether the service carried the step out. The model says what owners can do next.
    pub(super) async fn take(&self, model: &mut Model, step: &Step) -> bool {
        match step {
            Step::Rollout(which, verb) => self.turn(*which, verb).await.is_ok(),
            Step::Account(who, deed) => {
                self.act(model, *who, deed).await;
                true
            }
        }
    }

    /// The ids of all factors, as support sees them.
    pub(super) async fn factors(&self) -> Vec<String> {
        let mut all = Vec::new();
        for person in &self.people {
            let (account, product, reason) = (person.id.clone(), "kasa".into(), "ticket 7".into());
            let on_behalf = proto::subject::Who::OnBehalf(proto::OnBehalf { account, product, reason });
            let request = proto::ListFactorsRequest { subject: crate::owner::subject(on_behalf) };
            all.extend(self.support.ok(request).await.factors.into_iter().map(|factor| factor.id));
        }
        all
    }

    pub(super) async fn turn(&self, which: usize, verb: &Verb) -> Result<(), Refused> {
        let rollout = KEYS[which].to_owned();
        let get = proto::GetRolloutRequest { rollout: rollout.clone() };
        let etag = self.operator.ok(get).await.rollout.unwrap().etag;
        let ordinal = |place: &usize| u32::try_from(*place).unwrap();
        macro_rules! call {
            ($actor:expr, $request:ident { $($field:ident: $value:expr),* }) => {
                $actor.call(proto::$request { rollout, etag, $($field: $value,)* ..Default::default() }).await.map(drop)
            };
        }
        match verb {
            Verb::AddWave(wave) => call!(self.operator, AddWaveRequest { wave: Some(draft(wave)) }),
            Verb::UpdateWave(place, wave) => {
                let (ordinal, wave) = (ordinal(place), Some(draft(wave)));
                let update_mask = whole_wave();
                call!(
                    self.operator,
                    UpdateWaveRequest { ordinal: ordinal, wave: wave, update_mask: update_mask }
                )
            }
            Verb::RemoveWave(place) => call!(self.operator, RemoveWaveRequest { ordinal: ordinal(place) }),
            Verb::Start => call!(self.operator, StartRolloutRequest {}),
            Verb::Advance => call!(self.operator, AdvanceRolloutRequest {}),
            Verb::Pause => call!(self.operator, PauseRolloutRequest {}),
            Verb::Resume => call!(self.operator, ResumeRolloutRequest {}),
            Verb::RollBack(to, at) => {
                let products = at.iter().map(ToString::to_string).collect();
                call!(self.operator, RollBackRolloutRequest { to_wave: ordinal(to), products: products })
            }
            Verb::Archive => call!(self.operator, ArchiveRolloutRequest {}),
            Verb::Unarchive => call!(self.operator, UnarchiveRolloutRequest {}),
            Verb::Stop => call!(self.operator, StopRolloutRequest {}),
            Verb::ClearStop(by) => {
                let (_, approver) = self.approvers.iter().find(|(name, _)| name == by).unwrap();
                call!(approver, ClearStopRequest {})
            }
            Verb::Allow(names) => {
                let (allow, update_mask) = (Some(self.named(names)), mask("allow"));
                call!(self.operator, UpdateRolloutRequest { allow: allow, update_mask: update_mask })
            }
            Verb::Deny(names) => {
                let (deny, update_mask) = (Some(self.named(names)), mask("deny"));
                call!(self.operator, UpdateRolloutRequest { deny: deny, update_mask: update_mask })
            }
        }
    }

    pub(super) fn named(&self, names: &Names) -> proto::NamedAccounts {
        proto::NamedAccounts {
            accounts: names.accounts.iter().map(|who| self.people[*who].id.clone()).collect(),
            customers: names.customers.iter().map(|place| CUSTOMERS[*place].to_owned()).collect(),
        }
    }

    async fn act(&self, model: &mut Model, who: usize, deed: &Deed) {
        match deed {
            Deed::Show(product) => {
                let subject = self.session(who, product).subject();
                self.app.ok(proto::GetTwoStepStatusRequest { subject }).await;
            }
            Deed::Interest(product) => {
                let subject = self.session(who, product).subject();
                self.app.ok(proto::RegisterInterestRequest { subject }).await;
            }
            Deed::SignIn(product) => drop(self.sign_in(who, product).await),
            Deed::SwitchOn(product) => {
                if model.can_switch_on(who, product) {
                    let session = self.sign_in(who, product).await.unwrap();
                    model.take(&Step::Account(who, Deed::SignIn(product)));
                    self.app.enroll(&session, &self.people[who]).await;
                }
            }
            Deed::Country(country) => {
                let country = country.unwrap_or_default().to_owned();
                self.update(who, "country", proto::UpdateAccountRequest { country, ..Default::default() })
                    .await;
            }
            Deed::Label(label) => {
                let labels = label.map(|text| (LABEL.to_owned(), text.to_owned())).into_iter().collect();
                self.update(who, "labels", proto::UpdateAccountRequest { labels, ..Default::default() })
                    .await;
            }
            Deed::Customer(place) => {
                let customer = place.map(|place| CUSTOMERS[place].to_owned()).unwrap_or_default();
                self.update(who, "customer", proto::UpdateAccountRequest { customer, ..Default::default() })
                    .await;
            }
            Deed::SwitchOff(_) | Deed::Verified(_) => panic!("told elsewhere"),
        }
    }

    /// A session; `None` where a second step is asked for, because two-step acts there already.
    async fn sign_in(&self, who: usize, product: Product) -> Option<Session> {
        let device = Device::new(&format!("at-{}", self.server.now().unix_micros()));
        let begun = self.app.begin(&self.people[who], product, &device).await;
        match begun.state {
            proto::SignInState::Ready => Some(self.app.finish(&begun, &device).await.unwrap()),
            _ => None,
        }
    }

    async fn update(&self, who: usize, path: &str, request: proto::UpdateAccountRequest) {
        let (account, update_mask) = (self.people[who].id.clone(), mask(path));
        self.operator.ok(proto::UpdateAccountRequest { account, update_mask, ..request }).await;
    }

    fn session(&self, who: usize, product: Product) -> &Session {
        let place = PRODUCTS.iter().position(|name| *name == product).unwrap();
        &self.sessions[who][place]
    }
}

pub(super) fn draft(draft: &Draft) -> proto::WaveDraft {
    proto::WaveDraft {
        title: "wave".to_owned(),
        edge: ppm(draft.edge),
        allow_tiny: true,
        products: draft.products.iter().map(ToString::to_string).collect(),
        audience: draft.crowd.as_ref().map(super::crowd::Crowd::spoken),
        ..Default::default()
    }
}

/// The first customer has a country and a label, the second has neither.
async fn customer(operator: &Actor, place: usize, key: &str) -> proto::Customer {
    let first = place == 0;
    let request = proto::CreateCustomerRequest {
        key: key.to_owned(),
        title: "Customer".to_owned(),
        country: if first { "DE".to_owned() } else { String::new() },
        labels: first.then(|| (LABEL.to_owned(), "gold".to_owned())).into_iter().collect(),
        create_time: Some(timestamp(born(place))),
        ..Default::default()
    };
    operator.ok(request).await.customer.unwrap()
}

async fn people(operator: &Actor) -> Vec<Person> {
    let name = |place: usize| format!("u-{place}");
    let rows = (0..PEOPLE).map(|place| {
        let address = if place == 0 { Address::Unverified } else { Address::Verified };
        proto::ImportRow {
            create_time: Some(timestamp(born(place))),
            customer: CUSTOMERS.get(place / 2).map(ToString::to_string).unwrap_or_default(),
            ..row(u64::try_from(place).unwrap() + 1, &name(place), address)
        }
    });
    operator.import(rows.collect()).await.unwrap();
    let mut people = Vec::new();
    for place in 0..PEOPLE {
        people.push(operator.known(&name(place)).await);
    }
    people
}

async fn rollout(operator: &Actor, beginning: &Beginning, which: usize) -> proto::Rollout {
    let by_customer = beginning.by_customer[which];
    let unit = if by_customer { proto::RolloutUnit::Customer } else { proto::RolloutUnit::Account };
    let request = proto::CreateRolloutRequest {
        key: KEYS[which].to_owned(),
        title: "Two-step".to_owned(),
        products: PRODUCTS.iter().map(ToString::to_string).collect(),
        unit: unit.into(),
        holdout: Some(proto::create_rollout_request::Holdout::HoldoutPpm(beginning.holdouts[which])),
        allow_tiny: true,
        ..Default::default()
    };
    operator.ok(request).await.rollout.unwrap()
}
