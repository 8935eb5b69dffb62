//! `log.level`: which lines are written.

use anyhow::{Context as _, bail};
use tracing_subscriber::EnvFilter;

use crate::config::Log;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Lines of libraries that report as an error what a caller did wrong. A filter that names the target shows them.
const QUIET: &str = "webauthn_rs_core=off,webauthn_rs=off";

/// What is written where no part of the setting says otherwise.
const DEFAULT_LEVEL: &str = "info";

/// Reads a level, or levels of single targets: `info,tidegate_grpc=debug`.
///
/// `EnvFilter` alone takes a word that is no level, such as `warning`, for the name of a target, and then writes nothing
/// else: an operator would notice in the next outage.
pub fn filter(settings: &Log) -> anyhow::Result<EnvFilter> {
    let parts = settings.level.split(',').map(str::trim);
    let parts = parts.map(part).collect::<anyhow::Result<Vec<_>>>();
    let parts = parts.with_context(|| format!("wrong value for log.level: {:?}", settings.level))?;
    let text = [&[QUIET, DEFAULT_LEVEL], &parts[..]].concat().join(",");
    EnvFilter::try_new(text).with_context(|| format!("failed to read log.level {:?}", settings.level))
}

fn part(text: &str) -> anyhow::Result<&str> {
    let (target, level) = text.rsplit_once('=').map_or((None, text), |(target, level)| (Some(target), level));
    if !LEVELS.contains(&level) {
        let levels = LEVELS.join(", ");
        bail!("{level:?} is no level; the levels are {levels}, and target=level sets that of one target");
    }
    let named = |target: &str| {
        !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
    };
    if target.is_some_and(|target| !named(target)) {
        bail!("{text:?} does not name a target as the log does, such as tidegate_grpc=debug");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Format;

    fn read(level: &str) -> Result<String, String> {
        let settings = Log { format: Format::Text, level: level.to_owned() };
        filter(&settings).map(|filter| filter.to_string()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_level_and_levels_of_targets_are_read() {
        for level in LEVELS {
            assert!(read(level).unwrap().ends_with(level), "{level}");
        }
        let several = read("warn, tidegate=debug,h2=off").unwrap();
        for part in ["warn", "tidegate=debug", "h2=off"] {
            assert!(several.split(',').any(|found| found == part), "{part} in {several}");
        }
        assert!(!several.contains(DEFAULT_LEVEL), "{several}");
    }

    #[test]
    fn what_no_part_names_is_written_as_by_default() {
        assert!(read("tidegate_grpc=debug").unwrap().split(',').any(|part| part == DEFAULT_LEVEL));
    }

    #[test]
    fn a_quiet_library_is_shown_where_it_is_named() {
        assert!(read("debug").unwrap().contains("webauthn_rs_core=off"));
        assert!(read("info,webauthn_rs_core=debug").unwrap().contains("webauthn_rs_core=debug"));
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for level in [
            "warning",
            "verbose",
            "INFO",
            "info,",
            "",
            "3",
            "tidegate",
            "info,tidegate",
            "tidegate=loud",
            "info,h2=",
        ] {
            let refused = read(level).unwrap_err();
            assert!(refused.starts_with("wrong value for log.level: "), "{refused}");
            assert!(refused.contains("the levels are off, error, warn, info, debug, trace"), "{refused}");
        }
        for level in ["=info", "info,tidegate[call]=debug", "tide gate=info"] {
            assert!(read(level).unwrap_err().contains("does not name a target"), "{level}");
        }
    }
}
