"""The pods fit the image, as the Dockerfile says it is."""

import re
import unittest

import chart

DOCKERFILE = dict(re.findall(r"^(USER|WORKDIR|EXPOSE) (.+)", (chart.TOP / "Dockerfile").read_text(), re.M))


class Image(unittest.TestCase):
    def test_pods_write_to_the_folder_of_the_image_and_run_its_program(self):
        for case, version, found in chart.every(chart.VERSIONS[-1]):
            own = [container for _, _, pod in chart.pods(found) for container in chart.own(pod)]
            self.assertGreater(len(own), 0)
            for container in own:
                with self.subTest(case=case, container=container["name"]):
                    self.assertEqual(container["workingDir"], DOCKERFILE["WORKDIR"])
                    self.assertNotIn("command", container, "the image's ENTRYPOINT is the program")
                    mounted = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "data"}
                    self.assertIn(mounted, [{DOCKERFILE["WORKDIR"]}, set()])

    def test_ports_are_those_that_the_image_exposes(self):
        ports = {port["containerPort"] for case in chart.CASES for container in chart.own(chart.server(chart.objects(case)))
                 for port in container.get("ports", [])}
        self.assertEqual(ports, set(map(int, DOCKERFILE["EXPOSE"].split())))

    def test_the_user_is_the_images_unless_values_name_another(self):
        security = chart.server(chart.objects("sqlite"))["securityContext"]
        self.assertEqual(f"{security['runAsUser']}:{security['runAsGroup']}", DOCKERFILE["USER"])
        self.assertEqual(security["fsGroup"], security["runAsGroup"])
