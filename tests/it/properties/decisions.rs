//! `decide` answers every question, and always in the same way.

use proptest::prelude::*;
use tidegate_core::{
    Decision, LedgerEntry, Reason, RequiredSince, Requirement, Rollout, Rule, RuleAsked, Rung, Standing,
};
use tidegate_rollout::{bucket, waves};

use super::{
    PRODUCTS,
    questions::{Question, question},
};

proptest! {
    #![proptest_config(super::cases(500))]

    #[test]
    fn inv_41_every_question_has_one_answer(question in question()) {
        for name in PRODUCTS {
            let decision = question.at(name);
            prop_assert_eq!(&decision, &question.clone().at(name));
            sound(&decision, &question)?;
        }
    }

    /// Of rollouts that give equal answers, the first by key decides, in whatever order a database lists
    /// them.
    #[test]
    fn inv_41_no_order_of_rows_decides(question in question()) {
        let mut turned = question.clone();
        turned.rollouts.reverse();
        turned.standing.ledger.reverse();
        turned.standing.interest.reverse();
        turned.standing.methods.reverse();
        for name in PRODUCTS {
            prop_assert_eq!(question.at(name), turned.at(name));
        }
    }

    /// Without a ladder nothing is dated: time alone changes no decision, and `next_change_at` is empty.
    #[test]
    fn inv_41_time_alone_changes_nothing_without_a_ladder(question in question(), later in question()) {
        let mut question = question;
        for rollout in &mut question.rollouts {
            rollout.ladder.clear();
        }
        let later = Question { now: later.now, ..question.clone() };
        for name in PRODUCTS {
            let (before, mut after) = (question.at(name), later.at(name));
            after.evaluated_at = before.evaluated_at;
            prop_assert_eq!(before.next_change_at, None);
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn inv_41_buckets_worked_out_before_change_nothing(question in question(), some in any::<bool>()) {
        let mut kept = question.clone();
        kept.standing.buckets = bucket::all(question.rollouts.iter(), &question.standing);
        if some {
            kept.standing.buckets.pop();
        }
        for name in PRODUCTS {
            prop_assert_eq!(question.at(name), kept.at(name));
        }
    }

    #[test]
    fn explaining_decides_the_same(question in question()) {
        for name in PRODUCTS {
            let (decision, _, trail) = question.explained(name);
            prop_assert_eq!(&decision, &question.at(name));
            told(&question, &decision, &trail)?;
        }
    }

    #[test]
    fn explanations_say_what_was_decided(question in question()) {
        for name in PRODUCTS {
            let (decision, summary, trail) = question.explained(name);
            summed_up(&question, &decision, &summary)?;
            for asked in &trail {
                sentence(&question, asked)?;
            }
        }
    }

    #[test]
    fn a_product_that_no_rollout_names_has_no_rollout(mut question in question()) {
        question.standing.ledger.retain(|entry| entry.active_since.is_none());
        let decision = question.at("vigi");
        prop_assert_eq!((decision.reason, decision.visible), (Reason::NoRollout, false));
        prop_assert_eq!(decision.requirement, Requirement::None);
        prop_assert_eq!((decision.rollout, decision.wave, decision.revision), (None, None, None));
    }
}

/// What holds between the parts of any answer.
fn sound(decision: &Decision, question: &Question) -> Result<(), TestCaseError> {
    let reasons = [Reason::Wave, Reason::Shown, Reason::Active, Reason::Allowed, Reason::Ladder];
    let reached = reasons.contains(&decision.reason);
    let ladder = decision.ladder.as_ref();
    let stays_on = ladder.is_some_and(|ladder| ladder.rung >= Rung::Required);
    prop_assert_eq!((decision.visible, decision.may_toggle), (reached, reached && !stays_on));
    prop_assert!(reached || ladder.is_none());
    prop_assert_eq!(decision.on, question.standing.two_step_since.is_some());
    // INV-42: nothing is required where the account is not reached, nor while two-step is off and no ladder demands it.
    let enforced = ladder.is_some_and(|ladder| ladder.enforced);
    prop_assert_eq!(decision.requirement >= Requirement::SecondStep, reached && decision.on || enforced);
    prop_assert!(!enforced || ladder.is_some_and(|ladder| decision.requirement >= ladder.demands));
    prop_assert!(
        decision.requirement != Requirement::None || decision.required_since == RequiredSince::default()
    );
    prop_assert_eq!((decision.account, decision.evaluated_at), (question.standing.account, question.now));
    let entry = entry(&question.standing, decision);
    match decision.reason {
        Reason::NoRollout => prop_assert!(decision.rollout.is_none()),
        Reason::Active => prop_assert!(entry.is_some_and(|entry| entry.active_since.is_some())),
        Reason::Shown => prop_assert!(entry.is_some_and(|entry| entry.shown.is_some())),
        Reason::Wave => prop_assert!(decision.wave.is_some()),
        Reason::Ladder => prop_assert!(decision.ladder.is_some()),
        Reason::Allowed | Reason::Denied | Reason::Stopped | Reason::HeldOut | Reason::NotYet => {
            prop_assert!(decision.rollout.is_some() && decision.wave.is_none());
        }
    }
    Ok(())
}

/// The rules of each rollout are evaluated in their declared order, up to the first that holds. In the
/// rollout that decided, that rule is the reason of the decision.
fn told(question: &Question, decision: &Decision, trail: &[RuleAsked]) -> Result<(), TestCaseError> {
    let mut left = trail;
    // Two-step acts by a rollout that does not cover the product, so its rules were not evaluated: it stands
    // last.
    if decision.reason == Reason::Active && decision.revision.is_none() {
        let Some((kept, asked)) = left.split_last() else { panic!("{decision:?} is not explained") };
        let told = (Some(&kept.rollout), kept.rule, kept.holds);
        prop_assert_eq!(told, (decision.rollout.as_ref(), Rule::Active, true));
        left = asked;
    }
    for rollout in &question.rollouts {
        let count = left.iter().take_while(|asked| asked.rollout == rollout.key).count();
        let (own, others) = left.split_at(count);
        left = others;
        let waves = own.iter().take_while(|asked| asked.rule != Rule::Ladder).count();
        let (own, rules) = own.split_at(waves);
        climbed(rollout, decision, rules)?;
        prop_assert!(own.windows(2).all(|pair| pair[0].rule <= pair[1].rule && !pair[0].holds), "{:?}", own);
        let waves = own.iter().filter(|asked| asked.rule != Rule::Wave);
        let distinct: std::collections::BTreeSet<_> = waves.clone().map(|asked| asked.rule).collect();
        prop_assert_eq!(distinct.len(), waves.count());
        let covers = waves::covers(rollout, &decision.product);
        prop_assert_eq!(
            own.first().map(|asked| asked.rule),
            covers.then_some(Rule::Active),
            "{:?}",
            rollout.key
        );
        // The ladder makes visible what any other rule left out.
        if decision.rollout.as_ref() != Some(&rollout.key) || !covers || decision.reason == Reason::Ladder {
            continue;
        }
        let last = own.last().filter(|asked| asked.holds).map(|asked| asked.rule);
        let answered = match decision.reason {
            Reason::Active => Some(Rule::Active),
            Reason::Shown => Some(Rule::Shown),
            Reason::Denied => Some(Rule::Deny),
            Reason::Stopped => Some(Rule::Stop),
            Reason::HeldOut => Some(Rule::Holdout),
            Reason::Allowed => Some(Rule::Allow),
            Reason::Wave => Some(Rule::Wave),
            Reason::NotYet | Reason::NoRollout | Reason::Ladder => None,
        };
        prop_assert_eq!(last, answered, "{:?}", own);
    }
    prop_assert!(left.is_empty(), "rules of no rollout: {:?}", left);
    Ok(())
}

/// The rules of the ladder come last, in order, up to the first that is for the account.
fn climbed(rollout: &Rollout, decision: &Decision, rules: &[RuleAsked]) -> Result<(), TestCaseError> {
    prop_assert!(rules.iter().all(|asked| asked.rule == Rule::Ladder), "{:?}", rules);
    let denied = rules.iter().any(|asked| asked.wave.is_none());
    prop_assert!(!denied || rules.len() == 1 && !rules[0].holds, "{:?}", rules);
    if !denied {
        let places: Vec<_> = rules.iter().map(|asked| asked.wave.unwrap().0).collect();
        prop_assert_eq!(places, (1..).take(rules.len()).collect::<Vec<_>>());
        prop_assert!(rules.iter().rev().skip(1).all(|asked| !asked.holds), "{:?}", rules);
    }
    let holds = rules.last().filter(|asked| asked.holds);
    prop_assert!(holds.is_some() || denied || rules.is_empty() || rules.len() == rollout.ladder.len());
    if let Some(ladder) = decision.ladder.as_ref().filter(|ladder| ladder.rollout == rollout.key) {
        prop_assert_eq!(holds.and_then(|asked| asked.wave), Some(ladder.rule));
    }
    Ok(())
}

/// A summary agrees with the decision, and names the rollout and the wave that decided.
fn summed_up(question: &Question, decision: &Decision, summary: &str) -> Result<(), TestCaseError> {
    let reached = if decision.visible { "has reached" } else { "has not reached" };
    let begins = format!("two-step {reached} the account at {}: ", decision.product);
    prop_assert!(summary.starts_with(&begins), "{}", summary);
    let asks = decision.requirement != Requirement::None;
    let binds = decision.ladder.as_ref().is_some_and(|ladder| ladder.rung >= Rung::Required);
    prop_assert_eq!(summary.contains("the ladder is at "), binds, "{}", summary);
    let said = ["asks for a second step", "only once a second step is set up"];
    prop_assert_eq!(said.iter().any(|said| summary.contains(said)), asks, "{}", summary);
    prop_assert_eq!(summary.contains("it is switched on"), decision.on, "{}", summary);
    prop_assert_eq!(
        summary.contains("no rollout is for"),
        decision.reason == Reason::NoRollout,
        "{}",
        summary
    );
    if let Some(key) = &decision.rollout {
        let covers = question.rollouts.iter().any(|rollout| rollout.key == *key);
        let name =
            if covers { format!("the rollout 'Two-step {key}'") } else { format!("the rollout {key}") };
        prop_assert!(summary.contains(&name), "{}", summary);
    }
    if let (Reason::Wave, Some(wave)) = (decision.reason, decision.wave) {
        let name = format!(": wave {0} 'step {0}' (", wave.0);
        prop_assert!(summary.contains(&name), "{}", summary);
    }
    whole(summary)
}

/// A wave's sentence begins with its number and title, and says whether the wave reaches the account.
fn sentence(question: &Question, asked: &RuleAsked) -> Result<(), TestCaseError> {
    whole(&asked.sentence)?;
    if asked.rule == Rule::Ladder {
        return climbing(asked);
    }
    prop_assert_eq!(asked.wave.is_some(), asked.rule == Rule::Wave);
    if let Some(wave) = asked.wave {
        let name = format!("wave {0} 'step {0}' (", wave.0);
        prop_assert!(asked.sentence.starts_with(&name), "{}", asked.sentence);
        prop_assert_eq!(asked.sentence.contains(" %): reached, "), asked.holds, "{}", asked.sentence);
    }
    if asked.rule == Rule::Stop {
        let title = format!("the rollout 'Two-step {}' was stopped on ", asked.rollout);
        prop_assert_eq!(asked.sentence.starts_with(&title), asked.holds, "{}", asked.sentence);
    }
    let of_customer = asked.sentence.contains("moves with its customer");
    prop_assert!(!of_customer || question.standing.customer.is_some(), "{}", asked.sentence);
    Ok(())
}

/// A sentence of a ladder's rule begins with its number and title, and says whether the rule is for the account.
fn climbing(asked: &RuleAsked) -> Result<(), TestCaseError> {
    let Some(place) = asked.wave else {
        prop_assert!(asked.sentence.contains("left out by name"), "{}", asked.sentence);
        return Ok(());
    };
    let name = format!("ladder rule {0} 'rule {0}' ", place.0);
    prop_assert!(asked.sentence.starts_with(&name), "{}", asked.sentence);
    let is_for = asked.sentence[name.len()..].starts_with("is for the account");
    prop_assert_eq!(is_for, asked.holds, "{}", asked.sentence);
    Ok(())
}

/// One line without gaps, a capital or a full stop.
fn whole(text: &str) -> Result<(), TestCaseError> {
    let gaps = ["\n", "  ", "''", " ,", " :", " ;"].iter().any(|gap| text.contains(gap));
    let begins = text.starts_with(|letter: char| letter.is_lowercase() || letter.is_ascii_digit());
    prop_assert!(begins && !gaps && !text.ends_with(['.', ' ', ',', ';', ':']), "{:?}", text);
    Ok(())
}

fn entry<'a>(standing: &'a Standing, decision: &Decision) -> Option<&'a LedgerEntry> {
    let rollout = decision.rollout.as_ref()?;
    standing.ledger.iter().find(|entry| entry.rollout == *rollout && entry.product == decision.product)
}
