//! Times as people plan them: a local time and its zone on the wire.

use tidegate_core::{LocalDateTime, Malformed, PlannedTime, UtcOffset, ZoneName};
use tidegate_proto as proto;
use tidegate_service::zones::{ZoneError, resolve};

use crate::{
    form::{Form, Kind},
    render::timestamp,
};

impl Form {
    /// Absent means none. A zone that is not known, a local time that does not exist, and one that occurs twice have reasons
    /// of their own.
    pub(crate) fn local_time(
        &mut self,
        field: &str,
        wire: Option<proto::LocalTime>,
    ) -> Option<Option<PlannedTime>> {
        let Some(wire) = wire else { return Some(None) };
        self.within(field, |form| {
            let local = form.text::<LocalDateTime>("local", &wire.local);
            let zone = form.zone("zone", &wire.zone);
            let offset = form.optional::<UtcOffset>("offset", &wire.offset);
            match resolve(local?, &zone?, offset?) {
                Ok(planned) => Some(Some(planned)),
                Err(error) => form.note_zone(("local", "zone", "offset"), &error),
            }
        })
    }

    /// A zone of the database, in its canonical spelling.
    pub(crate) fn zone(&mut self, field: &str, name: &str) -> Option<ZoneName> {
        let unknown = |_: Malformed| ZoneError::UnknownZone;
        let zone = name.parse().map_err(unknown).and_then(|zone| tidegate_service::zones::canonical(&zone));
        match zone {
            Ok(zone) => Some(zone),
            Err(error) => self.note_zone((field, field, field), &error),
        }
    }

    fn note_zone<T>(&mut self, (local, zone, offset): (&str, &str, &str), error: &ZoneError) -> Option<T> {
        let must = format!("must {error}");
        match error {
            ZoneError::UnknownZone => self.note_as(Kind::Zone, zone, must),
            ZoneError::Gap { .. } => self.note_as(Kind::Gap, local, must),
            ZoneError::Overlap { .. } => self.note_as(Kind::Overlap, offset, must),
            ZoneError::WrongOffset { .. } => self.note(offset, must),
        }
    }
}

pub(crate) fn local_time(planned: PlannedTime) -> proto::LocalTime {
    proto::LocalTime {
        local: planned.local.to_string(),
        offset: planned.offset().to_string(),
        time: Some(timestamp(planned.instant)),
        zone: planned.zone.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a message in a message may be absent")]
    fn wire(local: &str, zone: &str, offset: &str) -> Option<proto::LocalTime> {
        let (local, zone, offset) = (local.to_owned(), zone.to_owned(), offset.to_owned());
        Some(proto::LocalTime { local, zone, offset, time: None })
    }

    /// Field, kind and text of each violation.
    fn refused(wire: Option<proto::LocalTime>) -> Vec<(String, Option<Kind>, String)> {
        let mut form = Form::default();
        let read = form.local_time("planned_start", wire);
        let violations = form.finish(read).unwrap_err();
        violations.into_iter().map(|wrong| (wrong.field, wrong.kind, wrong.what)).collect()
    }

    #[test]
    fn what_was_rendered_is_read_again() {
        for (local, offset) in [("2026-12-07T09:00", ""), ("2026-10-25T02:30", "+01:00")] {
            let mut form = Form::default();
            let read = form.local_time("planned_start", wire(local, "europe/berlin", offset));
            let planned = form.finish(read).unwrap().unwrap();
            let rendered = local_time(planned.clone());
            assert_eq!((rendered.zone.as_str(), rendered.offset.as_str()), ("Europe/Berlin", "+01:00"));
            let mut form = Form::default();
            let again = form.local_time("planned_start", Some(rendered));
            assert_eq!(form.finish(again).unwrap(), Some(planned));
        }
        assert_eq!(Form::default().local_time("planned_start", None), Some(None));
    }

    #[test]
    fn a_violation_names_its_field_and_says_what_to_do() {
        let zone = ("planned_start.zone".into(), Some(Kind::Zone));
        let told = refused(wire("2026-12-07T09:00", "Europe/Atlantis", ""));
        let must = "must be a time zone of the IANA database, such as Europe/Berlin";
        assert_eq!(told, [(zone.0, zone.1, must.into())]);
        let told = refused(wire("2027-03-28T02:30", "Europe/Berlin", ""));
        assert_eq!((told[0].0.as_str(), told[0].1), ("planned_start.local", Some(Kind::Gap)));
        let told = refused(wire("2026-10-25T02:30", "Europe/Berlin", ""));
        assert_eq!((told[0].0.as_str(), told[0].1), ("planned_start.offset", Some(Kind::Overlap)));
        let told = refused(wire("2026-12-07T09:00", "Europe/Berlin", "+02:00"));
        let must = "must be +01:00, as the zone has at that time, or be left out";
        assert_eq!(told, [("planned_start.offset".into(), None, must.into())]);
        let fields: Vec<_> = refused(wire("tomorrow", "", "1")).into_iter().map(|wrong| wrong.0).collect();
        assert_eq!(fields, ["planned_start.local", "planned_start.zone", "planned_start.offset"]);
    }
}
