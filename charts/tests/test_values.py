"""The values: what is refused, and that schema, comments and README are made from them."""

import copy
import json
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

import yaml

import chart

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())

# Values that are refused, each with a word of the reason.
REFUSED = [
    ({"replica": 3}, "replica"),
    ({"replicas": "3"}, "integer"),
    ({"replicas": 0}, "minimum"),
    ({"replicas": 1.5}, "integer"),
    ({"image": {"tag": "a b"}}, "pattern"),
    ({"image": {"digest": "sha256:1"}}, "pattern"),
    ({"image": {"pullPolicy": "Sometimes"}}, "must be one of"),
    ({"image": {"pullSecrets": ["registry"]}}, "object"),
    ({"database": {"engine": "mysql"}}, "must be one of"),
    ({"database": {"port": 0}}, "minimum"),
    ({"database": {"url": "postgres://a:b@c/d"}}, "url"),
    ({"database": {"volume": {"size": "much"}}}, "pattern"),
    ({"database": {"volume": {"accessMode": "ReadWriteMany"}}}, "must be one of"),
    ({"secrets": {"masterKey": {"existingSecret": ""}}}, "minLength"),
    ({"secrets": {"masterKey": {"value": "0f0f"}}}, "value"),
    ({"secrets": {"smtpPassword": "hush"}}, "object"),
    ({"secrets": {"tls": {"existingSecret": "Not A Name"}}}, "pattern"),
    ({"config": {"limits": {"comands": 1}}}, "comands"),
    ({"config": {"limits": {"commands": 0}}}, "minimum"),
    ({"config": {"limits": {"commands": "256"}}}, "integer"),
    ({"config": {"smtp": {"tls": "maybe"}}}, "must be one of"),
    ({"config": {"smtp": {"password": "hush"}}}, "password"),
    ({"config": {"grpc": {"listen": "0.0.0.0:1"}}}, "listen"),
    ({"config": {"database": {"url": "sqlite:a"}}}, "url"),
    ({"config": {"nothing": {}}}, "nothing"),
    ({"listenAddress": "10.0.0.1"}, "must be one of"),
    ({"drain": {"seconds": -1}}, "minimum"),
    ({"migrations": {"mode": "hook"}}, "must be one of"),
    ({"resources": {"limits": {"memory": "1 GB"}}}, "resources"),
    ({"resources": {"limit": {}}}, "limit"),
    ({"networkPolicy": {"ingress": {"grpc": [{}]}}}, "minProperties"),
    ({"networkPolicy": {"egress": {"mail": {"to": [{"ipBlock": {"cidr": "10.0.0.1"}}]}}}}, "pattern"),
    ({"networkPolicy": {"egress": {"gateway": {"ports": []}}}}, "minItems"),
    ({"monitoring": {"prometheusRule": {"disabled": ["TidegateNothing"]}}}, "must be one of"),
    ({"monitoring": {"serviceMonitor": {"interval": "often"}}}, "pattern"),
    ({"monitoring": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}}, "not"),
    ({"grpcRoute": {"services": ["tidegate.v1.Nothing"]}}, "must be one of"),
    ({"ingress": {"hosts": ["A B"]}}, "pattern"),
    ({"podSecurity": {"runAsUser": 0}}, "minimum"),
    ({"podSecurity": {"privileged": True}}, "privileged"),
    ({"tolerations": [{"operator": "Like"}]}, "must be one of"),
    ({"topologySpread": [{"topologyKey": "zone"}]}, "maxSkew"),
    ({"topologySpread": [{"topologyKey": "z", "maxSkew": 1, "whenUnsatisfiable": "Never"}]}, "must be one of"),
    ({"extraEnv": [{"name": "1A", "value": "b"}]}, "pattern"),
    ({"podLabels": {"a": 1}}, "string"),
    ({"probes": {"liveness": {"path": "/"}}}, "path"),
    # Values that do not fit together.
    ({"database": {"engine": "sqlite"}}, "replicas"),
    ({"database": {"engine": "sqlite"}, "replicas": 1, "autoscaling": {"enabled": True}}, "enabled"),
    ({"database": {"engine": "sqlite"}, "replicas": 1, "migrations": {"mode": "job"}}, "mode"),
    ({"insecure": False}, "gRPC has no TLS"),
    ({"secrets": {"tls": {"existingSecret": "tls"}}}, "exclude each other"),
    ({"secrets": {"clientCa": {"existingSecret": "clients"}}}, "mutual TLS"),
    ({"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 3}}, "minReplicas"),
    ({"monitoring": {"prometheusRule": {"enabled": True}}}, "needs monitoring"),
    ({"grpcRoute": {"enabled": True}}, "parentRefs"),
    ({"ingress": {"enabled": True}}, "ingress.hosts"),
]


def leaves(schema, path=()):
    """The path and schema of each value that is not only a group of others."""
    for name, found in schema["properties"].items():
        if "properties" in found and "default" not in found:
            yield from leaves(found, (*path, name))
        elif path or name not in ("global", "enabled"):
            yield (*path, name), found


def objects_of(schema):
    """Every object schema that lists properties, with where it stands."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for key, found in schema.items():
            if key not in ("allOf", "if", "then", "not", "default"):
                yield from objects_of(found)
    elif isinstance(schema, list):
        for found in schema:
            yield from objects_of(found)


class Values(unittest.TestCase):
    def test_what_is_made_from_values_is_current(self):
        made = subprocess.run([sys.executable, chart.CHARTS / "generate.py", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stderr)

    def test_wrong_values_are_refused_with_the_reason(self):
        def refuse(pair):
            values = {"insecure": True, **pair[0]}
            return pair, chart.template(values)

        with ThreadPoolExecutor() as pool:
            for (values, reason), (status, _, error) in pool.map(refuse, REFUSED):
                with self.subTest(values=values):
                    self.assertNotEqual(status, 0, "it was rendered")
                    self.assertIn(reason.lower(), error.lower())

    def test_every_list_of_keys_is_closed_and_every_value_is_explained(self):
        closed = list(objects_of(SCHEMA))
        self.assertGreater(len(closed), 60)
        for schema in closed:
            keys = list(schema["properties"])
            # An item of the API's lists names only what it needs.
            if "required" not in schema or "additionalProperties" in schema:
                self.assertIs(schema.get("additionalProperties"), False, keys)
        for path, schema in leaves(SCHEMA):
            self.assertRegex(schema["description"], r"^[A-Z].*[^ ]$", path)

    def test_defaults_are_those_of_the_schema(self):
        values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
        for path, schema in leaves(SCHEMA):
            found = values
            for name in path:
                found = found[name]
            self.assertEqual(schema["default"], found, path)

    def test_every_value_changes_something(self):
        """A value that no template reads is a promise that is not kept."""
        before = yaml.safe_load(chart.CASES["everything"].read_text())
        sqlite = yaml.safe_load(chart.CASES["sqlite"].read_text())
        job = yaml.safe_load(chart.CASES["job"].read_text())
        changes = []
        for path, schema in leaves(SCHEMA):
            # Both of its values need another one, see REFUSED.
            if path == ("insecure",):
                continue
            base = before
            if path[:2] == ("database", "volume"):
                base = sqlite
            elif path[:2] == ("migrations", "job"):
                base = job
            elif path[0] == "monitoring" and path[1] == "podMonitor":
                base = {**before, "monitoring": {"podMonitor": {"enabled": True}}}
            elif path in OTHERWISE:
                base = OTHERWISE[path]
            values = copy.deepcopy(base)
            inner = values
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = another(path, schema, inner.get(path[-1], schema.get("default")))
            changes.append((path, base, values))
        with ThreadPoolExecutor() as pool:
            rendered = list(pool.map(lambda one: (chart.template(one[1]), chart.template(one[2])), changes))
        for (path, _, _), (first, second) in zip(changes, rendered):
            with self.subTest(path=".".join(path)):
                self.assertEqual((first[0], second[0]), (0, 0), first[2] + second[2])
                self.assertNotEqual(first[1], second[1])


MINIMAL = {"insecure": True}
# What shows the effect of a value that the case "everything" hides.
OTHERWISE = {
    ("replicas",): MINIMAL,
    ("nameOverride",): MINIMAL,
    ("image", "tag"): MINIMAL,
    ("database", "engine"): {"insecure": True, "replicas": 1},
    ("secrets", "clientCa", "existingSecret"): {"secrets": {"tls": {"existingSecret": "tls"}}},
    ("secrets", "clientCa", "key"): {"secrets": {"tls": {"existingSecret": "tls"}, "clientCa": {"existingSecret": "a"}}},
    ("secrets", "tls", "existingSecret"): {"secrets": {"tls": {"existingSecret": "tls"}}},
    ("serviceAccount", "create"): MINIMAL,
    ("ingress", "className"): {"insecure": True, "ingress": {"enabled": True, "hosts": ["a.example"]}},
    ("monitoring", "serviceMonitor", "enabled"): MINIMAL,
}
# Another value where none can be made from the schema.
ANOTHER = {
    ("ingress", "tls"): [{"hosts": ["another.example"]}],
    ("image", "digest"): "sha256:" + "f" * 64,
    ("image", "pullSecrets"): [{"name": "other"}],
    ("service", "loadBalancerSourceRanges"): ["10.9.0.0/16"],
    ("config",): {"limits": {"commands": 9}},
    ("resources",): {"limits": {"memory": "9Gi"}},
    ("migrations", "resources"): {"limits": {"memory": "9Gi"}},
    ("podDisruptionBudget", "maxUnavailable"): 3,
    ("maxSurge",): 3,
    ("autoscaling", "behavior"): {"scaleUp": {"stabilizationWindowSeconds": 9}},
    ("autoscaling", "extraMetrics"): [{"type": "Pods"}],
    ("affinity",): {"podAffinity": {}},
    ("database", "volume", "size"): "9Gi",
    ("monitoring", "prometheusRule", "extraGroups"): [],
    ("extraObjects",): [],
    ("extraEnv",): [],
    ("extraVolumes",): [{"name": "other"}],
    ("extraVolumeMounts",): [],
    ("extraContainers",): [],
    ("extraInitContainers",): [],
    ("topologySpread",): [],
    ("tolerations",): [],
    ("grpcRoute", "parentRefs"): [{"name": "other"}],
    ("grpcRoute", "filters"): [],
    ("networkPolicy", "ingress", "extra"): [],
    ("networkPolicy", "egress", "extra"): [],
}


def another(path, schema, value):
    """A value that is allowed, and not the one that is given."""
    if path in ANOTHER:
        return ANOTHER[path]
    if "enum" in schema:
        return next(word for word in schema["enum"] if word != value)
    kind = schema.get("type")
    if kind == "boolean":
        return not value
    if kind == "integer" or kind == ["integer", "null"]:
        return value - 1 if value and value > schema.get("minimum", 0) and value == schema.get("maximum") else (value or 1) + 1
    if kind == "string":
        return "9m" if "ms|s|m|h" in schema.get("pattern", "") else "another"
    if kind == "object":
        return {"another": "one"}
    items = schema.get("items", {})
    if "enum" in items:
        return [word for word in items["enum"] if word not in (value or [])][:1]
    if items.get("type") == "string":
        return ["another.example"]
    if items.get("type") == "integer":
        return [9]
    if "ipBlock" in items.get("properties", {}):
        return [{"ipBlock": {"cidr": "10.99.0.0/16"}}]
    return [{"name": "another", "host": "another.example", "hosts": ["another.example"], "action": "drop"}]
