# SPDX-License-Identifier: Apache-2.0
"""The verb `bench`: that what it prints is what happened, and that it notices when it is not."""
import concurrent.futures
import json
import signal
import time

import grpc
import pytest

from program import run
from readings import BEGIN

KINDS = ["unary", "client-stream", "server-stream", "chat"]
FIGURES = {
    "kind", "connections", "streams", "sensors", "seconds", "calls", "readings", "calls_per_second",
    "readings_per_second", "p50_us", "p99_us", "p999_us", "max_us", "sent_bytes", "received_bytes",
    "failed_calls", "verified_by"}
OF_THE_SERVER = {
    "server_cpu_seconds", "server_us_per_call", "server_ns_per_reading", "server_peak_rss_bytes"}
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def bench(server, *options):
    """A short run; its figures and the process."""
    done = server.call("bench", "--duration", "300ms", "--warmup", "50ms", "--readings-per-stream", 500,
                       "-o", "json", *options)
    return json.loads(done.stdout) if done.stdout else None, done


def held(server):
    """How many readings the server holds, the bench's own among them."""
    done = server.call("stats", "bench-*", "-o", "json")
    assert done.returncode == OK, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_counted_and_verified(server, kind):
    got, done = bench(server, "--kind", kind, "-c", 2, "-m", 3, "--server-pid", server.process.pid)
    assert done.returncode == OK, done.stderr
    assert done.stderr == ""
    assert set(got) == FIGURES | OF_THE_SERVER
    assert (got["kind"], got["connections"], got["streams"], got["sensors"]) == (kind, 2, 3, 6)
    assert got["verified_by"] == "statistics"
    assert got["failed_calls"] == 0
    assert 0.2 < got["seconds"] < 20
    assert 0 < got["p50_us"] <= got["p99_us"] <= got["p999_us"] <= got["max_us"]
    assert got["calls"] > 0
    assert got["readings"] >= got["calls"]
    assert got["readings_per_second"] == pytest.approx(got["readings"] / got["seconds"], rel=0.01)
    assert got["server_cpu_seconds"] > 0
    assert got["server_peak_rss_bytes"] > 1_000_000
    stats = held(server)
    assert stats["sensors"] == 6
    if kind == "server-stream":
        assert stats["count"] == 6 * 500
        assert got["readings"] == 500 * got["calls"]
    else:  # what was sent while it warmed up is held too
        assert stats["count"] >= got["readings"]


def test_times_move_on_and_nothing_is_a_repeat(server):
    got, done = bench(server, "--kind", "client-stream", "-m", 2, "--sensors", 5)
    assert done.returncode == OK, done.stderr
    sensors = [json.loads(line) for line in
               server.call("sensors", "bench-*", "-o", "json").stdout.splitlines()]
    assert len(sensors) == 5
    for sensor in sensors:
        rows = [json.loads(line) for line in server.call(
            "get", sensor["sensor_id"], "--limit", 1000, "-o", "json").stdout.splitlines()]
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
        assert rows[0]["time"] == "2001-09-09T01:46:40Z"
        assert len({row["time"] for row in rows}) == len(rows)
    assert got["readings"] <= sum(sensor["count"] for sensor in sensors)


def test_people_get_a_table(server):
    done = server.call("bench", "--duration", "100ms", "--warmup", "0s")
    assert done.returncode == OK, done.stderr
    lines = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["kind"] == "unary"
    assert float(lines["p99 us"]) > 0


@pytest.mark.parametrize("kind, streams", [("unary", 4), ("chat", 4), ("client-stream", 2)])
def test_an_open_loop_keeps_its_rate(server, kind, streams):
    rate, of_a_call = (5000, 100) if kind == "client-stream" else (400, 1)
    got, done = bench(server, "--kind", kind, "-m", streams, "--rate", rate, "--duration", "1s",
                      "--readings-per-stream", 100)
    assert done.returncode == OK, done.stderr
    assert got["rate_asked_for"] == rate
    wanted = got["readings"] + of_a_call * got["unstarted_calls"]
    assert 0.9 * rate <= wanted <= 2 * rate  # a busy machine ends late


