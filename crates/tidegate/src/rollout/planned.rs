//! What is planned for waves, and what the next one waits for, as people read it.

use std::fmt::Write as _;

use tidegate_core::{AdvanceWindow, LocalDateTime, Timestamp, Weekday as CoreWeekday, Word as _, ZoneName};
use tidegate_proto::{self as proto, GateMeasure, Weekday, gate::Condition, waiting_for::Kind};
use tidegate_service::{
    window::{is_open, opens_at},
    zones::{self, ZoneError},
};

use super::{file::percent, show::wave_name, show_ladder::micros};
use crate::{
    ambient::AuthorityClock,
    output::{instant, plain, word},
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// As it is written in a file; nothing where there is none. The offset is left out: in a file it need not be said.
pub fn start(planned: Option<&proto::LocalTime>) -> String {
    planned.map(|planned| plain(&format!("{} {}", planned.local, planned.zone))).unwrap_or_default()
}

/// Whether a file means the time that the server has. Case makes no difference in a zone, nor does an offset that a file
/// leaves out.
pub fn same_start(file: Option<&proto::LocalTime>, server: Option<&proto::LocalTime>) -> bool {
    let (Some(file), Some(server)) = (file, server) else { return file.is_none() && server.is_none() };
    let offset = file.offset.is_empty() || file.offset == server.offset;
    file.local == server.local && file.zone.eq_ignore_ascii_case(&server.zone) && offset
}

/// `2 days`, as it is written in a file; nothing where there is none.
pub fn soak(soak: Option<&proto::Duration>) -> String {
    let Some(seconds) = soak.map(|soak| soak.seconds).filter(|seconds| *seconds > 0) else {
        return String::new();
    };
    length(seconds)
}

/// In the largest unit that divides it.
pub fn length(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let unit = units.into_iter().find(|(unit, _)| seconds % unit == 0);
    let (unit, name) = unit.unwrap_or((1, "second"));
    let count = seconds / unit;
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

/// `at least 100 shown`, as they are written in a file.
pub fn gates(gates: &[proto::Gate]) -> String {
    gates.iter().map(gate).collect::<Vec<_>>().join(", ")
}

pub fn gate(gate: &proto::Gate) -> String {
    let name = |measure: i32| {
        let measure = GateMeasure::try_from(measure).unwrap_or(GateMeasure::Unspecified);
        word(measure.as_str_name(), "GATE_MEASURE_")
    };
    let share = |bound: &str, gate: &proto::ShareGate| {
        format!("{bound} {} of {} {}", percent(gate.share_ppm), name(gate.of), name(gate.measure))
    };
    match &gate.condition {
        Some(Condition::AtLeast(gate)) => format!("at least {} {}", gate.count, name(gate.measure)),
        Some(Condition::ShareAtLeast(gate)) => share("at least", gate),
        Some(Condition::ShareAtMost(gate)) => share("at most", gate),
        None => "a gate that this program does not know".to_owned(),
    }
}

/// `monday, tuesday 09:00 to 16:00 Europe/Berlin`
pub fn window(window: Option<&proto::AdvanceWindow>) -> String {
    let Some(window) = window else { return String::new() };
    let mut days: Vec<_> = window.days().filter(|day| *day != Weekday::Unspecified).collect();
    days.sort();
    days.dedup();
    let days: Vec<_> = days.iter().map(|day| word(day.as_str_name(), "WEEKDAY_")).collect();
    let times = format!("{} to {} {}", window.opens, window.closes, window.zone);
    plain(&format!("{} {times}", days.join(", ")))
}

/// What is planned for the waves, a line for each of them that has a plan, and what the next one waits for.
pub fn lines(answer: &proto::GetRolloutResponse) -> String {
    let Some(rollout) = &answer.rollout else { return String::new() };
    let now = AuthorityClock::host();
    let window = rollout.advance_window.as_ref().and_then(parsed_window);
    let plans = rollout.waves.iter().filter_map(|wave| plan(wave, window.as_ref(), now));
    let mut text = plans.map(|plan| plan + "\n").collect::<String>();
    let is_over = answer.next_wave == 0 || rollout.archive_time.is_some();
    if answer.waiting_for.is_empty() && !is_over {
        let _ = writeln!(text, "wave {} starts within a second", answer.next_wave);
    }
    for waiting in answer.waiting_for.iter().filter(|_| !is_over) {
        let _ = writeln!(text, "wave {} waits for {}", answer.next_wave, waiting_for(waiting, now));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// `wave 2 'all': planned Mon 7 December 2026 09:00 Europe/Berlin, in 3 days; soak: 2 days; gates: at least 5 shown`
fn plan(wave: &proto::Wave, window: Option<&AdvanceWindow>, now: Timestamp) -> Option<String> {
    let was_started = super::show::is_started(wave);
    let mut parts = Vec::new();
    if let Some(planned) = &wave.planned_start {
        let opens = window.filter(|_| !was_started).map(|window| opens(planned, window, now));
        let at = if was_started { day(planned) } else { spelled(planned, now) };
        parts.push(format!("planned {at}{}", opens.unwrap_or_default()));
    }
    let conditions = [("soak", soak(wave.soak.as_ref())), ("gates", gates(&wave.gates))];
    let conditions = conditions.into_iter().filter(|(_, told)| !told.is_empty());
    parts.extend(conditions.map(|(name, told)| format!("{name}: {told}")));
    if wave.planned_start.is_none() && !parts.is_empty() && !was_started {
        parts.push("without a planned start they have no effect".to_owned());
    }
    (!parts.is_empty()).then(|| format!("{}: {}", wave_name(wave), parts.join("; ")))
}

/// Where the planned time is outside the window, when it opens.
fn opens(planned: &proto::LocalTime, window: &AdvanceWindow, now: Timestamp) -> String {
    let Some(at) = micros(planned.time.as_ref()).map(|at| at.max(now)) else { return String::new() };
    if is_open(window, at) {
        return String::new();
    }
    match opens_at(window, at) {
        Some(opens) => format!(", starts when the window opens: {}", in_zone(opens, &window.zone)),
        None => ", and the window does not open within two weeks of it".to_owned(),
    }
}

/// As a clock of the zone shows it.
fn in_zone(at: Timestamp, zone: &ZoneName) -> String {
    let local = zones::local_at(at, zone).and_then(calendar_day);
    local.map_or_else(|| at.to_string(), |day| format!("{day} {zone}"))
}

fn parsed_window(window: &proto::AdvanceWindow) -> Option<AdvanceWindow> {
    let known: Vec<_> = window.days().map(|day| word(day.as_str_name(), "WEEKDAY_")).collect();
    let days = CoreWeekday::ALL.iter().copied().filter(|day| known.iter().any(|known| known == day.as_str()));
    Some(AdvanceWindow {
        days: days.collect(),
        opens: window.opens.parse().ok()?,
        closes: window.closes.parse().ok()?,
        zone: window.zone.parse().ok()?,
    })
}

/// What a person who starts the next wave now does not wait for; nothing where nothing is planned.
pub fn skipped(answer: &proto::GetRolloutResponse) -> String {
    let now = AuthorityClock::host();
    let plan = answer.waiting_for.iter().filter(|waiting| is_of_a_plan(waiting));
    let each: Vec<_> = plan.map(|waiting| waiting_for(waiting, now)).collect();
    if each.is_empty() { String::new() } else { format!(", although it waits for: {}", each.join(", ")) }
}

fn is_of_a_plan(waiting: &proto::WaitingFor) -> bool {
    !matches!(waiting.kind, Some(Kind::Person(_) | Kind::Resume(_) | Kind::ClearStop(_)))
}

/// `Mon 7 December 2026 09:00 Europe/Berlin, in 3 days`
fn spelled(planned: &proto::LocalTime, now: Timestamp) -> String {
    let away = planned.time.as_ref().map(|at| away(at, now)).unwrap_or_default();
    format!("{}{away}", day(planned))
}

/// `Mon 7 December 2026 09:00 Europe/Berlin`, with the offset where the clocks show that time twice.
pub fn day(planned: &proto::LocalTime) -> String {
    let local = planned.local.parse::<LocalDateTime>().ok();
    let day = local.and_then(calendar_day).unwrap_or_else(|| plain(&planned.local));
    format!("{day} {}{}", plain(&planned.zone), needed_offset(planned))
}

/// `2037-01-22 00:00 Europe/Berlin`, likewise.
pub fn short(planned: &proto::LocalTime) -> String {
    let local = plain(&planned.local).replacen('T', " ", 1);
    format!("{local} {}{}", plain(&planned.zone), needed_offset(planned))
}

/// ` +02:00`, where the clocks show the local time twice.
pub fn needed_offset(planned: &proto::LocalTime) -> String {
    let (Ok(local), Ok(zone)) = (planned.local.parse(), planned.zone.parse()) else { return String::new() };
    match zones::resolve(local, &zone, None) {
        Err(ZoneError::Overlap { .. }) => format!(" {}", plain(&planned.offset)),
        _ => String::new(),
    }
}

fn calendar_day(local: LocalDateTime) -> Option<String> {
    let ((year, month, day), (hour, minute, second)) = (local.date(), local.time_of_day());
    let month = MONTHS.get(usize::from(month).checked_sub(1)?)?;
    let weekday = local.weekday().as_str();
    let (initial, rest) = (weekday.get(..1)?.to_uppercase(), weekday.get(1..3)?.to_owned());
    let second = if second == 0 { String::new() } else { format!(":{second:02}") };
    Some(format!("{initial}{rest} {day} {month} {year} {hour:02}:{minute:02}{second}"))
}

/// `, in 3 days`: in whole days, hours or minutes, rounded down.
fn away(at: &proto::Timestamp, now: Timestamp) -> String {
    let seconds = at.seconds - now.unix_seconds();
    let rounded = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= *unit);
    match rounded {
        Some(unit) => format!(", in {}", length(seconds / unit * unit)),
        None if seconds > 0 => ", in less than a minute".to_owned(),
        None => String::new(),
    }
}

fn waiting_for(waiting: &proto::WaitingFor, now: Timestamp) -> String {
    match &waiting.kind {
        Some(Kind::Person(_)) => "a person to start it: it has no planned start".to_owned(),
        Some(Kind::Resume(_)) => "the end of the pause".to_owned(),
        Some(Kind::ClearStop(_)) => "two persons to clear the stop".to_owned(),
        Some(Kind::PlannedStart(planned)) => format!("its time, {}", spelled(planned, now)),
        Some(Kind::SoakEndTime(until)) => {
            format!("the end of its soak, {}{}", instant(Some(until)), away(until, now))
        }
        Some(Kind::Gate(standing)) => {
            let bound = standing.gate.as_ref().map(gate).unwrap_or_default();
            let is_share = standing.gate.as_ref().is_some_and(|gate| {
                matches!(gate.condition, Some(Condition::ShareAtLeast(_) | Condition::ShareAtMost(_)))
            });
            let of = if is_share { format!(" of {}", standing.of_count) } else { String::new() };
            format!("{bound} (now {}{of})", standing.count)
        }
        Some(Kind::WindowOpenTime(at)) => {
            format!("the advance window, which opens {}{}", instant(Some(at)), away(at, now))
        }
        Some(Kind::Window(_)) => "the advance window, which does not open within two weeks".to_owned(),
        None => "something that this program does not know".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_796_360_400_000_000);

    #[test]
    fn a_planned_start_reads_as_a_day_and_how_far_it_is() {
        let planned = |seconds| proto::LocalTime {
            local: "2026-12-07T09:00".into(),
            zone: "Europe/Berlin".into(),
            offset: "+01:00".into(),
            time: Some(proto::Timestamp { seconds: NOW.unix_seconds() + seconds, nanos: 0 }),
        };
        let day = "Mon 7 December 2026 09:00 Europe/Berlin";
        for (seconds, away) in [
            (3 * 86_400 + 7_200, ", in 3 days"),
            (86_400, ", in 1 day"),
            (86_399, ", in 23 hours"),
            (60, ", in 1 minute"),
            (59, ", in less than a minute"),
            (0, ""),
            (-60, ""),
        ] {
            assert_eq!(spelled(&planned(seconds), NOW), format!("{day}{away}"));
        }
        assert!(same_start(Some(&planned(0)), Some(&planned(1))));
        let file = proto::LocalTime { zone: "europe/berlin".into(), offset: String::new(), ..planned(0) };
        assert!(same_start(Some(&file), Some(&planned(0))));
        assert!(!same_start(Some(&file), None));
    }

    #[test]
    fn a_date_outside_the_window_and_one_that_occurs_twice() {
        let local = |local: &str, offset: &str| {
            let at = zones::resolve(
                local.parse().unwrap(),
                &"Europe/Berlin".parse().unwrap(),
                offset.parse().ok(),
            );
            let seconds = at.unwrap().instant.unix_seconds();
            proto::LocalTime {
                local: local.into(),
                zone: "Europe/Berlin".into(),
                offset: offset.into(),
                time: Some(proto::Timestamp { seconds, nanos: 0 }),
            }
        };
        let days = [Weekday::Monday, Weekday::Tuesday].map(i32::from).to_vec();
        let (opens, closes, zone) = ("09:00".into(), "16:00".into(), "Europe/Berlin".into());
        let window = parsed_window(&proto::AdvanceWindow { days, opens, closes, zone }).unwrap();
        let told = |planned: proto::LocalTime| {
            let planned_start = Some(planned);
            let wave = proto::Wave { ordinal: 1, title: "all".into(), planned_start, ..Default::default() };
            plan(&wave, Some(&window), NOW).unwrap()
        };
        assert_eq!(
            told(local("2027-03-28T03:30", "+02:00")),
            "wave 1 'all': planned Sun 28 March 2027 03:30 Europe/Berlin, in 113 days, starts when the window opens: \
             Mon 29 March 2027 09:00 Europe/Berlin"
        );
        assert!(!told(local("2027-03-29T09:00", "+02:00")).contains("window"));
        let twice = told(local("2027-10-31T02:30", "+01:00"));
        assert!(
            twice.starts_with("wave 1 'all': planned Sun 31 October 2027 02:30 Europe/Berlin +01:00, "),
            "{twice}"
        );
    }
}
