//! What differs between two revisions of a rollout, in the words of `diff -f`.

use std::collections::BTreeMap;

use tidegate_client::{Client, Refused};
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::{
    ask,
    file::{described_method, percent},
    plan::PlannedChange,
    plan_ladder::ladder_changes,
    planned, show,
    show_ladder::micros,
};
use crate::output::plain;

/// How many revisions are read at once.
const PAGE: i32 = 200;

/// What `revert` restores beside the ladder; of waves that have started nothing, and of the others these fields and the
/// planned start.
const RESTORED: [&str; 11] = [
    "title",
    "products",
    "holdout_ppm",
    "allow.accounts",
    "allow.customers",
    "deny.accounts",
    "deny.customers",
    "advance_window",
    "method",
    "allow",
    "deny",
];
const RESTORED_OF_WAVES: [&str; 6] = ["title", "edge_ppm", "products", "audience", "soak", "gates"];

/// The rollout in each of these revisions that there is.
pub async fn read(
    client: &Client,
    key: &str,
    numbers: &[i64],
) -> Result<BTreeMap<i64, proto::Rollout>, Refused> {
    let mut found = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = proto::ListRevisionsRequest { rollout: key.to_owned(), page_size: PAGE, page_token };
        let answer = ask!(client, rollouts.list_revisions, request)?;
        let rollouts = answer.revisions.into_iter().filter_map(|revision| revision.rollout);
        let meant = rollouts.filter(|rollout| numbers.contains(&rollout.revision));
        found.extend(meant.map(|rollout| (rollout.revision, rollout)));
        page_token = answer.next_page_token;
        if page_token.is_empty() || numbers.iter().all(|number| found.contains_key(number)) {
            return Ok(found);
        }
    }
}

/// Two revisions, and the fields in which they differ.
pub struct Compared {
    before: proto::Rollout,
    after: proto::Rollout,
    differences: Vec<proto::RevisionDifference>,
}

impl Compared {
    pub const fn new(
        before: proto::Rollout,
        after: proto::Rollout,
        differences: Vec<proto::RevisionDifference>,
    ) -> Self {
        Self { before, after, differences }
    }

    /// Reads both revisions, because the differences of a ladder are said in JSON, and people read sentences.
    pub async fn read(
        client: &Client,
        key: &str,
        differences: Vec<proto::RevisionDifference>,
        (from, to): (i64, i64),
    ) -> Result<Self, Refused> {
        let found = read(client, key, &[from, to]).await?;
        let of = |number| found.get(number).cloned().unwrap_or_default();
        Ok(Self::new(of(&from), of(&to), differences))
    }

