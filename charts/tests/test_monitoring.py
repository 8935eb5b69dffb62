"""Alerts and dashboards: they read metrics that there are, and each alert has its section of docs/OPERATING.md."""

import json
import re
import unittest

import yaml

import chart

METRICS = json.loads((chart.TESTS / "metrics.json").read_text())
# What Prometheus adds to each sample of a pod.
TARGET = {"namespace", "job", "pod", "instance"}
ALERTS = yaml.safe_load((chart.CHART / "files/alerts.yaml").read_text())["groups"]
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((chart.CHART / "files/dashboards").glob("*.json"))}
RULES = [rule for group in ALERTS for rule in group["rules"]]
OPERATING = (chart.TOP / "docs/OPERATING.md").read_text()


def family(name):
    """The metric that a series is of."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if name not in METRICS and "le" in METRICS.get(base, []) else name


def queries():
    for rule in RULES:
        yield rule["alert"], rule["expr"].replace("RELEASE", 'namespace="a",job="b"')
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}, {panel['title']}", target["expr"].replace("$__rate_interval", "5m")


class Queries(unittest.TestCase):
    def test_they_read_metrics_and_labels_that_there_are_of_this_release(self):
        asked = [{"name": name, "expr": expr} for name, expr in queries()]
        self.assertGreater(len(asked), 40)
        read = set()
        for answer in chart.ask_objects(asked):
            with self.subTest(query=answer["name"]):
                self.assertNotIn("error", answer)
                labels = set()
                for name, matchers in answer["labels"].items():
                    metric = family(name)
                    read.add(metric)
                    self.assertTrue(metric in METRICS or metric == "up", name)
                    allowed = set(METRICS.get(metric, [])) | TARGET
                    self.assertTrue(set(matchers) <= allowed, f"{name}: {matchers}")
                    self.assertTrue({"namespace", "job"} <= set(matchers), f"{name} is read of every release")
                    labels |= allowed
                self.assertTrue(set(answer.get("grouping", [])) <= labels, answer.get("grouping"))
        self.assertEqual(set(METRICS) - read, set(), "no alert and no dashboard reads it")

    def test_texts_name_labels_that_the_result_has(self):
        for rule in RULES:
            for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
                by = re.findall(r"by \(([\w, ]+)\)", rule["expr"])
                has = {word.strip() for group in by for word in group.split(",")} or TARGET
                self.assertIn(label, has, rule["alert"])


class Alerts(unittest.TestCase):
    def test_each_says_how_bad_it_is_what_happens_and_since_when(self):
        names = [rule["alert"] for rule in RULES]
        self.assertEqual(len(names), len(set(names)))
        for rule in RULES:
            self.assertRegex(rule["alert"], r"^Tidegate[A-Z]\w+$")
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"), rule["alert"])
            self.assertEqual(sorted(rule["annotations"]), ["description", "summary"], rule["alert"])
            self.assertRegex(rule["annotations"]["description"], r"\.$", rule["alert"])
            self.assertRegex(rule["for"], r"^\d+[mh]$", rule["alert"])

    def test_each_has_its_section_and_each_section_its_alert(self):
        alerts = OPERATING.split("\n## Alerts\n", 1)[1].split("\n## ", 1)[0]
        sections = re.findall(r"^### (\w+)$", alerts, re.M)
        self.assertEqual(sections, [rule["alert"] for rule in RULES])
        for section in re.split(r"^### ", alerts, flags=re.M)[1:]:
            name, text = section.split("\n", 1)
            for part in ("Meaning", "Look", "Do"):
                self.assertIn(f"**{part}.**", text, name)

    def test_what_is_rendered_leads_to_the_sections_and_selects_the_release(self):
        rule, = chart.of_kind(chart.objects("everything"), "PrometheusRule")
        rendered = [one for group in rule["spec"]["groups"] for one in group["rules"] if one["alert"] != "Own"]
        self.assertEqual([one["alert"] for one in rendered], [one["alert"] for one in RULES if one["alert"] != "TidegateVersionsDiffer"])
        for one in rendered:
            self.assertEqual(one["annotations"]["runbook_url"], f"https://runbooks.example.com/tidegate#{one['alert'].lower()}")
            self.assertIn('namespace="people",job="id"', one["expr"])
            self.assertNotIn("RELEASE", one["expr"])
            self.assertEqual(one["labels"]["team"], "identity")
        # The monitors give the job that the alerts select: the release's name.
        monitor, = chart.of_kind(chart.objects("everything"), "ServiceMonitor")
        self.assertEqual(monitor["spec"]["jobLabel"], "app.kubernetes.io/instance")


class Dashboards(unittest.TestCase):
    def test_each_is_whole(self):
        self.assertEqual(len({dashboard["uid"] for dashboard in DASHBOARDS.values()}), len(DASHBOARDS))
        for name, dashboard in DASHBOARDS.items():
            names = [variable["name"] for variable in dashboard["templating"]["list"]]
            self.assertEqual(names, ["datasource", "namespace", "job"], name)
            panels = dashboard["panels"]
            self.assertEqual([panel["id"] for panel in panels], list(range(1, len(panels) + 1)), name)
            places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
            self.assertEqual(len(places), len(set(places)), name)
            for panel in panels:
                self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])

    def test_each_is_a_config_map_that_grafana_finds(self):
        found = {
            one["metadata"]["name"]: one for one in chart.of_kind(chart.objects("everything"), "ConfigMap")
            if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        }
        self.assertEqual(sorted(found), [f"identity-{name}" for name in sorted(DASHBOARDS)])
        for name, dashboard in DASHBOARDS.items():
            text, = found[f"identity-{name}"]["data"].values()
            self.assertEqual(json.loads(text), dashboard)
