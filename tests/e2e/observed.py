# SPDX-License-Identifier: Apache-2.0
"""Where telemetry goes, as real programs: a Collector, behind it Jaeger and Prometheus.

What arrived is asked of Jaeger and Prometheus, never taken from our own word. Everything listens on
free ports of the loopback interface and keeps its data in a directory of the test's; nothing sleeps
longer than until the answer is there, and each wait has a bound.
"""
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from program import PEERS

PATIENCE_S = 60
NAMES = ("otelcol", "jaeger-all-in-one", "prometheus")

COLLECTOR = """
extensions:
  health_check: {{endpoint: 127.0.0.1:{health}}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{grpc}}}
      http: {{endpoint: 127.0.0.1:{http}}}
processors:
  batch: {{timeout: 100ms}}
exporters:
  file/logs: {{path: {folder}/logs.jsonl, flush_interval: 100ms}}
  file/metrics: {{path: {folder}/metrics.jsonl, flush_interval: 100ms}}
  prometheus:
    endpoint: 127.0.0.1:{page}
    resource_to_telemetry_conversion: {{enabled: true}}
    enable_open_metrics: true
  otlp_grpc/jaeger:
    endpoint: 127.0.0.1:{jaeger}
    tls: {{insecure: true}}
service:
  extensions: [health_check]
  telemetry:
    metrics: {{level: none}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [otlp_grpc/jaeger]}}
    metrics: {{receivers: [otlp], processors: [batch], exporters: [prometheus, file/metrics]}}
    logs: {{receivers: [otlp], processors: [batch], exporters: [file/logs]}}
"""

PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: otelcol
    honor_labels: true
    static_configs: [{{targets: ['127.0.0.1:{page}']}}]
