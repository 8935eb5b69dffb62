"""What the tests of the chart share: rendering, and questions about objects."""

import functools
import json
import os
import pathlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import yaml

TESTS = pathlib.Path(__file__).resolve().parent
CHARTS = TESTS.parent
CHART = CHARTS / "tidegate"
TOP = CHARTS.parent
# The oldest that the chart allows, one in between, and the newest whose schemas there are.
VERSIONS = ["1.28.0", "1.33.0", "1.37.0"]
CASES = {path.stem: path for path in sorted((TESTS / "cases").glob("*.yaml"))}
CASES["kind"] = CHART / "examples/kind.yaml"
# A cluster that has nothing beside Kubernetes, and one that has all that the chart knows of.
APIS = [(), ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")]
# The longest name that Helm allows.
LONG = "a" * 53


def helm(*arguments, stdin=None):
    """The exit status, the output and the errors of helm."""
    command = [os.environ["HELM"], *map(str, arguments)]
    # Nothing that a user has set in his own Helm, and no cluster.
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"}
    ended = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def template(values, version=VERSIONS[-1], apis=(), release="id", chart=CHART):
    """The result of rendering with a file of values, or with values."""
    arguments = ["template", release, chart, "--namespace", "people", "--kube-version", version]
    for api in apis:
        arguments += ["--api-versions", api]
    if isinstance(values, pathlib.Path):
        return helm(*arguments, "--values", values)
    return helm(*arguments, "--values", "-", stdin=json.dumps(values))


@functools.lru_cache(maxsize=None)
def text(case, version=VERSIONS[-1], apis=(), release="id"):
    status, out, error = template(CASES[case], version, apis, release)
    assert status == 0, f"{case} on {version}: {error}"
    return out


@functools.lru_cache(maxsize=None)
def objects(case, version=VERSIONS[-1], release="id"):
    return [found for found in yaml.safe_load_all(text(case, version, (), release)) if found]


def every(version=None):
    """Each case on each version, rendered at the same time: case, version, objects."""
    pairs = [(case, one) for case in CASES for one in ([version] if version else VERSIONS)]
    with ThreadPoolExecutor() as pool:
        rendered = pool.map(lambda pair: objects(*pair), pairs)
    return [(case, one, found) for (case, one), found in zip(pairs, rendered)]


def of_kind(found, kind):
    return [one for one in found if one["kind"] == kind]


def named(found, kind, name):
    one, = [one for one in of_kind(found, kind) if one["metadata"]["name"] == name]
    return one


def pods(found):
    """Name, labels and specification of each pod that the objects make."""
    for one in found:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield name, one["metadata"]["labels"], one["spec"]
        elif one["kind"] in ("Deployment", "Job"):
            template = one["spec"]["template"]
            yield name, template["metadata"]["labels"], template["spec"]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def named_container(pod, name):
    one, = [one for one in containers(pod) if one["name"] == name]
    return one


def own(pod):
    """The containers that run the program."""
    return [one for one in containers(pod) if one.get("workingDir") == "/var/lib/tidegate"]


def server(found):
    """The pod that serves."""
    deployment, = of_kind(found, "Deployment")
    return deployment["spec"]["template"]["spec"]


def settings_file(found):
    config, = [one for one in of_kind(found, "ConfigMap") if "tidegate.toml" in one.get("data", {})]
    return config["data"]["tidegate.toml"]


def ask_objects(questions):
    """What the Go program says of objects and of PromQL."""
    program = [os.environ["CHART_OBJECTS"]]
    ended = subprocess.run(program, input=json.dumps(questions), capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def program(*arguments, cwd=None, environment=None):
    """The exit status, the output and the errors of tidegate."""
    command = [os.environ["TIDEGATE_PROGRAM"], *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment or {}, check=False)
    return ended.returncode, ended.stdout, ended.stderr
