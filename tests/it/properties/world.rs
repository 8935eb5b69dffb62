//! The same history in the code's own types: rollouts that `lifecycle` changes, and the standings of
//! accounts.

use std::collections::BTreeSet;

use tidegate_core::{
    AccountId, Approver, Buckets, Customer, CustomerId, Decision, Edge, FirstShown, LadderMarks, LedgerEntry,
    Method, Named, Ordinal, ProductKey, Reason, Requirement, Revision, Rollout, RolloutKey, Salt, Span,
    Standing, Timestamp, Unit, Wave, WaveState,
};
use tidegate_rollout::{bucket, lifecycle};
use uuid::Uuid;

use super::{
    BEGINNING, PRODUCTS,
    crowd::LABEL,
    model::{Firm, Model, ModelPerson, Plan},
    questions::Question,
    steps::{Beginning, CUSTOMERS, Deed, Draft, Names, Product, Step, Verb},
};

pub(super) const KEYS: [&str; 2] = ["first", "second"];

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) rollouts: Vec<Rollout>,
    pub(super) people: Vec<Standing>,
    customers: Vec<Customer>,
    pub(super) now: Timestamp,
}

/// The code and the model at the beginning of one history.
pub(super) fn begin(beginning: &Beginning) -> (World, Model) {
    let world = World::new(beginning);
    let seconds = |at: Timestamp| at.unix_seconds();
    let people = world.people.iter().map(|person| ModelPerson {
        born: seconds(person.created_at),
        verified: person.email_verified,
        firm: person.customer.as_ref().map(place_of),
        ..ModelPerson::default()
    });
    let firms = world.customers.iter().map(|customer| Firm {
        born: seconds(customer.created_at),
        country: customer.country.as_ref().map(|_| "DE"),
        label: customer.labels.values().next().map(|_| "gold"),
    });
    let plans = world.rollouts.iter().map(|rollout| world.plan(rollout));
    let model = Model::new(people.collect(), firms.collect(), plans.collect());
    (world, model)
}

/// When an account or a customer was created: each of them a day before the previous one.
pub(super) fn born(place: usize) -> Timestamp {
    BEGINNING.minus(Span::days(i64::try_from(place).unwrap() - 2))
}

fn place_of(customer: &Customer) -> usize {
    CUSTOMERS.iter().position(|key| *key == customer.key.as_str()).unwrap()
}