"""


def free_ports(n):
    """Ports that nobody has now. Held open together, so that they differ."""
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def fetch(url, **query):
    """The JSON (or, if it is none, the text) at a URL; None as long as nobody answers there."""
    if query:
        url += "?" + urllib.parse.urlencode(query)
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def until(what, wanted, patience=PATIENCE_S):
    """Calls `what` until it gives something true, and gives that; `wanted` names it in the failure."""
    end = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < end, f"not within {patience} s: {wanted}"
        time.sleep(0.05)
    return found


class Peer:
    """One of these programs, as a process."""

    def __init__(self, folder, name, *arguments, variables=None):
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PEERS / name, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=folder, env=os.environ | (variables or {}))

    def wait_for(self, url):
        """Until the program answers there."""
        def answered():
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-4000:]
            return fetch(url) is not None
        until(answered, f"an answer of {url}")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Observed:
    """The three of them, wired together."""

    def __init__(self, folder):
        self.folder = folder
        (self.grpc, self.http, self.health, self.page, self.jaeger_otlp, self.jaeger,
         self.prometheus, *self.spare) = free_ports(13)
        self.peers = {}
        self.start_jaeger()
        self.start_collector()
        self.start_prometheus()
        self.peers["jaeger"].wait_for(f"http://127.0.0.1:{self.jaeger}/api/services")
        self.peers["collector"].wait_for(f"http://127.0.0.1:{self.health}/")
        self.peers["prometheus"].wait_for(f"http://127.0.0.1:{self.prometheus}/-/ready")

    def start_jaeger(self):
        query_grpc, thrift_grpc, thrift_http, admin, otlp_http = self.spare[:5]
        self.peers["jaeger"] = Peer(
            self.folder, "jaeger-all-in-one", "--memory.max-traces=100000",
            f"--collector.otlp.grpc.host-port=127.0.0.1:{self.jaeger_otlp}",
            f"--collector.otlp.http.host-port=127.0.0.1:{otlp_http}",
            f"--query.http-server.host-port=127.0.0.1:{self.jaeger}",
            f"--query.grpc-server.host-port=127.0.0.1:{query_grpc}",
            f"--collector.grpc-server.host-port=127.0.0.1:{thrift_grpc}",
            f"--collector.http-server.host-port=127.0.0.1:{thrift_http}",
            f"--admin.http.host-port=127.0.0.1:{admin}",
            variables={"OTEL_TRACES_SAMPLER": "always_off", "SPAN_STORAGE_TYPE": "memory"})

    def start_collector(self):
        config = self.folder / "collector.yaml"
        config.write_text(COLLECTOR.format(
            folder=self.folder, health=self.health, grpc=self.grpc, http=self.http, page=self.page,
            jaeger=self.jaeger_otlp))
        self.peers["collector"] = Peer(self.folder, "otelcol", "--config", config)

    def start_prometheus(self):
        config = self.folder / "prometheus.yaml"
        config.write_text(PROMETHEUS.format(page=self.page))
        self.peers["prometheus"] = Peer(
            self.folder, "prometheus", f"--config.file={config}",
            f"--storage.tsdb.path={self.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.prometheus}", "--enable-feature=exemplar-storage")

    def stop(self):
        for peer in self.peers.values():
            peer.kill()

    # ---- for programs that send ----

    def variables(self, protocol="grpc", **more):
        """What a program is told, with short delays so that a test need not wait."""
        port = self.grpc if protocol == "grpc" else self.http
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_BSP_SCHEDULE_DELAY": "100",
                "OTEL_BLRP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "500"} | more

    # ---- what arrived ----

    def traces(self, service, **query):
        """Jaeger's traces that have spans of a service, each a list of Span."""
        found = fetch(f"http://127.0.0.1:{self.jaeger}/api/traces", service=service, limit=1500,
                      lookback="1h", **query)
        return [spans_of(trace) for trace in found["data"] or []] if found else []

    def query(self, expression):
        """Prometheus's answer: a list of (labels, value)."""
        found = fetch(f"http://127.0.0.1:{self.prometheus}/api/v1/query", query=expression)
        if not found or found["status"] != "success":
            return []
        return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]

    def exemplars(self, expression):
        found = fetch(f"http://127.0.0.1:{self.prometheus}/api/v1/query_exemplars", query=expression,
                      start=time.time() - 3600, end=time.time() + 60)
        return [each for series in (found or {}).get("data") or [] for each in series["exemplars"]]

    def log_records(self):
        """All log records, each a dict with its resource's attributes as `resource`."""
        file = self.folder / "logs.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [record | {"resource": attributes_of(group["resource"])}
                for line in lines for group in json.loads(line)["resourceLogs"]
                for scope in group["scopeLogs"] for record in scope["logRecords"]]


def attributes_of(holder):
    """OTLP JSON's attributes as a dict."""
    return {each["key"]: next(iter(each["value"].values()), None)
            for each in holder.get("attributes", [])}


class Span:
    """A span as Jaeger tells it."""

    def __init__(self, raw, processes):
        self.trace_id, self.span_id = raw["traceID"], raw["spanID"]
        self.name = raw["operationName"]
        self.start_us, self.duration_us = raw["startTime"], raw["duration"]
        self.tags = {tag["key"]: tag["value"] for tag in raw["tags"]}
        process = processes[raw["processID"]]
        self.service = process["serviceName"]
        self.resource = {tag["key"]: tag["value"] for tag in process.get("tags", [])}
        self.events = [{field["key"]: field["value"] for field in log["fields"]} for log in raw["logs"]]
        self.parents = [ref["spanID"] for ref in raw["references"]
                        if ref["refType"] == "CHILD_OF" and ref["traceID"] == raw["traceID"]]
        self.links = [(ref["traceID"], ref["spanID"]) for ref in raw["references"]
                      if ref["refType"] == "FOLLOWS_FROM" or ref["traceID"] != raw["traceID"]]

    def __repr__(self):
        return f"<{self.service}: {self.name} {self.span_id} of {self.trace_id} {self.tags}>"


def spans_of(trace):
    return [Span(raw, trace["processes"]) for raw in trace["spans"]]
