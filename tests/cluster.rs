//! The PostgreSQL server that is started when none is named. It is found on this machine, and removed at the
//! end.
//!
//! A shell supervises the server, because it outlives the test program: when its standard input closes,
//! however the test program ended, it stops the server and removes its folder.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

/// `$1` is the folder, `$2` where the programs are, `$3` further options of the server, `$4` how many
/// connections it allows, `$5` the folder of the server that it follows as a standby, or empty. What it reads
/// are commands: `crash` ends the server as a loss of power does, and `start` starts it again. The ICU
/// collation compares text as most production databases do and SQLite does not: it ignores punctuation at first.
const SUPERVISOR: &str = r#"
trap '"$2/pg_ctl" -D "$1/data" -m immediate stop >&2; cd /; rm -rf "$1"' EXIT
trap '' PIPE
make() { "$2/initdb" -U postgres -A trust -E UTF8 --no-sync -D "$1/data" "$6" "$7" >&2; }
copy() { "$2/pg_basebackup" -h "$5" -p 5432 -U postgres -D "$1/data" -R -c fast --no-sync >&2; }
if [ -n "$5" ]; then
    copy "$@" || exit 1
else
    make "$@" --locale-provider=icu --icu-locale=en-US-u-ka-shifted || make "$@" --locale=C --lc-messages=C || exit 1
fi
start() {
    "$2/pg_ctl" -D "$1/data" -l "$1/log" -w -t 600 -o "-k '$1' -p 5432 -c listen_addresses= -c max_connections=$4 $3" \
        start >&2
}
start "$@" || { cat "$1/log" >&2; exit 1; }
echo ready
while read -r command; do
    case $command in
        crash) "$2/pg_ctl" -D "$1/data" -m immediate stop >&2 ;;
        start) start "$@" ;;
    esac && echo ready || echo failed
done
"#;

/// Whether a commit waits for fsync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does not: nothing outlives the program anyway.
    Lax,
    /// It does, as in production.
    Full,
}

/// Connections that one test opens at most: two servers with eight each, and a few of its own or of a third
/// server.
const CONNECTIONS_PER_TEST: usize = 24;

/// Connections of all tests that run at once.
pub(crate) fn connections_needed() -> usize {
    CONNECTIONS_PER_TEST * tests_at_once()
}

/// How many tests run at once, as the test harness decides it: by its option, its variable, or the number of
/// processors.
#[expect(clippy::disallowed_methods, reason = "the harness is told from outside")]
fn tests_at_once() -> usize {
    let mut words = std::env::args().skip_while(|word| !word.starts_with("--test-threads"));
    let option =
        words.next().and_then(|word| word.split_once('=').map(|(_, n)| n.to_owned()).or(words.next()));
    let told = option.or_else(|| std::env::var("RUST_TEST_THREADS").ok());
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    told.and_then(|told| told.parse().ok()).unwrap_or_else(processors)
}

/// A running server. Dropping it, or the end of the program, stops it.
pub(crate) struct Cluster {
    /// Where its socket is.
    folder: PathBuf,
    supervisor: Mutex<Supervisor>,
}

/// The pipes of the shell. It ends with them.
struct Supervisor {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Why there is none.
pub(crate) struct NoCluster(String);

impl fmt::Display for NoCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PostgreSQL is needed: install its server (version 14 or newer), \
             or name a running one in {}: {}",
            crate::postgres::VARIABLE,
            self.0
        )
    }
}

impl Cluster {
    pub(crate) fn start(durability: Durability) -> Result<Self, NoCluster> {
        Self::start_after(None, durability, "")
    }

    /// The same with further options of the server, as it reads them on its command line.
    pub(crate) fn start_with(options: &str) -> Result<Self, NoCluster> {
        Self::start_after(None, Durability::Lax, options)
    }

    /// A standby, which has what this server has and follows it.
    pub(crate) fn standby(&self, durability: Durability) -> Result<Self, NoCluster> {
        Self::start_after(Some(&self.folder), durability, "")
    }

