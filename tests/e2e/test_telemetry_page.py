# SPDX-License-Identifier: Apache-2.0
"""docs/telemetry.md beside a real page of metrics: the same names, the same types, the same labels."""
import re
import urllib.request

import grpc
import pytest

import program
from observed import free_ports, until
from readings import reading
from sensor_pb2_grpc import SensorServiceStub

NO_LABELS_OF_OURS = {"otel_scope_name", "otel_scope_version", "le"}


def told_metrics():
    """Name on the page -> (type there, its labels), of all metrics but those of the verbs."""
    text = (program.ROOT / "docs/telemetry.md").read_text()
    text = re.sub(r"(?s)### Calls, of the verbs.*?(?=Limits, as)", "", text)
    found = {}
    for row in re.findall(r"(?m)^\| (`.*) \|$", text):
        columns = [column.strip() for column in row.split("|")]
        if len(columns) == 5:
            kind = columns[2].split(",")[0].replace("up-down counter", "gauge")
            found[columns[1].strip("`")] = kind, {
                key.replace(".", "_") for key in re.findall("`(.*?)`", columns[3])}
    return found


def types(page):
    return {name: kind for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", page) if name != "target_info"}


def labels(page, name):
    of_samples = re.findall(rf"(?m)^{name}(?:_bucket|_sum|_count)?{{(.*)}} ", page)
    return {label for each in of_samples for label in re.findall(r'(\w+)="', each)} - NO_LABELS_OF_OURS


@pytest.fixture
def page(start, connect):
    """page() is /metrics of a server that has done all that it can measure: it exports to nobody too."""
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    server = start("--admin", "127.0.0.1:0", variables={
        "OTEL_EXPORTER_OTLP_ENDPOINT": nobody, "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
        "OTEL_BSP_EXPORT_TIMEOUT": "200", "OTEL_BLRP_EXPORT_TIMEOUT": "200",
        "OTEL_METRIC_EXPORT_TIMEOUT": "200", "OTEL_METRIC_EXPORT_INTERVAL": "300",
        "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BLRP_SCHEDULE_DELAY": "50"})
    stub = SensorServiceStub(connect(server))
    stub.SendSingleReading(reading())
    for refused in (reading(timestamp=2**60), reading(sensor_id="x" * (5 << 20))):
        with pytest.raises(grpc.RpcError):
            stub.SendSingleReading(refused)
    with pytest.raises(grpc.RpcError):
        connect(server).unary_unary("/SensorService/NoSuchMethod")(b"")
    port = server.wait_for(r"admin port on 127\.0\.0\.1:(\d+)").group(1)

    def fetch():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=program.PATIENCE_S) as answer:
            return answer.read().decode()
    return fetch


def test_the_page_has_all_metrics_that_are_told_of_and_no_other(page):
    told = {name: kind for name, (kind, _) in told_metrics().items()}
    assert len(told) > 45

    def whole():
        found = page()
        return found if set(told) <= set(types(found)) else None
    try:
        found = until(whole, "all of them", program.PATIENCE_S)
    except AssertionError:
        found = page()
    assert types(found) == told
    wrong = {name: labels(found, name) - keys for name, (_, keys) in told_metrics().items()}
    assert {name: keys for name, keys in wrong.items() if keys} == {}


def test_a_simulated_chat_ends_at_times_since_only_then_it_is_counted(start):
    server = start("--admin", "127.0.0.1:0")
    port = server.wait_for(r"admin port on 127\.0\.0\.1:(\d+)").group(1)
    done = server.call("simulate", "--kind", "chat", "--count", 40, "--min-delay", "0s", "--max-delay", "1ms")
    assert done.returncode == 0, done.stderr
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=program.PATIENCE_S) as answer:
        page = answer.read().decode()
    [count] = re.findall(r'(?m)^grpc_server_call_duration_seconds_count{.*SensorChat".*} (\d+)', page)
    assert 4 <= int(count) <= 14  # of three readings to ten
