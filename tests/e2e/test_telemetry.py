# SPDX-License-Identifier: Apache-2.0
"""Server and clients with the variables of OpenTelemetry: what comes to Jaeger, to Prometheus and to
the Collector's log, and that nothing else suffers when nothing can be sent."""
import contextlib
import itertools
import json
import re
import time
import urllib.error
import urllib.request
from concurrent import futures

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import client_interceptor, server_interceptor
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import program
from observed import free_ports, until
from receivers import GrpcReceiver
from sensor_pb2 import Ack, SensorReading
from sensor_pb2_grpc import SensorServiceServicer, SensorServiceStub, add_SensorServiceServicer_to_server

OK, FAILED = 0, 1
NUMBERS = itertools.count()


@pytest.fixture
def names():
    """Services of this test alone: what it finds is its own."""
    number = next(NUMBERS)
    return f"server-{number}", f"client-{number}"


@pytest.fixture
def told(observed, start, names):
    """A server that tells the Collector everything."""
    return start(variables=observed.variables(OTEL_SERVICE_NAME=names[0]))


@pytest.fixture
def call(observed, told, names):
    """call("send", "attic", 20) runs a verb that tells too."""
    def run(verb, *arguments, stdin="", **variables):
        return program.run(verb, *arguments, *told.access(), stdin=stdin,
                           variables=observed.variables(OTEL_SERVICE_NAME=names[1], **variables))
    return run


@pytest.fixture
def pair(observed, names):
    """pair() waits for the one trace of a client's call, and gives the client's and the server's span."""
    def find():
        for trace in observed.traces(names[1]):
            spans = {span.service: span for span in trace}
            if set(spans) == set(names):
                return spans[names[1]], spans[names[0]]
        return None
    return lambda: until(find, f"a trace with spans of {' and '.join(names)}")


def python_tracer(observed, service):
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(
        OTLPSpanExporter(f"http://127.0.0.1:{observed.grpc}", insecure=True)))
    return provider


# ---- spans ----

CALLS = [
    ("SendSingleReading", ["send", "attic", "20.5"], ""),
    ("StreamSensorReadings", ["stream"], "attic,20.5\nattic,20.6\n"),
    ("GetSensorReadings", ["get", "attic"], ""),
    ("SensorChat", ["chat"], "attic,20.5\n"),
]


@pytest.mark.parametrize("method, arguments, stdin", CALLS, ids=[call[0] for call in CALLS])
def test_a_call_is_one_trace_of_client_and_server(call, pair, method, arguments, stdin):
    done = call(*arguments, stdin=stdin)
    assert done.returncode == OK, done.stderr
    client, server = pair()
    assert client.trace_id == server.trace_id
    assert server.parents == [client.span_id] and client.parents == []
    for span, kind in ((client, "client"), (server, "server")):
        assert span.name == f"SensorService/{method}"
        assert span.tags["span.kind"] == kind
        assert span.tags["rpc.system.name"] == "grpc"
        assert span.tags["rpc.method"] == f"SensorService/{method}"
        assert span.tags["rpc.status_code"] == "OK"
        assert span.tags["server.address"] == "127.0.0.1"
        assert "error" not in span.tags
    assert server.tags["sensor.id"] == "attic"
    assert client.start_us <= server.start_us
    assert server.start_us + server.duration_us <= client.start_us + client.duration_us + 1000


def test_a_call_that_writes_says_when_it_was_durable_and_by_which_commit(observed, call, pair, names):
    call("stream", stdin="attic,20.5\nattic,20.6\nattic,20.7\n")
    _, server = pair()
    assert server.tags["sensor.readings"] == 3
    durable = [event for event in server.events if event.get("event") == "durable"]
    assert sum(event["sensor.readings"] for event in durable) == 3
    assert server.links

    def commits():
        spans = [span for trace in observed.traces(names[0]) for span in trace]
        return [span for span in spans if (span.trace_id, span.span_id) in server.links]
    found = until(commits, "the commits that the call links to")
    assert {span.name for span in found} == {"store.commit"}
    assert sum(span.tags["store.commit.readings"] for span in found) == 3


