"""Pods: what they may do, what they mount, how they are found and how they end."""

import re
import unittest

import chart

NEWEST = chart.VERSIONS[-1]
SECRETS = "/etc/tidegate/secrets/"


def every_pod():
    for case, version, found in chart.every():
        for name, labels, pod in chart.pods(found):
            yield f"{case} on {version}, {name}", labels, pod


class Restricted(unittest.TestCase):
    """The pod security standard "restricted", rule by rule as it is published, and what is stricter here."""

    def test_pods(self):
        count = 0
        for name, _, pod in every_pod():
            count += 1
            with self.subTest(pod=name):
                security = pod["securityContext"]
                for host in ("hostNetwork", "hostPID", "hostIPC"):
                    self.assertNotIn(host, pod)
                self.assertIs(security["runAsNonRoot"], True)
                self.assertNotEqual(security.get("runAsUser"), 0)
                self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertNotIn("sysctls", security)
                # Stricter: no token, no addresses of other Services.
                self.assertIs(pod["automountServiceAccountToken"], False)
                self.assertIs(pod["enableServiceLinks"], False)
                allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
                for volume in pod["volumes"]:
                    self.assertTrue(set(volume) - {"name"} <= allowed, volume)
        self.assertGreater(count, 40)

    def test_containers(self):
        for name, _, pod in every_pod():
            for container in chart.containers(pod):
                with self.subTest(pod=name, container=container["name"]):
                    security = container["securityContext"]
                    self.assertIs(security["allowPrivilegeEscalation"], False)
                    self.assertIs(security["readOnlyRootFilesystem"], True)
                    self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
                    self.assertFalse(security.get("privileged"))
                    for port in container.get("ports", []):
                        self.assertNotIn("hostPort", port)
                    self.assertTrue(container["resources"]["requests"]["memory"])
                    self.assertTrue(container["resources"]["limits"]["memory"])


class Files(unittest.TestCase):
    def test_every_mount_has_its_volume_and_every_volume_its_mount(self):
        for name, _, pod in every_pod():
            volumes = [volume["name"] for volume in pod["volumes"]]
            mounted = {mount["name"] for one in chart.containers(pod) for mount in one.get("volumeMounts", [])}
            self.assertEqual(len(volumes), len(set(volumes)), name)
            self.assertEqual(mounted, set(volumes), name)

    def test_every_file_that_is_named_is_mounted(self):
        """Files of the settings, and of the arguments, which are stronger."""
        for case, version, found in chart.every():
            text = chart.settings_file(found)
            for name, _, pod in chart.pods(found):
                files = {mount for volume in pod["volumes"] for mount in mounted_files(volume)}
                for container in chart.own(pod):
                    own = {f"{path}/{file}" for mount in container["volumeMounts"] for path, file in files_of(mount, files)}
                    arguments = re.findall(rf"{SECRETS}[\w./-]+", " ".join(container["args"]))
                    wanted = set(arguments)
                    if container["args"][0] == "serve":
                        wanted |= set(re.findall(rf"{SECRETS}[\w./-]+", text))
                    self.assertTrue(wanted <= own, f"{case} on {version}, {name} {container['name']}: {wanted - own}")
                    self.assertEqual(own, wanted, f"{case} on {version}, {name} {container['name']} mounts what it does not use")

    def test_secrets_are_files_for_their_readers_alone(self):
        for name, _, pod in every_pod():
            for volume in pod["volumes"]:
                if "secret" in volume:
                    self.assertEqual(volume["secret"]["defaultMode"], 0o440, name)
                    self.assertTrue(volume["secret"]["items"], name)
            for container in chart.own(pod):
                for variable in container.get("env", []):
                    self.assertNotIn("valueFrom", variable, name)
                self.assertNotIn("envFrom", container, name)
                for mount in container["volumeMounts"]:
                    if mount["mountPath"].startswith("/etc/tidegate"):
                        self.assertIs(mount["readOnly"], True, name)

    def test_the_owner_of_the_schema_and_the_operator_are_not_where_calls_are_served(self):
        seen = set()
        for name, _, pod in every_pod():
            for container in chart.own(pod):
                mounts = {mount["name"] for mount in container["volumeMounts"]}
                command = container["args"][0]
                seen.add(command)
                for secret, readers in {
                    "database-owner": {"init", "migrate"},
                    "operator-credential": {"init"},
                    "database": {"serve"},
                    "master-key": {"init", "serve"},
                    "tls": {"serve"},
                    "test-credential": {"health", "directory"},
                }.items():
                    if secret in mounts:
                        self.assertIn(command, readers, f"{name} mounts {secret}")
        self.assertEqual(seen, {"init", "migrate", "serve", "health", "directory"})


