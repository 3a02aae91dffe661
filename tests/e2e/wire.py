# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand, for what no gRPC client would send, and for what one never shows.

    wire = Wire(server)
    stream = wire.open("/SensorService/SensorChat", more=[("grpc-timeout", "100m")])
    wire.send(stream, frame(reading()), end=True)
    wire.answer(stream).status
"""
import dataclasses
import socket
import ssl
import struct
import urllib.parse

import h2.config
import h2.connection
import h2.events

import program


def frame(message, compressed=0):
    """A message with gRPC's prefix; `message` is bytes or a protobuf message."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return struct.pack(">BI", compressed, len(data)) + data


def tls_context(ca, alpn=("h2",)):
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(list(alpn))
    return context


def open_socket(server, context=None):
    """A socket, with TLS if there is a context."""
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=program.PATIENCE_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small writes follow each other here
    return context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain


def everything_from(connection):
    """What the server sends until it closes the connection, which it must do."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except (ConnectionResetError, ssl.SSLError):
        pass
    return received


@dataclasses.dataclass
class Answer:
    """What came back on one stream."""
    headers: dict = dataclasses.field(default_factory=dict)
    trailers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    n_blocks: int = 0
    reset: int | None = None
    is_over: bool = False

    @property
    def http_status(self):
        return self.headers.get(":status")

    @property
    def status(self):
        """The number in grpc-status, wherever it came; None if it did not."""
        text = {**self.headers, **self.trailers}.get("grpc-status")
        return None if text is None else int(text)

    @property
    def message(self):
        return urllib.parse.unquote({**self.headers, **self.trailers}.get("grpc-message", ""))

    @property
    def is_trailers_only(self):
        return self.n_blocks == 1 and self.is_over

    def messages(self):
        """The messages' bytes, each with its flag."""
        at, found = 0, []
        while at < len(self.body):
            flag, length = struct.unpack_from(">BI", self.body, at)
            at += 5 + length
            found.append((flag, self.body[at - length:at]))
        return found


class Wire:
    """A connection that sends just what it is told."""

    def __init__(self, server):
        self.server = server
        self.socket = open_socket(server, tls_context(server.ca) if server.certs else None)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.connection.initiate_connection()
        self.answers = {}
        self.goaway = None
        self.is_closed = False
        self.flush()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def open(self, path, more=(), without=(), end=False):
        """Sends the headers of a call and gives its stream's number. `more` replaces and adds."""
        stream = self.connection.get_next_available_stream_id()
        headers = {
            ":method": "POST", ":scheme": "https" if self.server.certs else "http", ":path": path,
            ":authority": self.server.address, "te": "trailers", "content-type": "application/grpc"}
        if self.server.token:
            headers["authorization"] = f"Bearer {self.server.token}"
        headers |= dict(more)
        for name in without:
            headers.pop(name, None)
        self.answers[stream] = Answer()
        self.connection.send_headers(stream, list(headers.items()), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Sends bytes of the body, as far as the server's windows let it."""
        while data or end:
            room = min(self.connection.local_flow_control_window(stream),
                       self.connection.max_outbound_frame_size)
            if data and not room:
                self.receive()
                if self.answers[stream].is_over:
                    return
                continue
            piece, data = data[:room], data[room:]
            self.connection.send_data(stream, piece, end_stream=end and not data)
            end = end and bool(data)
            self.flush()

    def reset(self, stream, error=8):
        self.connection.reset_stream(stream, error)
        self.flush()

    def receive(self):
        """Takes in what has come; waits for at least something."""
        data = self.socket.recv(65536)
        if not data:
            self.is_closed = True
            for answer in self.answers.values():
                answer.is_over = True
            return
        for event in self.connection.receive_data(data):
            self._take(event)
        self.flush()

    def _take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        match event:
            case h2.events.ResponseReceived():
                answer.headers = dict(event.headers)
                answer.n_blocks += 1
            case h2.events.TrailersReceived():
                answer.trailers = dict(event.headers)
                answer.n_blocks += 1
            case h2.events.DataReceived():
                answer.body += event.data
                self.connection.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                answer.is_over = True
            case h2.events.StreamReset():
                answer.reset = event.error_code
                answer.is_over = True
            case h2.events.ConnectionTerminated():
                self.goaway = event

    def wait(self, condition):
        while not condition():
            assert not self.is_closed, "the server closed the connection"
            self.receive()

    def answer(self, stream):
        """Waits for the end of a stream."""
        self.wait(lambda: self.answers[stream].is_over)
        return self.answers[stream]

    def call(self, path, body=b"", more=(), without=()):
        """A whole call with that body."""
        stream = self.open(path, more, without)
        self.send(stream, body, end=True)
        return self.answer(stream)

    def is_open(self):
        """Whether close() is yet to come; the server may have closed it all the same."""
        return self.socket.fileno() >= 0

    def close(self):
        self.socket.close()
