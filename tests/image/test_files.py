"""What the image holds: its base, the program and the folder of the data."""

import re
import stat
import subprocess
import unittest

from image import BASE, DATA, FILES, PROGRAM, ROOT, TOP, WORKSPACE, tree


class Files(unittest.TestCase):
    def test_the_image_adds_the_program_and_an_empty_folder_to_its_base(self):
        """So there is no shell in it, no package manager, no secret, no database and nothing set-uid, and no user may change it. The
        folder may be written to by the image's user, and by any user whose group is 0."""
        base = tree(BASE)
        added = {path: (stat.filemode(mode), user, group) for path, (mode, user, group) in FILES.items() if path not in base}
        self.assertEqual(added, {PROGRAM: ("-rwxr-xr-x", 0, 0), DATA: ("drwxrwx---", 65532, 0)})
        changed = [path for path, found in base.items() if FILES.get(path) != found]
        self.assertEqual(changed, [])

    def test_the_program_needs_no_library_but_those_of_the_base(self):
        told = subprocess.run(["readelf", "--dynamic", f"{ROOT}{PROGRAM}"], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", told)
        loader = [name for name in needed if name.startswith("ld-linux")]
        self.assertEqual(sorted(set(needed) - set(loader)), ["libc.so.6", "libgcc_s.so.1", "libm.so.6"])
        there = {path.rsplit("/")[-1] for path in FILES}
        self.assertEqual([name for name in needed if name not in there], [])


class Origins(unittest.TestCase):
    """The tests replace the images that the Dockerfile begins with, so these are only read."""

    def test_the_compiler_is_the_one_that_the_workspace_asks_for_and_the_base_has_no_shell(self):
        dockerfile = (TOP / "Dockerfile").read_text()
        images = dict(re.findall(r"^ARG (RUST|BASE)=(\S+)", dockerfile, re.M))
        self.assertEqual(images, {
            "RUST": f"docker.io/library/rust:{WORKSPACE['rust-version']}-bookworm",
            "BASE": "gcr.io/distroless/cc-debian12",
        })
        self.assertEqual(re.findall(r"^FROM (.+)", dockerfile, re.M), ["${RUST} AS build", "${BASE}"])
