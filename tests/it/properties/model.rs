//! A plain model of the rules of rollouts, which shares no code with the rules that it is compared with. What
//! was shown is a set from which a roll back removes entries; the started waves of a rollout are its first
//! ones, as a count.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_core::Rung;

use super::{
    PRODUCTS,
    climbing::PlainRule,
    crowd::Facts,
    ladder_model::Note,
    steps::{CUSTOMERS, Deed, Draft, Names, PEOPLE, Product, Step, Verb},
};

pub(super) struct Model {
    pub(super) people: Vec<ModelPerson>,
    pub(super) firms: Vec<Firm>,
    pub(super) plans: Vec<Plan>,
    /// What was shown, by account, rollout and product: the wave that it was shown by, if it was a wave.
    shown: BTreeMap<(usize, usize, Product), Option<usize>>,
    /// Where two-step acts, by account and product: the rollout under which it first did.
    pub(super) active: BTreeMap<(usize, Product), usize>,
    /// Of ladders, by account, rollout and product.
    pub(super) notes: BTreeMap<(usize, usize, Product), Note>,
    /// Quarters of a day since the beginning. Only ladders have dates.
    pub(super) now: i64,
}

#[derive(Clone, Default)]
pub(super) struct ModelPerson {
    pub(super) born: i64,
    pub(super) country: Option<&'static str>,
    pub(super) label: Option<&'static str>,
    pub(super) firm: Option<usize>,
    pub(super) verified: bool,
    pub(super) interest: BTreeSet<Product>,
    pub(super) on: bool,
    /// The account has a factor, whether or not two-step is on.
    pub(super) enrolled: bool,
}

pub(super) struct Firm {
    pub(super) born: i64,
    pub(super) country: Option<&'static str>,
    pub(super) label: Option<&'static str>,
}

pub(super) struct Plan {
    pub(super) key: String,
    pub(super) products: Vec<Product>,
    pub(super) by_customer: bool,
    pub(super) holdout: u32,
    /// The buckets of the accounts, fixed at the beginning.
    pub(super) places: Vec<u32>,
    pub(super) firms_places: Vec<u32>,
    pub(super) waves: Vec<Draft>,
    pub(super) started: usize,
    /// Started waves, from 0, and products at which they were taken back.
    pub(super) taken: BTreeSet<(usize, Product)>,
    pub(super) archived: bool,
    pub(super) allow: Names,
    pub(super) deny: Names,
    pub(super) paused: bool,
    /// While the rollout is stopped: the persons who have agreed to clear the stop.
    pub(super) stopped: Option<BTreeSet<String>>,
    pub(super) ladder: Vec<PlainRule>,
    /// Whether it was paused or stopped, by quarter.
    pub(super) held: Vec<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) reason: &'static str,
    pub(super) visible: bool,
    pub(super) required: bool,
    /// The rollout that decided, by key.
    pub(super) rollout: Option<String>,
    /// The ordinal of the wave that reaches the account, where that is the reason.
    pub(super) wave: Option<usize>,
}

/// Strongest first.
const STRENGTH: [&str; 9] =
    ["active", "shown", "allowed", "wave", "denied", "stopped", "held_out", "not_yet", "no_rollout"];

pub(super) const REACHED: [&str; 4] = ["active", "shown", "allowed", "wave"];

