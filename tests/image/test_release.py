"""What only a program that the Dockerfile's own commands have built can show: `run release`."""

import json
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest
import zlib

from image import PROGRAM, ROOT, TOP, VERSION


def crates():
    """Name and version of the crates that cargo builds the program from."""
    words = ["tree", "--package=tidegate", "--edges=normal,build", "--prefix=none", "--format={p}", "--locked", "--quiet"]
    told = subprocess.run(["cargo", *words], cwd=TOP, capture_output=True, text=True, check=True).stdout
    return {(name, version) for name, version in re.findall(r"^(\S+) v(\S+)", told, re.M)}


class Sbom(unittest.TestCase):
    def test_the_program_lists_the_crates_that_it_is_made_of(self):
        with tempfile.NamedTemporaryFile() as section:
            command = ["objcopy", "--dump-section", f".dep-v0={section.name}", f"{ROOT}{PROGRAM}", "/dev/null"]
            subprocess.run(command, check=True)
            listed = json.loads(zlib.decompress(pathlib.Path(section.name).read_bytes()))["packages"]
        root, = [one for one in listed if one.get("root")]
        self.assertEqual((root["name"], root["version"]), ("tidegate", VERSION))
        named = {(one["name"], one["version"]) for one in listed}
        built = crates()
        self.assertGreater(len(built), 200)
        self.assertEqual(built - named, set())
        locked = tomllib.loads((TOP / "Cargo.lock").read_text())["package"]
        self.assertEqual(named - {(one["name"], one["version"]) for one in locked}, set())


class Paths(unittest.TestCase):
    def test_no_path_of_the_machine_that_built_it_is_in_the_program(self):
        program = pathlib.Path(f"{ROOT}{PROGRAM}").read_bytes()
        self.assertIn(b"/cargo/registry/src/", program)
        folders = [b"/usr/local/cargo/", b"/usr/local/rust/", b"/src/crates/", b"/src/target/"]
        self.assertEqual([folder for folder in folders if folder in program], [])
