# SPDX-License-Identifier: Apache-2.0
"""Where telemetry goes while it is measured, as processes on the core of the load.

    with receivers.running("collector") as receiver:
        ... receiver.endpoint ...
    receiver.n_spans    # once it has ended; None: it did not tell

The OpenTelemetry Collector is what people use. The sink (tools/bench/otlp_sink.c) takes what no Collector on
half a core could, so that a server is measured and not its receiver. On a machine of two cores there is no
other place than the load's core: the server's processor time is counted alone, and what the receiver takes
away from the load shows in the rate.
"""
import contextlib
import re
import subprocess
import time
import urllib.error
import urllib.request

from lib import builds, machine, servers

COLLECTOR_CONFIG = """\
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:{grpc}}}}}}}
processors:
  batch: {{}}
exporters:
  debug: {{verbosity: basic}}
service:
  telemetry:
    logs: {{level: error}}
    metrics: {{level: basic, readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {page}}}}}}}}}]}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [debug]}}
    metrics: {{receivers: [otlp], processors: [batch], exporters: [debug]}}
    logs: {{receivers: [otlp], processors: [batch], exporters: [debug]}}
"""


def page(address):
    """The metrics at an address: (name, labels as they stand, value). None: nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
    found = re.findall(r"^(\w+)(\{.*\})? ([-+.\w]+)", text, re.MULTILINE)
    return [(name, labels, float(value)) for name, labels, value in found]


def total(metrics, name, *labels):
    """The sum of a metric's series that have all these labels."""
    return round(sum(value for at, has, value in metrics if at == name and all(label in has for label in labels)))


class Collector:
    """otelcol of tools/install-peers."""
    title = "the Collector"

    def __init__(self):
        self.grpc, self.page = servers.free_port(), servers.free_port()
        self.endpoint = f"http://127.0.0.1:{self.grpc}"
        self.n_spans = None

    def command(self):
        config = builds.FOLDER / "collector.yaml"
        config.write_text(COLLECTOR_CONFIG.format(grpc=self.grpc, page=self.page))
        return [builds.COLLECTOR, "--config", config]

    def tell(self, _):
        self.n_spans = total(page(f"127.0.0.1:{self.page}") or [], "otelcol_receiver_accepted_spans")


class Sink:
    """tools/bench/otlp_sink.c."""
    title = "the sink"

    def __init__(self):
        self.grpc = servers.free_port()
        self.endpoint = f"http://127.0.0.1:{self.grpc}"
        self.n_spans = None

    def command(self):
        return [builds.FOLDER / "tools/bench/otlp_sink", f"127.0.0.1:{self.grpc}"]

    def tell(self, process):
        process.terminate()
        found = re.search(r"^spans (\d+)$", process.communicate(timeout=servers.STOP_S)[0], re.MULTILINE)
        self.n_spans = int(found.group(1)) if found else None


TABLE = {"collector": Collector, "sink": Sink}


@contextlib.contextmanager
def running(name):
    receiver = TABLE[name]()
    log = builds.FOLDER / f"{name}.log"
    with open(log, "w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            machine.on_core(machine.LOAD_CORE, list(map(str, receiver.command()))), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if name == "sink" else errors, stderr=errors)
    try:
        servers.wait_until_ready(process, f"127.0.0.1:{receiver.grpc}", log)
        yield receiver
        receiver.tell(process)
    finally:
        if process.poll() is None:
            servers.end(process)
        if process.stdout:
            process.stdout.close()
