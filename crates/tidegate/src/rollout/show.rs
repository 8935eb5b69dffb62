//! Rollouts and waves as people read them.

use std::fmt::Write as _;

use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, WaveState, audience::Kind};

use super::{
    ahead,
    file::{described_method, percent},
    planned, show_ladder,
};
use crate::{
    ambient::AuthorityClock,
    output::{columns, instant, plain, word},
};

pub fn state(rollout: &proto::Rollout) -> String {
    word(rollout.state().as_str_name(), "ROLLOUT_STATE_")
}

pub fn wave_state(wave: &proto::Wave) -> String {
    let state = word(wave.state().as_str_name(), "WAVE_STATE_");
    match wave.rolled_back_products.as_slice() {
        [] => state,
        products => format!("{state}, rolled back at {}", products.join(", ")),
    }
}

/// `wave 2 'all'`
pub fn wave_name(wave: &proto::Wave) -> String {
    format!("wave {} '{}'", wave.ordinal, plain(&wave.title))
}

/// A rollout in one line, after a change.
pub fn line(rollout: &proto::Rollout) -> String {
    let mut text = format!("{}: {}, revision {}", rollout.key, state(rollout), rollout.revision);
    let mut separator = "; ";
    for wave in &rollout.waves {
        let share = percent(wave.edge_ppm);
        let _ = write!(text, "{separator}{} ({share}) is {}", wave_name(wave), wave_state(wave));
        separator = ", ";
    }
    match rollout.ladder.len() {
        0 => {}
        1 => text.push_str("; the ladder has 1 rule"),
        count => _ = write!(text, "; the ladder has {count} rules"),
    }
    text + "\n"
}

/// A rollout as it stands, whole.
pub fn whole(rollout: &proto::Rollout) -> String {
    let named = |named: Option<&proto::NamedAccounts>| {
        let all = named.into_iter().flat_map(|named| named.accounts.iter().chain(&named.customers));
        let all: Vec<_> = all.map(|name| plain(name)).collect();
        if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
    };
    let updated = instant(rollout.update_time.as_ref());
    let mut rows = vec![
        ("state", ahead::state(rollout, AuthorityClock::host())),
        ("products", rollout.products.join(", ")),
        ("unit", word(rollout.unit().as_str_name(), "ROLLOUT_UNIT_")),
        ("holdout", percent(rollout.holdout_ppm)),
        ("allow", named(rollout.allow.as_ref())),
        ("deny", named(rollout.deny.as_ref())),
        ("revision", format!("{} ({}), {updated}", rollout.revision, rollout.etag)),
    ];
    if rollout.method.is_some() {
        rows.push(("brings", described_method(rollout.method.as_ref())));
    }
    if rollout.advance_window.is_some() {
        rows.push(("advances", planned::window(rollout.advance_window.as_ref())));
    }
    if rollout.pause_time.is_some() {
        rows.push(("paused", format!("since {}", instant(rollout.pause_time.as_ref()))));
    }
    if rollout.archive_time.is_some() {
        rows.push(("archived", format!("since {}", instant(rollout.archive_time.as_ref()))));
    }
    if let Some(stop) = &rollout.stop {
        let clear = if stop.clear_holder.is_empty() {
            "two persons clear it".to_owned()
        } else {
            format!("{} asked to clear it, another person has to agree", plain(&stop.clear_holder))
        };
        let since = instant(stop.stop_time.as_ref());
        let by = format!("since {since} by {}{}; {clear}", plain(&stop.holder), reason(&stop.reason));
        rows.push(("stopped", by));
    }
    let hold = if rollout.stop.is_some() { "stop" } else { "pause" };
    if rollout.stop.is_some() || rollout.pause_time.is_some() {
        let now = AuthorityClock::host();
        rows.extend(ahead::dates_go_on(rollout, hold, now).into_iter().map(|line| ("dates", line)));
    }
    let mut text = format!("{}: {}\n", rollout.key, plain(&rollout.title));
    for (name, value) in rows {
        let _ = writeln!(text, "{name:9} {value}");
    }
    let waves = rollout.waves.iter().map(|wave| {
        vec![
            wave.ordinal.to_string(),
            plain(&wave.title),
            percent(wave.edge_ppm),
            audience(wave.audience.as_ref()),
            products(rollout, wave),
            wave_state(wave),
            instant(wave.start_time.as_ref()),
        ]
    });
    text.push('\n');
    if !rollout.ladder.is_empty() {
        text += &show_ladder::table(&rollout.ladder);
    }
    if rollout.waves.is_empty() {
        return text;
    }
    if !rollout.ladder.is_empty() {
        text.push('\n');
    }
    text + &columns(&["wave", "title", "share", "audience", "products", "state", "started"], waves)
}

/// `: the reason`, or nothing.
pub fn reason(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {}", plain(reason)) }
}

/// The person who made a revision, or else the id.
pub fn author(revision: &proto::RolloutRevision) -> String {
    let known = !revision.author_name.is_empty();
    plain(if known { &revision.author_name } else { &revision.author })
}

/// Who made a revision, when and why, as the end of a sentence.
pub fn authored(revision: &proto::RolloutRevision) -> String {
    let number = revision.rollout.as_ref().map(|rollout| rollout.revision).unwrap_or_default();
    let at = instant(revision.revise_time.as_ref());
    format!(" (revision {number} by {} at {at}{})", author(revision), reason(&revision.reason))
}

/// The products of a wave, its own or the rollout's.
pub fn products(rollout: &proto::Rollout, wave: &proto::Wave) -> String {
    if wave.products.is_empty() { &rollout.products } else { &wave.products }.join(", ")
}

/// Whom a wave is for.
pub fn audience(audience: Option<&proto::Audience>) -> String {
    let Some(kind) = audience.and_then(|audience| audience.kind.as_ref()) else {
        return "every account".to_owned();
    };
    let list = |list: &proto::AudienceList, between| {
        let each: Vec<_> = list.audiences.iter().map(|one| self::audience(Some(one))).collect();
        format!("({})", each.join(between))
    };
    match kind {
        Kind::All(all) => list(all, " and "),
        Kind::Any(any) => list(any, " or "),
        Kind::Not(not) => format!("not {}", self::audience(Some(not))),
        Kind::Test(test) => attribute_test(test),
    }
}

fn attribute_test(test: &proto::AttributeTest) -> String {
    let mut sentence = plain(&test.attribute);
    if !test.label.is_empty() {
        let _ = write!(sentence, " {}", plain(&test.label));
    }
    // The server keeps them in order, and a file need not.
    let mut values: Vec<_> = test.any_of.iter().map(|value| plain(value)).collect();
    values.sort();
    values.dedup();
    match values.as_slice() {
        [] => {}
        [value] => _ = write!(sentence, " is {value}"),
        values => _ = write!(sentence, " is one of {}", values.join(", ")),
    }
    for (word, at) in [("from", &test.from_time), ("before", &test.before_time)] {
        if let Some(at) = at {
            let micros = at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1_000);
            let _ = write!(sentence, " {word} {}", Timestamp::from_unix_micros(micros));
        }
    }
    sentence
}

/// The first wave that has not started. Started waves are always the first ones.
pub fn next_wave(rollout: &proto::Rollout) -> Option<&proto::Wave> {
    rollout.waves.iter().find(|wave| !is_started(wave))
}

pub fn is_started(wave: &proto::Wave) -> bool {
    matches!(wave.state(), WaveState::Live | WaveState::Done)
}
