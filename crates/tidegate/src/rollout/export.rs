//! `tidegate rollout export`: a rollout in the form of its file, so that `apply` of it changes nothing.

use clap::Args;
use proto::audience::Kind;
use serde::Serialize;
use tidegate_core::ZoneName;
use tidegate_proto::{self as proto, Requirement};
use tidegate_service::zones;

use super::{
    CREDENTIAL_HELP,
    file::{METHODS, percent},
    load, planned,
    show_ladder::{micros, whole_grace, zone_of},
};
use crate::{
    ambient::AuthorityClock,
    output::{OutputArgs, OutputFormat, word},
    server::Server,
};

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(CREDENTIAL_HELP)))]
pub struct ExportArgs {
    /// Key of the rollout.
    rollout: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Serialize)]
struct ExportedRollout {
    key: String,
    title: String,
    products: Vec<String>,
    unit: String,
    holdout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<NamedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deny: Option<NamedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advance_window: Option<WindowFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<MethodFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waves: Vec<WaveFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ladder: Vec<RuleFile>,
}

#[derive(Serialize)]
struct NamedFile {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    customers: Vec<String>,
}

#[derive(Serialize)]
struct WindowFile {
    days: Vec<String>,
    opens: String,
    closes: String,
    zone: String,
}

#[derive(Serialize)]
struct MethodFile {
    better: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weaker: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snooze: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
}

#[derive(Serialize)]
struct WaveFile {
    title: String,
    edge: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    products: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<AudienceFile>,
    #[serde(skip_serializing_if = "String::is_empty")]
    planned_start: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    soak: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<String>,
}

#[derive(Serialize, Default)]
struct AudienceFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<Vec<AudienceFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any: Option<Vec<AudienceFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not: Option<Box<AudienceFile>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    attribute: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

#[derive(Serialize)]
struct RuleFile {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<AudienceFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    products: Vec<String>,
    within_waves: bool,
    phases: Vec<PhaseFile>,
    demands: &'static str,
    grace: GraceFile,
    #[serde(skip_serializing_if = "Option::is_none")]
    postponement: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reminder_days: Vec<u32>,
}

#[derive(Serialize)]
struct PhaseFile {
    from: String,
    rung: String,
}

/// Without any key it is no grace at all.
#[derive(Serialize)]
struct GraceFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skips: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_spacing: Option<String>,
}

pub async fn export(export: ExportArgs) -> anyhow::Result<()> {
    let client = export.server.connect().await?;
    let rollout = load(&client, &export.rollout).await?;
    OutputArgs { format: OutputFormat::Yaml }.print_value(&ExportedRollout::of(&rollout), |_| String::new())
}

impl ExportedRollout {
    fn of(rollout: &proto::Rollout) -> Self {
        Self {
            key: rollout.key.clone(),
            title: rollout.title.clone(),
            products: rollout.products.clone(),
            unit: word(rollout.unit().as_str_name(), "ROLLOUT_UNIT_"),
            holdout: percent(rollout.holdout_ppm),
            allow: named(rollout.allow.as_ref()),
            deny: named(rollout.deny.as_ref()),
            advance_window: rollout.advance_window.as_ref().map(window),
            method: rollout.method.as_ref().map(method),
            waves: rollout.waves.iter().map(wave).collect(),
            ladder: rollout.ladder.iter().map(rule).collect(),
        }
    }
}

fn named(named: Option<&proto::NamedAccounts>) -> Option<NamedFile> {
    let named = named.filter(|named| !named.accounts.is_empty() || !named.customers.is_empty())?;
    Some(NamedFile { accounts: named.accounts.clone(), customers: named.customers.clone() })
}

fn window(window: &proto::AdvanceWindow) -> WindowFile {
    WindowFile {
        days: window.days().map(|day| word(day.as_str_name(), "WEEKDAY_")).collect(),
        opens: window.opens.clone(),
        closes: window.closes.clone(),
        zone: window.zone.clone(),
    }
}

fn method(aim: &proto::MethodMove) -> MethodFile {
    let words = |numbers: &[i32]| {
        let known = |number: &i32| METHODS.iter().find(|(_, method)| *number == i32::from(*method));
        numbers.iter().filter_map(known).map(|(word, _)| *word).collect()
    };
    MethodFile {
        better: words(&aim.better),
        weaker: words(&aim.weaker),
        snooze: aim.snooze.as_ref().map(|snooze| planned::length(snooze.seconds)),
        snoozes: aim.snoozes,
        ends: time(aim.end_local.as_ref(), aim.end_time.as_ref()),
    }
}