def test_messages_are_events(call, pair):
    call("stream", stdin="attic,20.5\nattic,20.6\n")
    _, server = pair()
    received = [event for event in server.events if event.get("event") == "Inbound message"]
    assert [event["sequence-number"] for event in received] == [0, 1]
    assert all(event["message-size"] > 0 for event in received)


def test_a_long_stream_still_says_that_it_was_durable(call, pair):
    done = call("stream", stdin="".join(f"attic,{i}\n" for i in range(1000)))
    assert done.returncode == OK, done.stderr
    _, server = pair()
    events = [event.get("event") for event in server.events]
    assert events.count("Inbound message") == 128 - 16
    assert "durable" in events


def test_a_refused_call_is_an_error_of_the_client_and_not_of_the_server(call, pair):
    done = call("send", "attic", "20.5", "--time", "9999-01-01T00:00:00Z")
    assert done.returncode == FAILED
    client, server = pair()
    assert client.tags["rpc.status_code"] == server.tags["rpc.status_code"] == "INVALID_ARGUMENT"
    assert client.tags["error"] is True and client.tags["error.type"] == "INVALID_ARGUMENT"
    assert "error" not in server.tags and "error.type" not in server.tags


def test_the_token_is_told_to_nobody(observed, told, call, pair, names):
    call("send", "attic", "20.5")
    pair()
    until(lambda: observed.query(f'sensor_readings_total{{service_name="{names[0]}"}}'), "metrics")
    everything = json.dumps([[vars(span) for span in trace] for trace in observed.traces(names[0])])
    everything += "".join(file.read_text() for file in observed.folder.glob("*.jsonl"))
    assert told.token and told.token not in everything
    assert "authorization" not in everything


def test_a_python_client_and_our_server_are_one_trace(observed, told, names):
    provider = python_tracer(observed, names[1])
    channel = grpc.secure_channel(told.address, grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(told.ca.read_bytes()),
        grpc.access_token_call_credentials(told.token)))
    traced = intercept_channel(channel, client_interceptor(provider))
    SensorServiceStub(traced).SendSingleReading(
        SensorReading(sensor_id="attic", temperature=20, timestamp=int(time.time())))
    channel.close()
    provider.shutdown()

    def find():
        traces = [trace for trace in observed.traces(names[1]) if len(trace) >= 2]
        return traces and {span.service: span for span in traces[0]}
    spans = until(find, "both spans")
    assert spans[names[0]].parents == [spans[names[1]].span_id]


class OneAck(SensorServiceServicer):
    def SendSingleReading(self, request, context):
        return Ack(message="Reading received.", accepted=1)


