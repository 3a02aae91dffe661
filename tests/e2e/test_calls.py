# SPDX-License-Identifier: Apache-2.0
"""The four kinds of calls, made by Python's gRPC over TLS with a token."""
import concurrent.futures
import gzip
import itertools
import queue
import random
import struct
import sys
import threading

import grpc
import pytest

from readings import BEGIN, NOW, bits, full_reading, history, reading, temperatures, varint
from sensor_pb2 import Ack, SensorReading, SensorRequest
from sensor_pb2_grpc import SensorServiceStub
from wire import Wire, frame

MAX_MESSAGE = 4 << 20


class OpenChat:
    """A chat whose side stays open until close(): the next reading is sent when the test says so."""

    def __init__(self, sensors, **options):
        self._readings = queue.SimpleQueue()
        self.call = sensors.SensorChat(iter(self._readings.get, None), **options)

    def send(self, message):
        self._readings.put(message)

    def close(self):
        self._readings.put(None)


# ---- the four kinds and their answers ----

def test_a_single_reading_is_answered_with_the_text_clients_know(sensors):
    assert sensors.SendSingleReading(reading()) == Ack(message="Reading received.", accepted=1)


def test_a_stream_is_answered_once_with_its_count(sensors):
    ack = sensors.StreamSensorReadings(reading(timestamp=BEGIN + i) for i in range(7))
    assert ack == Ack(message="All readings stored.", accepted=7)


def test_an_empty_stream_is_fine(sensors):
    assert sensors.StreamSensorReadings(iter([])) == Ack(message="All readings stored.")


def test_an_empty_chat_is_fine(sensors):
    assert not list(sensors.SensorChat(iter([])))


def test_what_was_answered_can_be_read_at_once(sensors):
    for i in range(20):
        sensors.SendSingleReading(reading(temperature=i, timestamp=BEGIN + i))
        assert temperatures(sensors)[-1] == i


def test_a_reading_comes_back_as_it_was_sent(sensors):
    sent = reading("Keller / süd №3 🌡", -3.25, BEGIN, nanos=999_999_999, sequence=2**64 - 1)
    sensors.SendSingleReading(sent)
    assert history(sensors, sent.sensor_id) == [sent]


def test_a_sensor_nobody_wrote_to_gives_an_empty_stream(sensors):
    assert history(sensors, "nobody") == []


def test_a_chat_answers_each_reading_while_it_is_open(sensors):
    chat = OpenChat(sensors)
    for i, temperature in enumerate([20.0, 20.37, -0.0, 1e16, 5e-324], start=1):
        chat.send(reading(temperature=temperature, timestamp=BEGIN + i))
        answer = next(chat.call)
        assert answer.message == f"Received {temperature!r}"
        assert answer.accepted == i
        assert NOW - 1 <= answer.server_time <= NOW + 3600
        assert len(history(sensors)) == i, "it was answered before it was kept"
    chat.close()
    assert list(chat.call) == []
    assert chat.call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("temperature, text", [
    (20.0, "20.0"), (20.37, "20.37"), (0.1 + 0.2, "0.30000000000000004"), (1e308, "1e+308"),
    (123456789.125, "123456789.125"), (-40.0, "-40.0"), (0.0, "0.0"), (1e-5, "1e-05")])
def test_a_chat_repeats_the_temperature_as_the_shortest_decimal(sensors, temperature, text):
    answers = list(sensors.SensorChat(iter([reading(temperature=temperature)])))
    assert [answer.message for answer in answers] == [f"Received {text}"]


def test_a_chat_answers_thousands_of_readings_in_order(sensors):
    n = 5000  # more than it may owe at a time
    answers = list(sensors.SensorChat(
        reading(temperature=i / 4, timestamp=BEGIN + i) for i in range(n)))
    assert [answer.message for answer in answers] == [f"Received {i / 4!r}" for i in range(n)]
    assert [answer.accepted for answer in answers] == list(range(1, n + 1))


