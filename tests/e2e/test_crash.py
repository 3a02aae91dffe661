# SPDX-License-Identifier: Apache-2.0
"""What an answer promises, put to the test: the server is killed under load, again and again.

Clients of every kind that writes send at once, each on a connection of its own; at a random moment
the server gets SIGKILL, starts again on the same directory, and has to have every reading that was
answered, once, in order, bit for bit (ledger.py). Now and then it is killed while it starts, or
stopped as one should. Then the clients connect again, send what was not answered once more, and on.

CRASH_ROUNDS says how many kills (20). A failure prints CRASH_SEED, which makes the same choices again,
though not to the same microsecond; the directory stays where the failure says.
"""
import math
import os
import random
import shutil
import ssl
import threading
import time

import grpc
import h2.connection
import h2.exceptions
import pytest

import program
from ledger import Ledger
from readings import bits
from sensor_pb2 import Ack, SensorReading, SensorRequest, ServerMessage
from thermograph.v1.thermograph_pb2 import GetStatisticsRequest, Time
from thermograph.v1.thermograph_pb2_grpc import ThermographStub
from wire import Wire, frame

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(1 << 32)))
KILL_MIN_S, KILL_MAX_S = 0.005, 0.5  # after the first answer
DIRECTORY_ROUNDS = 12  # kills that a directory lives through; everything in it is read after each,
DIRECTORY_READINGS = 40_000  # so it may not grow for ever
# Few, so that their chunks fill, late readings meet sealed ones, and chunks are merged; in every third
# directory more than the keeper seals in one transaction.
FEW_SENSORS, MANY_SENSORS = 6, 400
STATISTICS_SENSORS = 40  # that are asked for their statistics after each kill
DENSE_READINGS = 10_000
CHAT_AHEAD = 64  # readings that a chat sends before it waits for answers


# ---- the clients that write ----

class Writer:
    """A client of one kind on a connection of its own, writing until the server is gone."""

    def __init__(self, crashes, first_answer):
        self.ledger = crashes.ledger
        self.random = random.Random(crashes.random.getrandbits(32))
        self.first_answer = first_answer
        self.n_sent = 0
        self.is_over = False
        self.trouble = None
        self.connect(crashes)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while True:
                self.write()
                self.first_answer.set()
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                self.trouble = error
        except (ConnectionError, ssl.SSLError):
            pass
        except Exception as error:  # it is told by the test's own thread
            self.trouble = error
        finally:
            self.is_over = True

    def connect(self, crashes):
        self.channel = crashes.connect()

    def close(self):
        self.is_over = True
        self.channel.close()

    def readings(self, call, n):
        for _ in range(n):
            if self.is_over:
                return
            yield self.ledger.next_reading(call, self).data

    def length(self, most):
        """Of a call: mostly short, sometimes long."""
        return round(most ** self.random.random())

    def __repr__(self):
        return f"{type(self).__name__}@{id(self):x}"


class Unary(Writer):
    def connect(self, crashes):
        super().connect(crashes)
        self.send = self.channel.unary_unary(
            "/SensorService/SendSingleReading", response_deserializer=Ack.FromString)

    def write(self):
        call = self.ledger.call()
        sent = self.ledger.next_reading(call, self)
        ack = self.send(sent.data, timeout=program.PATIENCE_S)
        assert (ack.accepted, ack.duplicates) == (1, call.n_repeats), (ack, sent)
        self.ledger.answer(sent)


class ClientStream(Writer):
    def connect(self, crashes):
        super().connect(crashes)
        self.send = self.channel.stream_unary(
            "/SensorService/StreamSensorReadings", response_deserializer=Ack.FromString)

    def write(self):
        call = self.ledger.call()
        ack = self.send(self.readings(call, self.length(3000)), timeout=program.PATIENCE_S)
        assert (ack.accepted, ack.duplicates) == (len(call.sent), call.n_repeats), ack
        for sent in call.sent:
            self.ledger.answer(sent)


class Chat(Writer):
    def connect(self, crashes):
        super().connect(crashes)
        self.send = self.channel.stream_stream(
            "/SensorService/SensorChat", response_deserializer=ServerMessage.FromString)

    def write(self):
        call = self.ledger.call()
        ahead = threading.Semaphore(CHAT_AHEAD)
        for i, answer in enumerate(self.send(self.paced(call, ahead), timeout=program.PATIENCE_S)):
            sent = call.sent[i]
            assert answer.message == f"Received {sent.temperature!r}", (answer, sent)
            assert answer.accepted == i + 1, (answer, sent)
            self.ledger.answer(sent)
            self.first_answer.set()
            ahead.release()

    def paced(self, call, ahead):
        for data in self.readings(call, self.length(500)):
            while not ahead.acquire(timeout=0.1):
                if self.is_over:
                    return
            yield data