def test_our_client_and_a_python_server_are_one_trace(observed, names):
    provider = python_tracer(observed, names[0])
    server = grpc.server(futures.ThreadPoolExecutor(2), interceptors=[server_interceptor(provider)])
    add_SensorServiceServicer_to_server(OneAck(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    done = program.run("send", "attic", "20.5", "--server", f"127.0.0.1:{port}", "--plaintext",
                       variables=observed.variables(OTEL_SERVICE_NAME=names[1]))
    server.stop(None).wait()
    provider.shutdown()
    assert done.returncode == OK, done.stderr

    def find():
        traces = [trace for trace in observed.traces(names[1]) if len(trace) >= 2]
        return traces and {span.service: span for span in traces[0]}
    spans = until(find, "both spans")
    assert spans[names[0]].parents == [spans[names[1]].span_id]


@pytest.mark.parametrize("header", ["garbage", "00-00000000000000000000000000000000-0000000000000000-01",
                                    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
def test_a_malformed_traceparent_begins_a_new_trace(observed, told, names, connect, header):
    SensorServiceStub(connect(told)).SendSingleReading(
        SensorReading(sensor_id="attic", temperature=20, timestamp=int(time.time())),
        metadata=[("traceparent", header)])

    def find():
        return [span for trace in observed.traces(names[0]) for span in trace
                if span.name == "SensorService/SendSingleReading"]
    spans = until(find, "the server's span")
    assert spans[0].parents == []


def test_an_unknown_method_has_one_name_for_all(observed, told, names, connect):
    with pytest.raises(grpc.RpcError):
        connect(told).unary_unary("/SensorService/NoSuchMethod")(b"")

    def find():
        return [span for trace in observed.traces(names[0]) for span in trace
                if span.tags.get("rpc.method") == "_OTHER"]
    spans = until(find, "the server's span")
    assert spans[0].tags["rpc.method_original"] == "SensorService/NoSuchMethod"
    assert spans[0].tags["rpc.status_code"] == "UNIMPLEMENTED"
    assert spans[0].tags["error"] is True


def test_what_was_recorded_last_is_sent_at_the_end(observed, told, call, names):
    """With a delay that the test does not live to see."""
    server = program.Server(["--data", "none", "--allow-anyone"], variables=observed.variables(
        OTEL_SERVICE_NAME=names[0] + "-slow", OTEL_BSP_SCHEDULE_DELAY="600000"))
    assert server.call("send", "attic", "20").returncode == OK
    assert server.stop() == OK
    until(lambda: observed.traces(names[0] + "-slow"), "spans that the end has sent")


def test_the_end_still_measures_what_is(observed, names):
    """With an interval that the test does not live to see."""
    server = program.Server(["--data", "none", "--allow-anyone"], variables=observed.variables(
        OTEL_SERVICE_NAME=names[0], OTEL_METRIC_EXPORT_INTERVAL="600000"))
    assert server.call("send", "attic", "20.5").returncode == OK
    assert server.stop() == OK
    for name in ("sensor_temperature_celsius", "store_accepting_ratio", "process_uptime_seconds",
                 "grpc_server_call_started_total", "otel_sdk_span_started_total"):
        until(lambda: observed.query(f'{name}{{service_name="{names[0]}"}}'), name)


# ---- metrics ----

METRICS = {
    "grpc_server_call_started_total": "grpc_method",
    "grpc_server_call_duration_seconds_count": "grpc_status",
    "grpc_server_call_rcvd_total_compressed_message_size_bytes_count": "grpc_status",
    "grpc_server_call_sent_total_compressed_message_size_bytes_count": "grpc_status",
    "rpc_server_call_duration_seconds_count": "rpc_method",
    "sensor_temperature_celsius": "sensor_id",
    "sensor_last_reading_time_seconds": "sensor_id",
    "sensor_readings_total": "sensor_readings_outcome",
    "store_sensors": None,
    "store_commit_duration_seconds_count": None,
    "store_disk_usage_bytes": "store_file",
    "store_disk_size_bytes": None,
    "store_disk_free_bytes": None,
    "process_cpu_time_seconds_total": "cpu_mode",
    "process_memory_usage_bytes": None,
    "tls_certificate_expiry_seconds": None,
    "otel_sdk_span_started_total": None,
    "otel_sdk_exporter_span_exported_total": None,
}


def test_metrics_come_to_prometheus_by_name(observed, told, call, names):
    call("send", "attic", "20.5")
    for name, label in METRICS.items():
        rows = until(lambda: observed.query(f'{name}{{service_name="{names[0]}"}}'), name)
        assert label is None or all(label in labels for labels, _ in rows), rows


def test_values_are_those_of_the_server(observed, told, call, names):
    for temperature in ("20.5", "21.5"):
        assert call("send", "attic", temperature).returncode == OK
    call("send", "attic", "1", "--time", "9999-01-01T00:00:00Z")

    def value(expression):
        rows = observed.query(expression)
        return rows[0][1] if rows else None
    mine = f'service_name="{names[0]}"'
    until(lambda: value(f'sensor_temperature_celsius{{{mine},sensor_id="attic"}}') == 21.5, "temperature")
    until(lambda: value(f'sensor_readings_total{{{mine},sensor_readings_outcome="new"}}') == 2, "readings")
    until(lambda: value(f'sensor_readings_refused_total{{{mine},error_type="invalid"}}') == 1, "refused")
    until(lambda: value(f'grpc_server_call_duration_seconds_count{{{mine},grpc_status="OK"}}') == 2, "calls")
    until(lambda: value(f'grpc_server_call_duration_seconds_count{{{mine},grpc_status="INVALID_ARGUMENT"}}')
          == 1, "refused calls")


def test_exemplars_lead_from_a_histogram_to_a_trace(observed, told, call, pair, names):
    call("send", "attic", "20.5")
    _, server = pair()
    found = until(lambda: observed.exemplars(
        f'rpc_server_call_duration_seconds_bucket{{service_name="{names[0]}"}}'), "exemplars")
    assert server.trace_id in {each["labels"]["trace_id"] for each in found}


# ---- logs ----

def test_lines_of_the_log_come_as_records(observed, told, names):
    def find():
        return [record for record in observed.log_records()
                if record["resource"]["service.name"] == names[0]
                and record["body"]["stringValue"].startswith("serving on")]
    record = until(find, "the line")[0]
    assert record["severityNumber"] == 9
    assert f":{told.port} " in record["body"]["stringValue"]


# ---- when nothing can be sent ----

def test_nothing_set_says_nothing(start):
    server = start()
    assert server.call("send", "attic", "20").returncode == OK
    assert server.stop() == OK
    assert "export" not in server.said()


def test_disabled_it_says_so_and_shows_no_page(start):
    server = start("--admin", "127.0.0.1:0", variables={"OTEL_SDK_DISABLED": "true"})
    server.wait_for("INFO .*OTEL_SDK_DISABLED is true")
    port = server.wait_for(r"admin port on \S*:(\d+)").group(1)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
    assert refused.value.code == 503


@pytest.mark.parametrize("endpoint, words", [
    ("http://127.0.0.1:{dead}", "connection refused (is a Collector listening there? OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("http://no-such-host.invalid:4317", "no such name (is the name right?"),
])
def test_an_endpoint_that_does_not_answer_is_said_once_and_harms_nobody(start, endpoint, words):
    server = start(variables={
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.format(dead=free_ports(1)[0]),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TIMEOUT": "300",
        "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_EXPORT_TIMEOUT": "300",
        "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"})
    for i in range(20):
        assert server.call("send", "attic", str(i)).returncode == OK
    assert words in server.wait_for("WARN  exporting spans to .* fails").string
    assert server.stop() == OK
    assert len(re.findall("exporting spans to .* fails", server.said())) == 1


def test_a_health_check_is_no_telemetry(start):
    """As one of a container it has the server's variables, and would be a client every few seconds."""
    server = start()
    done = program.run("health", *server.access(), variables={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert (done.returncode, done.stdout, done.stderr) == (OK, "SERVING\n", "")


def test_what_a_verb_prints_is_out_before_it_waits_for_a_receiver(start):
    def hang(receiver, signal, context):
        receiver.is_over.wait()
    server = start()
    with contextlib.closing(GrpcReceiver({"all": [hang]})) as receiver:
        client = program.Program("send", "attic", "20.5", *server.access(), variables={
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
        receiver.wait_for("traces")
        client.kill()
    assert client.lines["stdout"], client.said()


def test_when_it_answers_again_that_is_said_too(observed, start):
    server = start(variables=observed.variables(
        OTEL_EXPORTER_OTLP_TIMEOUT="500", OTEL_BSP_EXPORT_TIMEOUT="500",
        OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none"))
    observed.peers["collector"].kill()
    try:
        assert server.call("send", "attic", "20").returncode == OK
        server.wait_for("WARN  exporting spans to .* fails")
    finally:
        observed.start_collector()
        observed.peers["collector"].wait_for(f"http://127.0.0.1:{observed.health}/")
    assert server.call("send", "attic", "21").returncode == OK
    server.wait_for("INFO  exporting spans to .* works again")
