# SPDX-License-Identifier: Apache-2.0
"""What the server tells who started it (sd_notify(3)); here that is a socket of the test's own."""
import os
import re
import signal
import socket

import pytest

from program import PATIENCE_S, Program


class Manager:
    """Listens on a socket as systemd does, and gives what comes as {name: value}."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind(name.replace("@", "\0"))
        self.variables = {"NOTIFY_SOCKET": name}

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def hear_all(self):
        """What has come and was not heard yet."""
        self.socket.settimeout(0)
        heard = []
        try:
            while True:
                heard.append(self.hear())
        except BlockingIOError:
            return heard


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """As a path, or as an abstract name such as containers use."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@thermograph-e2e-{os.getpid()}"
    made = Manager(name)
    yield made
    made.socket.close()


def test_ready_is_told_once_it_serves_and_stopping_when_it_ends(manager, start):
    server = start(variables=manager.variables)
    told = manager.hear()
    assert told == {"READY": "1", "STATUS": f"serving on {server.address}"}
    assert server.call("send", "kitchen", "21.5").returncode == 0
    assert server.stop() == 0
    told, = manager.hear_all()
    assert told["STOPPING"] == "1" and told["STATUS"].startswith("stopping")


def test_sighup_is_told_around_the_reading_of_tokens(manager, start):
    server = start(variables=manager.variables)
    manager.hear()
    server.process.send_signal(signal.SIGHUP)
    told = manager.hear()
    assert told["RELOADING"] == "1"
    assert re.fullmatch(r"\d+", told["MONOTONIC_USEC"])
    assert manager.hear() == {"READY": "1"}
    server.wait_for("tokens read again")


def test_a_reload_that_fails_ends_too(manager, start, tokens_file):
    server = start(variables=manager.variables)
    manager.hear()
    tokens_file.write_text("tokens: [")
    server.process.send_signal(signal.SIGHUP)
    assert manager.hear()["RELOADING"] == "1"
    assert manager.hear() == {"READY": "1"}
    server.wait_for("the tokens stay as they were")


def test_a_watchdog_hears_that_it_lives(manager, start):
    start(plaintext=True, variables=manager.variables | {"WATCHDOG_USEC": "20000"})
    manager.hear()
    assert [manager.hear() for _ in range(5)] == [{"WATCHDOG": "1"}] * 5


def test_a_watchdog_of_another_process_hears_nothing(manager, start):
    server = start(plaintext=True, variables=manager.variables | {
        "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    manager.hear()
    server.process.send_signal(signal.SIGHUP)
    assert [set(manager.hear()) for _ in range(2)] == [{"RELOADING", "MONOTONIC_USEC"}, {"READY"}]


def test_why_it_does_not_start_is_told(manager, tmp_path):
    (tmp_path / "file").touch()
    server = Program("serve", "--data", tmp_path / "file", "--allow-anyone", variables=manager.variables)
    try:
        assert server.end() == 1
        assert manager.hear()["STATUS"].startswith("not started: ")
        assert manager.hear_all() == []
    finally:
        server.kill()


def test_a_socket_that_is_not_there_keeps_nobody_from_serving(start, tmp_path):
    server = start(variables={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    server.wait_for("WARN .*NOTIFY_SOCKET")
    assert server.call("send", "kitchen", "21.5").returncode == 0


def test_a_name_that_is_no_sockets_is_a_warning(start):
    server = start(variables={"NOTIFY_SOCKET": "notify"})
    server.wait_for("WARN .*'notify' is neither a path")
    assert server.call("send", "kitchen", "21.5").returncode == 0
