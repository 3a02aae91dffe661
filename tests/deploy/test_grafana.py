# SPDX-License-Identifier: Apache-2.0
"""Grafana with our provisioning, in front of the Prometheus that has the system's own metrics: every panel
is asked as its page would ask it. The pages themselves are not seen here: this Grafana is built without.
"""
import base64
import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request

import grpc
import pytest

import program
from dashboards import DASHBOARDS, with_all
from deployed import DEPLOY
from observed import Peer, free_ports, until
from peers import need_peers

PASSWORD = "for-this-test-alone"
THROUGH = "/api/datasources/proxy/uid"

# Of this build of Grafana, which has no pages: not of what it is given.
OF_THE_BUILD = re.compile("|".join((
    "logger=migrator ", "Failed to detect generated javascript files", "frontend logging provider is deprecated",
    "logger=local.finder .*directory does not exist", "user_profile.png", "No modules registered")))

# Panels that have nothing to show in a system that is well, and which series that is.
EMPTY = {
    "Temperatures: Which sensors are silent": "all sensors send; the number beside it is asked, and 0",
    "Telemetry pipeline: Alerts": "none is pending or fires",
    "Telemetry pipeline: Refused or failed": "nothing is lost; the number above it is asked, and 0",
    "gRPC: Limits that were hit": "none is",
}


class Grafana(Peer):
    def __init__(self, folder, deployed):
        [self.port] = free_ports(1)
        home = program.PEERS / "grafana-home"
        (folder / "password").write_text(PASSWORD)
        self.provision(folder / "provisioning", deployed)
        super().__init__(folder, "grafana", "server", "--homepath", home, variables={
            "GF_SERVER_HTTP_ADDR": "127.0.0.1", "GF_SERVER_HTTP_PORT": str(self.port), "GF_LOG_MODE": "console",
            "GF_PATHS_PROVISIONING": str(folder / "provisioning"), "GF_PATHS_DATA": str(folder / "data"),
            "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{folder}/password}}",
            "GF_ANALYTICS_REPORTING_ENABLED": "false", "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false"})
        self.wait_for(f"http://127.0.0.1:{self.port}/api/health")

    @staticmethod
    def provision(folder, deployed):
        """Ours beside the empty folders that the image has, with this test's addresses."""
        shutil.copytree(DEPLOY / "grafana/provisioning", folder)
        for name in ("access-control", "alerting", "notifiers", "plugins"):
            (folder / name).mkdir()
        for file, places in (
                ("datasources/datasources.yaml", {"http://prometheus:9090": f"http://127.0.0.1:{deployed.prometheus}",
                                                  "http://jaeger:16686": f"http://127.0.0.1:{deployed.jaeger}"}),
                ("dashboards/dashboards.yaml", {"/etc/grafana/dashboards": str(DEPLOY / "grafana/dashboards")})):
            text = (folder / file).read_text()
            for there, here in places.items():
                assert there in text
                text = text.replace(there, here)
            (folder / file).write_text(text)

    def ask(self, path, body=None, user=f"admin:{PASSWORD}"):
        """What its API answers: status, and JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(user.encode()).decode()})
        try:
            with urllib.request.urlopen(request, timeout=program.PATIENCE_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def frames_of(self, panel, target, variables):
        """What a target of a panel gets over the last quarter of an hour: pairs of a frame's name and its columns."""
        asked = target | {"expr": with_all(target["expr"], variables), "intervalMs": 5000, "maxDataPoints": 300}
        now = int(time.time() * 1000)
        status, answer = self.ask("/api/ds/query", {"queries": [asked], "from": str(now - 900_000), "to": str(now)})
        result = answer["results"][target["refId"]] if status in (200, 207) else answer
        assert status == 200 and "error" not in result, f"{panel.name}: {asked['expr']}\n{result}"
        return [(frame["schema"].get("name"), {field["name"]: values for field, values in zip(
            frame["schema"]["fields"], frame["data"]["values"], strict=True)}) for frame in result["frames"]]

    def has_data_for(self, *asked):
        return any(value is not None for name, columns in self.frames_of(*asked) if name != "exemplar"
                   for values in list(columns.values())[-1:] for value in values)

    def traces_of(self, *asked):
        dots = [columns for name, columns in self.frames_of(*asked) if name == "exemplar"]
        return [trace for columns in dots for trace in columns["trace_id"]]


PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.asking]


@pytest.fixture(scope="module")
def grafana(deployed, tmp_path_factory):
    need_peers("grafana")
    running = Grafana(tmp_path_factory.mktemp("grafana"), deployed)
    yield running
    running.kill()


