# SPDX-License-Identifier: Apache-2.0
"""The whole system as it is deployed: server and clients of each kind, the Collector and Prometheus with the
configurations of deploy/, Jaeger; only ports, folders and pauses are a test's.
"""
import pathlib
import subprocess

import program
from observed import Observed, Peer

KINDS = ("unary", "client-stream", "server-stream", "chat")
DEPLOY = program.ROOT / "deploy"


def with_ports(text, ports):
    """A configuration with other ports, each of which it has to name."""
    for given, wanted in ports.items():
        assert str(given) in text, f"{given} is not in the configuration"
        text = text.replace(f":{given}", f":{wanted}").replace(f"port: {given}", f"port: {wanted}")
    return text


class Deployed(Observed):
    """As the name says; `server` and `clients` are what is watched."""

    def __init__(self, folder, certs):
        self.clients = []
        super().__init__(folder)
        self.start_server(certs)
        self.start_clients()

    @property
    def own_page(self):
        """The port of the Collector's page about itself."""
        return self.spare[-1]

    def start_collector(self):
        config = self.folder / "collector.yaml"
        config.write_text(with_ports((DEPLOY / "collector/config.yaml").read_text(), {
            4317: self.grpc, 4318: self.http, 13133: self.health, 8889: self.page, 8888: self.own_page}))
        self.peers["collector"] = Peer(self.folder, "otelcol", "--config", config, variables={
            "COLLECTOR_JAEGER": f"127.0.0.1:{self.jaeger_otlp}", "COLLECTOR_LOGS": str(self.folder / "logs")})

    def start_prometheus(self):
        text = with_ports((DEPLOY / "prometheus/local.yaml").read_text(),
                          {8889: self.page, 8888: self.own_page, 9090: self.prometheus})
        text = text.replace("_interval: 10s", "_interval: 1s")
        config = self.folder / "prometheus.yaml"
        config.write_text(text.replace("rules/", f"{DEPLOY}/prometheus/rules/"))
        self.peers["prometheus"] = Peer(
            self.folder, "prometheus", f"--config.file={config}",
            f"--storage.tsdb.path={self.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.prometheus}", "--enable-feature=exemplar-storage")

    def start_server(self, certs):
        tokens = self.folder / "tokens.yaml"
        made = program.run("token", "create", "--tokens", tokens, "--name", "all")
        assert made.returncode == 0, made.stderr
        self.server = program.Server(
            ["--cert", certs / "server.crt", "--key", certs / "server.key", "--tokens", tokens,
             "--data", self.folder / "data"], certs, made.stdout.strip(), self.variables_of("grpc-server"))

    def start_clients(self):
        for kind in KINDS:
            self.clients.append(program.Program(
                "simulate", "--kind", kind, "--min-delay", "20ms", "--max-delay", "200ms", *self.server.access(),
                variables=self.variables_of(f"grpc-client-{kind}")))

    def variables_of(self, instance):
        return self.variables() | {
            "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={instance},host.name=host-of-{instance}"}

    def stop(self):
        for each in (*self.clients, self.server):
            each.kill()
        super().stop()


def make_certificates(folder):
    subprocess.run([program.ROOT / "tools/generate-certs", folder], check=True, capture_output=True)
    return pathlib.Path(folder)