def test_one_stream_may_carry_many_sensors(sensors):
    ack = sensors.StreamSensorReadings(
        reading(f"sensor-{i % 10}", i, BEGIN + i) for i in range(100))
    assert ack.accepted == 100
    for k in range(10):
        assert temperatures(sensors, f"sensor-{k}") == list(range(k, 100, 10))


# ---- order, ranges ----

def test_readings_come_in_order_of_time_whatever_their_order_of_arrival(sensors):
    sent = [reading(temperature=i, timestamp=BEGIN + i // 3, nanos=i % 3) for i in range(300)]
    shuffled = random.Random(1).sample(sent, len(sent))
    sensors.StreamSensorReadings(iter(shuffled))
    assert history(sensors) == sent


def test_equal_times_come_in_order_of_arrival(sensors):
    for temperature in (3.0, 1.0, 2.0, 1.0):
        sensors.SendSingleReading(reading(temperature=temperature))
    assert temperatures(sensors) == [3.0, 1.0, 2.0, 1.0]
    assert temperatures(sensors, newest_first=True) == [1.0, 2.0, 1.0, 3.0]


@pytest.fixture
def ten(sensors):
    """A sensor with readings 0 to 9, one a second from BEGIN on, each with half a second."""
    sensors.StreamSensorReadings(
        reading(temperature=i, timestamp=BEGIN + i, nanos=500_000_000) for i in range(10))
    return sensors


@pytest.mark.parametrize("request_fields, expected", [
    ({}, range(10)),
    ({"start_time": BEGIN + 4}, range(4, 10)),
    ({"end_time": BEGIN + 4}, range(4)),
    ({"start_time": BEGIN + 2, "end_time": BEGIN + 5}, range(2, 5)),
    ({"start_time": BEGIN + 5, "end_time": BEGIN + 5}, []),
    ({"start_time": BEGIN + 5, "end_time": BEGIN + 2}, []),
    ({"start_time": BEGIN + 100}, []),
    ({"limit": 3}, range(3)),
    ({"limit": 2**64 - 1}, range(10)),
    ({"newest_first": True}, range(9, -1, -1)),
    ({"newest_first": True, "limit": 1}, [9]),
    ({"start_time": BEGIN + 2, "end_time": BEGIN + 8, "limit": 2, "newest_first": True}, [7, 6]),
    ({"start_time": 2**63 - 1}, []),
    ({"end_time": 2**63 - 1}, range(10)),
])
def test_a_range_is_half_open_and_limited(ten, request_fields, expected):
    assert temperatures(ten, **request_fields) == list(expected)


# ---- repeats ----

def test_a_repeat_is_acknowledged_and_not_stored_again(sensors):
    first = sensors.SendSingleReading(reading(temperature=1.0, sequence=7))
    again = sensors.SendSingleReading(reading(temperature=2.0, sequence=7))
    assert (first.accepted, first.duplicates) == (1, 0)
    assert (again.accepted, again.duplicates) == (1, 1)
    assert temperatures(sensors) == [1.0]


def test_another_time_or_sequence_or_sensor_is_no_repeat(sensors):
    ack = sensors.StreamSensorReadings(iter([
        reading(sequence=7), reading(sequence=8), reading(sequence=7, nanos=1),
        reading(sequence=7, timestamp=BEGIN + 1), reading("boiler-2", sequence=7)]))
    assert (ack.accepted, ack.duplicates) == (5, 0)
    assert len(history(sensors)) == 4


def test_without_a_sequence_nothing_is_a_repeat(sensors):
    ack = sensors.StreamSensorReadings(reading() for _ in range(5))
    assert (ack.accepted, ack.duplicates) == (5, 0)
    assert temperatures(sensors) == [20.0] * 5


def test_repeats_are_known_over_calls_kinds_and_connections(server, connect):
    sent = [reading(temperature=i, timestamp=BEGIN + i, sequence=i + 1) for i in range(50)]
    ways = [SensorServiceStub(connect(server)) for _ in range(3)]
    assert ways[0].StreamSensorReadings(iter(sent[:30])).duplicates == 0
    ack = ways[1].StreamSensorReadings(iter(reversed(sent)))
    assert (ack.accepted, ack.duplicates) == (50, 30)
    assert len(list(ways[2].SensorChat(iter(sent)))) == 50
    assert ways[2].SendSingleReading(sent[17]).duplicates == 1
    assert history(ways[0]) == sent


def test_repeats_inside_one_stream_are_counted(sensors):
    sent = [reading(timestamp=BEGIN + i, sequence=1) for i in range(10)]
    ack = sensors.StreamSensorReadings(iter(sent * 3))
    assert (ack.accepted, ack.duplicates) == (30, 20)
    assert history(sensors) == sent


# ---- many ----

def odd_doubles(n):
    """Doubles of every kind; NaN and the infinities are not allowed."""
    source = random.Random(20)
    special = [-0.0, 0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 2.2250738585072009e-308,
               1e308, -1e308, sys.float_info.max, -sys.float_info.max, 0.1, 20.37]
    exponents = itertools.cycle(range(2047))
    for i in range(n):
        if i < len(special):
            yield special[i]
        elif i % 2:
            yield round(source.gauss(20, 5), 2)
        else:
            word = source.getrandbits(52) | next(exponents) << 52 | source.getrandbits(1) << 63
            yield struct.unpack("<d", struct.pack("<Q", word))[0]


def test_a_hundred_thousand_readings_come_back_bit_for_bit(sensors):
    n = 100_000
    sent = [reading(temperature=temperature, timestamp=BEGIN + i, sequence=i)
            for i, temperature in enumerate(odd_doubles(n))]
    ack = sensors.StreamSensorReadings(iter(sent))
    assert (ack.accepted, ack.duplicates) == (n, 0)
    received = history(sensors)
    assert len(received) == n
    assert all(got.SerializeToString() == put.SerializeToString() for got, put in zip(received, sent))
    assert bits(received[0].temperature) == bits(-0.0)


def test_fifty_clients_at_once_lose_nothing(server, connect):
    def work(client):
        sensors = SensorServiceStub(connect(server))
        name = f"client-{client}"
        for i in range(20):
            assert sensors.SendSingleReading(reading(name, i, BEGIN + i)).accepted == 1
        ack = sensors.StreamSensorReadings(reading(name, i, BEGIN + i) for i in range(20, 100))
        assert ack.accepted == 80
        chat = sensors.SensorChat(reading(name, i, BEGIN + i) for i in range(100, 150))
        assert [answer.message for answer in chat] == [f"Received {i}.0" for i in range(100, 150)]
        assert temperatures(sensors, name) == list(range(150))
        return sensors.SendSingleReading(reading("all", client, BEGIN)).accepted

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(work, range(50))) == 50
    assert sorted(temperatures(SensorServiceStub(connect(server)), "all")) == list(range(50))


def test_two_hundred_calls_at_once_on_one_connection(sensors):
    calls = [sensors.SendSingleReading.future(reading(f"s-{i}")) for i in range(200)]
    assert all(call.result().accepted == 1 for call in calls)


def test_chats_side_by_side_do_not_wait_for_each_other(sensors):
    chats = [OpenChat(sensors) for _ in range(20)]
    for round_number in range(3):
        for i, chat in enumerate(chats):
            chat.send(reading(f"chat-{i}", round_number, BEGIN + round_number))
        for chat in reversed(chats):
            assert next(chat.call).accepted == round_number + 1
    for chat in chats:
        chat.close()
        assert list(chat.call) == []


# ---- deadline, cancel, metadata ----

def test_an_open_chat_ends_at_its_deadline(sensors):
    chat = OpenChat(sensors, timeout=0.2)
    chat.send(reading())
    assert next(chat.call).accepted == 1
    with pytest.raises(grpc.RpcError) as error:
        next(chat.call)
    chat.close()
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert temperatures(sensors) == [20.0]


def test_a_deadline_that_is_kept_changes_nothing(sensors):
    assert sensors.SendSingleReading(reading(), timeout=30).accepted == 1
    assert len(list(sensors.SensorChat(iter([reading()]), timeout=30))) == 1


def test_a_cancelled_chat_keeps_what_was_answered(sensors):
    chat = OpenChat(sensors)
    chat.send(reading(temperature=1.5))
    next(chat.call)
    chat.call.cancel()
    chat.close()
    assert chat.call.code() == grpc.StatusCode.CANCELLED
    assert temperatures(sensors) == [1.5]
    assert sensors.SendSingleReading(reading()).accepted == 1


def test_a_history_can_be_cancelled_in_the_middle(server, sensors):
    lines = "".join(f"boiler-1,20,{BEGIN + i}\n" for i in range(50_000))
    assert server.call("stream", stdin=lines).returncode == 0
    call = sensors.GetSensorReadings(SensorRequest(sensor_id="boiler-1"))
    assert [next(call).timestamp for _ in range(10)] == list(range(BEGIN, BEGIN + 10))
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED
    assert temperatures(sensors, limit=3) == [20.0] * 3


def test_metadata_of_any_kind_is_fine(sensors):
    metadata = [("x-text", "value"), ("x-text", "again, with a comma"), ("x-empty", ""),
                ("x-bytes-bin", bytes(range(256))), ("x-bytes-bin", b""),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    ack, call = sensors.SendSingleReading.with_call(reading(), metadata=metadata)
    assert (ack.accepted, call.code()) == (1, grpc.StatusCode.OK)


# ---- size and compression ----

def raw_unary(channel, method="SendSingleReading"):
    """A method whose messages are bytes."""
    return channel.unary_unary(f"/SensorService/{method}", response_deserializer=Ack.FromString)


def test_a_message_may_have_4_mib(channel, sensors):
    message = full_reading(MAX_MESSAGE)
    assert len(message) == MAX_MESSAGE
    assert raw_unary(channel)(message).accepted == 1
    assert history(sensors) == [reading()]


def test_a_message_may_not_have_a_byte_more(channel, sensors):
    with pytest.raises(grpc.RpcError) as error:
        raw_unary(channel)(full_reading(MAX_MESSAGE + 1))
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert history(sensors) == []


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.NoCompression])
def test_a_channel_may_compress(server, connect, compression):
    sensors = SensorServiceStub(connect(server, compression=compression))
    name = "long-names-compress-well-" * 5  # 125 bytes, or gRPC would not bother
    sent = [reading(name, i, BEGIN + i) for i in range(300)]
    assert sensors.SendSingleReading(sent[0]).message == "Reading received."
    assert sensors.StreamSensorReadings(iter(sent[1:200])).accepted == 199
    assert [answer.accepted for answer in sensors.SensorChat(iter(sent[200:]))] == list(range(1, 101))
    assert history(sensors, name) == sent


