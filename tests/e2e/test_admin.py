# SPDX-License-Identifier: Apache-2.0
"""The admin port, asked by clients of others: curl, Python's own, and bytes that no client sends."""
import concurrent.futures
import gzip
import http.client
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from program import PATIENCE_S
from readings import reading
from sensor_pb2_grpc import SensorServiceStub

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MAX_OF_ONE, MAX = 32, 64


class Admin:
    """An admin port, and how it is asked."""

    def __init__(self, server):
        self.server = server
        self.port = int(server.wait_for(r"admin port on 127\.0\.0\.1:(\d+)").group(1))

    def ask(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, (source, 0))

    def say(self, data):
        """Bytes as they are; gives all that comes until the other side closes."""
        with self.connect() as raw:
            raw.sendall(data)
            return everything(raw)


def everything(raw):
    heard = b""
    try:
        while data := raw.recv(65536):
            heard += data
    except ConnectionResetError:
        pass
    return heard


@pytest.fixture
def admin(start):
    return Admin(start("--admin", "127.0.0.1:0", plaintext=True))


# ---- pages ----

def test_pages_say_that_it_lives_serves_and_what_it_is(admin):
    assert admin.ask("/healthz").text == b"ok\n"
    assert admin.ask("/readyz").text == b"ready\n"
    version = admin.ask("/version").text.decode()
    assert re.match(r"thermograph \d+\.\d+\.\d+\n", version)
    assert "libmicrohttpd 0.9." in version and "nghttp2 1." in version
    index = admin.ask("/")
    assert index.getheader("content-type") == "text/html; charset=utf-8"
    for path in re.findall(r'href="([^"]+)"', index.text.decode()):
        assert admin.ask(path).status != 404


def test_a_query_does_not_matter(admin):
    assert admin.ask("/healthz?verbose=1").status == 200


def test_curl_gets_a_page_and_its_head(admin):
    if not shutil.which("curl"):
        pytest.skip("curl is not there")
    def curl(*arguments):
        return subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE_S), *arguments,
                               f"http://127.0.0.1:{admin.port}/healthz"],
                              check=True, capture_output=True, text=True).stdout
    assert curl() == "ok\n"
    head = curl("--head")
    assert head.startswith("HTTP/1.1 200")
    assert re.search(r"content-length: 3\b", head, re.IGNORECASE)
    assert curl("--compressed", "--http1.0") == "ok\n"


def test_head_has_the_length_and_no_body(admin):
    answer = admin.ask("/version", "HEAD")
    assert answer.status == 200 and answer.text == b""
    assert int(answer.getheader("content-length")) == len(admin.ask("/version").text)


def test_requests_share_a_connection(admin):
    connection = http.client.HTTPConnection("127.0.0.1", admin.port, timeout=PATIENCE_S)
    connection.connect()
    first = connection.sock
    for path, status in [("/healthz", 200), ("/none", 404), ("/version", 200)] * 5:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status and connection.sock is first
    connection.close()


# ---- metrics ----

def metrics(admin, **headers):
    answer = admin.ask("/metrics", **headers)
    assert answer.status == 200, answer.text
    return answer


