# SPDX-License-Identifier: Apache-2.0
"""What is exported, read by Google's protobuf with OpenTelemetry's own messages: every field, one by one.

The samples are those of tests/unit/otlp/samples.c. The bytes are Google's too, but for the order of
fields: nothing is written that could be shorter.
"""
import math
import pathlib
import subprocess

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

import program

WRITE_SAMPLES = pathlib.Path(program.BIN).parent / "tests/unit/otlp/write_samples"
TRACE_ID = bytes(range(1, 17))
CUMULATIVE = 2


def span_id(last):
    return bytes([10, 0, 0, 0, 0, 0, 255, last])


def texts(*values):
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=value) for value in values]))


def kept():
    """An attribute of each kind; what is no UTF-8 has been mended."""
    values = {
        "text": AnyValue(string_value="Wärme"),
        "no.text": AnyValue(string_value=""),
        "yes": AnyValue(bool_value=True),
        "no": AnyValue(bool_value=False),
        "integer": AnyValue(int_value=-7),
        "zero": AnyValue(int_value=0),
        "number": AnyValue(double_value=2.5),
        "bytes": AnyValue(bytes_value=b"\x00\xff\x80"),
        "nothing": AnyValue(),
        "texts": texts("cellar", "", "Dachüm"),
        "booleans": AnyValue(array_value=ArrayValue(
            values=[AnyValue(bool_value=True), AnyValue(bool_value=False)])),
        "integers": AnyValue(array_value=ArrayValue(
            values=[AnyValue(int_value=value) for value in (0, -1, 2**63 - 1)])),
        "numbers": numbers(),
        "no.texts": AnyValue(array_value=ArrayValue()),
        "bad\ufffdkey": AnyValue(string_value="a\ufffd\ufffd(\ufffd\ufffd\ufffdz"),
    }
    return [KeyValue(key=key, value=value) for key, value in values.items()]


def numbers():
    return AnyValue(array_value=ArrayValue(
        values=[AnyValue(double_value=value) for value in (-0.0, 21.5, math.inf)]))


def resource():
    return Resource(attributes=[
        KeyValue(key="process.pid", value=AnyValue(int_value=4711)),
        KeyValue(key="service.name", value=AnyValue(string_value="sample"))])


SCOPE_A = {"scope": InstrumentationScope(name="a", version="1.2"), "schema_url": "https://example.com/s/1"}
SCOPE_B = {"scope": InstrumentationScope(name="b")}


def traces():
    full = Span(
        trace_id=TRACE_ID, span_id=span_id(1), parent_span_id=span_id(2), trace_state="vendor=opaque",
        flags=0x303, name="SensorService/SendSingleReading", kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1700000000000000000, end_time_unix_nano=1700000000000001000,
        attributes=kept(), dropped_attributes_count=5,
        events=[Span.Event(time_unix_nano=1700000000000000500, name="durable", attributes=kept(),
                           dropped_attributes_count=3),
                Span.Event(time_unix_nano=1700000000000000600, name="second")],
        dropped_events_count=6,
        links=[Span.Link(trace_id=TRACE_ID, span_id=span_id(9), trace_state="a=1,b=2", flags=0x301,
                         attributes=[KeyValue(key="n", value=AnyValue(int_value=1))],
                         dropped_attributes_count=4),
               Span.Link(trace_id=TRACE_ID, span_id=span_id(8), flags=0x100)],
        dropped_links_count=70000,
        status=Status(code=Status.STATUS_CODE_ERROR, message="the disk is full"))
    small = Span(trace_id=TRACE_ID, span_id=span_id(3), flags=0x101, name="commit",
                 kind=Span.SPAN_KIND_INTERNAL, start_time_unix_nano=1, end_time_unix_nano=2)
    good = Span(trace_id=TRACE_ID, span_id=span_id(4), parent_span_id=span_id(3), flags=0x101, name="get",
                kind=Span.SPAN_KIND_CLIENT, start_time_unix_nano=3, end_time_unix_nano=4,
                status=Status(code=Status.STATUS_CODE_OK))
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource(), scope_spans=[
        ScopeSpans(spans=[full, good], **SCOPE_A), ScopeSpans(spans=[small], **SCOPE_B)])])


def logs():
    full = LogRecord(
        time_unix_nano=1700000000000000100, observed_time_unix_nano=1700000000000000200, severity_number=13,
        severity_text="WARN", body=AnyValue(string_value="the store is slow"), event_name="store.slow",
        attributes=kept(), dropped_attributes_count=2, trace_id=TRACE_ID, span_id=span_id(1), flags=1)
    small = LogRecord(observed_time_unix_nano=5, body=numbers())
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(
        resource=resource(), scope_logs=[ScopeLogs(log_records=[full, small], **SCOPE_A)])])


def metrics():
    times = {"start_time_unix_nano": 1700000000000000000, "time_unix_nano": 1700000060000000000}
    labels = {"attributes": [KeyValue(key="method", value=AnyValue(string_value="Send")),
                             KeyValue(key="status", value=AnyValue(int_value=0))]}
    exemplars = [
        Exemplar(as_double=0.25, time_unix_nano=1700000000000000300, trace_id=TRACE_ID, span_id=span_id(1)),
        Exemplar(as_double=0.0, time_unix_nano=1700000000000000400, trace_id=TRACE_ID, span_id=span_id(2))]
    bounds = {"explicit_bounds": [0, 0.5, 10]}
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource(), scope_metrics=[
        ScopeMetrics(**SCOPE_A, metrics=[
            Metric(name="calls", unit="{call}", description="Calls that were taken", sum=Sum(
                aggregation_temporality=CUMULATIVE, is_monotonic=True, data_points=[
                    NumberDataPoint(as_int=2**63 - 1, **times, **labels), NumberDataPoint(as_int=0, **times)])),
            Metric(name="depth", sum=Sum(
                aggregation_temporality=CUMULATIVE, data_points=[NumberDataPoint(as_int=-3, **times)])),
            Metric(name="cpu", unit="s", sum=Sum(
                aggregation_temporality=CUMULATIVE, is_monotonic=True,
                data_points=[NumberDataPoint(as_double=1.5, exemplars=exemplars[:1], **times)]))]),
        ScopeMetrics(**SCOPE_B, metrics=[
            Metric(name="temperature", unit="Cel", gauge=Gauge(data_points=[
                NumberDataPoint(as_double=-0.0, time_unix_nano=7, **labels)])),
            Metric(name="duration", unit="s", histogram=Histogram(
                aggregation_temporality=CUMULATIVE, data_points=[
                    HistogramDataPoint(count=2**40 + 3, sum=12.75, min=0, max=11, exemplars=exemplars,
                                       bucket_counts=[1, 2, 0, 2**40], **bounds, **times, **labels),
                    HistogramDataPoint(count=0, sum=0, bucket_counts=[0] * 4, **bounds, **times)]))])])])


@pytest.mark.parametrize("expected", [traces(), metrics(), logs()], ids=["traces", "metrics", "logs"])
def test_every_field_arrives_as_it_was(request, expected):
    name = request.node.callspec.id
    written = subprocess.run([WRITE_SAMPLES, name], capture_output=True, check=True).stdout
    read = type(expected).FromString(written)
    assert read == expected
    assert len(written) == len(expected.SerializeToString())
    # Equal messages may differ in the sign of a zero, serialized ones do not.
    assert read.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
