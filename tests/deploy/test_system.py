# SPDX-License-Identifier: Apache-2.0
"""The system as it is deployed, while it runs: what rules and dashboards ask for is there, once."""
import contextlib
import json
import re

import pytest
import yaml

from conftest import ROOT
from dashboards import DASHBOARDS, metrics_of
from deployed import KINDS
from observed import fetch, until

RULES = ROOT / "deploy/prometheus/rules"
# What comes only when something is lost, so not in a system that is well; the Collector's own documentation has them.
OF_LOSSES = {f"otelcol_exporter_{what}_failed_{signal}" for what in ("send", "enqueue")
             for signal in ("spans", "metric_points", "log_records")}


def documented():
    names = set()
    page = (ROOT / "docs/telemetry.md").read_text()
    for page_name, kind in re.findall(r"(?m)^\| `[\w.]+` \| `(\w+)` \| ([\w -]+), `", page):
        names |= {page_name + part for part in ("_bucket", "_sum", "_count")} if kind == "histogram" else {page_name}
    return names


def rules():
    groups = [group for file in RULES.glob("*.yaml") for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def missing(deployed, names):
    """Those that docs/telemetry.md does not tell of and that do not come to Prometheus in a while either."""
    def still():
        found = fetch(f"http://127.0.0.1:{deployed.prometheus}/api/v1/label/__name__/values")
        return names - documented() - OF_LOSSES - {"ALERTS"} - set(found["data"])
    with contextlib.suppress(AssertionError):
        until(lambda: not still(), "all of them", patience=20)
    return still()


def test_rules_ask_only_for_metrics_that_there_are(deployed):
    assert all(metrics_of(rule["expr"]) for rule in rules())
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert missing(deployed, {name for rule in rules() for name in metrics_of(rule["expr"])} - recorded) == set()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=str)
def test_dashboards_ask_only_for_metrics_that_there_are(deployed, dashboard):
    targets = [target for panel in dashboard.asking for target in panel.targets]
    assert all(metrics_of(target["expr"]) for target in targets)
    names = {name for target in targets for name in metrics_of(target["expr"])}
    chosen = {re.fullmatch(r"label_values\((\w+)(\{[^}]*\})?, \w+\)", query).group(1)
              for query in dashboard.variables.values()}
    assert missing(deployed, names | chosen) == set()


def test_rules_are_evaluated_without_an_error_and_none_fires_in_a_system_that_is_well(deployed):
    def evaluated():
        found = fetch(f"http://127.0.0.1:{deployed.prometheus}/api/v1/rules")
        states = [rule for group in found["data"]["groups"] for rule in group["rules"]]
        return states if all(rule["health"] != "unknown" for rule in states) else None
    states = until(evaluated, "an evaluation of each rule")
    assert len(states) == len(rules())
    assert [rule["name"] for rule in states if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in states if rule.get("state") == "firing"] == []


def test_metrics_of_the_server_and_of_each_client_are_there_once(deployed):
    everybody = {("thermograph", "grpc-server")} | {("thermograph-client", f"grpc-client-{kind}") for kind in KINDS}

    def reporting():
        rows = deployed.query("count by (job, instance) (process_uptime_seconds)")
        return rows if everybody <= {(labels["job"], labels["instance"]) for labels, _ in rows} else None
    assert all(count == 1 for _, count in until(reporting, "metrics of all five"))
    assert all(count == 1 for _, count in deployed.query("count by (sensor_id) (sensor_temperature_celsius)"))
    assert deployed.query('count(up{job="services"})') == [({}, 1)]


def test_what_a_resource_says_is_kept(deployed):
    """Its host too, though the Collector knows one: its own."""
    joined = "sensor_temperature_celsius * on (job, instance) group_left (host_name, service_version) target_info"
    labels = until(lambda: deployed.query(joined), "temperatures with the server's host")[0][0]
    assert labels["host_name"] == "host-of-grpc-server"
    assert labels["service_version"]


def test_a_measurement_leads_to_its_trace(deployed):
    [exemplar, *_] = until(lambda: deployed.exemplars("grpc_server_call_duration_seconds_bucket"), "an exemplar")
    trace = exemplar["labels"]["trace_id"]
    place = f"http://127.0.0.1:{deployed.jaeger}/api/traces/{trace}"
    until(lambda: (fetch(place) or {}).get("data"), "its trace")


def test_logs_are_in_a_file_and_on_the_terminal(deployed):
    file = deployed.folder / "logs/thermograph.jsonl"
    records = until(lambda: file.exists() and file.read_text().splitlines(), "log records in the file")
    assert json.loads(records[0])["resourceLogs"]
    assert "serving on 127.0.0.1:" in deployed.peers["collector"].log.read_text()
    assert "serving on 127.0.0.1:" in file.read_text()