def mounted_files(volume):
    for item in volume.get("secret", {}).get("items", []):
        yield volume["name"], item["path"]


def files_of(mount, files):
    for volume, file in files:
        if volume == mount["name"] and mount["mountPath"].startswith(SECRETS):
            yield mount["mountPath"], file


class Found(unittest.TestCase):
    """Services, monitors, routes and policies reach what they name."""

    def test_every_selector_finds_the_pods_that_serve_and_no_other(self):
        kinds = set()
        for case, version, found in chart.every():
            everywhere = list(chart.pods(found))
            for one in found:
                selector = selector_of(one)
                if selector is None:
                    continue
                kinds.add(one["kind"])
                matched = {name.split("/")[0] for name, labels, _ in everywhere if selector.items() <= labels.items()}
                wanted = {"Job"} if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-migrate") else {"Deployment"}
                self.assertEqual(matched, wanted, f"{case} on {version}, {one['kind']}/{one['metadata']['name']}")
        self.assertEqual(kinds, {"Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"})

    def test_every_port_that_is_named_exists(self):
        for case, _, found in chart.every():
            ports = {port["name"]: port["containerPort"] for one in chart.server(found)["containers"] for port in one.get("ports", [])}
            receipts = {"receipts": 50053} if "receipts" in ports else {}
            self.assertEqual(ports, {"grpc": 50051, "admin": 50052} | receipts, case)
            listening = dict(re.findall(r'\[(?:sms_)?(grpc|admin|receipts)\](?:\n.+)*?\nlisten = ".*:(\d+)"', chart.settings_file(found)))
            self.assertEqual({name: int(port) for name, port in listening.items()}, ports, case)
            for service in chart.of_kind(found, "Service"):
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], ports, case)
            for policy in chart.of_kind(found, "NetworkPolicy"):
                for rule in policy["spec"].get("ingress", []):
                    for port in rule.get("ports", []):
                        self.assertIn(port["port"], ports, case)

    def test_probes_ask_the_admin_port_for_what_it_serves(self):
        served = (chart.TOP / "crates/tidegate/src/admin.rs").read_text()
        for case, _, found in chart.every(NEWEST):
            serving = chart.named_container(chart.server(found), "tidegate")
            asked = {}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertEqual(serving[probe]["httpGet"]["port"], "admin", case)
                asked[probe] = serving[probe]["httpGet"]["path"]
                self.assertIn(f'"{asked[probe]}"', served)
            # A database that is away must not restart pods.
            self.assertEqual(asked, {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"})

    def test_monitors_find_a_port_of_a_service_or_a_pod(self):
        seen = set()
        for case, _, found in chart.every(NEWEST):
            for monitor in chart.of_kind(found, "ServiceMonitor"):
                wanted = monitor["spec"]["selector"]["matchLabels"].items()
                services = [one for one in chart.of_kind(found, "Service") if wanted <= one["metadata"]["labels"].items()]
                names = [port["name"] for one in services for port in one["spec"]["ports"]]
                self.assertEqual(names, [end["port"] for end in monitor["spec"]["endpoints"]], case)
                seen.add("ServiceMonitor")
            for monitor in chart.of_kind(found, "PodMonitor"):
                self.assertEqual([end["port"] for end in monitor["spec"]["podMetricsEndpoints"]], ["admin"], case)
                seen.add("PodMonitor")
        self.assertEqual(seen, {"ServiceMonitor", "PodMonitor"})

    def test_routes_lead_to_the_service_for_grpc(self):
        seen = set()
        for case, _, found in chart.every(NEWEST):
            ports = {
                one["metadata"]["name"]: {key: port[key] for port in one["spec"]["ports"] for key in ("name", "port")}
                for one in chart.of_kind(found, "Service")
            }
            for route in chart.of_kind(found, "GRPCRoute"):
                for rule in route["spec"]["rules"]:
                    for back in rule["backendRefs"]:
                        self.assertEqual(ports[back["name"]], {"name": "grpc", "port": back["port"]}, case)
                        seen.add("GRPCRoute")
            for route in chart.of_kind(found, "Ingress"):
                for rule in route["spec"]["rules"]:
                    back = rule["http"]["paths"][0]["backend"]["service"]
                    self.assertEqual(ports[back["name"]]["name"], back["port"]["name"], case)
                    seen.add("Ingress")
        self.assertEqual(seen, {"GRPCRoute", "Ingress"})

    def test_policies_open_what_the_settings_need(self):
        def egress(case):
            policy = chart.named(chart.objects(case), "NetworkPolicy", "identity" if case == "everything" else "id-tidegate")
            return sorted({port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]})

        self.assertEqual(egress("minimal"), [53, 5432])
        self.assertEqual(egress("sqlite"), [53])
        self.assertEqual(egress("everything"), [53, 443, 465, 4317, 4318, 6432, 8443, 9999])

    def test_the_test_calls_the_address_of_the_service(self):
        for case, _, found in chart.every(NEWEST):
            for pod in chart.of_kind(found, "Pod"):
                for container in pod["spec"]["containers"]:
                    address, = [word for word in container["args"] if word.startswith("--address=")]
                    scheme, name, port = re.fullmatch(r"--address=(https?)://([\w-]+)\.people\.svc:(\d+)", address).groups()
                    service = chart.named(found, "Service", name)
                    self.assertIn(int(port), [one["port"] for one in service["spec"]["ports"]], case)
                    self.assertEqual(scheme == "https", "[tls]" in chart.settings_file(found), case)


def selector_of(one):
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        return spec["selector"]
    if one["kind"] in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        return spec["selector"]["matchLabels"]
    if one["kind"] == "NetworkPolicy":
        return spec["podSelector"]["matchLabels"]
    return None


class Ends(unittest.TestCase):
    def parts(self, case, version):
        found = chart.objects(case, version)
        pod = chart.server(found)
        text = chart.settings_file(found)
        setting = lambda key: int(re.search(rf"^{key} = (\d+)$", text, re.M)[1])
        lifecycle = chart.named_container(pod, "tidegate").get("lifecycle", {})
        sleep = lifecycle.get("preStop", {}).get("sleep", {}).get("seconds", 0)
        return sleep, setting("drain_notice_ms"), setting("drain_ms"), setting("linger_ms"), pod["terminationGracePeriodSeconds"]

    def test_the_grace_period_is_longer_than_all_that_ends_within_it(self):
        for case in chart.CASES:
            for version in chart.VERSIONS:
                sleep, notice, drain, linger, grace = self.parts(case, version)
                self.assertGreaterEqual(grace * 1000, sleep * 1000 + notice + drain + linger + 10_000, case)
                self.assertLess(grace * 1000, sleep * 1000 + notice + drain + linger + 11_001, case)

    def test_an_old_cluster_cannot_sleep_so_the_program_waits_longer(self):
        self.assertEqual(self.parts("everything", "1.37.0"), (7, 11_000, 13_000, 1_500, 43))
        self.assertEqual(self.parts("everything", "1.28.0"), (0, 18_000, 13_000, 1_500, 43))
        self.assertEqual(self.parts("outside", "1.37.0"), (0, 0, 0, 0, 10))


class Storage(unittest.TestCase):
    def test_sqlite_has_one_pod_one_volume_and_never_two_writers(self):
        for case in ("sqlite", "sqlite-claim"):
            deployment, = chart.of_kind(chart.objects(case), "Deployment")
            self.assertEqual(deployment["spec"]["replicas"], 1)
            self.assertEqual(deployment["spec"]["strategy"], {"type": "Recreate"})
            kinds = {one["kind"] for one in chart.objects(case)}
            self.assertFalse(kinds & {"HorizontalPodAutoscaler", "PodDisruptionBudget", "Job"})
            claims = [volume["persistentVolumeClaim"]["claimName"] for volume in chart.server(chart.objects(case))["volumes"] if volume["name"] == "data"]
            made = [one["metadata"] for one in chart.of_kind(chart.objects(case), "PersistentVolumeClaim")]
            if case == "sqlite":
                self.assertEqual(claims, [made[0]["name"]])
                self.assertEqual(made[0]["annotations"], {"helm.sh/resource-policy": "keep", "backup": "daily"})
            else:
                self.assertEqual((claims, made), (["accounts"], []))
            self.assertIn('url = "sqlite:/var/lib/tidegate/tidegate.db"', chart.settings_file(chart.objects(case)))

    def test_postgres_has_no_volume_that_is_kept(self):
        for case, _, found in chart.every(NEWEST):
            if not case.startswith("sqlite"):
                data, = [volume for volume in chart.server(found)["volumes"] if volume["name"] == "data"]
                self.assertIn("emptyDir", data, case)

    def test_a_change_of_settings_starts_new_pods(self):
        sums = set()
        for commands in (1, 2):
            status, out, error = chart.template({"insecure": True, "config": {"limits": {"commands": commands}}})
            self.assertEqual(status, 0, error)
            sums.add(re.search(r"checksum/settings: (\w{64})", out)[1])
        self.assertEqual(len(sums), 2)
