# SPDX-License-Identifier: Apache-2.0
"""The Collector and Prometheus take their configurations, and what these say of each other fits."""
import re

from conftest import ROOT

COLLECTOR = ROOT / "deploy/collector/config.yaml"
PROMETHEUS = ROOT / "deploy/prometheus"


def test_the_collector_takes_its_configuration(peer):
    said = peer("otelcol", "validate", "--config", COLLECTOR)
    assert "deprecated" not in said


def test_prometheus_takes_its_configurations(peer):
    for name in ("prometheus.yaml", "local.yaml"):
        assert "WARN" not in peer("promtool", "check", "config", PROMETHEUS / name)


def settings_of(name):
    """A configuration without the comment that says what it is for."""
    return (PROMETHEUS / name).read_text().split("\n\n", 1)[1]


def test_in_containers_and_without_it_is_the_same_but_for_addresses():
    assert settings_of("local.yaml") == settings_of("prometheus.yaml").replace("otel-collector:", "127.0.0.1:")


def test_they_and_the_page_that_starts_them_name_the_same_ports():
    collector = COLLECTOR.read_text()
    page = (ROOT / "docs/telemetry.md").read_text()
    for port in re.findall(r"127\.0\.0\.1:(88\d\d)", settings_of("local.yaml")):
        assert f"}}:{port}\"" in collector or f"port: {port}" in collector
    assert "COLLECTOR_JAEGER:-127.0.0.1:14317" in collector
    assert "--collector.otlp.grpc.host-port=127.0.0.1:14317 " in page
    assert "--config.file=deploy/prometheus/local.yaml" in page
    assert "--config deploy/collector/config.yaml" in page