def test_a_large_compressed_message_is_taken(server, connect):
    channel = connect(server, compression=grpc.Compression.Gzip)
    text = bytes(random.Random(3).choices(b"0123456789abcdef", k=1 << 20))
    message = reading().SerializeToString() + b"\xa2\x06" + varint(len(text)) + text
    assert raw_unary(channel)(message).accepted == 1


@pytest.mark.parametrize("accepted, is_compressed", [("gzip", True), ("identity, gzip", True),
                                                     ("identity", False), (None, False)])
def test_an_answer_is_compressed_only_for_a_call_that_is_and_takes_it(
        server, sensors, accepted, is_compressed):
    long = reading("x" * 128)  # what does not become smaller goes out as it is
    sensors.SendSingleReading(long)
    request = SensorRequest(sensor_id=long.sensor_id).SerializeToString()
    wire = Wire(server)
    more = [("grpc-encoding", "gzip")] + ([("grpc-accept-encoding", accepted)] if accepted else [])
    answer = wire.call("/SensorService/GetSensorReadings", frame(gzip.compress(request), compressed=1), more)
    [(flag, message)] = answer.messages()
    assert (flag, answer.headers.get("grpc-encoding")) == ((1, "gzip") if is_compressed else (0, None))
    assert SensorReading.FromString(gzip.decompress(message) if flag else message) == long
    plain = wire.call("/SensorService/GetSensorReadings", frame(request), [("grpc-accept-encoding", "gzip")])
    assert plain.messages() == [(0, long.SerializeToString())]
    wire.close()


