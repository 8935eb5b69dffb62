//! One bash, and what differs in it from a newcomer's: `cargo build` finds the program built, npx finds buf
//! installed, and the server takes free ports, which are read from its log.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

/// How long all blocks together may take.
const TIMEOUT_SECONDS: &str = "300";

/// Runs first; its arguments are the programs that the blocks need.
const PRELUDE: &str = r#"set -euo pipefail
trap 'jobs -pr | xargs -r kill' EXIT
for tool in "$@"; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: tests/run installs it" >&2; exit 1; }
done
"#;

/// Scripts that take the place of these programs.
const STAND_INS: [(&str, &str); 4] = [
    (
        "tidegate/target/release/tidegate",
        r#"case "$1" in
  serve) exec "$TIDEGATE" "$@" --set grpc.listen=127.0.0.1:0 --set admin.listen=127.0.0.1:0 ;;
  accounts | directory | events) exec "$TIDEGATE" "$@" --address "http://$(listening grpc)" ;;
  context) exec "$TIDEGATE" "$@" --address "http://$(listening grpc)" ;;
  *) exec "$TIDEGATE" "$@" ;;
esac
"#,
    ),
    (
        "tools/cargo",
        r#"[ "$*" = "build --release" ] || { echo "cargo $* has no stand-in" >&2; exit 1; }
"#,
    ),
    (
        "tools/npx",
        r#"[ "$1 $2" = "--yes @bufbuild/buf@1.75.0" ] || { echo "npx $* has no stand-in" >&2; exit 1; }
shift 2
exec "$BUF" "$@"
"#,
    ),
    // The address that the server of this folder has logged.
    (
        "tools/listening",
        r#"case "$1" in
  grpc) line='s|^Tidegate .* serves gRPC on \(.*\)\.$|\1|p' ;;
  admin) line='s|^ *health *http://\(.*\)/healthz$|\1|p' ;;
esac
until address=$(sed -n "$line" tidegate.log | grep .); do sleep 0.05; done
echo "$address"
"#,
    ),
];

/// Runs a script in a folder that looks like a clone. When it ends, the servers that it started end too.
pub fn run(script: &str, database: &str, needs: &[&str]) -> Output {
    let place = tempfile::Builder::new().prefix("tidegate-readme-").tempdir().unwrap();
    let inside = |name: &str| place.path().join(name);
    for (name, text) in STAND_INS {
        write_program(&inside(name), text);
    }
    fs::write(inside("script"), PRELUDE.to_owned() + &with_addresses(script, database)).unwrap();
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", TIMEOUT_SECONDS, "bash"]).arg(inside("script")).args(needs);
    command.current_dir(inside("tidegate")).env_clear();
    command.env("PATH", format!("{}:{}", inside("tools").display(), search_path()));
    command.env("TIDEGATE", env!("CARGO_BIN_EXE_tidegate")).env("BUF", buf());
    command.env("HOME", place.path()).env("TMPDIR", place.path()).output().unwrap()
}

/// Where tests/run installs buf.
pub fn buf() -> String {
    format!("{}/node_modules/.bin/buf", installed())
}

pub fn is_found(program: &str) -> bool {
    std::env::split_paths(&search_path()).any(|folder| folder.join(program).exists())
}

/// Replaces the addresses of the page. A missing one means that the page has changed.
fn with_addresses(script: &str, database: &str) -> String {
    let instead = [
        ("127.0.0.1:50051", "$(listening grpc)"),
        ("127.0.0.1:50052", "$(listening admin)"),
        ("postgres://tidegate:tidegate@127.0.0.1/tidegate", &format!("'{database}'")),
    ];
    instead.into_iter().fold(script.to_owned(), |script, (address, instead)| {
        assert!(script.contains(address), "no block has {address}");
        script.replace(address, instead)
    })
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn search_path() -> String {
    format!("{}/bin:{}", installed(), inherited("PATH").unwrap())
}

/// Where tests/run installs what Debian does not have.
pub fn installed() -> String {
    let cache = inherited("XDG_CACHE_HOME");
    let cache = cache.unwrap_or_else(|| format!("{}/.cache", inherited("HOME").unwrap()));
    format!("{cache}/tidegate-tests")
}

#[expect(clippy::disallowed_methods, reason = "the tools of the README are where the environment says")]
fn inherited(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
