#!/usr/bin/env python3
"""Makes values.schema.json and README.md of the chart from values.yaml. With --check it only says what is not current.

A value's comment in values.yaml is its description. A line "# @ {…}" in it is JSON schema that is merged into what its type
already says; {"use": "port"} is a shape of shapes.yaml, or one of those that are made here:

- settings: the program's settings, as they are printed in the snapshot of its defaults, without those that are the chart's;
- alertNames, grpcServices: the names that exist.
"""

import json
import pathlib
import re
import sys

import yaml

CHARTS = pathlib.Path(__file__).resolve().parent
CHART = CHARTS / "tidegate"
TOP = CHARTS.parent
DEFAULTS = TOP / "crates/tidegate/tests/it/snapshots/defaults.toml"

# Settings that the chart gives, and from which value.
OWNED = {
    "grpc.listen": "listenAddress",
    "grpc.insecure": "insecure",
    "grpc.drain_notice_ms": "drain.noticeSeconds",
    "grpc.drain_ms": "drain.seconds",
    "grpc.linger_ms": "drain.lingerMilliseconds",
    "admin.listen": "listenAddress",
    "database.url": "database.engine",
    "database.url_file": "secrets.database",
    "keys.master_file": "secrets.masterKey",
    "bootstrap.credential_file": "secrets.operatorCredential",
    "tls.cert_file": "secrets.tls",
    "tls.key_file": "secrets.tls",
    "tls.client_ca_file": "secrets.clientCa",
    "smtp.password_file": "secrets.smtpPassword",
    "smtp.ca_file": "secrets.smtpCa",
    "sms.secret_file": "secrets.smsSecret",
    "sms.ca_file": "secrets.smsCa",
    "sms_receipts.listen": "secrets.smsReceiptsToken",
    "sms_receipts.token_file": "secrets.smsReceiptsToken",
    "web_push.key_file": "secrets.webPushKey",
    "fcm.account_file": "secrets.fcmAccount",
    "apns.key_file": "secrets.apnsKey",
    "otlp.ca_file": "secrets.otlpCa",
}

# Values that do not fit together.
CONFLICTS = [
    # One process writes SQLite's file.
    {
        "if": {"properties": {"database": {"properties": {"engine": {"const": "sqlite"}}}}},
        "then": {
            "properties": {
                "replicas": {"const": 1},
                "autoscaling": {"properties": {"enabled": {"const": False}}},
                "migrations": {"properties": {"mode": {"enum": ["initContainer", "none"]}}},
            }
        },
    },
    # Every sample would be stored twice.
    {
        "not": {
            "properties": {
                "monitoring": {
                    "properties": {
                        "serviceMonitor": {"properties": {"enabled": {"const": True}}},
                        "podMonitor": {"properties": {"enabled": {"const": True}}},
                    },
                    "required": ["serviceMonitor", "podMonitor"],
                }
            },
            "required": ["monitoring"],
        }
    },
]


def settings(text):
    """Every setting of a printed reference: key, help, rule and default."""
    section, comment = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line[1:].strip())
        elif line.startswith("["):
            section, comment = line.strip("[]"), []
        elif " = " in line:
            name, default = line.split(" = ", 1)
            rule = next((c[len("Must be "):-1] for c in comment if c.startswith("Must be ")), None)
            help_text = next(c for c in comment if not c.startswith("Must be "))
            yield {"key": f"{section}.{name}", "help": help_text, "rule": rule, "default": json.loads(default)}
            comment = []
        else:
            comment = []


def known_settings():
    yield from settings(DEFAULTS.read_text())


def setting_schema(setting):
    default, rule = setting["default"], setting["rule"]
    schema = {"description": setting["help"]}
    if isinstance(default, bool):
        return {**schema, "type": "boolean", "default": default}
    if isinstance(default, int):
        low, high = re.fullmatch(r"a whole number from (\d+) to (\d+)", rule).groups()
        return {**schema, "type": "integer", "minimum": int(low), "maximum": int(high), "default": default}
    schema = {**schema, "type": "string", "default": default}
    if rule is None:
        schema["minLength"] = 1
    elif rule.startswith("one of "):
        schema["enum"] = json.loads(f"[{rule[len('one of '):]}]")
    return schema


def settings_shape():
    sections = {}
    for setting in known_settings():
        if setting["key"] in OWNED:
            continue
        section, name = setting["key"].split(".")
        sections.setdefault(section, {})[name] = setting_schema(setting)
    closed = {
        section: {"type": "object", "properties": keys, "additionalProperties": False}
        for section, keys in sections.items()
    }
    return {"type": "object", "properties": closed, "additionalProperties": False}


