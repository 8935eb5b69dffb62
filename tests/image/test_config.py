"""What the image says of itself. That it fits the chart is a test of the chart."""

import re
import unittest

from image import CONFIG, DATA, PROGRAM, TOP, VERSION, WORKSPACE


class Config(unittest.TestCase):
    def test_a_container_serves_as_a_user_without_rights_in_the_folder_of_the_data(self):
        found = {key: CONFIG[key] for key in ("User", "WorkingDir", "Entrypoint", "Cmd", "StopSignal")}
        self.assertEqual(found, {
            "User": "65532:65532",
            "WorkingDir": DATA,
            "Entrypoint": [PROGRAM],
            "Cmd": ["serve"],
            "StopSignal": "SIGTERM",
        })
        self.assertEqual(sorted(CONFIG["ExposedPorts"]), ["50051/tcp", "50052/tcp", "50053/tcp"])
        self.assertNotIn("Volumes", CONFIG)

    def test_no_setting_is_in_the_environment(self):
        """It would be stronger than the file of settings."""
        self.assertEqual([one for one in CONFIG["Env"] if one.split("=")[0] not in ("PATH", "SSL_CERT_FILE")], [])

    def test_labels_name_the_program_its_version_and_its_licence(self):
        chart = (TOP / "charts/tidegate/Chart.yaml").read_text()
        labels = {key.removeprefix("org.opencontainers.image."): label for key, label in CONFIG["Labels"].items()}
        labels.pop("io.buildah.version")
        self.assertEqual(labels, {
            "title": "Tidegate",
            "description": re.search(r"^description: (.+)", chart, re.M)[1],
            "licenses": WORKSPACE["license"],
            "version": VERSION,
            "revision": "",
            "source": "",
        })

    def test_the_documents_name_the_image_of_this_version(self):
        for page in ("README.md", "docs/OPERATING.md", "charts/tidegate/README.md"):
            tags = set(re.findall(r"\btidegate:(\d\S*)\b", (TOP / page).read_text()))
            self.assertEqual(tags, {VERSION}, page)
        self.assertEqual(re.search(r"^appVersion: (.+)", (TOP / "charts/tidegate/Chart.yaml").read_text(), re.M)[1], VERSION)
