//! What a plan does that no person should do by mistake, in plain sentences, and its confirmation.

use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, Rung};

use super::{
    confirm::ConfirmArgs,
    file::{described_method, edge_ppm, percent},
    file_plan::FilePlan,
    plan::{PlannedCall, PlannedStep},
    plan_ladder::{mailing, stricter, told_from},
    planned, show, show_ladder,
    verbs::CONFIRM_ABOVE_PPM,
};
use crate::{ambient::AuthorityClock, output::plain};

/// Says what is severe in a plan, and asks for the key where something is.
pub fn confirm_plan(confirm: &ConfirmArgs, plan: &FilePlan) -> anyhow::Result<()> {
    let now = AuthorityClock::host();
    let (rules, mails) = ladder(plan, now);
    let others: Vec<_> = plan.steps.iter().flat_map(|step| severe(step, plan)).collect();
    if !rules.is_empty() {
        let key = &plan.key;
        eprintln!("this makes two-step required:\n{}", rules.join("\n"));
        eprintln!("`tidegate rollout preview {key} -f FILE --dates` counts of whom");
    }
    let lines: Vec<_> = mails.into_iter().chain(others).collect();
    for line in &lines {
        eprintln!("{line}");
    }
    if rules.is_empty() && lines.is_empty() { Ok(()) } else { confirm.ask(&plan.key) }
}

/// The rules that require more than before, and the others that send mails as none did before. A ladder that stays may do so
/// at products that are added.
fn ladder(plan: &FilePlan, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let set = plan.steps.iter().find_map(|step| match &step.call {
        PlannedCall::SetLadder(rules) => Some(rules.as_slice()),
        _ => None,
    });
    let products = plan.found.as_ref().map_or(&[][..], |found| &found.products);
    let before = at_products(plan.standing(), products);
    let after = at_products(set.unwrap_or_else(|| plan.standing()), &plan.products);
    let (stricter, mailing) = (stricter(&after, &before), mailing(&after, &before));
    let (mut required, mut mails) = (Vec::new(), Vec::new());
    for (place, rule) in after.iter().enumerate() {
        if stricter.contains(&place) {
            required.extend(requirement(place, rule, now));
        } else if let Some(mail) = first_mail(rule, now).filter(|_| mailing.contains(&place)) {
            mails.push(format!("{}: {mail}", show_ladder::rule_name(place, rule)));
        }
    }
    (required, mails)
}

/// What a ladder requires that the one before it does not, at the products of the rollout: a line for each rule.
pub fn requirements(
    ladder: &[proto::LadderRule],
    before: &[proto::LadderRule],
    products: &[String],
) -> Vec<String> {
    let (after, before) = (at_products(ladder, products), at_products(before, products));
    let (stricter, now) = (stricter(&after, &before), AuthorityClock::host());
    let rules = after.iter().enumerate().filter(|(place, _)| stricter.contains(place));
    rules.filter_map(|(place, rule)| requirement(place, rule, now)).collect()
}

/// The rules, each with its products: those of the rollout where it names none.
fn at_products(rules: &[proto::LadderRule], products: &[String]) -> Vec<proto::LadderRule> {
    let mut rules = rules.to_vec();
    for rule in rules.iter_mut().filter(|rule| rule.products.is_empty()) {
        rule.products = products.to_vec();
    }
    rules
}

/// `rule 1 'Everybody': second step of every account at kasa from … on; grace: 30 days`
fn requirement(place: usize, rule: &proto::LadderRule, now: Timestamp) -> Option<String> {
    let phase = show_ladder::demanding(rule)?;
    let (name, demands) = (show_ladder::rule_name(place, rule), show_ladder::demands(rule));
    let audience = show::audience(rule.audience.as_ref());
    let whom = match (rule.within_waves, &rule.audience) {
        (false, _) => audience,
        (true, None) => "the accounts that a started wave has reached".to_owned(),
        (true, Some(_)) => format!("{audience}, of the accounts that a started wave has reached,"),
    };
    let mut text = format!(
        "{name}: {demands} of {whom} at {} from {} on; grace: {}",
        show_ladder::products(rule),
        show_ladder::from(phase),
        show_ladder::patience(rule)
    );
    if let Some(locked) = rule.phases.iter().find(|phase| phase.rung() == Rung::Locked) {
        text = format!("{text}; locked from {} on: nobody can be exempted", show_ladder::from(locked));
    }
    if let Some(mail) = first_mail(rule, now) {
        text = format!("{text}; {mail}");
    }
    Some(text)
}

