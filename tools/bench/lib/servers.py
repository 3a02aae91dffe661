# SPDX-License-Identifier: Apache-2.0
"""Servers as processes: started for one run, waited for, measured, ended by their process id."""
import contextlib
import dataclasses
import itertools
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from lib import machine

PORTS = itertools.cycle(range(53000, 53100))
START_S = 20
STOP_S = 20
USAGE = 2  # the exit status


class Trouble(Exception):
    """Why a run does not count."""


class Refused(Trouble):
    """The server does not take its options."""


@dataclasses.dataclass
class Server:
    name: str
    command: object  # (address, data folder) -> list
    access: list  # what `thermograph bench` needs to talk to it
    verify: str  # how the bench counts what it holds
    folder: pathlib.Path  # where data folders are made
    is_durable: bool = False
    when_observed: object = None  # (address of its admin port) -> what its command gets for telemetry
    arguments: list = dataclasses.field(default_factory=list)
    variables: dict = dataclasses.field(default_factory=dict)

    def observed(self, variables, admin):
        """The same server with telemetry."""
        return dataclasses.replace(self, arguments=self.when_observed(admin), variables=variables)


@dataclasses.dataclass
class Process:
    server: Server
    address: str
    process: subprocess.Popen
    data: pathlib.Path

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        """Processor time of all its threads so far."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task")
        try:
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
        except FileNotFoundError:  # a kernel without this account
            fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_bytes(self):
        found = re.search(r"^VmHWM:\s*(\d+) kB", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        return int(found.group(1)) * 1024

    def disk_bytes(self):
        return sum(path.stat().st_blocks * 512 for path in self.data.rglob("*") if path.is_file())


def free_port():
    """Clients of others are given ports of this range too: one that nobody has now."""
    for port in itertools.islice(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Trouble("none of the ports 53000 to 53099 is free")


def wait_until_ready(process, address, log):
    host, port = address.split(":")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            kind = Refused if process.returncode == USAGE else Trouble
            raise kind(f"the server ended with status {process.returncode}: {log.read_text()[-500:].strip()}")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.01)
    raise Trouble(f"the server did not listen within {START_S} s")


def end(process):
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def environment(variables):
    """Ours without what it may say of telemetry."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return own | variables


def start(server, data):
    """A process that is ready. Its folder is the caller's."""
    log = server.folder / f"{server.name}.log"
    address = f"127.0.0.1:{free_port()}"
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            machine.on_core(machine.SERVER_CORE, [*server.command(address, data), *server.arguments]),
            env=environment(server.variables), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(process, address, log)
    except Trouble:
        end(process)
        raise
    return Process(server, address, process, data)


@contextlib.contextmanager
def running(server):
    data = pathlib.Path(tempfile.mkdtemp(prefix="data-", dir=server.folder))
    try:
        process = start(server, data)
        try:
            yield process
        finally:
            end(process.process)
    finally:
        shutil.rmtree(data, ignore_errors=True)