fn wave(wave: &proto::Wave) -> WaveFile {
    let planned = wave.planned_start.as_ref();
    WaveFile {
        title: wave.title.clone(),
        edge: percent(wave.edge_ppm),
        products: wave.products.clone(),
        audience: wave.audience.as_ref().map(audience),
        planned_start: planned
            .map(|at| format!("{} {}{}", at.local, at.zone, planned::needed_offset(at)))
            .unwrap_or_default(),
        soak: planned::soak(wave.soak.as_ref()),
        gates: wave.gates.iter().map(planned::gate).collect(),
    }
}

fn audience(audience: &proto::Audience) -> AudienceFile {
    let list = |list: &proto::AudienceList| Some(list.audiences.iter().map(self::audience).collect());
    let instant = |at: &Option<proto::Timestamp>| micros(at.as_ref()).map(|at| at.to_string());
    let none = AudienceFile::default();
    match &audience.kind {
        Some(Kind::All(all)) => AudienceFile { all: list(all), ..none },
        Some(Kind::Any(any)) => AudienceFile { any: list(any), ..none },
        Some(Kind::Not(not)) => AudienceFile { not: Some(Box::new(self::audience(not))), ..none },
        Some(Kind::Test(test)) => AudienceFile {
            attribute: test.attribute.clone(),
            label: test.label.clone(),
            any_of: test.any_of.clone(),
            from: instant(&test.from_time),
            before: instant(&test.before_time),
            ..none
        },
        None => none,
    }
}

fn rule(rule: &proto::LadderRule) -> RuleFile {
    let grace = whole_grace(rule);
    let span = |span: Option<&proto::Duration>| span.map(|span| planned::length(span.seconds));
    RuleFile {
        title: rule.title.clone(),
        audience: rule.audience.as_ref().map(audience),
        products: rule.products.clone(),
        within_waves: rule.within_waves,
        phases: rule.phases.iter().enumerate().map(|(place, phase)| self::phase(place, phase)).collect(),
        demands: match rule.demands() {
            Requirement::Aal2 => "aal2",
            Requirement::Aal2Phr => "aal2-phr",
            _ => "second_step",
        },
        grace: GraceFile {
            days: (grace.days > 0).then_some(grace.days),
            cap: grace.cap_time.and_then(|at| in_zone(&at, zone_of(rule))),
            skips: (grace.skips > 0).then_some(grace.skips),
            skip_spacing: span(grace.skip_spacing.as_ref().filter(|_| grace.skips > 0)),
        },
        postponement: span(rule.postponement.as_ref()),
        reminder_days: rule.reminder_days.clone(),
    }
}

/// `now` is what has begun, where the file is applied again; another rollout of the file begins with it, and could not begin in
/// the past.
fn phase(place: usize, phase: &proto::LadderPhase) -> PhaseFile {
    let has_begun = micros(phase.from_time.as_ref()).is_some_and(|from| from <= AuthorityClock::host());
    let is_now = place == 0 && has_begun && phase.local.is_none();
    let from = time(phase.local.as_ref(), phase.from_time.as_ref()).filter(|_| !is_now);
    PhaseFile {
        from: from.unwrap_or_else(|| "now".to_owned()),
        rung: word(phase.rung().as_str_name(), "RUNG_"),
    }
}

/// As it was planned. An offset follows the time itself.
fn time(local: Option<&proto::LocalTime>, at: Option<&proto::Timestamp>) -> Option<String> {
    match local {
        Some(planned) => {
            let offset = planned::needed_offset(planned);
            Some(format!("{}{} {}", planned.local, offset.trim_start(), planned.zone))
        }
        None => micros(at).map(|at| at.to_string()),
    }
}

/// In the zone, where a clock there shows the instant once and to the second; else in UTC.
fn in_zone(at: &proto::Timestamp, zone: Option<ZoneName>) -> Option<String> {
    let at = micros(Some(at))?;
    let shown = || {
        let zone = zone?;
        let local = zones::local_at(at, &zone)?;
        let is_it = zones::resolve(local, &zone, None).is_ok_and(|planned| planned.instant == at);
        is_it.then(|| format!("{local} {zone}"))
    };
    Some(shown().unwrap_or_else(|| at.to_string()))
}
