# SPDX-License-Identifier: Apache-2.0
"""The Collector, Jaeger and Prometheus of the tests, with Python's own OpenTelemetry as sender: so
that a test of our telemetry that fails is known to fail for our own sake."""
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from observed import until

RESOURCE = Resource.create({"service.name": "python-sender"})


@pytest.fixture
def endpoint(observed):
    return f"http://127.0.0.1:{observed.grpc}"


def test_a_span_comes_to_jaeger_with_its_parent(observed, endpoint):
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint, insecure=True)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner") as inner:
        inner.set_attribute("answer", 42)
        inner.add_event("seen", {"where": "here"})
    provider.shutdown()
    traces = until(lambda: [trace for trace in observed.traces("python-sender") if len(trace) == 2],
                   "both spans in Jaeger")
    spans = {span.name: span for span in traces[0]}
    assert spans["inner"].parents == [f"{outer.context.span_id:016x}"] == [spans["outer"].span_id]
    assert spans["inner"].tags["answer"] == 42
    assert spans["inner"].events[0]["where"] == "here"
    assert spans["outer"].parents == []


def test_a_counter_comes_to_prometheus(observed, endpoint):
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint, insecure=True))
    provider = MeterProvider([reader], resource=RESOURCE)
    provider.get_meter("test").create_counter("parcels").add(3, {"to": "attic"})
    provider.shutdown()
    rows = until(lambda: observed.query('parcels_total{service_name="python-sender"}'),
                 "the counter in Prometheus")
    assert [(labels["to"], value) for labels, value in rows] == [("attic", 3)]
