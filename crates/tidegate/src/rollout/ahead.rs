//! What goes on by itself, as people read it: the dates of a ladder, and waves that are planned.

use proto::waiting_for::Kind;
use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, Rung};

use super::{
    explain_method,
    file::percent,
    planned,
    show::{self, is_started, next_wave, wave_name},
    show_ladder::micros,
};
use crate::output::{instant, plain};

/// A line for each rule of the ladder that has a date ahead, or requires something already, and for the end of a method:
/// none waits for `hold`, which is `stop` or `pause`. Nothing where there is no such date.
pub fn dates_go_on(rollout: &proto::Rollout, hold: &str, now: Timestamp) -> Vec<String> {
    let mut lines: Vec<_> = rollout.ladder.iter().filter_map(|rule| goes_on(rule, hold, now)).collect();
    if let Some(last) = lines.last_mut() {
        *last = format!("{last}; `tidegate rollout ladder set {}` changes it", rollout.key);
        lines.push(format!("only the days that a person has left stand still during a {hold}"));
    }
    if let Some((aim, (_, at))) = ends(rollout, now) {
        let weaker = explain_method::weaker(aim);
        lines.push(format!("{weaker} ends {at} for accounts that were reached, {hold} or not"));
    }
    lines
}

/// The end of weaker methods, where it lies ahead.
fn ends(rollout: &proto::Rollout, now: Timestamp) -> Option<(&proto::MethodMove, (Timestamp, String))> {
    let aim = rollout.method.as_ref().filter(|_| rollout.archive_time.is_none())?;
    Some((aim, explain_method::next_end(aim, now)?))
}

fn goes_on(rule: &proto::LadderRule, hold: &str, now: Timestamp) -> Option<String> {
    let (begun, ahead): (Vec<_>, Vec<_>) =
        rule.phases.iter().partition(|phase| micros(phase.from_time.as_ref()).is_none_or(|from| from <= now));
    let title = plain(&rule.title);
    let current = begun.last().filter(|phase| is_demanding(phase));
    let current = current.map(|phase| format!("{} since {}", rung(phase), date(phase)));
    let next = ahead.first().map(|phase| format!("{} from {} on", rung(phase), date(phase)));
    match (current, next) {
        (Some(current), Some(next)) => Some(format!("'{title}' is {current} and {next}, {hold} or not")),
        (Some(only), None) | (None, Some(only)) => Some(format!("'{title}' is {only}, {hold} or not")),
        (None, None) => None,
    }
}

fn is_demanding(phase: &proto::LadderPhase) -> bool {
    matches!(phase.rung(), Rung::Required | Rung::Locked)
}

const fn rung_name(rung: Rung) -> &'static str {
    match rung {
        Rung::Optional => "optional",
        Rung::Nudge => "recommended (nudge)",
        Rung::Required => "required",
        Rung::Locked => "locked",
        Rung::Unspecified => "something that this program does not know",
    }
}

fn rung(phase: &proto::LadderPhase) -> &'static str {
    rung_name(phase.rung())
}

/// `2037-01-22 00:00 Europe/Berlin`
fn date(phase: &proto::LadderPhase) -> String {
    phase.local.as_ref().map_or_else(|| instant(phase.from_time.as_ref()), planned::short)
}

/// The next instant at which something happens by itself: the start of the next wave, a phase of the ladder, or the end of a
/// method.
pub fn next_date(rollout: &proto::Rollout, now: Timestamp) -> String {
    let wave = next_start(rollout).and_then(|(wave, planned)| {
        let at = micros(planned.time.as_ref()).filter(|at| *at > now)?;
        Some((at, format!("{}: wave {}", planned::short(planned), wave.ordinal)))
    });
    let next = upcoming(rollout, now).map(|(at, rule, phase)| {
        (at, format!("{}: '{}' is {}", date(phase), plain(&rule.title), rung(phase)))
    });
    let end = ends(rollout, now)
        .map(|(aim, (at, told))| (at, format!("{told}: {} ends", explain_method::weaker(aim))));
    let earliest = wave.into_iter().chain(next).chain(end).min_by_key(|(at, _)| *at);
    earliest.map(|(_, text)| text).unwrap_or_default()
}

/// What a ladder requires now, and what comes next by itself: a line for each.
pub fn in_short(rollout: &proto::Rollout, now: Timestamp) -> Vec<String> {
    let required = rollout.ladder.iter().filter_map(|rule| {
        let begun = rule.phases.iter().rev();
        let mut begun = begun.filter(|phase| micros(phase.from_time.as_ref()).is_none_or(|from| from <= now));
        let phase = begun.next().filter(|phase| is_demanding(phase))?;
        Some(format!("ladder: '{}' is {} since {}", plain(&rule.title), rung(phase), date(phase)))
    });
    let next = Some(next_date(rollout, now)).filter(|next| !next.is_empty());
    required.chain(next.map(|next| format!("next: {next}"))).collect()
}