class DenseStream(Writer):
    """A client stream whose messages come many at a time, as no Python client of gRPC's sends them."""

    def connect(self, crashes):
        self.wire = crashes.wire()

    def close(self):
        self.is_over = True
        self.wire.close()

    def write(self):
        try:
            self.write_stream()
        except h2.exceptions.ProtocolError as error:
            # After a GOAWAY this library takes nothing more, not even what was promised.
            assert self.wire.connection.state_machine.state == h2.connection.ConnectionState.CLOSED
            raise ConnectionError("the server goes away") from error

    def write_stream(self):
        call = self.ledger.call()
        stream = self.wire.open("/SensorService/StreamSensorReadings")
        body = b"".join(frame(data) for data in self.readings(call, self.length(DENSE_READINGS)))
        self.wire.send(stream, body, end=True)
        answer = self.wire.answer(stream)
        if not answer.body:
            raise ConnectionError("the server is gone")
        ack = Ack.FromString(answer.body[5:])
        assert (ack.accepted, ack.duplicates) == (len(call.sent), call.n_repeats), ack
        for sent in call.sent:
            self.ledger.answer(sent)


# ---- a server that is killed ----

class Crashes:
    """Servers one after the other, on directories that live through some kills each."""

    def __init__(self, seed, certs, tokens, token, folder):
        self.random = random.Random(seed)
        self.certs, self.tokens, self.token, self.folder = certs, tokens, token, folder
        self.n_directories = 0
        self.server = None
        self.start_s = 0.05
        self.total = {"kept": 0, "sent": 0, "repeats": 0, "starts_killed": 0, "stops": 0}
        self.new_directory()

    def new_directory(self):
        self.n_directories += 1
        self.n_rounds = 0
        self.directory = self.folder / f"data-{self.n_directories}"
        n_sensors = FEW_SENSORS if self.n_directories % 3 else MANY_SENSORS
        self.ledger = Ledger(self.random.getrandbits(32), n_sensors)

    def arguments(self):
        sizes = self.random.choice([
            ["--journal-limit", "1M"], ["--journal-limit", "1M"], ["--journal-limit", "1M"],
            ["--journal-limit", "1M", "--memory-limit", "64K"], ["--journal-limit", "4M"]])
        return ["--data", self.directory, *sizes, "--workers", self.random.randint(1, 3),
                "--cert", self.certs / "server.crt", "--key", self.certs / "server.key",
                "--tokens", self.tokens]

    def kill_a_start(self):
        """It may be anywhere between its first instruction and serving."""
        starting = program.Program("serve", "--listen", "127.0.0.1:0", *self.arguments())
        threading.Event().wait(self.random.uniform(0, self.start_s * 1.2))
        starting.kill()
        assert_no_complaint(starting)
        self.total["starts_killed"] += 1

    def start(self):
        while self.random.random() < 0.25:
            self.kill_a_start()
        started = time.monotonic()
        self.server = program.Server(self.arguments(), self.certs, self.token)
        self.start_s = time.monotonic() - started

    def connect(self):
        credentials = grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(self.server.ca.read_bytes()),
            grpc.access_token_call_credentials(self.token))
        return grpc.secure_channel(
            self.server.address, credentials, [("grpc.use_local_subchannel_pool", 1)])

    def wire(self):
        self.server.token = self.token
        return Wire(self.server)

    def load_and_kill(self):
        """Returns when the server is dead and its clients have noticed."""
        self.ledger.add_sensors_of_a_round(self.n_rounds)
        first_answer = threading.Event()
        kinds = (Unary, Unary, ClientStream, Chat, Chat, DenseStream)
        writers = [kind(self, first_answer) for kind in kinds]
        try:
            assert first_answer.wait(program.PATIENCE_S), self.server.said()
            moment_s = math.exp(self.random.uniform(math.log(KILL_MIN_S), math.log(KILL_MAX_S)))
            threading.Event().wait(moment_s)
            self.end_server()
            for writer in writers:
                writer.thread.join(program.PATIENCE_S)
        finally:
            for writer in writers:
                writer.close()
        for writer in writers:
            assert not writer.trouble, f"{writer}: {writer.trouble!r}"
            assert not writer.thread.is_alive(), f"{writer} has not noticed"

    def end_server(self):
        if self.random.random() < 0.1:
            assert self.server.stop() == 0, self.server.said()
            self.total["stops"] += 1
        self.server.kill()
        assert_no_complaint(self.server)

    def compare(self):
        self.ledger.settle(histories(self.wire(), self.ledger.sensors))
        with self.connect() as channel:
            sensors = list(self.ledger.sensors.values())
            for sensor in self.random.sample(sensors, min(len(sensors), STATISTICS_SENSORS)):
                assert_statistics(channel, sensor)
            if self.ledger.n_kept():
                assert statistics_of(channel, sensor_id="*").count == self.ledger.n_kept()
            assert_parts(channel, self.random.choice(sensors), self.random)

    def round(self):
        if not self.server:
            self.start()
            self.compare()
        self.load_and_kill()
        self.start()
        self.compare()
        self.n_rounds += 1
        if self.n_rounds == DIRECTORY_ROUNDS or self.ledger.n_kept() > DIRECTORY_READINGS:
            self.close_directory()

    def close_directory(self):
        """Stops as one should, and looks once more."""
        assert self.server.stop() == 0, self.server.said()
        self.server.kill()
        self.start()
        self.compare()
        assert self.server.stop() == 0, self.server.said()
        self.server.kill()
        assert_no_complaint(self.server)
        self.server = None
        self.total["kept"] += self.ledger.n_kept()
        self.total["sent"] += self.ledger.n_sent
        self.total["repeats"] += self.ledger.n_repeats
        shutil.rmtree(self.directory)
        self.new_directory()


