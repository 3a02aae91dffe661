# SPDX-License-Identifier: Apache-2.0
"""What telemetry costs a server: the same load without and with it, one after the other in each round.

- Without: no OTEL_* variable at all. With: traces, metrics and logs over OTLP/gRPC, everything else as it is
  by default. Which of the two comes first changes from round to round.
- What counts is the ratio of the two runs of one round: what the machine does meanwhile meets both.
- Spans are counted three times: started and dropped as the server tells (otel.sdk.*, on its admin port, once
  the load has ended), received as the receiver tells once the server has ended, and with that has sent what
  it still had. Started is dropped and received together, or the run does not count. One comparison has a
  queue that is too short for its load, and does not count either unless spans were dropped.
- grpc-go is run beside it with the instrumentation that others wrote for it, traces and metrics.

To add a comparison: a line in TABLE.
"""
import dataclasses

from lib import builds, loads, receivers, servers

# A worker ends up to 256 calls in one turn, before the telemetry thread comes to look.
SHORT_QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64"}
ONE_PERCENT = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
RATE = ["--kind", "unary", "-c", "8", "-m", "32", "--rate", "20000"]


@dataclasses.dataclass
class Comparison:
    name: str
    title: str
    server: str  # in builds.TABLE
    receiver: str  # in receivers.TABLE
    load: loads.Bench
    most: float = 0  # the ratio that is aimed at; 0: there is none
    variables: dict = dataclasses.field(default_factory=dict)
    drops: str = "may"  # or they "must" not be 0, or "not" be there


def bench(item, *options):
    return loads.Bench("telemetry", "", item, list(options))


TABLE = {comparison.name: comparison for comparison in (
    Comparison("telemetry-rate", "unary, 20,000 a second", "memory", "collector", bench("call", *RATE), 1.15, drops="not"),
    Comparison("telemetry-stream", "client stream, saturated", "memory", "collector",
               bench("reading", "--kind", "client-stream", *loads.STREAMS), 1.02),
    Comparison("telemetry-sampled", "unary, saturated, 1 % sampled", "memory", "collector",
               bench("call", "--kind", "unary", "-c", "8", "-m", "32"), 1.05, ONE_PERCENT),
    Comparison("telemetry-saturated", "unary, saturated", "memory", "sink",
               bench("call", "--kind", "unary", "-c", "8", "-m", "32"), 1.25),
    Comparison("telemetry-drops", "unary, saturated, a queue of 64 spans", "memory", "sink",
               bench("call", "--kind", "unary", "-c", "8", "-m", "32"), variables=SHORT_QUEUE, drops="must"),
    Comparison("telemetry-grpc-go", "unary, 20,000 a second", "grpc-go", "collector", bench("call", *RATE)),
)}


ALL = "telemetry"  # the word for all of them


def chosen(words):
    """The comparisons that the words name; all of them when there are none."""
    is_all = not words or ALL in words
    return [comparison for comparison in TABLE.values() if is_all or comparison.name in words]


def variables(comparison, endpoint):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_INSECURE": "true", **comparison.variables}


def read_losses(address):
    """What the server says of its spans; it has to be idle."""
    metrics = receivers.page(address)
    if metrics is None:
        raise servers.Trouble("the admin port does not answer")
    processed = "otel_sdk_processor_span_processed_total"
    sampled = 'otel_span_sampling_result="RECORD_AND_SAMPLE"'
    return {"started": receivers.total(metrics, "otel_sdk_span_started_total", sampled),
            "dropped": receivers.total(metrics, processed, "error_type=")
            + receivers.total(metrics, "otel_sdk_exporter_span_exported_total", "error_type=")}


def check(comparison, spans):
    """Raises Trouble where a span is neither received nor counted as dropped."""
    if spans["received"] is None:
        raise servers.Trouble("the receiver does not tell what it has received")
    if spans["started"] != spans["received"] + spans["dropped"]:
        raise servers.Trouble(f"spans started {spans['started']}, but received {spans['received']} "
                              f"and dropped {spans['dropped']}")
    if comparison.drops == "must" and not spans["dropped"]:
        raise servers.Trouble("no span was dropped, so that the count of drops shows nothing")
    if comparison.drops == "not" and spans["dropped"]:
        return f"{comparison.title}: {spans['dropped']:,} of {spans['started']:,} spans were dropped"
    return None


def measure_without(server, comparison, duration):
    with servers.running(server) as process:
        return comparison.load.run(process, duration)


def measure_with(server, comparison, duration):
    """The figures, with the spans of all that the server has done."""
    spans = {}
    with receivers.running(comparison.receiver) as receiver:
        admin = f"127.0.0.1:{servers.free_port()}"
        observed = server.observed(variables(comparison, receiver.endpoint), admin)
        with servers.running(observed) as process:
            found = comparison.load.run(process, duration)
            if server.name != "grpc-go":
                spans = read_losses(admin)
    return {**found, "spans": {**spans, "received": receiver.n_spans}}


def measure(server, comparison, number, duration):
    """One round: both runs."""
    steps = {"without": measure_without, "with": measure_with}
    order = list(steps) if number % 2 else list(steps)[::-1]
    runs = {name: steps[name](server, comparison, duration) for name in order}
    spans = runs["with"]["spans"]
    warning = check(comparison, spans) if "started" in spans else None
    pick = ("cpu_ns", "rate", "p50_us", "p99_us", "server_peak_rss_bytes")
    return {"round": number, "comparison": comparison.name, "first": order[0], "spans": spans, "warning": warning,
            **{name: {figure: runs[name].get(figure) for figure in pick} for name in steps}}