    /// Every difference, one a line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.holds();
        lines.extend(self.told(|field| !self.is_told_otherwise(field)));
        lines.extend(self.ladder_lines());
        lines
    }

    /// A pause, a stop and the archive, as what happened.
    fn holds(&self) -> Vec<String> {
        let (before, after) = (&self.before, &self.after);
        let mut lines = Vec::new();
        let times = [
            (before.pause_time, after.pause_time, ["paused", "resumed"]),
            (before.archive_time, after.archive_time, ["archived", "back from the archive"]),
        ];
        for (was, is, [begun, ended]) in times {
            match (was, is) {
                (None, Some(_)) => lines.push(begun.to_owned()),
                (Some(_), None) => lines.push(ended.to_owned()),
                (Some(was), Some(is)) if was != is => lines.push(format!("{ended} and {begun} again")),
                _ => {}
            }
        }
        match (&before.stop, &after.stop) {
            (None, Some(stop)) => {
                lines.push(format!("stopped by {}{}", plain(&stop.holder), show::reason(&stop.reason)));
            }
            (Some(_), None) => lines.push("the stop is cleared".to_owned()),
            (Some(was), Some(is)) if was.stop_time != is.stop_time => {
                lines.push("the stop is cleared, and stopped again".to_owned());
            }
            _ => {}
        }
        let asked =
            |rollout: &proto::Rollout| rollout.stop.clone().map(|stop| stop.clear_holder).unwrap_or_default();
        let (was, is) = (asked(before), asked(after));
        if is != was && !is.is_empty() {
            lines.push(format!("{} asked to clear the stop", plain(&is)));
        }
        lines
    }

    /// Holds are told as what happened, and when a wave started beside how it stands.
    fn is_told_otherwise(&self, field: &str) -> bool {
        let stands = |ordinal: u32| {
            let state = format!("waves[{ordinal}].state");
            self.differences.iter().any(|difference| difference.field == state)
        };
        field == "pause_time"
            || field == "archive_time"
            || field.starts_with("stop.")
            || wave_field(field).is_some_and(|(ordinal, field)| field == "start_time" && stands(ordinal))
    }

    /// Those that `revert` carries out at that instant. What was planned for a time that has passed is not put back.
    pub fn restored_lines(&self, now: Timestamp) -> Vec<String> {
        let is_ahead = |at: &proto::LocalTime| micros(at.time.as_ref()).is_some_and(|at| at >= now);
        let mut after = self.after.clone();
        for wave in &mut after.waves {
            wave.planned_start = wave.planned_start.take().filter(is_ahead);
        }
        let restored = Self::new(self.before.clone(), after, self.differences.clone());
        let started = self.before.waves.iter().filter(|wave| show::is_started(wave)).count();
        let is_restored = |field: &str| match wave_field(field) {
            Some((ordinal, field)) => ordinal as usize > started && RESTORED_OF_WAVES.contains(&field),
            None => RESTORED.contains(&field),
        };
        let mut lines = restored.told(is_restored);
        lines.extend(restored.starts(started));
        lines.extend(restored.ladder_lines());
        lines
    }

    /// The ladder that stands, and the other one.
    pub fn ladders(&self) -> (&[proto::LadderRule], &[proto::LadderRule]) {
        (&self.before.ladder, &self.after.ladder)
    }

    fn starts(&self, started: usize) -> Vec<String> {
        let told =
            |start: Option<&proto::LocalTime>| start.map_or_else(|| "nothing".to_owned(), planned::short);
        let waves = self.before.waves.iter().zip(&self.after.waves).skip(started);
        let starts = waves.map(|(before, after)| {
            (before.ordinal, before.planned_start.as_ref(), after.planned_start.as_ref())
        });
        let moved = starts.filter(|(_, before, after)| !planned::same_start(*after, *before));
        let line = |(ordinal, before, after)| {
            format!("wave {ordinal}: planned_start: {} -> {}", told(before), told(after))
        };
        moved.map(line).collect()
    }

    fn ladder_lines(&self) -> Vec<String> {
        by_rule(ladder_changes(&self.after.ladder, &self.before.ladder))
    }

    fn told(&self, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let is_of_ladder = |field: &str| field.starts_with("ladder[");
        // A wave that is only in one of the two is told as a whole.
        let is_in_both =
            |ordinal: u32| wave(&self.before, ordinal).is_some() == wave(&self.after, ordinal).is_some();
        let differences = self.differences.iter().filter(|difference| {
            let field = difference.field.as_str();
            !is_of_ladder(field)
                && is_meant(field)
                && wave_field(field).is_none_or(|(ordinal, _)| is_in_both(ordinal))
        });
        let mut lines: Vec<_> = differences.map(|difference| self.line(difference)).collect();
        let whole = |(of, what, others): (&proto::Rollout, &str, &proto::Rollout)| {
            let only = of.waves.iter().filter(|one| wave(others, one.ordinal).is_none());
            only.map(|one| format!("wave {}: {what}: {}", one.ordinal, described(of, one)))
                .collect::<Vec<_>>()
        };
        lines.extend(whole((&self.before, "removed", &self.after)));
        lines.extend(whole((&self.after, "added", &self.before)));
        lines
    }

    fn line(&self, difference: &proto::RevisionDifference) -> String {
        let (of, field) = match wave_field(&difference.field) {
            Some((ordinal, field)) => (format!("wave {ordinal}: "), field),
            None => (String::new(), difference.field.as_str()),
        };
        let ordinal = wave_field(&difference.field).map(|(ordinal, _)| ordinal);
        let value = |rollout: &proto::Rollout, json: &str| {
            if json.is_empty() { "nothing".to_owned() } else { value(rollout, ordinal, field, json) }
        };
        let (before, after) =
            (value(&self.before, &difference.before), value(&self.after, &difference.after));
        format!("{of}{}: {before} -> {after}", plain(name(field)))
    }
}

/// `wave 2` and `title` of `waves[2].title`.
fn wave_field(field: &str) -> Option<(u32, &str)> {
    let (ordinal, field) = field.strip_prefix("waves[")?.split_once("].")?;
    Some((ordinal.parse().ok()?, field))
}

/// As a file of a rollout names it.
fn name(field: &str) -> &str {
    match field {
        "edge_ppm" => "edge",
        "holdout_ppm" => "holdout",
        other => other,
    }
}

