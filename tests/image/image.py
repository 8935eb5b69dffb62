"""What the tests of the image share: the image that `run` has built, and containers of it."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]
BASE = pathlib.Path(os.environ["BASE"])
ROOT = pathlib.Path(os.environ["ROOT"])
WORK = pathlib.Path(os.environ["WORK"])
CONFIG = json.loads((WORK / "image.json").read_text())["OCIv1"]["config"]
PROGRAM = "/usr/bin/tidegate"
DATA = "/var/lib/tidegate"
WORKSPACE = tomllib.loads((TOP / "Cargo.toml").read_text())["workspace"]["package"]
VERSION = WORKSPACE["version"]

# No test waits that long for a program that works.
TIMEOUT = 300

# crun looks at how cgroups are mounted even if it is told to use none, and refuses machines with both versions: it is shown none.
CRUN = ["unshare", "--mount", "sh", "-c",
        'mount -t tmpfs none /sys/fs/cgroup && exec crun --cgroup-manager=disabled --root "$0" "$@"',
        str(WORK / "crun")]


def tree(root):
    """Type, mode, owner and group of each file, by its path."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            at = path.lstat()
            found[f"/{path.relative_to(root)}"] = (at.st_mode, at.st_uid, at.st_gid)
    return found


# The image's files, before a runtime adds the places of its mounts.
FILES = tree(ROOT)


def volume(test):
    """A new volume, which has the owner and the mode of the folder of the image, as Docker makes it."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=WORK))
    test.addCleanup(shutil.rmtree, folder)
    mode, user, group = FILES[DATA]
    os.chown(folder, user, group)
    folder.chmod(mode & 0o7777)
    return folder


class Container:
    """A container as a cluster starts it: a root that is read-only, no capability, no network, and files for a runtime's name of
    this machine. What it mounts is a folder or file for each path; only the data is writable."""

    numbers = itertools.count()

    def __init__(self, test, *arguments, user=CONFIG["User"], mounts=None):
        bundle = pathlib.Path(tempfile.mkdtemp(dir=WORK))
        test.addCleanup(shutil.rmtree, bundle)
        (bundle / "hosts").write_text("127.0.0.1 localhost\n")
        mounts = {"/etc/hosts": bundle / "hosts", **(mounts or {})}
        uid, gid = map(int, user.split(":"))
        self.bundle, self.name, self.started = bundle, f"tidegate-{next(self.numbers)}", None
        self.test = test
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2",
            "root": {"path": str(ROOT), "readonly": True},
            "process": {
                "user": {"uid": uid, "gid": gid},
                "args": CONFIG["Entrypoint"] + list(arguments or CONFIG["Cmd"]),
                "env": CONFIG["Env"],
                "cwd": CONFIG["WorkingDir"],
                "noNewPrivileges": True,
                "capabilities": {},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                *({"destination": place, "type": "bind", "source": str(source),
                   "options": ["bind", "rw" if place == DATA else "ro"]} for place, source in mounts.items()),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
        }))

    def run(self):
        """The exit status, the output and the errors of a program that ends by itself."""
        return self.command("run", "--bundle", self.bundle, self.name)

    def serve(self):
        """Starts the server, and waits until it says that it serves."""
        self.log = (self.bundle / "log").open("w+")
        command = [*CRUN, "run", "--bundle", str(self.bundle), self.name]
        self.started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.test.addCleanup(self.remove)
        for line in self.started.stdout:
            if "serves gRPC" in line:
                return self
        raise AssertionError(f"it does not serve: {self.logged()}")

    def exec(self, *arguments):
        """Runs the program beside the server, as `kubectl exec` does."""
        return self.command("exec", self.name, PROGRAM, *arguments)

    def stop(self):
        """Ends the server by the signal of the image. The exit status, and what it has logged."""
        self.command("kill", self.name, CONFIG["StopSignal"])
        self.started.communicate(timeout=TIMEOUT)
        return self.started.returncode, self.logged()

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def remove(self):
        self.command("delete", "--force", self.name)
        self.started.stdout.close()
        self.started.wait()
        self.log.close()

    def command(self, *words):
        ended = subprocess.run([*CRUN, *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return ended.returncode, ended.stdout, ended.stderr