# ---- on the wire ----

def test_a_message_may_come_in_pieces_of_any_size(server, sensors):
    wire = Wire(server)
    sent = [reading(temperature=i, timestamp=BEGIN + i) for i in range(5)]
    body = b"".join(map(frame, sent))
    stream = wire.open("/SensorService/StreamSensorReadings")
    for i in range(len(body)):
        wire.send(stream, body[i:i + 1])
    wire.send(stream, b"", end=True)
    assert wire.answer(stream).status == 0
    assert history(sensors) == sent
    wire.close()


@pytest.mark.parametrize("value", ["Bearer {}", "bearer {}", "{}"])
def test_a_token_may_stand_alone_or_behind_bearer(server, value):
    wire = Wire(server)
    authorization = [("authorization", value.format(server.token))]
    answer = wire.call("/SensorService/SendSingleReading", frame(reading()), more=authorization)
    assert (answer.status, answer.message) == (0, "")
    assert answer.headers["content-type"].startswith("application/grpc")
    wire.close()


# ---- TLS ----

def code_of_a_call(channel, **options):
    """The code of a call that fails."""
    with pytest.raises(grpc.RpcError) as error:
        SensorServiceStub(channel).SendSingleReading(reading(), **options)
    return error.value.code(), error.value.details()


def test_a_client_without_the_ca_refuses_the_server(server):
    with grpc.secure_channel(server.address, grpc.ssl_channel_credentials()) as channel:
        code, details = code_of_a_call(channel, timeout=20)
    assert code == grpc.StatusCode.UNAVAILABLE
    assert "CERTIFICATE_VERIFY_FAILED" in details
    server.wait_for("turned away")