impl Model {
    pub(super) fn new(people: Vec<ModelPerson>, firms: Vec<Firm>, plans: Vec<Plan>) -> Self {
        let (shown, active, notes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { people, firms, plans, shown, active, notes, now: 0 }
    }

    pub(super) fn answer(&self, who: usize, product: Product) -> Answer {
        let mut best = ("no_rollout", None, None);
        for (which, plan) in self.plans.iter().enumerate() {
            if !plan.covers(product) {
                continue;
            }
            let (reason, wave) = self.ask(who, which, product);
            let place = |reason: &str| STRENGTH.iter().position(|one| *one == reason);
            if place(reason) < place(best.0) {
                best = (reason, Some(which), wave);
            }
        }
        if let Some(which) = self.active.get(&(who, product)) {
            best = ("active", Some(*which), None);
        }
        let strictest = self.strictest(who, product);
        if let Some((which, _)) = strictest.filter(|_| !REACHED.contains(&best.0)) {
            best = ("ladder", Some(which), None);
        }
        let visible = best.0 == "ladder" || REACHED.contains(&best.0);
        let enforced = strictest.is_some_and(|(_, climb)| climb.enforced);
        Answer {
            reason: best.0,
            visible,
            required: enforced || visible && self.people[who].on,
            rollout: best.1.map(|which| self.plans[which].key.clone()),
            wave: best.2,
        }
    }

    pub(super) fn ask(&self, who: usize, which: usize, product: Product) -> (&'static str, Option<usize>) {
        let (plan, person) = (&self.plans[which], &self.people[who]);
        if self.shown.contains_key(&(who, which, product)) {
            return ("shown", None);
        }
        if plan.archived {
            return ("no_rollout", None);
        }
        let started: Vec<_> = (0..plan.started).filter(|at| plan.is_started_at(*at, product)).collect();
        if started.is_empty() {
            return ("not_yet", None);
        }
        if plan.deny.name(who, person) {
            return ("denied", None);
        }
        if plan.stopped.is_some() {
            return ("stopped", None);
        }
        let place = plan.place(who, person);
        if place >= 1_000_000 - plan.holdout {
            return ("held_out", None);
        }
        if plan.allow.name(who, person) {
            return ("allowed", None);
        }
        for at in started {
            let wave = &plan.waves[at];
            let meant = wave.crowd.as_ref().is_none_or(|crowd| crowd.has(&self.facts(who), product));
            if meant && place < wave.edge {
                return ("wave", Some(at + 1));
            }
        }
        ("not_yet", None)
    }

    pub(super) fn facts(&self, who: usize) -> Facts {
        let person = &self.people[who];
        let mut facts = Facts::new();
        let mut note = |attribute, value: String| {
            facts.entry(attribute).or_default().insert(value);
        };
        note("account.created", person.born.to_string());
        if let Some(country) = person.country {
            note("account.country", country.to_owned());
        }
        if let Some(label) = person.label {
            note("account.label", label.to_owned());
        }
        if person.verified {
            note("account.email_verified", "yes".to_owned());
        }
        if person.enrolled {
            note("account.method", "totp".to_owned());
            note("account.method", "recovery_codes".to_owned());
        }
        for product in &person.interest {
            note("account.interest", (*product).to_owned());
        }
        if let Some(firm) = person.firm {
            note("customer.key", CUSTOMERS[firm].to_owned());
            note("customer.created", self.firms[firm].born.to_string());
            if let Some(country) = self.firms[firm].country {
                note("customer.country", country.to_owned());
            }
            if let Some(label) = self.firms[firm].label {
                note("customer.label", label.to_owned());
            }
        }
        facts
    }

    /// Whether the step was carried out. A refused one changes nothing.
    pub(super) fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::Rollout(which, verb) => {
                let done = self.plans[*which].take(verb);
                if let (Verb::RollBack(to, at), true) = (verb, done) {
                    let taken = |wave: &Option<usize>| wave.is_none_or(|wave| wave > *to);
                    let here = |product: &Product| at.is_empty() || at.contains(product);
                    self.shown
                        .retain(|(_, of, product), wave| !(of == which && here(product) && taken(wave)));
                }
                done
            }
            Step::Account(who, deed) => {
                self.act(*who, deed);
                true
            }
        }
    }

    pub(super) fn act(&mut self, who: usize, deed: &Deed) {
        match deed {
            Deed::Show(product) => self.show(who, product),
            Deed::SignIn(product) => {
                if self.answer(who, product).required {
                    if self.people[who].on {
                        self.activate(who, product);
                    }
                } else if !self.people[who].on {
                    self.show(who, product);
                }
            }
            Deed::SwitchOn(product) => {
                if self.can_switch_on(who, product) {
                    self.activate(who, product);
                    (self.people[who].on, self.people[who].enrolled) = (true, true);
                }
            }
            Deed::SwitchOff(product) => {
                let binds =
                    self.strictest(who, product).is_some_and(|(_, climb)| climb.rung >= Rung::Required);
                if self.answer(who, product).visible && !binds {
                    self.people[who].on = false;
                }
            }
            Deed::Country(country) => self.people[who].country = *country,
            Deed::Label(label) => self.people[who].label = *label,
            Deed::Customer(firm) => self.people[who].firm = *firm,
            Deed::Verified(verified) => self.people[who].verified = *verified,
            Deed::Interest(product) => drop(self.people[who].interest.insert(product)),
        }
    }

    pub(super) fn can_switch_on(&self, who: usize, product: Product) -> bool {
        let person = &self.people[who];
        self.answer(who, product).visible && person.verified && !person.on
    }

    pub(super) fn show(&mut self, who: usize, product: Product) {
        let answer = self.answer(who, product);
        if answer.reason == "wave" || answer.reason == "allowed" {
            let which = self.plans.iter().position(|plan| Some(&plan.key) == answer.rollout.as_ref());
            self.shown.insert((who, which.unwrap(), product), answer.wave);
        }
    }

    fn activate(&mut self, who: usize, product: Product) {
        let answer = self.answer(who, product);
        let which = self.plans.iter().position(|plan| Some(&plan.key) == answer.rollout.as_ref());
        self.active.entry((who, product)).or_insert(which.unwrap());
    }

    pub(super) fn everywhere() -> impl Iterator<Item = (usize, Product)> {
        (0..PEOPLE).flat_map(|who| PRODUCTS.iter().map(move |product| (who, *product)))
    }
}