/// `the mail of day 0 goes out at once`
fn first_mail(rule: &proto::LadderRule, now: Timestamp) -> Option<String> {
    let from = told_from(rule)?;
    let tells = rule.phases.iter().find(|phase| phase.rung() >= Rung::Nudge)?;
    let begun = from.is_none_or(|from| from <= now);
    let when = if begun { "at once".to_owned() } else { format!("from {} on", show_ladder::from(tells)) };
    let later = if rule.within_waves { ", and to accounts that are reached later when they are" } else { "" };
    Some(format!("the mail of day 0 goes out {when}{later}"))
}

/// Waves above 25 % that are planned to start by themselves, and methods that end earlier.
fn severe(step: &PlannedStep, plan: &FilePlan) -> Vec<String> {
    let standing =
        |ordinal: u32| plan.found.iter().flat_map(|found| &found.waves).find(|wave| wave.ordinal == ordinal);
    match &step.call {
        PlannedCall::Create(create) => {
            let waves = (1..).zip(&create.waves).filter_map(|(ordinal, wave)| alone(ordinal, wave));
            waves.chain(ends(create.method.as_ref(), None)).collect()
        }
        PlannedCall::Update(update) => {
            let before = plan.found.as_ref().and_then(|found| found.method.as_ref());
            let mask = update.update_mask.iter().flat_map(|mask| &mask.paths);
            let named = mask.clone().any(|path| path == "method");
            ends(update.method.as_ref().filter(|_| named), before).into_iter().collect()
        }
        PlannedCall::AddWave(ordinal, wave) => alone(*ordinal, wave).into_iter().collect(),
        PlannedCall::UpdateWave(ordinal, wave, fields) => {
            let widens = standing(*ordinal).is_none_or(|before| widens(before, wave, fields));
            alone(*ordinal, wave).filter(|_| widens).into_iter().collect()
        }
        PlannedCall::RemoveWave(_) | PlannedCall::SetLadder(_) => Vec::new(),
    }
}

/// Whether a wave may start earlier, or reach other accounts.
fn widens(before: &proto::Wave, wave: &proto::WaveDraft, fields: &[&str]) -> bool {
    let at =
        |planned: Option<&proto::LocalTime>| planned.and_then(|planned| planned.time).map(|at| at.seconds);
    let (then, now) = (at(before.planned_start.as_ref()), at(wave.planned_start.as_ref()));
    let earlier = now.is_some_and(|now| then.is_none_or(|then| now < then));
    let others = ["products", "audience", "soak", "gates"];
    earlier || edge_ppm(wave) > before.edge_ppm || fields.iter().any(|field| others.contains(field))
}

fn alone(ordinal: u32, wave: &proto::WaveDraft) -> Option<String> {
    let planned = wave.planned_start.as_ref().filter(|_| edge_ppm(wave) > CONFIRM_ABOVE_PPM)?;
    Some(format!(
        "wave {ordinal} '{}' will start by itself at {}: {} of {}",
        plain(&wave.title),
        planned::start(Some(planned)),
        percent(edge_ppm(wave)),
        show::audience(wave.audience.as_ref())
    ))
}

/// Weaker methods that end earlier than before, or more of them.
fn ends(aim: Option<&proto::MethodMove>, before: Option<&proto::MethodMove>) -> Option<String> {
    let at = |aim: &proto::MethodMove| show_ladder::micros(aim.end_time.as_ref());
    let aim = aim?;
    let end = at(aim)?;
    let others = |before: &proto::MethodMove| aim.weaker.iter().any(|weaker| !before.weaker.contains(weaker));
    match before.filter(|before| at(before).is_some()) {
        None => Some(format!("this ends methods: {}", described_method(Some(aim)))),
        Some(before) if others(before) || at(before).is_some_and(|ended| end < ended) => {
            let (ended, ends) = (described_method(Some(before)), described_method(Some(aim)));
            Some(format!("this ends methods earlier: {ends}; before: {ended}"))
        }
        Some(_) => None,
    }
}
