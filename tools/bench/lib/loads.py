# SPDX-License-Identifier: Apache-2.0
"""The loads. Each is run against one server and gives its figures as a dictionary.

To add one: a line in TABLE.
"""
import dataclasses
import datetime
import json
import re
import shutil
import struct
import subprocess

from lib import builds, machine
from lib.servers import Trouble

PATIENCE_S = 120  # beyond the duration: filling, warming up, verifying
WARMUP_S = 1
IN_FLIGHT = 8 * 32  # of h2load


def seconds(duration):
    found = re.fullmatch(r"(\d+)(ms|s|m)?", duration)
    if not found:
        raise Trouble(f"'{duration}' is no duration; write 500ms, 5s or 1m")
    return int(found.group(1)) * {"ms": 0.001, "s": 1, "m": 60, None: 1}[found.group(2)]


def run_on_load_core(command, duration):
    command = machine.on_core(machine.LOAD_CORE, list(map(str, command)))
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              timeout=seconds(duration) + PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Trouble(f"the load did not end within {PATIENCE_S} s of its time") from None


def ask(arguments):
    """What a verb of the program prints."""
    done = subprocess.run([builds.PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Trouble(done.stderr.strip())
    return done.stdout


@dataclasses.dataclass
class Bench:
    """`thermograph bench`."""
    name: str
    title: str
    item: str  # what processor time is counted for
    options: list

    def run(self, process, duration):
        done = run_on_load_core(
            [builds.PROGRAM, "bench", "--server", process.address, *process.server.access,
             "--verify", process.server.verify, "--server-pid", process.pid, "--output", "json",
             "--warmup", f"{WARMUP_S}s", "--duration", duration, *self.options], duration)
        if done.returncode:
            raise Trouble(done.stderr.strip())
        found = json.loads(done.stdout)
        found["cpu_ns"] = found["server_ns_per_reading"]
        found["rate"] = found["readings_per_second"]
        if process.server.is_durable:
            found["disk_bytes"] = process.disk_bytes()
        return found


@dataclasses.dataclass
class H2load:
    """Unary calls by a client that knows nothing of gRPC. It repeats one message, so every reading has the
    same time; a server that sorts by time may find that harder or easier than what `bench` sends."""
    name: str = "h2load"
    title: str = "Cross-check: unary by h2load, 8 connections x 32 streams, one message repeated"
    item: str = "call"

    def message(self):
        reading = b"\x0a\x06h2load" + b"\x11" + struct.pack("<d", 20.37) + b"\x18\x80\x94\xeb\xdc\x03"
        return b"\0" + struct.pack(">I", len(reading)) + reading

    def command(self, process, duration):
        body = builds.FOLDER / "h2load.body"
        body.write_bytes(self.message())
        command = ["h2load", "-t1", "-c8", "-m32", "-D", max(1, round(seconds(duration))), "-d", body,
                   "-H", "content-type: application/grpc", "-H", "te: trailers"]
        token = builds.FOLDER / "token"
        if "--token-file" in process.server.access:
            command += ["-H", f"authorization: Bearer {token.read_text().strip()}"]
        return [*command, f"https://{process.address}/SensorService/SendSingleReading"]

    def run(self, process, duration):
        if not shutil.which("h2load"):
            raise Trouble("h2load is not installed (Debian: nghttp2-client)")
        before = process.cpu_s()
        done = run_on_load_core(self.command(process, duration), duration)
        cpu_s = process.cpu_s() - before
        counts = re.search(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded", done.stdout)
        rate = re.search(r"finished in .*?, ([\d.]+) req/s", done.stdout)
        if done.returncode or not counts or not rate or int(counts.group(2)) == 0:
            raise Trouble(f"h2load: {(done.stdout + done.stderr).strip()[-500:]}")
        n_calls = int(counts.group(1))
        n_held = self.count_held(process)
        # Calls that were still on their way when h2load's time was up are stored and not counted.
        if int(counts.group(2)) != n_calls or not n_calls <= n_held <= n_calls + IN_FLIGHT:
            raise Trouble(f"h2load: of {n_calls} calls {counts.group(2)} succeeded, and the server holds {n_held}")
        return {"calls": n_calls, "rate": float(rate.group(1)), "cpu_ns": cpu_s * 1e9 / n_calls}

    def count_held(self, process):
        """h2load sees HTTP's status only: a call that gRPC refused has succeeded, for it."""
        access = ["--server", process.address, *process.server.access, "--output", "json"]
        if process.server.verify == "statistics":
            return json.loads(ask(["stats", "h2load", *access]))["count"]
        total = json.loads(ask(["get", "__total", *access]))["time"]
        return int(datetime.datetime.fromisoformat(total.replace("Z", "+00:00")).timestamp())


STREAMS = ["-c", "8", "-m", "4"]
TABLE = {load.name: load for load in (
    Bench("unary", "Unary, 8 connections x 32 streams", "call", ["--kind", "unary", "-c", "8", "-m", "32"]),
    H2load(),
    Bench("one", "One unary call at a time", "call", ["--kind", "unary"]),
    Bench("rate", "Unary, 2,000 a second in an open loop, 8 connections x 32 streams", "call",
          ["--kind", "unary", "-c", "8", "-m", "32", "--rate", "2000"]),
    Bench("client-stream", "Client stream, 8 connections x 4 streams of 10,000 readings", "reading",
          ["--kind", "client-stream", *STREAMS]),
    Bench("many", "Client stream to 1,000,000 sensors in turn, 8 connections x 4 streams of 10,000 readings", "reading",
          ["--kind", "client-stream", "--sensors", "1000000", *STREAMS]),
    Bench("server-stream", "Server stream, 8 connections x 4 streams of 10,000 readings", "reading",
          ["--kind", "server-stream", *STREAMS]),
    Bench("chat", "Chat, 8 connections x 32 streams, one reading and its answer at a time", "message",
          ["--kind", "chat", "-c", "8", "-m", "32"]),
)}