def alert_names():
    groups = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"]]


def grpc_services():
    protos = sorted((TOP / "proto/tidegate/v1").glob("*.proto"))
    names = [name for proto in protos for name in re.findall(r"^service (\w+)", proto.read_text(), re.M)]
    return [f"tidegate.v1.{name}" for name in names] + ["grpc.health.v1.Health"]


def shapes():
    found = yaml.safe_load((CHARTS / "shapes.yaml").read_text())
    found["settings"] = settings_shape()
    for name, words in [("alertNames", alert_names()), ("grpcServices", grpc_services())]:
        found[name] = {"type": "array", "items": {"enum": words}, "uniqueItems": True}
    return found


def put_in(schema, named):
    """The schema with each "use" replaced by its shape; what stands beside it wins."""
    if isinstance(schema, list):
        return [put_in(item, named) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    if "use" in schema:
        schema = {**named[schema.pop("use")], **schema}
    return {key: put_in(item, named) for key, item in schema.items()}


def comments(text):
    """The comment above each key, and its schema, by path."""
    found, path, comment, inside = {}, [], [], None
    for line in text.splitlines():
        indent, stripped = len(line) - len(line.lstrip()), line.strip()
        if not stripped:
            comment = []
        elif stripped.startswith("#"):
            comment.append(stripped[1:].strip())
        elif match := re.match(r"([A-Za-z_][A-Za-z0-9_]*):", stripped):
            if inside is not None and indent > inside:
                continue
            del path[indent // 2:]
            path.append(match[1])
            words = [line for line in comment if not line.startswith("@ ")]
            extra = [json.loads(line[2:]) for line in comment if line.startswith("@ ")]
            found[tuple(path)] = (" ".join(words), extra[0] if extra else {})
            # What stands inside of a value with a shape of its own is part of its default.
            inside = indent if "use" in (extra[0] if extra else {}) else None
            comment = []
        else:
            comment = []
    return found


TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", type(None): "null"}


def value_schema(value, path, notes, named):
    if path not in notes or not notes[path][0]:
        sys.exit(f"values.yaml: {'.'.join(path)} has no comment")
    description, extra = notes[path]
    schema = {"description": description}
    if "use" not in extra and "type" not in extra:
        schema["type"] = TYPES[type(value)]
    if isinstance(value, dict) and "use" not in extra:
        schema["properties"] = {
            key: value_schema(item, (*path, key), notes, named) for key, item in value.items()
        }
        schema["additionalProperties"] = False
    else:
        schema["default"] = value
        schema = {**schema, **put_in(extra, named)}
    return schema


def schema(text):
    values, notes, named = yaml.safe_load(text), comments(text), shapes()
    properties = {key: value_schema(value, (key,), notes, named) for key, value in values.items()}
    properties["global"] = {"description": "Values of a parent chart; not used.", "type": "object"}
    properties["enabled"] = {"description": "A parent chart's condition; not used.", "type": "boolean"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tidegate",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": CONFLICTS,
    }


def rows(properties, before=""):
    """A row for each value, in their order."""
    for name, found in properties.items():
        key = f"{before}{name}"
        if key in ("global", "enabled"):
            continue
        if "properties" in found and "default" not in found:
            yield f"| **`{key}`** | | {found['description']} |"
            yield from rows(found["properties"], f"{key}.")
        else:
            default = json.dumps(found.get("default"), ensure_ascii=False)
            allowed = found.get("enum")
            words = found["description"] + (f" One of {', '.join(f'`{w}`' for w in allowed)}." if allowed else "")
            yield f"| `{key}` | `{default.replace('|', chr(92) + '|')}` | {words} |"


def setting_rows():
    for setting in known_settings():
        owner = OWNED.get(setting["key"])
        if owner:
            yield f"| `{setting['key']}` | by `{owner}` |"


def readme(made):
    template = (CHARTS / "README.in.md").read_text()
    table = "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows(made["properties"])])
    owned = "\n".join(["| setting | given |", "| --- | --- |", *setting_rows()])
    values = (CHART / "examples/kind.yaml").read_text().strip()
    return template.replace("@VALUES@", table).replace("@OWNED@", owned).replace("@KIND@", values)


def main():
    made = schema((CHART / "values.yaml").read_text())
    files = {
        CHART / "values.schema.json": json.dumps(made, indent=2, ensure_ascii=False) + "\n",
        CHART / "README.md": readme(made),
    }
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        names = ", ".join(str(path.relative_to(TOP)) for path in stale)
        return f"not current: {names}; run charts/tests/run generate" if stale else None
    for path in stale:
        path.write_text(files[path])
    return None


if __name__ == "__main__":
    sys.exit(main())
