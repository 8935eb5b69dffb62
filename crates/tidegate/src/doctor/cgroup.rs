//! What the control groups allow this process (cgroups(7)): memory, and processor time.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The lowest limits from the process's own group up to the root.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Allowed {
    /// Bytes; `None`: there is no limit.
    pub(super) memory: Option<u64>,
    /// Processors, in hundredths.
    pub(super) processors: Option<u64>,
}

/// Version 1 shows no limit as a number near 2^63.
const UNLIMITED: u64 = 1 << 60;

impl Allowed {
    pub(super) fn here() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::below(Path::new("/sys/fs/cgroup"), &groups)
    }

    /// `groups`: as in /proc/self/cgroup. In a container the root of the mount is the container's own group, whatever the
    /// path in there says, so folders that do not exist are skipped.
    fn below(root: &Path, groups: &str) -> Self {
        let mut allowed = Self::default();
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            for root in mounts(root, controllers) {
                let own = root.join(path.trim_start_matches('/'));
                for folder in own.ancestors().take_while(|folder| folder.starts_with(&root)) {
                    allowed.lower(folder);
                }
            }
        }
        allowed
    }

    fn lower(&mut self, folder: &Path) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let memory = [read("memory.max"), read("memory.limit_in_bytes")];
        for limit in memory.iter().filter_map(|text| number(text)).filter(|limit| *limit < UNLIMITED) {
            self.memory = Some(self.memory.map_or(limit, |known| known.min(limit)));
        }
        let quota = read("cpu.max");
        let both = quota.split_once(' ').and_then(|(quota, period)| Some((number(quota)?, number(period)?)));
        let both =
            both.or_else(|| Some((number(&read("cpu.cfs_quota_us"))?, number(&read("cpu.cfs_period_us"))?)));
        if let Some((quota, period)) = both.filter(|(_, period)| *period > 0) {
            let hundredths = quota.saturating_mul(100) / period;
            self.processors = Some(self.processors.map_or(hundredths, |known| known.min(hundredths)));
        }
    }
}

/// Version 2 has one tree, version 1 one for each controller.
fn mounts(root: &Path, controllers: &str) -> Vec<PathBuf> {
    if controllers.is_empty() {
        return vec![root.to_owned()];
    }
    let ours = controllers.split(',').filter(|name| ["memory", "cpu"].contains(name));
    ours.map(|name| root.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_lowest_limit_up_to_the_root_counts() {
        let root = tree(&[
            ("kube/pod/memory.max", "max\n"),
            ("kube/pod/cpu.max", "150000 100000\n"),
            ("kube/memory.max", "1048576\n"),
            ("kube/cpu.max", "max 100000\n"),
            ("memory.max", "2097152\n"),
        ]);
        let allowed = Allowed::below(root.path(), "0::/kube/pod\n");
        assert_eq!(allowed, Allowed { memory: Some(1_048_576), processors: Some(150) });
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_root() {
        let root = tree(&[("memory.max", "1048576\n"), ("cpu.max", "max 100000\n")]);
        let allowed = Allowed::below(root.path(), "0::/not/mounted/here\n");
        assert_eq!(allowed, Allowed { memory: Some(1_048_576), processors: None });
    }

    #[test]
    fn version_1_is_read_too() {
        let root = tree(&[
            ("memory/pod/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/memory.limit_in_bytes", "1048576\n"),
            ("cpu/pod/cpu.cfs_quota_us", "50000\n"),
            ("cpu/pod/cpu.cfs_period_us", "100000\n"),
            ("cpu/cpu.cfs_quota_us", "-1\n"),
        ]);
        let allowed = Allowed::below(root.path(), "4:memory:/pod\n3:cpu,cpuacct:/pod\n1:name=systemd:/pod\n");
        assert_eq!(allowed, Allowed { memory: Some(1_048_576), processors: Some(50) });
    }
}