impl World {
    /// Two accounts belong to each customer, and two to none.
    fn new(beginning: &Beginning) -> Self {
        let now = BEGINNING;
        let rollout = |which: usize| Rollout {
            key: KEYS[which].parse().unwrap(),
            title: "Two-step".parse().unwrap(),
            products: PRODUCTS.iter().map(|name| name.parse().unwrap()).collect(),
            unit: if beginning.by_customer[which] { Unit::Customer } else { Unit::Account },
            salt: Salt(beginning.salts[which]),
            holdout: Edge::try_from(beginning.holdouts[which]).unwrap(),
            allow: Named::default(),
            deny: Named::default(),
            waves: Vec::new(),
            method: None,
            ladder: Vec::new(),
            ladder_since: None,
            holds: Vec::new(),
            paused_at: None,
            stop: None,
            roll_backs: Vec::new(),
            advance_window: None,
            archived_at: None,
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        // The first customer has a country and a label, the second has neither.
        let customer = |place: usize| Customer {
            id: CustomerId::from_uuid(Uuid::from_u128(beginning.customers[place])),
            key: CUSTOMERS[place].parse().unwrap(),
            title: "Customer".parse().unwrap(),
            country: (place == 0).then(|| "DE".parse().unwrap()),
            labels: (place == 0)
                .then(|| (LABEL.parse().unwrap(), "gold".parse().unwrap()))
                .into_iter()
                .collect(),
            revision: Revision::FIRST,
            created_at: born(place),
            updated_at: now,
        };
        let customers: Vec<_> = (0..CUSTOMERS.len()).map(customer).collect();
        let person = |(place, id): (usize, &u128)| Standing {
            account: AccountId::from_uuid(Uuid::from_u128(*id)),
            created_at: born(place),
            country: None,
            labels: std::collections::BTreeMap::new(),
            email_verified: place != 0,
            customer: customers.get(place / 2).cloned(),
            methods: Vec::new(),
            two_step_since: None,
            ledger: Vec::new(),
            interest: Vec::new(),
            buckets: Buckets::new(),
        };
        let people = beginning.accounts.iter().enumerate().map(person).collect();
        let mut world = Self { rollouts: vec![rollout(0), rollout(1)], people, customers, now };
        world.place();
        world
    }

    /// Computes the buckets, as the program does when it reads an account.
    fn place(&mut self) {
        for person in &mut self.people {
            person.buckets = bucket::all(self.rollouts.iter(), person);
        }
    }

    fn plan(&self, rollout: &Rollout) -> Plan {
        let of_account = |person: &Standing| bucket::of_account(rollout.salt, person.account).number();
        let of_customer = |customer: &Customer| {
            let customer = Some(customer.clone());
            let member = Standing { customer, buckets: Buckets::new(), ..self.people[0].clone() };
            let by_customer = Rollout { unit: Unit::Customer, ..rollout.clone() };
            bucket::of(&by_customer, &member).number()
        };
        Plan {
            key: rollout.key.to_string(),
            products: PRODUCTS.to_vec(),
            by_customer: rollout.unit == Unit::Customer,
            holdout: rollout.holdout.ppm(),
            places: self.people.iter().map(of_account).collect(),
            firms_places: self.customers.iter().map(of_customer).collect(),
            waves: Vec::new(),
            started: 0,
            taken: BTreeSet::new(),
            archived: false,
            allow: Names::default(),
            deny: Names::default(),
            paused: false,
            stopped: None,
            ladder: Vec::new(),
            held: Vec::new(),
        }
    }

    pub(super) fn question(&self, who: usize) -> Question {
        Question { rollouts: self.rollouts.clone(), standing: self.people[who].clone(), now: self.now }
    }

    pub(super) fn decide(&self, who: usize, product: Product) -> Decision {
        super::questions::decided(&self.rollouts, &self.people[who], self.now, product)
    }

    /// Takes the step, an hour after the previous one. Returns whether it was carried out.
    pub(super) fn take(&mut self, step: &Step) -> bool {
        self.now = self.now.plus(Span::hours(1));
        self.carry_out(step)
    }

    pub(super) fn carry_out(&mut self, step: &Step) -> bool {
        match step {
            Step::Rollout(which, verb) => self.turn(*which, verb),
            Step::Account(who, deed) => {
                self.act(*who, deed);
                true
            }
        }
    }

    /// Every change of a rollout makes a whole new revision, or none.
    fn turn(&mut self, which: usize, verb: &Verb) -> bool {
        let before = self.rollouts[which].clone();
        let mut rollout = before.clone();
        (rollout.revision, rollout.updated_at) = (before.revision.next(), self.now);
        let done = self.change(&mut rollout, verb);
        if done == Some(lifecycle::Did::Change) {
            if rollout.stop == before.stop {
                lifecycle::forget_clearing(&mut rollout);
            }
            self.rollouts[which] = rollout;
        }
        done.is_some()
    }

    fn change(&self, rollout: &mut Rollout, verb: &Verb) -> Option<lifecycle::Did> {
        let now = self.now;
        if rollout.archived_at.is_some() && !matches!(verb, Verb::Archive | Verb::Unarchive) {
            return None;
        }
        match verb {
            Verb::AddWave(draft) => rollout.waves.push(wave(draft, rollout.waves.len() + 1)),
            Verb::UpdateWave(ordinal, draft) => {
                let found = rollout.waves.get_mut(ordinal - 1).filter(|wave| !wave.is_started())?;
                *found = Wave { state: found.state, ..wave(draft, *ordinal) };
            }
            Verb::RemoveWave(ordinal) => {
                rollout.waves.get(ordinal - 1).filter(|wave| !wave.is_started())?;
                rollout.waves.remove(ordinal - 1);
                for (one, ordinal) in rollout.waves.iter_mut().zip(1..) {
                    one.ordinal = Ordinal(ordinal);
                }
            }
            Verb::Start => drop(lifecycle::start(rollout, now).ok()?),
            Verb::Advance => drop(lifecycle::advance(rollout, now).ok()?),
            Verb::Pause => return lifecycle::pause(rollout, now).ok(),
            Verb::Resume => lifecycle::resume(rollout, now).ok()?,
            Verb::RollBack(to, at) => {
                let products = at.iter().map(|name| name.parse().unwrap()).collect();
                lifecycle::roll_back(rollout, ordinal(*to), &products).ok()?;
            }
            Verb::Archive => return lifecycle::archive(rollout, now).ok(),
            Verb::Unarchive => lifecycle::unarchive(rollout).ok()?,
            Verb::Stop => {
                return Some(lifecycle::stop(rollout, Approver::holder("Ann".parse().unwrap()), None, now));
            }
            Verb::ClearStop(by) => {
                lifecycle::clear_stop(rollout, Approver::holder(by.parse().unwrap()), now).ok()?;
            }
            Verb::Allow(names) => rollout.allow = self.named(names),
            Verb::Deny(names) => rollout.deny = self.named(names),
        }
        Some(lifecycle::Did::Change)
    }

    fn named(&self, names: &Names) -> Named {
        Named {
            accounts: names.accounts.iter().map(|who| self.people[*who].account).collect(),
            customers: names.customers.iter().map(|place| self.customers[*place].key.clone()).collect(),
            ..Named::default()
        }
    }

    fn act(&mut self, who: usize, deed: &Deed) {
        let now = self.now;
        match deed {
            Deed::Show(product) => self.show(who, product),
            Deed::SwitchOn(product) => self.switch_on(who, product),
            Deed::SignIn(product) => {
                let decision = self.decide(who, product);
                if decision.requirement == Requirement::None {
                    if !decision.on {
                        self.show(who, product);
                    }
                } else if decision.reason != Reason::Active {
                    self.entry(who, decision.rollout.unwrap(), product).active_since.get_or_insert(now);
                }
            }
            Deed::SwitchOff(product) => {
                if self.decide(who, product).may_toggle {
                    self.people[who].two_step_since = None;
                }
            }
            Deed::Country(country) => self.people[who].country = country.map(|name| name.parse().unwrap()),
            Deed::Label(label) => {
                let labels = label.map(|text| (LABEL.parse().unwrap(), text.parse().unwrap()));
                self.people[who].labels = labels.into_iter().collect();
            }
            Deed::Customer(place) => {
                self.people[who].customer = place.map(|place| self.customers[place].clone());
                self.place();
            }
            Deed::Verified(verified) => self.people[who].email_verified = *verified,
            Deed::Interest(product) => self.people[who].interest.push(product.parse().unwrap()),
        }
    }

    fn switch_on(&mut self, who: usize, product: Product) {
        let (decision, now) = (self.decide(who, product), self.now);
        if decision.visible && decision.missing.is_empty() && !decision.on {
            self.entry(who, decision.rollout.unwrap(), product).active_since.get_or_insert(now);
            let person = &mut self.people[who];
            person.two_step_since = Some(now);
            person.methods = vec![Method::Totp, Method::RecoveryCodes];
        }
    }

    pub(super) fn show(&mut self, who: usize, product: Product) {
        let decision = self.decide(who, product);
        if matches!(decision.reason, Reason::Wave | Reason::Allowed) {
            let shown =
                FirstShown { at: self.now, revision: decision.revision.unwrap(), wave: decision.wave };
            let entry = self.entry(who, decision.rollout.unwrap(), product);
            if entry.shown.is_none_or(|before| before.revision < shown.revision) {
                entry.shown = Some(shown);
            }
        }
    }

    pub(super) fn entry(&mut self, who: usize, rollout: RolloutKey, product: Product) -> &mut LedgerEntry {
        let (ledger, product): (_, ProductKey) = (&mut self.people[who].ledger, product.parse().unwrap());
        let known = ledger.iter().position(|entry| entry.rollout == rollout && entry.product == product);
        let place = known.unwrap_or_else(|| {
            ledger.push(LedgerEntry {
                rollout,
                product,
                shown: None,
                active_since: None,
                marks: LadderMarks::default(),
            });
            ledger.len() - 1
        });
        &mut ledger[place]
    }
}

fn ordinal(place: usize) -> Ordinal {
    Ordinal(u32::try_from(place).unwrap())
}

fn wave(draft: &Draft, place: usize) -> Wave {
    Wave {
        ordinal: ordinal(place),
        title: "wave".parse().unwrap(),
        audience: draft.crowd.as_ref().map(super::crowd::Crowd::audience),
        edge: Edge::try_from(draft.edge).unwrap(),
        products: draft.products.iter().map(|name| name.parse().unwrap()).collect(),
        state: WaveState::Draft,
        started_at: None,
        planned_start: None,
        soak: None,
        gates: Vec::new(),
        taken_back: [].into(),
    }
}