def test_an_open_loop_charges_the_server_for_what_waited(server):
    # One stream in order, and far more asked for than it can do: the wait grows to the end.
    got, done = bench(server, "--rate", 1_000_000, "--duration", "500ms")
    assert done.returncode == OK, done.stderr
    assert got["unstarted_calls"] > 100_000
    assert got["calls"] + got["unstarted_calls"] > 490_000
    assert got["p50_us"] > 100_000
    assert got["max_us"] > 400_000


def test_several_threads_share_the_connections(server):
    got, done = bench(server, "-c", 5, "-m", 2, "--threads", 3, "--server-pid", server.process.pid)
    assert done.returncode == OK, done.stderr
    assert got["readings"] == got["calls"] > 0
    assert held(server)["sensors"] == 10


def test_a_server_that_lost_readings_is_found_out(server):
    # `__total` is a common sensor here: it says 5 before and after, whatever was sent.
    assert server.call("send", "__total", 1, "--time", 5).returncode == OK
    got, done = bench(server, "--verify", "total")
    assert done.returncode == FAILED
    assert got["verified_by"] == "total"
    assert "readings were acknowledged, but the server holds 0 of them" in done.stderr


@pytest.fixture
def counting_server():
    """A server of somebody else with sensor `__total`, as the peers in bench/peers have it."""
    import sensor_pb2
    import sensor_pb2_grpc

    class Servicer(sensor_pb2_grpc.SensorServiceServicer):
        total = 0

        def SendSingleReading(self, request, context):
            Servicer.total += 1
            return sensor_pb2.Ack(message="Reading received.")

        def StreamSensorReadings(self, requests, context):
            if Servicer.total >= 0:
                context.abort(grpc.StatusCode.INTERNAL, "out of order today")

        def GetSensorReadings(self, request, context):
            yield sensor_pb2.SensorReading(sensor_id="__total", timestamp=Servicer.total)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    sensor_pb2_grpc.add_SensorServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield ["--server", f"127.0.0.1:{port}", "--plaintext"]
    server.stop(0).wait()


def test_a_server_of_others_is_verified_by_its_total(counting_server):
    done = run("bench", *counting_server, "--verify", "total", "--duration", "200ms", "-m", 4, "-o", "json")
    assert done.returncode == OK, done.stderr
    assert json.loads(done.stdout)["verified_by"] == "total"
    done = run("bench", *counting_server, "--duration", "200ms")
    assert done.returncode == FAILED
    assert "UNIMPLEMENTED" in done.stderr


def test_calls_that_fail_end_the_run_with_the_first_one_s_words(counting_server):
    started = time.monotonic()
    done = run("bench", *counting_server, "--verify", "none", "--kind", "client-stream", "-d", "1m")
    assert done.returncode == FAILED
    assert done.stdout == ""
    assert "INTERNAL: 100 calls failed, the first with: out of order today" in done.stderr
    assert time.monotonic() - started < 20


def test_a_token_that_may_not_write_fails(start, make_token):
    make_token("all")
    reader = make_token("reader", "--read", "*")
    server = start()
    _, done = bench(server, "--token", reader)
    assert done.returncode == FAILED
    assert "PERMISSION_DENIED" in done.stderr


def test_a_process_that_is_not_there_is_told(server):
    _, done = bench(server, "--server-pid", 1 << 22)
    assert done.returncode == FAILED
    assert "process 4194304: " in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_prints_what_there_is(server, start_program, kind):
    load = start_program("bench", "--kind", kind, "--warmup", "0s", "-d", "10m", "-m", 2, "-o", "json",
                         "--readings-per-stream", 1000, "--log-level", "debug", *server.access())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.call("stats", "bench-*").returncode != OK:
        pass
    load.process.send_signal(signal.SIGINT)
    assert load.end() == INTERRUPTED
    [line] = [line for line in load.lines["stdout"] if line.startswith("{")] or [None]
    if line:  # server-stream may have been filling still
        assert json.loads(line)["failed_calls"] == 0
    else:
        assert kind == "server-stream"


def test_the_readings_of_others_do_not_count(server):
    server.call("send", "bench-other", 1, "--time", BEGIN)
    _, done = bench(server)
    assert done.returncode == OK, done.stderr
