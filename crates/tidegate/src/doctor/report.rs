//! The report: for people, or as JSON for machines; and the exit status.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use serde::Serialize;

use super::finding::{Finding, Level};

#[derive(Serialize)]
pub(super) struct Report {
    version: &'static str,
    exit_status: u8,
    findings: Vec<Finding>,
}

impl Report {
    /// In the order of the checks; the findings of one check stay as they are.
    pub(super) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.check);
        let has = |level| findings.iter().any(|finding| finding.level == level);
        let exit_status = match (has(Level::Error), has(Level::Unknown)) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        };
        Self { version: env!("CARGO_PKG_VERSION"), exit_status, findings }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_status)
    }

    /// A reader that goes away early, such as `head`, is no error.
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let text = if as_json { serde_json::to_string_pretty(self)? + "\n" } else { self.text() };
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Finding { check, level, what, remedy } in &self.findings {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:<8} {:<9} {what}", level.name(), check.name());
            if let Some(remedy) = remedy {
                let _ = writeln!(text, "{:18} do: {remedy}", "");
            }
        }
        text + "\n" + &self.summary() + "\n"
    }

    fn summary(&self) -> String {
        let of = |level| self.findings.iter().filter(move |finding| finding.level == level);
        let count = |level, one: &str| match of(level).count() {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let mut summary = format!("{}, {}", count(Level::Error, "error"), count(Level::Warning, "warning"));
        let mut unknown: Vec<_> = of(Level::Unknown).map(|finding| finding.check.name()).collect();
        unknown.dedup();
        if !unknown.is_empty() {
            let _ = write!(summary, "; not looked at, or not to the end: {}", unknown.join(", "));
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Check, *};

    #[test]
    fn an_error_weighs_more_than_what_was_not_looked_at() {
        let (ok, warning) = (Check::Tls.ok("a"), Check::Mail.warning("b", "c"));
        let (error, unknown) = (Check::Disk.error("d", "e"), Check::Clock.unknown("f", "g"));
        for (findings, exit_status) in [
            (vec![], 0),
            (vec![ok.clone(), warning.clone()], 0),
            (vec![unknown.clone(), ok.clone()], 2),
            (vec![unknown, ok, error, warning], 1),
        ] {
            assert_eq!(Report::of(findings).exit_status, exit_status);
        }
    }

    #[test]
    fn people_read_one_line_a_finding_and_what_to_do() {
        let findings = vec![
            Check::Disk.error("it is full", "delete something"),
            Check::Clock.unknown("it was not read", "try again"),
            Check::Settings.ok("they are sound"),
        ];
        let text = "ok       settings  they are sound\n\
            unknown  clock     it was not read\n                   do: try again\n\
            error    disk      it is full\n                   do: delete something\n\n\
            1 error, 0 warnings; not looked at, or not to the end: clock\n";
        assert_eq!(Report::of(findings).text(), text);
    }

    #[test]
    fn machines_read_one_object() {
        let findings = vec![Check::Tls.ok("a"), Check::Mail.warning("b", "c")];
        let json = serde_json::to_value(Report::of(findings)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"version": env!("CARGO_PKG_VERSION"), "exit_status": 0, "findings": [
                {"check": "tls", "level": "ok", "what": "a"},
                {"check": "mail", "level": "warning", "what": "b", "do": "c"},
            ]})
        );
    }
}
