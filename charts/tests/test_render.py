"""Every case renders, always the same, and is what Kubernetes takes."""

import functools
import itertools
import json
import pathlib
import re
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import kubernetes_validate

import chart

# The library reads a version's definitions for each object, unless they are kept.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
# Kinds whose schemas are not Kubernetes' own.
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "GRPCRoute"}


class Render(unittest.TestCase):
    def test_lint_finds_nothing_in_any_case(self):
        def lint(case):
            # The oldest version warns of nothing that is gone later, so the newest is asked.
            return case, chart.helm("lint", "--strict", chart.CHART, "--kube-version", chart.VERSIONS[-1], "--values", chart.CASES[case])

        status, out, error = chart.helm("lint", "--strict", chart.CHART)
        self.assertEqual(status, 0, out + error)
        with ThreadPoolExecutor() as pool:
            for case, (status, out, error) in pool.map(lint, chart.CASES):
                self.assertEqual(status, 0, f"{case}: {out}{error}")
                self.assertNotIn("WARNING", out, case)

    def test_each_case_renders_twice_the_same_whatever_apis_there_are(self):
        """Nothing is random, and nothing depends on what the cluster has: what is on is rendered."""
        matrix = list(itertools.product(chart.CASES, chart.VERSIONS, chart.APIS))

        def twice(one):
            case, version, apis = one
            return one, chart.template(chart.CASES[case], version, apis), chart.text(case, version)

        with ThreadPoolExecutor() as pool:
            for one, (status, out, error), first in pool.map(twice, matrix):
                self.assertEqual(status, 0, f"{one}: {error}")
                self.assertEqual(out, first, one)

    def test_kubernetes_takes_every_object_of_three_versions(self):
        kinds, seen = set(), set()
        for case, version, found in chart.every():
            for one in found:
                kinds.add(one["kind"])
                same = (json.dumps(one, sort_keys=True), version)
                if one["kind"] not in FOREIGN and same not in seen:
                    seen.add(same)
                    with self.subTest(case=case, version=version, kind=one["kind"]):
                        kubernetes_validate.validate(one, version, strict=True)
        self.assertEqual(kinds - FOREIGN, {
            "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "PersistentVolumeClaim", "Pod",
            "PodDisruptionBudget", "Service", "ServiceAccount",
        })
        self.assertEqual(kinds & FOREIGN, FOREIGN)

    def test_operators_take_their_objects(self):
        questions = [
            {"name": f"{case} {one['kind']}", "object": one}
            for case, _, found in chart.every(chart.VERSIONS[-1]) for one in found if one["kind"] in FOREIGN
        ]
        self.assertGreater(len(questions), 3)
        self.assertEqual([answer for answer in chart.ask_objects(questions) if "error" in answer], [])

    def test_objects_have_names_that_fit_and_differ_and_the_labels_of_the_release(self):
        for release in ("id", chart.LONG):
            for case in chart.CASES:
                found = [one for one in chart.objects(case, release=release) if "app.kubernetes.io/name" in one["metadata"].get("labels", {})]
                names = [(one["kind"], one["metadata"]["name"]) for one in found]
                self.assertEqual(len(names), len(set(names)), case)
                for one in found:
                    name, labels = one["metadata"]["name"], one["metadata"]["labels"]
                    self.assertRegex(name, r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", case)
                    self.assertEqual(one["metadata"]["namespace"], "people", f"{case} {name}")
                    for key, value in labels.items():
                        self.assertTrue(re.fullmatch(r"([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?", value), f"{case} {key}: {value}")
                    self.assertEqual(labels["app.kubernetes.io/instance"], release)

    def test_only_the_pod_of_helm_test_is_a_hook(self):
        """Hooks are not part of the release: Argo CD deletes them and makes them again."""
        for case, _, found in chart.every(chart.VERSIONS[-1]):
            for one in found:
                annotations = one["metadata"].get("annotations", {})
                hooks = {key: value for key, value in annotations.items() if key.startswith("helm.sh/hook")}
                if one["kind"] == "Pod":
                    self.assertEqual(hooks["helm.sh/hook"], "test", case)
                else:
                    self.assertEqual(hooks, {}, f"{case} {one['kind']}")

    def test_the_chart_makes_no_secret_and_no_role(self):
        for case, _, found in chart.every(chart.VERSIONS[-1]):
            kinds = {one["kind"] for one in found}
            self.assertFalse(kinds & {"Secret", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}, case)

    def test_a_job_has_another_name_when_anything_of_it_changes(self):
        def name(values):
            status, out, error = chart.template({"insecure": True, "migrations": {"mode": "job"}, **values})
            self.assertEqual(status, 0, error)
            return re.search(r"name: (id-tidegate-migrate-\w{10})", out)[1]

        changes = [{}, {"image": {"tag": "9"}}, {"config": {"limits": {"commands": 9}}}, {"podSecurity": {"runAsUser": 9}}]
        self.assertEqual(len({name(change) for change in changes}), len(changes))
        self.assertEqual(name({}), name({"replicas": 9}))

    def test_it_renders_as_part_of_another_chart(self):
        """A parent gives `global`, and `enabled` where that is its condition."""
        with tempfile.TemporaryDirectory() as folder:
            parent = pathlib.Path(folder) / "parent"
            shutil.copytree(chart.CHART, parent / "charts/tidegate")
            dependency = {"name": "tidegate", "version": "0.1.0", "condition": "tidegate.enabled"}
            about = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
            (parent / "Chart.yaml").write_text(json.dumps(about))
            values = {"global": {"site": "a"}, "tidegate": {"enabled": True, "insecure": True}}
            status, out, error = chart.template(values, chart=parent)
            self.assertEqual(status, 0, error)
            self.assertIn("kind: Deployment", out)

    def test_the_chart_needs_no_other(self):
        self.assertNotIn("dependencies", (chart.CHART / "Chart.yaml").read_text())
        self.assertFalse((chart.CHART / "charts").exists())

    def test_the_chart_has_the_version_of_the_program(self):
        cargo = (chart.TOP / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.+)"', cargo, re.M)[1]
        self.assertIn(f"\nappVersion: {version}\n", (chart.CHART / "Chart.yaml").read_text())
