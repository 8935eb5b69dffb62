"""The program knows every setting, argument and variable that the chart gives it, and starts with them."""

import pathlib
import re
import shlex
import tempfile
import unittest

import chart
import generate


def settings_arguments(container):
    return [word for word in container["args"] if word.startswith("--set=")]


def variables(container):
    return {one["name"]: one["value"] for one in container.get("env", []) if one["name"].startswith("TIDEGATE__")}


def check(text, arguments=(), environment=None):
    """What `config check` says of the settings, one problem a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tidegate.toml"
        path.write_text(text)
        status, out, error = chart.program("config", "check", "--no-files", "--config", path, *arguments, environment=environment)
    assert (status == 0) == (out == "the settings are sound\n") == (error == ""), out + error
    return error.removeprefix("tidegate: ").splitlines()


class Settings(unittest.TestCase):
    def test_the_program_takes_the_settings_of_every_container(self):
        checked = 0
        for case, version, found in chart.every():
            text = chart.settings_file(found)
            for name, _, pod in chart.pods(found):
                for container in chart.own(pod):
                    if "--config=/etc/tidegate/tidegate.toml" not in container["args"]:
                        self.assertEqual(settings_arguments(container), [])
                        continue
                    checked += 1
                    problems = check(text, settings_arguments(container), variables(container))
                    self.assertEqual(problems, [], f"{case} on {version}, {name} {container['name']}")
        self.assertGreater(checked, 50)

    def test_every_setting_of_the_chart_is_one_that_it_gives(self):
        """What values may not set, the chart does; and in no case more than that and what the values say."""
        given = set()
        for case in chart.CASES:
            found = chart.objects(case)
            section = ""
            for line in chart.settings_file(found).splitlines():
                section = line.strip("[]") if line.startswith("[") else section
                if " = " in line:
                    given.add(f"{section}.{line.split(' = ')[0]}")
            for _, _, pod in chart.pods(found):
                for container in chart.own(pod):
                    given |= {word[len("--set="):].split("=")[0] for word in settings_arguments(container)}
        self.assertEqual(set(generate.OWNED) - given, set(), "no case gives it")
        known = {setting["key"] for setting in generate.known_settings()}
        self.assertEqual(set(generate.OWNED) - known, set(), "there is no such setting")

    def test_every_setting_that_names_a_file_or_an_address_is_the_charts(self):
        """A new one would otherwise be a value that names a file which is not mounted."""
        files = {setting["key"] for setting in generate.known_settings() if re.search(r"(_file|\.listen)$", setting["key"])}
        # No secret, and too large for one: who has it mounts it by extraVolumes.
        files.remove("passwords.breached_file")
        self.assertEqual(files - set(generate.OWNED), set())


class Commands(unittest.TestCase):
    def commands(self):
        """The words before the first flag, and the flags, of every container of the program."""
        for _, _, found in chart.every(chart.VERSIONS[-1]):
            for _, _, pod in chart.pods(found):
                for container in chart.own(pod):
                    words = [word for word in container["args"] if not word.startswith("--")]
                    yield words, {word.split("=")[0] for word in container["args"] if word.startswith("--")}

    def knows(self, words, flag=None):
        status, out, _ = chart.program(*words, "--help")
        return status == 0 and (flag is None or re.search(rf"^\s+{flag}\b", out, re.M) is not None)

    def test_the_program_knows_every_command_and_flag(self):
        used = {(tuple(words), flag) for words, flags in self.commands() for flag in flags}
        self.assertIn((("serve",), "--config"), used)
        for words, flag in sorted(used):
            with self.subTest(words=words, flag=flag):
                self.assertTrue(self.knows(words), "there is no such command")
                self.assertTrue(self.knows(words, flag), "there is no such flag")

    def test_the_program_knows_every_command_of_the_readme(self):
        readme = (chart.CHART / "README.md").read_text()
        named = set(re.findall(r"`tidegate ([a-z][a-z -]*[a-z])`", readme)) | set(re.findall(r"tidegate:\S+ ([a-z]+ ?[a-z]*) >", readme))
        self.assertGreater(len(named), 3)
        for command in sorted(named):
            words = [word for word in shlex.split(command) if not word.startswith("-")]
            with self.subTest(command=command):
                self.assertTrue(self.knows(words), "there is no such command")

    def test_init_takes_the_secrets_that_the_readme_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            for command, name in (("key", "master.key"), ("credential", "operator.credential")):
                status, made, error = chart.program(command, "new")
                self.assertEqual(status, 0, error)
                (pathlib.Path(folder) / name).write_text(made)
            status, out, error = chart.program("init", cwd=folder)
            self.assertEqual((status, out.splitlines()[0]), (0, "Initialised."), error)


class Starts(unittest.TestCase):
    def test_the_containers_of_sqlite_run_one_after_the_other_and_again(self):
        """The arguments and the settings as they are rendered, with folders of the test in place of the pod's."""
        found = chart.objects("sqlite")
        with tempfile.TemporaryDirectory() as folder:
            place = lambda text: text.replace("/etc/tidegate", f"{folder}/etc").replace("/var/lib/tidegate", f"{folder}/data")
            for path in ("etc/secrets/master-key", "data"):
                (pathlib.Path(folder) / path).mkdir(parents=True)
            # The master key is what its comment in the README says: 64 hexadecimal digits.
            (pathlib.Path(folder) / "etc/secrets/master-key/master.key").write_text("0f" * 32 + "\n")
            text = place(chart.settings_file(found)).replace("0.0.0.0:5005", "127.0.0.1:0 #")
            text = re.sub(r'"127.0.0.1:0 #\d"', '"127.0.0.1:0"', text)
            (pathlib.Path(folder) / "etc/tidegate.toml").write_text(text)
            said = []
            for _ in range(2):
                for container in chart.server(found)["initContainers"]:
                    arguments = [place(word) for word in container["args"]]
                    status, out, error = chart.program(*arguments, cwd=f"{folder}/data")
                    self.assertEqual(status, 0, error)
                    said.append((container["name"], out.splitlines()[0]))
            self.assertEqual([name for name, _ in said], ["init", "migrate"] * 2)
            self.assertEqual(said[0][1], "Initialised.")
            self.assertEqual(said[2][1], "The database is initialised; nothing was changed.")
            self.assertIn("nothing was changed", said[1][1] + said[3][1])
            made = sorted(path.name for path in (pathlib.Path(folder) / "data").iterdir())
            self.assertIn("operator.credential", made)
            self.assertNotIn("master.key", made)