    fn start_after(primary: Option<&Path>, durability: Durability, options: &str) -> Result<Self, NoCluster> {
        let failed = |what: &str, error: std::io::Error| NoCluster(format!("{what}: {error}"));
        let programs = programs().ok_or_else(|| NoCluster("no initdb was found".to_owned()))?;
        let folder = tempfile::Builder::new().prefix("tgpg").tempdir();
        let folder = folder.map_err(|error| failed("no temporary folder", error))?.keep();
        let mut command = Command::new("/bin/sh");
        let durability = match durability {
            Durability::Lax => "-c fsync=off -c full_page_writes=off -c synchronous_commit=off",
            Durability::Full => "-c fsync=on -c full_page_writes=on -c synchronous_commit=on",
        };
        command.args(["-c", SUPERVISOR, "sh"]).arg(&folder).arg(&programs);
        command.arg(format!("{durability} {options}"));
        // Twice what is needed: the connections of a test that has ended may still be closing.
        command.arg((2 * connections_needed() + 10).to_string()).arg(primary.unwrap_or(Path::new("")));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        // A process group of its own, so that Ctrl-C at the terminal interrupts the tests, and not the server
        // below them.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some((uid, gid)) = servant() {
            // PostgreSQL refuses to run as root.
            chown(&folder, Some(uid), Some(gid)).map_err(|error| failed("the folder", error))?;
            command.uid(uid).gid(gid);
        }
        let supervisor = command.spawn().map_err(|error| failed("/bin/sh", error))?;
        Ok(Self { folder, supervisor: Mutex::new(ready(supervisor)?) })
    }

    /// Tells the supervisor something, and returns whether it was done.
    pub(crate) fn tell(&self, command: &str) -> bool {
        let Ok(mut supervisor) = self.supervisor.lock() else { return false };
        let told = writeln!(supervisor.commands, "{command}");
        let mut answer = String::new();
        told.and_then(|()| supervisor.answers.read_line(&mut answer)).is_ok() && answer == "ready\n"
    }

    /// Sends a signal to every process of the server.
    pub(crate) fn signal(&self, name: &str) -> bool {
        let script = r#"read -r pid < "$2/data/postmaster.pid" && kill -s "$1" $pid $(cat "/proc/$pid/task/$pid/children")"#;
        let sent = Command::new("/bin/sh").args(["-c", script, "sh", name]).arg(&self.folder).status();
        sent.is_ok_and(|status| status.success())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port=5432&user=postgres", self.folder.display())
    }
}

/// Waits for the server, and returns the pipes that keep it alive.
fn ready(mut supervisor: Child) -> Result<Supervisor, NoCluster> {
    let silent = || NoCluster("the shell has no pipes".to_owned());
    let commands = supervisor.stdin.take().ok_or_else(silent)?;
    let mut answers = BufReader::new(supervisor.stdout.take().ok_or_else(silent)?);
    let mut errors = supervisor.stderr.take().ok_or_else(silent)?;
    // Standard error is read all along, so that the shell never blocks on a full pipe.
    let errors = std::thread::spawn(move || {
        let mut told = String::new();
        let _ = errors.read_to_string(&mut told);
        told
    });
    let mut line = String::new();
    let _ = answers.read_line(&mut line);
    if line == "ready\n" {
        return Ok(Supervisor { commands, answers });
    }
    drop(commands);
    Err(NoCluster(errors.join().unwrap_or_default()))
}

/// Where the programs are: the newest of Debian's folders, or what `pg_config` names.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max_by_key(|bin| version(bin)).or_else(|| {
        let told = Command::new("pg_config").arg("--bindir").output().ok()?;
        let bin = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
        bin.join("initdb").exists().then_some(bin)
    })
}

fn version(bin: &Path) -> Option<u32> {
    bin.parent()?.file_name()?.to_str()?.parse().ok()
}

/// The user and the group that run the server when the tests run as root.
pub(crate) fn servant() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let told = Command::new("id").args(args).output().ok()?;
        String::from_utf8(told.stdout).ok()?.trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)))
}