def test_a_client_refuses_a_server_with_another_name(server):
    credentials = grpc.ssl_channel_credentials(server.ca.read_bytes())
    options = [("grpc.ssl_target_name_override", "elsewhere.example.org")]
    with grpc.secure_channel(server.address, credentials, options) as channel:
        assert code_of_a_call(channel, timeout=20)[0] == grpc.StatusCode.UNAVAILABLE


def test_a_plaintext_client_gets_nothing_from_a_tls_port(server, sensors):
    with grpc.insecure_channel(server.address) as channel:
        assert code_of_a_call(channel, timeout=20)[0] == grpc.StatusCode.UNAVAILABLE
    assert sensors.SendSingleReading(reading()).accepted == 1


def test_plaintext_works_when_it_was_asked_for(start, connect):
    sensors = SensorServiceStub(connect(start(plaintext=True)))
    assert sensors.SendSingleReading(reading()).accepted == 1
    assert temperatures(sensors) == [20.0]


@pytest.mark.parametrize("workers", ["1", "4"])
def test_any_number_of_workers_gives_the_same(start, connect, workers):
    server = start("--workers", workers)
    ways = [SensorServiceStub(connect(server)) for _ in range(6)]
    for i, sensors in enumerate(ways):
        sensors.SendSingleReading(reading(temperature=i, timestamp=BEGIN + i))
        assert temperatures(ways[-1 - i]) == list(range(i + 1))


# ---- stopping ----

def test_a_stopping_server_finishes_running_calls(start, connect):
    server = start("--drain-timeout", "20s")
    sensors = SensorServiceStub(connect(server))
    sent = threading.Event()
    may_end = threading.Event()

    def readings():
        yield reading()
        sent.set()
        assert may_end.wait(20)
        yield reading(timestamp=BEGIN + 1)

    call = sensors.StreamSensorReadings.future(readings())
    assert sent.wait(20)
    chat = OpenChat(sensors)
    chat.send(reading())
    next(chat.call)  # the server has both calls
    server.process.terminate()
    server.wait_for(r"stop|drain")
    may_end.set()
    chat.close()
    assert call.result() == Ack(message="All readings stored.", accepted=2)
    assert server.end() == 0