impl Plan {
    pub(super) fn place(&self, who: usize, person: &ModelPerson) -> u32 {
        match person.firm {
            Some(firm) if self.by_customer => self.firms_places[firm],
            _ => self.places[who],
        }
    }

    fn products_of(&self, wave: usize) -> &[Product] {
        let own = &self.waves[wave].products;
        if own.is_empty() { &self.products } else { own }
    }

    fn is_started_at(&self, wave: usize, product: Product) -> bool {
        wave < self.started
            && self.products_of(wave).contains(&product)
            && !self.taken.contains(&(wave, product))
    }

    /// Where waves after `to` are started, of the products.
    fn to_take(&self, to: usize, at: &[Product]) -> Vec<(usize, Product)> {
        let here = PRODUCTS.iter().filter(|product| at.is_empty() || at.contains(product));
        let each = here.flat_map(|product| (to..self.started).map(move |wave| (wave, *product)));
        each.filter(|(wave, product)| self.is_started_at(*wave, product)).collect()
    }

    fn roll_back(&mut self, to: usize, at: &[Product]) {
        self.taken.extend(self.to_take(to, at));
        let started = |plan: &Self| {
            plan.started == 0 || PRODUCTS.iter().any(|product| plan.is_started_at(plan.started - 1, product))
        };
        while !started(self) {
            self.started -= 1;
            let first = self.started;
            self.taken.retain(|(wave, _)| *wave < first);
        }
    }

    pub(super) fn covers(&self, product: Product) -> bool {
        self.products.contains(&product) || self.waves.iter().any(|wave| wave.products.contains(&product))
    }

    /// People's clocks stand still.
    pub(super) const fn is_held(&self) -> bool {
        self.paused || self.stopped.is_some()
    }

    fn take(&mut self, verb: &Verb) -> bool {
        let still = self.stopped.is_none() && !self.paused && self.started < self.waves.len();
        let is_draft = |ordinal: usize| self.started < ordinal && ordinal <= self.waves.len();
        let can = match verb {
            Verb::AddWave(_) | Verb::Stop | Verb::Allow(_) | Verb::Deny(_) => true,
            Verb::UpdateWave(ordinal, _) | Verb::RemoveWave(ordinal) => is_draft(*ordinal),
            Verb::Start => self.started == 0 && still,
            Verb::Advance => self.started > 0 && still,
            Verb::Pause => self.started > 0 || self.paused || !self.ladder.is_empty(),
            Verb::Resume => self.paused,
            Verb::RollBack(to, at) => !self.to_take(*to, at).is_empty(),
            Verb::Archive => self.archived || self.started == 0 && self.ladder.is_empty(),
            Verb::Unarchive => self.archived,
            Verb::ClearStop(by) => self.stopped.as_ref().is_some_and(|agreed| !agreed.contains(&person(by))),
        };
        let can = can && (!self.archived || matches!(verb, Verb::Archive | Verb::Unarchive));
        let nothing = match verb {
            Verb::Pause => self.paused,
            Verb::Archive => self.archived,
            _ => false,
        };
        if !can || nothing {
            return can;
        }
        // A change voids an agreement to clear the stop: the person agreed to the rollout as it was then.
        if let (Some(agreed), false) = (&mut self.stopped, matches!(verb, Verb::ClearStop(_))) {
            agreed.clear();
        }
        match verb {
            Verb::AddWave(draft) => self.waves.push(draft.clone()),
            Verb::UpdateWave(ordinal, draft) => self.waves[ordinal - 1] = draft.clone(),
            Verb::RemoveWave(ordinal) => drop(self.waves.remove(ordinal - 1)),
            Verb::Start | Verb::Advance => self.started += 1,
            Verb::Pause => self.paused = true,
            Verb::Resume => self.paused = false,
            Verb::RollBack(to, at) => self.roll_back(*to, at),
            Verb::Archive => self.archived = true,
            Verb::Unarchive => self.archived = false,
            Verb::Stop => self.stopped = Some(BTreeSet::new()),
            Verb::ClearStop(by) => {
                let agreed = self.stopped.get_or_insert_default();
                agreed.insert(person(by));
                if agreed.len() == 2 {
                    self.stopped = None;
                }
            }
            Verb::Allow(names) => self.allow = names.clone(),
            Verb::Deny(names) => self.deny = names.clone(),
        }
        true
    }
}

impl Names {
    pub(super) fn name(&self, who: usize, person: &ModelPerson) -> bool {
        self.accounts.contains(&who) || person.firm.is_some_and(|firm| self.customers.contains(&firm))
    }
}

/// The person, the same under every spelling.
pub(super) fn person(spelled: &str) -> String {
    spelled.trim().to_lowercase()
}
