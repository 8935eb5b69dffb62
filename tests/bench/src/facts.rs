//! What the figures belong to: the machine, and how long its fsync takes.

use std::{fs::File, io::Write as _, time::Instant};

use crate::sample::median;

/// The load of the machine: averages over 1, 5 and 15 minutes.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

pub fn markdown(engines: &[String], before: &str) -> anyhow::Result<String> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().unwrap_or_default().trim_start_matches("MemTotal:").trim();
    Ok(format!(
        "- cores: {} ({})\n- memory: {memory}\n- kernel: {}\n- engines: {}\n- fsync of 4 KiB, median: {:.0} µs\n- load before and after (rates mean little on a busy machine): {before}; {}\n- built: {}\n",
        std::thread::available_parallelism()?,
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        engines.join(", "),
        fsync()?,
        load(),
        if cfg!(debug_assertions) { "in debug: THE FIGURES MEAN NOTHING" } else { "in release" },
    ))
}

/// The median of an fsync, in microseconds, on the disk where the databases will be.
fn fsync() -> anyhow::Result<f64> {
    let mut file: File = tempfile::tempfile()?;
    let mut micros = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(micros).unwrap_or_default())
}
