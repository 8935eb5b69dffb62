//! A run of `tidegate doctor --json`, and what it found.

use serde_json::Value;

use crate::{
    folder::Folder,
    program::{Ended, Told},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Ok,
    Warning,
    Error,
    Unknown,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub check: String,
    pub level: Level,
    pub what: String,
    /// Empty where there is nothing to do.
    pub remedy: String,
}

#[derive(Debug)]
pub struct Examined {
    pub code: Option<i32>,
    pub findings: Vec<Found>,
}

/// With a deadline that is never reached.
pub async fn doctor(folder: &Folder, words: &[&str]) -> Examined {
    doctor_told(folder, words, &[]).await
}

pub async fn doctor_told(folder: &Folder, words: &[&str], environment: &[(&str, &str)]) -> Examined {
    let patient = if words.contains(&"--timeout") { &[][..] } else { &["--timeout", "600"] };
    let words = [&["doctor", "--json"], patient, words].concat();
    let told = Told { words, environment: environment.to_vec(), ..Told::default() };
    Examined::read(&folder.start_told(&told).ended().await)
}

impl Examined {
    pub fn read(ended: &Ended) -> Self {
        assert_eq!(ended.err, "");
        let report: Value =
            serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.transcript()));
        assert_eq!(report["exit_status"].as_i64(), ended.code.map(i64::from));
        let findings = report["findings"].as_array().unwrap().iter().map(Found::read).collect();
        Self { code: ended.code, findings }
    }

    /// Checks that there is such a finding, and returns what to do.
    pub fn has(&self, check: &str, level: Level, text: &str) -> &str {
        let mut found =
            self.findings.iter().filter(|found| (found.check.as_str(), found.level) == (check, level));
        let found = found.find(|found| found.what.contains(text));
        &found.unwrap_or_else(|| panic!("{check} does not say {level:?}, {text:?}: {self:#?}")).remedy
    }

    /// Checks that nothing is wrong there.
    pub fn is_well(&self, check: &str) {
        let mut found = self.findings.iter().filter(|found| found.check == check).peekable();
        assert!(found.peek().is_some(), "{check} says nothing: {self:#?}");
        assert!(found.all(|found| found.level == Level::Ok), "{check} is not well: {self:#?}");
    }
}

impl Found {
    fn read(finding: &Value) -> Self {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let level = match text("level").as_str() {
            "ok" => Level::Ok,
            "warning" => Level::Warning,
            "error" => Level::Error,
            "unknown" => Level::Unknown,
            other => panic!("{other}"),
        };
        let found = Self { check: text("check"), level, what: text("what"), remedy: text("do") };
        assert_eq!(found.remedy.is_empty(), level == Level::Ok, "what is wrong has a remedy: {found:?}");
        found
    }
}
