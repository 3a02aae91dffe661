# SPDX-License-Identifier: Apache-2.0
"""Receivers of telemetry that answer what a test wants, rightly or wrongly.

    receiver = GrpcReceiver({"traces": [unavailable, ok]})   # the first request, all that follow
    receiver.endpoint, receiver.requests("traces")

An answer is a function of its own: for gRPC it gets the context and gives the response, for HTTP it gets
the handler. Requests are kept as OpenTelemetry's messages, with what came in front of them.
"""
import collections
import dataclasses
import gzip
import http.server
import socket
import ssl
import threading
import time
from concurrent import futures

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

import program

REQUESTS = {"traces": traces.ExportTraceServiceRequest, "metrics": metrics.ExportMetricsServiceRequest,
            "logs": logs.ExportLogsServiceRequest}
RESPONSES = {"traces": traces.ExportTraceServiceResponse, "metrics": metrics.ExportMetricsServiceResponse,
             "logs": logs.ExportLogsServiceResponse}
SERVICES = {"traces": "opentelemetry.proto.collector.trace.v1.TraceService",
            "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
            "logs": "opentelemetry.proto.collector.logs.v1.LogsService"}


@dataclasses.dataclass
class Request:
    message: object
    headers: dict
    time: float


class Receiver:
    """Which answer is next, and what came."""

    def __init__(self, answers):
        self._answers = {signal: list(answers.get(signal, answers.get("all", []))) for signal in REQUESTS}
        self._requests = collections.defaultdict(list)
        self._news = threading.Condition()
        self.is_over = threading.Event()  # whoever hangs waits for it

    def take(self, signal, message, headers):
        """Keeps a request and gives its answer, or None: as it should be."""
        with self._news:
            self._requests[signal].append(Request(message, headers, time.monotonic()))
            self._news.notify_all()
            answers = self._answers[signal]
            return answers.pop(0) if len(answers) > 1 else answers[0] if answers else None

    def requests(self, signal):
        with self._news:
            return list(self._requests[signal])

    def wait_for(self, signal, count=1):
        with self._news:
            assert self._news.wait_for(lambda: len(self._requests[signal]) >= count, program.PATIENCE_S)


# ---- gRPC ----

class GrpcReceiver(Receiver):
    def __init__(self, answers=None, credentials=None):
        super().__init__(answers or {})
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        for signal, service in SERVICES.items():
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
                service, {"Export": self._method(signal)})])
        target = "127.0.0.1:0"
        self.port = (self._server.add_secure_port(target, credentials) if credentials
                     else self._server.add_insecure_port(target))
        self.endpoint = f"{'https' if credentials else 'http'}://localhost:{self.port}"
        self._server.start()

    def _method(self, signal):
        def export(request, context):
            answer = self.take(signal, request, dict(context.invocation_metadata()))
            return answer(self, signal, context) if answer else RESPONSES[signal]()
        return grpc.unary_unary_rpc_method_handler(
            export, REQUESTS[signal].FromString, lambda response: response.SerializeToString())

    def close(self):
        self.is_over.set()
        self._server.stop(None).wait()


# ---- HTTP ----

class HttpReceiver(Receiver):
    def __init__(self, answers=None, context=None):
        super().__init__(answers or {})
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                signal = self.path.removeprefix("/v1/")
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                message = REQUESTS[signal].FromString(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.take(signal, message, headers)
                if answer:
                    answer(receiver, signal, self)
                else:
                    respond(self, 200, RESPONSES[signal]())

            def log_message(self, *arguments):
                """Nobody reads it."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that goes away is what some tests want."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if context:
            # The handshake is its handler's business: others need not wait for it.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.endpoint = f"{'https' if context else 'http'}://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self.is_over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def respond(handler, status, message=None, **headers):
    body = message.SerializeToString() if message else b""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if message:
        handler.send_header("content-type", "application/x-protobuf")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


# ---- one that only closes ----

class ClosingReceiver:
    """Accepts, reads a little, and closes in the middle of everything."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://localhost:{self._listener.getsockname()[1]}"
        self.n_closed = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.recv(1024)
            connection.close()
            self.n_closed += 1

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def tls_context(certs, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_credentials(certs, client_ca=None):
    pair = ((certs / "server.key").read_bytes(), (certs / "server.crt").read_bytes())
    return grpc.ssl_server_credentials(
        [pair], client_ca.read_bytes() if client_ca else None, require_client_auth=bool(client_ca))
