# SPDX-License-Identifier: Apache-2.0
"""What a span costs with OpenTelemetry's SDK for Python: the operation of tools/bench/otel.c, a span with two
texts and two integers, recorded in batches of 512 to an exporter that takes all at once. Time is the thread's
own processor time; a line like those of otel.c. What the SDK does on its batching thread is not in it."""
import statistics
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.version import __version__

ROUNDS = 9
BATCH = 512
BATCHES = 20


class TakeAll(SpanExporter):
    n_spans = 0

    def export(self, spans):
        self.n_spans += len(spans)
        return SpanExportResult.SUCCESS


def record(tracer):
    span = tracer.start_span("sensor.v1.Sensors/StreamReadings", kind=trace.SpanKind.SERVER)
    span.set_attribute("rpc.system.name", "grpc")
    span.set_attribute("server.address", "collector.example.com")
    span.set_attribute("server.port", 50051)
    span.set_attribute("sensor.readings", 17)
    span.end()


def measure(tracer, provider):
    used_ns = 0
    for _ in range(BATCHES):
        start_ns = time.thread_time_ns()
        for _ in range(BATCH):
            record(tracer)
        used_ns += time.thread_time_ns() - start_ns
        provider.force_flush()
    return used_ns / (BATCH * BATCHES)


def main():
    exporter = TakeAll()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("bench")
    times = sorted(measure(tracer, provider) for _ in range(ROUNDS))
    provider.shutdown()
    if exporter.n_spans != ROUNDS * BATCHES * BATCH:
        sys.exit("spans were lost")
    print(f"Python {sys.version.split()[0]}, opentelemetry-sdk {__version__}")
    what = "span, four attributes"
    print(f"  {what:36} {statistics.median(times):7.1f}  ({times[0]:.1f} to {times[-1]:.1f}) ns")


main()
