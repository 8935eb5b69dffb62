"""The image runs as any user, on a root that is read-only, and writes nothing but its volume."""

import pathlib
import re
import subprocess
import unittest

from image import BASE, CONFIG, DATA, VERSION, Container, volume

# The image's own user, and one as OpenShift chooses it, whose group is 0.
USERS = [CONFIG["User"], "12345:0"]
# Where the base has the certificate authorities that are trusted.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class Commands(unittest.TestCase):
    def test_a_command_needs_no_volume(self):
        for user in USERS:
            for words, expected in [(["--version"], f"tidegate {VERSION}\n"), (["config", "check"], "the settings are sound\n")]:
                with self.subTest(user=user, words=words):
                    self.assertEqual(Container(self, *words, user=user).run(), (0, expected, ""))

    def test_serving_without_a_volume_is_an_error_that_names_the_cause(self):
        for user in USERS:
            with self.subTest(user=user):
                status, out, error = Container(self, user=user).run()
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(error, "^tidegate: failed to open the database that database.url names: tidegate.db cannot be written.*Read-only file system")


class Serving(unittest.TestCase):
    def test_it_initialises_a_volume_serves_it_twice_and_ends_at_the_images_signal(self):
        for user in USERS:
            with self.subTest(user=user):
                data = volume(self)
                for _ in range(2):
                    server = Container(self, user=user, mounts={DATA: data}).serve()
                    self.assertEqual(server.exec("health", "--address", "http://localhost:50051"), (0, "SERVING\n", ""))
                    status, log = server.stop()
                    self.assertEqual(status, 0, log)
                    self.assertIn("SIGTERM: draining", log)
                    self.assertNotRegex(log, "WARN|ERROR")
                # SQLite's two more files are there or not, as its connections happen to close.
                made = {path.name for path in data.iterdir()} - {"tidegate.db-shm", "tidegate.db-wal"}
                self.assertEqual(made, {"mail", "master.key", "operator.credential", "tidegate.db", "tidegate.db.lock"})
                owners = {path.stat().st_uid for path in data.iterdir()}
                self.assertEqual(owners, {int(user.split(":")[0])})


class Tls(unittest.TestCase):
    def test_the_authorities_of_the_base_are_those_that_are_trusted(self):
        folder = volume(self)
        for command in (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=authority -keyout ca.key -out ca.pem",
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -CA ca.pem -CAkey ca.key"
            " -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost -keyout tls.key -out tls.pem",
        ):
            subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)
        (folder / "tls.key").chmod(0o644)
        serve = ["serve", "--set=tls.cert_file=/run/tls.pem", "--set=tls.key_file=/run/tls.key"]
        known = pathlib.Path(f"{BASE}{AUTHORITIES}")
        self.assertGreater(known.read_text().count("BEGIN CERTIFICATE"), 100)
        for authorities, trusted in [(known, False), (folder / "ca.pem", True)]:
            with self.subTest(trusted=trusted):
                mounts = {AUTHORITIES: authorities, "/run/tls.pem": folder / "tls.pem", "/run/tls.key": folder / "tls.key"}
                server = Container(self, *serve, mounts={DATA: volume(self), **mounts}).serve()
                status, out, error = server.exec("health", "--address", "https://localhost:50051")
                self.assertEqual((status, out), (0, "SERVING\n") if trusted else (1, ""), error)
                self.assertEqual(re.findall("UnknownIssuer", error), [] if trusted else ["UnknownIssuer"], error)
                self.assertEqual(server.stop()[0], 0)