def test_promtool_accepts_the_metrics(admin, promtool):
    page = metrics(admin)
    assert page.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run([promtool, "check", "metrics"], input=page.text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_metrics_that_are_switched_off_are_no_empty_page(start):
    admin = Admin(start("--admin", "127.0.0.1:0", plaintext=True, variables={"OTEL_SDK_DISABLED": "true"}))
    answer = admin.ask("/metrics")
    assert (answer.status, answer.text) == (503, b"there are no metrics: they are switched off\n")
    assert admin.ask("/readyz").status == 200


def test_metrics_come_as_openmetrics_to_who_wants_it(admin):
    page = metrics(admin, accept=f"{OPENMETRICS};q=0.8, text/plain;q=0.5")
    assert page.getheader("content-type") == f"{OPENMETRICS}; charset=utf-8"
    families = {family.name: family.type for family in text_string_to_metric_families(page.text.decode())}
    assert families["target"] == "info"
    page = metrics(admin, accept=f"{OPENMETRICS};q=0.5, text/plain;q=0.8")
    assert page.getheader("content-type").startswith("text/plain")


def test_a_list_may_come_in_several_fields(admin):
    connection = http.client.HTTPConnection("127.0.0.1", admin.port, timeout=PATIENCE_S)
    connection.putrequest("GET", "/metrics", skip_accept_encoding=True)
    for name, value in [("Accept", "text/plain;q=0.5"), ("Accept-Encoding", "br"), ("Accept", "x" * 2000),
                        ("accept", OPENMETRICS), ("accept-encoding", "gzip")]:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.getheader("content-type") == f"{OPENMETRICS}; charset=utf-8"
    assert answer.getheader("content-encoding") == "gzip"
    assert b"# EOF" in gzip.decompress(answer.read())
    connection.close()


def test_metrics_are_packed_to_who_wants_it(admin):
    page = metrics(admin, accept_encoding="gzip")
    assert page.getheader("content-encoding") == "gzip"
    assert b"# TYPE target_info gauge" in gzip.decompress(page.text)


# ---- what is wrong is told, and harms nobody ----

@pytest.mark.parametrize("path", ["/none", "/metrics/", "/metrics/../healthz", "/%2e%2e/etc/passwd", "/%00"])
def test_an_unknown_path_is_404(admin, path):
    answer = admin.ask(path)
    assert (answer.status, answer.text) == (404, b"there is no such page; / lists what there is\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_only_reading_is_allowed(admin, method):
    answer = admin.ask("/healthz", method)
    assert answer.status == 405 and answer.getheader("allow") == "GET, HEAD"
    assert answer.text == b"pages can only be read: use GET or HEAD\n"


@pytest.mark.parametrize("request_with_body", [
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nxxxx",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"])
def test_a_body_is_refused_unread(admin, request_with_body):
    heard = admin.say(request_with_body)
    assert heard.startswith(b"HTTP/1.1 413") and heard.endswith(b"nothing here takes a body\n")


@pytest.mark.parametrize("garbage", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"])
def test_what_is_no_request_is_answered_by_no_page(admin, garbage):
    with admin.connect() as raw:
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        assert b"200 OK" not in everything(raw)
    assert admin.ask("/healthz").status == 200


@pytest.mark.parametrize("flood", [
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n"])
def test_a_request_too_large_is_refused(admin, flood):
    with admin.connect() as raw:
        try:
            raw.sendall(flood)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert b"200 OK" not in everything(raw)
    assert admin.ask("/healthz").status == 200


def test_connections_of_one_are_bounded(admin):
    held = [admin.connect() for _ in range(MAX_OF_ONE)]
    for raw in held:
        raw.sendall(REQUEST)
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
    with admin.connect() as one_more:
        assert everything(one_more) == b""
    admin.server.wait_for("was turned away: too many connections to the admin port")
    held.pop().close()
    deadline = time.monotonic() + PATIENCE_S
    answer = b""
    while not answer and time.monotonic() < deadline:  # until it has seen that one is gone
        try:
            answer = admin.ask("/healthz").text
        except (http.client.HTTPException, ConnectionError):
            pass
    assert answer == b"ok\n"
    for raw in held:
        raw.close()


def test_connections_of_all_are_bounded(admin):
    held = [admin.connect(f"127.0.0.{2 + i // MAX_OF_ONE}") for i in range(MAX)]
    for raw in held:
        raw.sendall(REQUEST)
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
    with admin.connect() as one_more:
        assert everything(one_more) == b""
    admin.server.wait_for(r"127\.0\.0\.1:\d+ was turned away: too many connections to the admin port")
    for raw in held:
        raw.close()


def drip(admin, data):
    """A byte at a time, for as long as the other side takes them. Gives the seconds, and what came."""
    started = time.monotonic()
    with admin.connect() as raw:
        raw.settimeout(0.5)  # the pace
        for byte in data:
            try:
                raw.sendall(bytes([byte]))
                heard = raw.recv(65536)
                return time.monotonic() - started, heard
            except TimeoutError:
                continue
            except ConnectionError:
                break
        return time.monotonic() - started, b""


def test_the_slow_are_let_go_of_and_the_quick_served_meanwhile(admin):
    line = b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 100
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        slow = [threads.submit(drip, admin, data) for data in (line, line[5:], b"G" * 120, b"\r\n" * 60)]
        while not all(each.done() for each in slow):
            assert admin.ask("/healthz").status == 200
            concurrent.futures.wait(slow, 0.5)
    for each in slow:
        took, heard = each.result()
        assert b"200 OK" not in heard
        assert took < PATIENCE_S  # all of it would take a minute


# ---- with the server ----

def test_without_the_option_there_is_no_port(start):
    server = start(plaintext=True)
    assert not any("admin port" in line for line in server.lines["stderr"])


def test_a_port_that_others_reach_is_warned_of(start):
    server = start("--admin", "0.0.0.0:0", plaintext=True)
    server.wait_for("WARN .*other machines can reach the admin port")


def test_the_variable_and_localhost_do_as_well(start):
    server = start(plaintext=True, variables={"THERMOGRAPH_ADMIN": "localhost:0"})
    port = int(server.wait_for(r"admin port on localhost:(\d+)").group(1))
    with socket.create_connection(("localhost", port), timeout=PATIENCE_S) as raw:
        raw.sendall(REQUEST)
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")


def test_it_says_that_the_server_is_stopping_and_lives_till_the_end(start, connect):
    server = start("--admin", "127.0.0.1:0", "--drain-timeout", "20s", plaintext=True)
    admin = Admin(server)
    may_end = threading.Event()

    def chat():
        yield reading()
        may_end.wait(PATIENCE_S)

    running = SensorServiceStub(connect(server)).SensorChat(chat())
    next(running)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("running calls may finish")
    answer = admin.ask("/readyz")
    assert (answer.status, answer.text) == (503, b"stopping: only running calls may finish\n")
    assert admin.ask("/healthz").status == 200
    may_end.set()
    list(running)
    assert server.end() == 0


def test_a_server_whose_store_has_failed_lives_and_is_not_ready(admin, connect):
    resource.prlimit(admin.server.process.pid, resource.RLIMIT_FSIZE, (1, 1))  # as good as a full disk
    with pytest.raises(grpc.RpcError) as refusal:
        SensorServiceStub(connect(admin.server)).SendSingleReading(reading())
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    answer = admin.ask("/readyz")
    assert answer.status == 503 and answer.text.startswith(b"the store has failed: ")
    assert admin.ask("/healthz").status == 200


def test_open_connections_do_not_hold_the_end_up(admin):
    with admin.connect() as idle, admin.connect() as halting:
        idle.sendall(REQUEST)
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        halting.sendall(REQUEST[:10])
        assert admin.server.stop() == 0