/// The earliest phase that lies ahead.
fn upcoming(
    rollout: &proto::Rollout,
    now: Timestamp,
) -> Option<(Timestamp, &proto::LadderRule, &proto::LadderPhase)> {
    if rollout.archive_time.is_some() {
        return None;
    }
    let phases = rollout.ladder.iter().flat_map(|rule| rule.phases.iter().map(move |phase| (rule, phase)));
    let ahead = phases.filter_map(|(rule, phase)| {
        let at = micros(phase.from_time.as_ref()).filter(|at| *at > now)?;
        Some((at, rule, phase))
    });
    ahead.min_by_key(|(at, ..)| *at)
}

/// The next wave and its plan, where nothing but the plan, its soak, its gates and the window keep it.
fn next_start(rollout: &proto::Rollout) -> Option<(&proto::Wave, &proto::LocalTime)> {
    let held = rollout.archive_time.is_some() || rollout.stop.is_some() || rollout.pause_time.is_some();
    let wave = next_wave(rollout).filter(|_| !held)?;
    Some((wave, wave.planned_start.as_ref()?))
}

/// The state, with what `draft` and `live` do not say: a wave that starts by itself, and a ladder that acts without waves.
pub fn state(rollout: &proto::Rollout, now: Timestamp) -> String {
    let state = show::state(rollout);
    let any_started = rollout.waves.iter().any(is_started);
    let is_live = rollout.state() == proto::RolloutState::Live;
    if is_live && !any_started {
        let begun = rollout.ladder.iter().flat_map(|rule| &rule.phases);
        let any_begun = begun.into_iter().any(|phase| micros(phase.from_time.as_ref()) <= Some(now));
        let waves = match next_start(rollout) {
            Some((wave, planned)) => format!(", wave {} starts {}", wave.ordinal, planned::day(planned)),
            None => String::new(),
        };
        let ladder = if any_begun { "live by its ladder" } else { "waits for its ladder" };
        return format!("{ladder}{waves}");
    }
    match next_start(rollout) {
        Some((_, planned)) if !any_started => {
            let due = micros(planned.time.as_ref()).is_some_and(|at| at <= now);
            let what = if due { "is due since" } else { "starts" };
            format!("{state}, {what} {}", planned::day(planned))
        }
        _ => state,
    }
}

/// The waves that start within a second once `hold` has ended, where it alone keeps them: they are overdue.
pub fn overdue(
    answer: &proto::GetRolloutResponse,
    hold: fn(&Kind) -> bool,
    now: Timestamp,
) -> Vec<&proto::Wave> {
    let held_by = answer.waiting_for.iter().all(|waiting| waiting.kind.as_ref().is_some_and(hold));
    let Some(rollout) = answer.rollout.as_ref().filter(|_| held_by) else { return Vec::new() };
    let is_due = |wave: &&proto::Wave| {
        let planned = wave.planned_start.as_ref().and_then(|planned| micros(planned.time.as_ref()));
        planned.is_some_and(|at| at <= now)
    };
    let mut waves = rollout.waves.iter().filter(|wave| !is_started(wave));
    let Some(first) = waves.next().filter(is_due) else { return Vec::new() };
    let is_plain = |wave: &proto::Wave| planned::soak(wave.soak.as_ref()).is_empty() && wave.gates.is_empty();
    let mut start = vec![first];
    if is_plain(first) {
        start.extend(waves.take_while(|wave| is_plain(wave) && is_due(wave)));
    }
    start
}

/// `wave 2 'all': 100 % of every account at kasa, planned for Mon 7 December 2026 09:00 Europe/Berlin`
pub fn starts_at_once(rollout: &proto::Rollout, wave: &proto::Wave) -> String {
    let planned = wave.planned_start.as_ref().map(planned::day).unwrap_or_default();
    format!(
        "{}: {} of {} at {}, planned for {planned}",
        wave_name(wave),
        percent(wave.edge_ppm),
        show::audience(wave.audience.as_ref()),
        show::products(rollout, wave)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_796_360_400_000_000);

    fn phase(rung: Rung, seconds: i64) -> proto::LadderPhase {
        let seconds = NOW.unix_seconds() + seconds;
        let from_time = Some(proto::Timestamp { seconds, nanos: 0 });
        proto::LadderPhase { from_time, local: None, rung: rung.into() }
    }

    #[test]
    fn the_current_date_and_the_next_one_go_on() {
        let told = |phases: &[proto::LadderPhase]| {
            let rule = proto::LadderRule {
                title: "Everybody".into(),
                phases: phases.to_vec(),
                ..Default::default()
            };
            let ladder = vec![rule];
            let rollout = proto::Rollout { key: "kasa".into(), ladder, ..Default::default() };
            dates_go_on(&rollout, "stop", NOW).join("\n")
        };
        let end = "; `tidegate rollout ladder set kasa` changes it\nonly the days that a person has left stand still during a stop";
        let [begun, ahead] = [-60, 3_600].map(|at| instant(phase(Rung::Required, at).from_time.as_ref()));
        assert_eq!(
            told(&[phase(Rung::Required, -60), phase(Rung::Locked, 3_600)]),
            format!("'Everybody' is required since {begun} and locked from {ahead} on, stop or not{end}")
        );
        assert_eq!(
            told(&[phase(Rung::Optional, -60), phase(Rung::Required, 3_600)]),
            format!("'Everybody' is required from {ahead} on, stop or not{end}")
        );
        assert_eq!(told(&[phase(Rung::Optional, -60)]), "");
    }
}