def assert_no_complaint(server):
    said = server.said()
    assert not program.SANITIZER_REPORT.search(said), said
    assert " ERROR " not in said and " WARN " not in said, said


# ---- looking ----

def ask(channel, **request):
    get = channel.unary_stream("/SensorService/GetSensorReadings", SensorRequest.SerializeToString,
                               SensorReading.FromString)
    return list(get(SensorRequest(**request), timeout=program.PATIENCE_S))


def histories(wire, names):
    """The bytes of all readings, by sensor. With frames by hand: after each kill all is read."""
    path = "/SensorService/GetSensorReadings"
    found = {name: wire.call(path, frame(SensorRequest(sensor_id=name))) for name in names}
    wire.close()
    for name, answer in found.items():
        assert answer.status == 0, f"{name}: {answer.status} {answer.message}"
    return {name: [data for _, data in answer.messages()] for name, answer in found.items()}


def statistics_of(channel, **request):
    return ThermographStub(channel).GetStatistics(
        GetStatisticsRequest(**request), timeout=program.PATIENCE_S)


def assert_statistics(channel, sensor):
    if sensor.kept:
        assert_fits(statistics_of(channel, sensor_id=sensor.name), sensor.kept)
        return
    with pytest.raises(grpc.RpcError) as refusal:
        statistics_of(channel, sensor_id=sensor.name)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND


def assert_fits(got, kept):
    temperatures = [sent.temperature for sent in kept]
    assert got.count == len(kept)
    assert (got.minimum, got.maximum) == (min(temperatures), max(temperatures))
    assert got.first == Time(seconds=kept[0].moment[0], nanos=kept[0].moment[1])
    assert got.last == Time(seconds=kept[-1].moment[0], nanos=kept[-1].moment[1])
    assert got.latest == kept[-1].temperature


def assert_parts(channel, sensor, rng):
    """A range, and the way back."""
    if not sensor.kept:
        return
    back = [bits(each.temperature) for each in ask(channel, sensor_id=sensor.name, newest_first=True)]
    assert back == [bits(sent.temperature) for sent in reversed(sensor.kept)]
    begin, end = sorted(rng.choice(sensor.kept).moment[0] + rng.randrange(2) for _ in range(2))
    part = [sent for sent in sensor.kept if begin <= sent.moment[0] < end]
    got = ask(channel, sensor_id=sensor.name, start_time=begin, end_time=end)
    assert [each.temperature for each in got] == [sent.temperature for sent in part]
    statistics = statistics_of(channel, sensor_id=sensor.name, start_time=begin, end_time=end)
    assert statistics.count == len(part)
    if part:
        assert_fits(statistics, part)


# ---- the test ----

def test_killed_at_any_moment_it_has_what_it_answered(certs, tokens_file, make_token, tmp_path):
    crashes = Crashes(SEED, certs, tokens_file, make_token("all"), tmp_path)
    number = 0
    try:
        for number in range(ROUNDS):
            crashes.round()
        if crashes.server:
            crashes.close_directory()
    except BaseException:
        print(f"CRASH_SEED={SEED}, round {number}, directory {crashes.directory}")
        print(crashes.server.said() if crashes.server else "no server")
        raise
    finally:
        if crashes.server:
            crashes.server.kill()
    print(f"{ROUNDS} rounds: {crashes.total}")
    assert crashes.total["kept"] > 0
