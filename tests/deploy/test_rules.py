# SPDX-License-Identifier: Apache-2.0
"""Prometheus's rules: each alert comes and goes, is explained, and asks for metrics that there are."""
import re

import pytest
import yaml

from conftest import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
RUNBOOK = (ROOT / "docs/runbook.md").read_text()


def rules_of(name):
    groups = yaml.safe_load((PROMETHEUS / "rules" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules_of("alerts.yaml")}


def test_prometheus_takes_the_rules_without_a_remark(peer):
    for file in (PROMETHEUS / "rules").glob("*.yaml"):
        peer("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_come_and_go(peer, file):
    peer("promtool", "test", "rules", file)


def shown(test):
    """What a test shows of its alert, in order of time: whether it fires."""
    looks = [look for look in test["promql_expr_test"] if f'alertname="{test["name"]}"' in look["expr"]]
    return [bool(look["exp_samples"]) for look in looks]


def test_each_alert_has_a_test_that_sees_it_come_and_go():
    tests = [test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    assert {test["name"] for test in tests if test["name"] in ALERTS} == set(ALERTS)
    assert len(ALERTS) >= 14
    for test in tests:
        if test["name"] in ALERTS:
            assert shown(test) == [False, True, False], test["name"]


def paragraph_of(alert):
    return re.search(rf"(?ms)^### {alert}\n(.*?)(?=^##|\Z)", RUNBOOK).group(1)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_is_and_what_to_do(name):
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert len(alert["annotations"]["summary"]) < 120
    assert len(alert["annotations"]["description"]) > 80
    for part in ("**Means:**", "**Look at:**", "**Do:**"):
        assert part in paragraph_of(name)


def test_the_runbook_has_no_other_alerts():
    assert set(re.findall(r"(?m)^### (\w+)$", RUNBOOK)) == set(ALERTS)