@pytest.fixture(scope="module")
def watched(deployed, grafana):
    """Once mistakes were made too, so that no panel about them is empty for want of any."""
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(deployed.server.ca.read_bytes()),
        grpc.access_token_call_credentials(deployed.server.token))
    with grpc.secure_channel(deployed.server.address, credentials) as channel:
        send = channel.unary_unary("/SensorService/SendSingleReading")

        def refused():
            with pytest.raises(grpc.RpcError) as error:
                send(b"")  # no sensor_id
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            return deployed.query("job_instance_type:sensor_readings_refused:rate5m > 0")
        until(refused, "refused readings in Prometheus")
    # One client calls where nobody is: its calls fail.
    deployed.clients.append(program.Program(
        "simulate", "--server", "127.0.0.1:1", "--plaintext", "--min-delay", "10ms", "--max-delay", "50ms",
        variables=deployed.variables_of("grpc-client-stranger")))
    failing = 'rate(grpc_client_call_duration_seconds_count{grpc_status!="OK"}[1m]) > 0'
    until(lambda: deployed.query(failing), "calls that fail")
    until(lambda: deployed.query("job_instance:store_disk_free:ratio"), "recorded series")
    return grafana


def test_it_starts_without_a_warning_about_what_it_is_given(grafana):
    until(lambda: grafana.ask("/api/search?type=dash-db")[1], "dashboards")
    warnings = [line for line in grafana.log.read_text().splitlines()
                if re.search(r"level=(warn|error|crit)", line) and not OF_THE_BUILD.search(line)]
    assert warnings == []


def test_nobody_comes_in_with_the_default_password(grafana):
    assert grafana.ask("/api/search", user="admin:admin")[0] == 401
    assert grafana.ask("/api/search")[0] == 200


def test_data_sources_are_there_and_answer(grafana):
    status, sources = grafana.ask("/api/datasources")
    assert status == 200
    assert {(source["uid"], source["type"], source["readOnly"]) for source in sources} == {
        ("prometheus", "prometheus", True), ("jaeger", "jaeger", True)}
    prometheus = next(source for source in sources if source["uid"] == "prometheus")
    assert prometheus["jsonData"]["exemplarTraceIdDestinations"] == [{"name": "trace_id", "datasourceUid": "jaeger"}]
    assert grafana.ask("/api/datasources/uid/prometheus/health")[1]["status"] == "OK"
    until(lambda: "thermograph" in grafana.ask(f"{THROUGH}/jaeger/api/services")[1]["data"], "services in Jaeger")


def test_dashboards_are_there(grafana):
    found = {each["uid"]: each for each in grafana.ask("/api/search?type=dash-db")[1]}
    assert set(found) == {dashboard.uid for dashboard in DASHBOARDS}
    assert {each["folderTitle"] for each in found.values()} == {"Thermograph"}
    for dashboard in DASHBOARDS:
        loaded = grafana.ask(f"/api/dashboards/uid/{dashboard.uid}")[1]
        assert loaded["meta"]["provisioned"]
        assert len(loaded["dashboard"]["panels"]) == len(dashboard.panels)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=str)
def test_what_is_chosen_from_is_there(watched, dashboard):
    for query in dashboard.variables.values():
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", with_all(query, dashboard.variables)).groups()
        chosen = f"match[]={urllib.parse.quote(selector)}"
        assert watched.ask(f"{THROUGH}/prometheus/api/v1/label/{label}/values?{chosen}")[1]["data"], query


@pytest.mark.parametrize("dashboard, panel", PANELS, ids=[panel.name for _, panel in PANELS])
def test_a_panel_gets_what_it_shows(watched, dashboard, panel):
    for target in panel.targets:
        until(lambda: watched.has_data_for(panel, target, dashboard.variables) or panel.name in EMPTY,
              f"anything for {panel.name}: {target['expr']}", patience=20)


def test_a_dot_in_a_panel_of_durations_leads_to_a_trace_in_jaeger(watched):
    leading = [(panel, target, dashboard.variables) for dashboard, panel in PANELS for target in panel.targets
               if target.get("exemplar")]
    assert len(leading) == 3
    for asked in leading:
        until(lambda: any(is_a_trace(watched, trace) for trace in watched.traces_of(*asked)[-20:]),
              f"a trace of a dot in {asked[0].name}")


def is_a_trace(grafana, trace):
    status, found = grafana.ask(f"{THROUGH}/jaeger/api/traces/{trace}")
    return status == 200 and found["data"][0]["spans"]
