//! A rollout of a method in plain sentences: who is asked, what is offered, and until when a weaker method stays.

use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{
    file::METHODS,
    planned,
    show::{self, wave_name, wave_state},
    show_ladder::micros,
};
use crate::output::{instant, plain};

/// How long a skip lasts where the rollout does not say it.
const DEFAULT_SNOOZE: i64 = 14 * 86_400;

/// What the rollout does, one sentence a line; nothing where it brings two-step itself.
pub fn sentences(rollout: &proto::Rollout, now: Timestamp) -> Vec<String> {
    let Some(aim) = &rollout.method else { return Vec::new() };
    let lines = [asked(rollout, aim), offered(aim), skipped(aim), end(aim, now), reached(rollout)];
    lines.map(|line| format!("- {line}")).into()
}

fn asked(rollout: &proto::Rollout, aim: &proto::MethodMove) -> String {
    let of_waves = rollout.waves.iter().flat_map(|wave| &wave.products);
    let mut products: Vec<_> =
        rollout.products.iter().chain(of_waves).map(|product| plain(product)).collect();
    products.sort();
    products.dedup();
    format!(
        "asked, after a sign-in at {}: accounts that it has reached and that have two-step{}",
        products.join(", "),
        condition(aim)
    )
}

/// ` by sms_code, and neither totp nor webauthn`
fn condition(aim: &proto::MethodMove) -> String {
    let better = words(&aim.better);
    let none = match better.as_slice() {
        [only] => format!("not {only}"),
        several => format!("neither {}", several.join(" nor ")),
    };
    match words(&aim.weaker).as_slice() {
        [] => format!(", but {none}"),
        weaker => format!(" by {}, and {none}", weaker.join(" or ")),
    }
}

fn offered(aim: &proto::MethodMove) -> String {
    let better = words(&aim.better);
    let first =
        if better.len() > 1 { ", the first of them that the product allows before the others" } else { "" };
    format!("offered: {}{first}", better.join(" or "))
}

fn skipped(aim: &proto::MethodMove) -> String {
    let seconds = aim.snooze.as_ref().map_or(DEFAULT_SNOOZE, |snooze| snooze.seconds);
    let lasts = if seconds == 0 {
        "until the next sign-in".to_owned()
    } else {
        format!("for {}", planned::length(seconds))
    };
    match aim.snoozes {
        Some(1) => format!("it can be skipped once, {lasts}"),
        Some(most) => format!("it can be skipped {most} times, each time {lasts}"),
        None => format!("it can be skipped as often as the owner likes, each time {lasts}"),
    }
}

fn end(aim: &proto::MethodMove, now: Timestamp) -> String {
    let weaker = weaker(aim);
    let Some(time) = &aim.end_time else {
        return if weaker.is_empty() {
            "no method ends".to_owned()
        } else {
            format!("no end of {weaker} is planned: who has it keeps it")
        };
    };
    let at = aim.end_local.as_ref().map_or_else(|| instant(Some(time)), planned::day);
    let is_over = next_end(aim, now).is_none();
    let (ends, since) = if is_over { ("ended", "since then") } else { ("ends", "from then on") };
    format!(
        "{weaker} {ends} {at}: {since} accounts that it has reached are not offered it and cannot enroll it, except where \
         an account would have no other way"
    )
}

/// `sms_code and push`
pub fn weaker(aim: &proto::MethodMove) -> String {
    words(&aim.weaker).join(" and ")
}

/// When the weaker methods end, and how it was planned, where that lies ahead.
pub fn next_end(aim: &proto::MethodMove, now: Timestamp) -> Option<(Timestamp, String)> {
    let at = micros(aim.end_time.as_ref()).filter(|at| *at > now)?;
    let told = aim.end_local.as_ref().map_or_else(|| instant(aim.end_time.as_ref()), planned::short);
    Some((at, told))
}

fn reached(rollout: &proto::Rollout) -> String {
    let waves: Vec<_> = rollout
        .waves
        .iter()
        .map(|wave| {
            format!("{} ({}) is {}", wave_name(wave), super::file::percent(wave.edge_ppm), wave_state(wave))
        })
        .collect();
    let waves = if waves.is_empty() { "it has no wave".to_owned() } else { waves.join(", ") };
    format!("it is {}: {waves}", show::state(rollout))
}

fn words(methods: &[i32]) -> Vec<&'static str> {
    let word = |number: &i32| METHODS.iter().find(|(_, method)| *number == i32::from(*method));
    methods
        .iter()
        .map(|number| word(number).map_or("a method that this program does not know", |(word, _)| *word))
        .collect()
}

#[cfg(test)]
mod tests {
    use proto::Method;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_796_360_400_000_000);

    fn rollout(aim: proto::MethodMove) -> proto::Rollout {
        proto::Rollout {
            key: "codes".into(),
            products: vec!["kasa".into()],
            state: proto::RolloutState::Draft.into(),
            method: Some(aim),
            ..Default::default()
        }
    }

    #[test]
    fn what_a_rollout_of_a_method_leaves_out_is_said_too() {
        let aim = proto::MethodMove { better: vec![Method::Totp.into()], ..Default::default() };
        assert_eq!(
            sentences(&rollout(aim), NOW),
            [
                "- asked, after a sign-in at kasa: accounts that it has reached and that have two-step, but not totp",
                "- offered: totp",
                "- it can be skipped as often as the owner likes, each time for 14 days",
                "- no method ends",
                "- it is draft: it has no wave",
            ]
        );
        assert!(sentences(&proto::Rollout::default(), NOW).is_empty());
    }

    #[test]
    fn an_end_is_told_before_and_after_it() {
        let told = |seconds| {
            let aim = proto::MethodMove {
                better: vec![Method::Totp.into(), Method::Webauthn.into()],
                weaker: vec![Method::SmsCode.into()],
                snoozes: Some(1),
                snooze: Some(proto::Duration::default()),
                end_time: Some(proto::Timestamp { seconds: NOW.unix_seconds() + seconds, nanos: 0 }),
                end_local: None,
            };
            sentences(&rollout(aim), NOW)
        };
        assert!(
            told(60)[0].ends_with("two-step by sms_code, and neither totp nor webauthn"),
            "{:?}",
            told(60)
        );
        assert_eq!(told(60)[2], "- it can be skipped once, until the next sign-in");
        assert!(told(60)[3].starts_with("- sms_code ends 2026-"), "{:?}", told(60));
        assert!(told(-60)[3].starts_with("- sms_code ended 2026-"), "{:?}", told(-60));
    }
}