/// What the field is worth in that revision. The server says it in JSON, which people read where it is a word or a number.
fn value(rollout: &proto::Rollout, ordinal: Option<u32>, field: &str, json: &str) -> String {
    let wave = ordinal.and_then(|ordinal| wave(rollout, ordinal));
    let told = match (field, wave) {
        ("edge_ppm", Some(wave)) => percent(wave.edge_ppm),
        ("audience", Some(wave)) => show::audience(wave.audience.as_ref()),
        ("planned_start", Some(wave)) => wave.planned_start.as_ref().map(planned::short).unwrap_or_default(),
        ("soak", Some(wave)) => planned::soak(wave.soak.as_ref()),
        ("gates", Some(wave)) => planned::gates(&wave.gates),
        ("holdout_ppm", None) => percent(rollout.holdout_ppm),
        ("method", None) => described_method(rollout.method.as_ref()),
        ("advance_window", None) => planned::window(rollout.advance_window.as_ref()),
        _ => String::new(),
    };
    if !told.is_empty() {
        return told;
    }
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(text)) if ordinal.is_some() => plain(&text.replace('_', " ")),
        Ok(serde_json::Value::Array(items)) if items.is_empty() => "nothing".to_owned(),
        Ok(serde_json::Value::Array(items)) if items.iter().all(serde_json::Value::is_string) => {
            let items: Vec<_> = items.iter().filter_map(serde_json::Value::as_str).map(plain).collect();
            items.join(", ")
        }
        _ => plain(json),
    }
}

fn wave(rollout: &proto::Rollout, ordinal: u32) -> Option<&proto::Wave> {
    rollout.waves.iter().find(|wave| wave.ordinal == ordinal)
}

/// `'all', 100 % of every account at kasa, starts 2026-12-07 09:00 Europe/Berlin; soak: 2 days`
fn described(rollout: &proto::Rollout, wave: &proto::Wave) -> String {
    let mut text = format!(
        "'{}', {} of {} at {}",
        plain(&wave.title),
        percent(wave.edge_ppm),
        show::audience(wave.audience.as_ref()),
        show::products(rollout, wave)
    );
    if let Some(planned) = &wave.planned_start {
        text = format!("{text}, starts {}", planned::short(planned));
    }
    for (name, value) in [("soak", planned::soak(wave.soak.as_ref())), ("gates", planned::gates(&wave.gates))]
    {
        if !value.is_empty() {
            text = format!("{text}; {name}: {value}");
        }
    }
    text
}

/// One line a rule.
fn by_rule(changes: Vec<PlannedChange>) -> Vec<String> {
    let mut rules: Vec<(String, String)> = Vec::new();
    for change in changes {
        let line = change.line();
        match rules.last_mut().filter(|(of, _)| *of == change.of) {
            Some((of, told)) => {
                *told = format!("{told}; {}", line.strip_prefix(&format!("{of}: ")).unwrap_or(&line));
            }
            None => rules.push((change.of, line)),
        }
    }
    rules.into_iter().map(|(_, told)| told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_796_360_400_000_000);

    fn planned(seconds: i64) -> proto::LocalTime {
        let time = Some(proto::Timestamp { seconds: NOW.unix_seconds() + seconds, nanos: 0 });
        let local = if seconds < 0 { "2026-12-03T09:00" } else { "2026-12-05T09:00" };
        proto::LocalTime { local: local.into(), zone: "Etc/UTC".into(), offset: "+00:00".into(), time }
    }

    fn rollout(starts: &[Option<proto::LocalTime>]) -> proto::Rollout {
        let wave = |(ordinal, start): (u32, &Option<proto::LocalTime>)| proto::Wave {
            ordinal,
            title: format!("w{ordinal}"),
            edge_ppm: 10_000,
            planned_start: start.clone(),
            ..Default::default()
        };
        let waves = (1..).zip(starts).map(wave).collect();
        proto::Rollout { products: vec!["kasa".into()], waves, ..Default::default() }
    }

    #[test]
    fn a_revert_puts_back_no_start_that_has_passed() {
        let lines = |before: &[_], after: &[_]| {
            Compared::new(rollout(before), rollout(after), Vec::new()).restored_lines(NOW)
        };
        let ahead = "2026-12-05 09:00 Etc/UTC";
        assert_eq!(
            lines(&[None], &[Some(planned(60))]),
            [format!("wave 1: planned_start: nothing -> {ahead}")]
        );
        assert_eq!(
            lines(&[Some(planned(60))], &[Some(planned(-60))]),
            [format!("wave 1: planned_start: {ahead} -> nothing")]
        );
        assert!(lines(&[None], &[Some(planned(-60))]).is_empty());
        let added = "wave 2: added: 'w2', 1 % of every account at kasa";
        assert_eq!(lines(&[None], &[None, Some(planned(60))]), [format!("{added}, starts {ahead}")]);
        assert_eq!(lines(&[None], &[None, Some(planned(-60))]), [added]);
        assert_eq!(lines(&[None, None], &[None]), ["wave 2: removed: 'w2', 1 % of every account at kasa"]);
    }
}
