# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/errors.md, one test each: code, message, what is kept, and that the server goes on."""
import contextlib
import gzip
import pathlib
import random
import re
import shutil
import socket
import sqlite3
import ssl
import struct
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import program
from certificates import make_dated_certificate
from readings import BEGIN, NOW, full_reading, history, reading, temperatures
from sensor_pb2 import Ack, SensorReading, SensorRequest
from sensor_pb2_grpc import SensorServiceStub
from thermograph.v1.thermograph_pb2 import (
    CheckStoreRequest, GetStatisticsRequest, GetStatusRequest, ListSensorsRequest)
from wire import Wire, everything_from, frame, open_socket, tls_context

PAGE = program.ROOT / "docs/errors.md"
SEND = "/SensorService/SendSingleReading"
STREAM = "/SensorService/StreamSensorReadings"
CHAT = "/SensorService/SensorChat"
GET = "/SensorService/GetSensorReadings"
NOT_PROTOBUF = b"\xff\xff\xff\xff"
NAN, INFINITY = float("nan"), float("inf")


# ---- the page and its rows ----

class Row:
    """A row of the page: what the caller gets by code and message."""

    def __init__(self, cells):
        self.code, self.message = cells[2], cells[3]

    def check(self, code, message):
        assert code == self.code
        pattern = ".*".join(re.escape(part) for part in self.message.split("..."))
        assert re.fullmatch(pattern, message, re.DOTALL), f"{message!r} is not {self.message!r}"

    def check_call(self, call):
        """`call` must fail in this way."""
        with pytest.raises(grpc.RpcError) as error:
            result = call()
            if not isinstance(result, Ack):
                list(result)
        self.check(error.value.code().name, error.value.details())

    def check_answer(self, answer):
        assert answer.http_status == "200"
        assert answer.headers["content-type"] == "application/grpc"
        [name] = [code.name for code in grpc.StatusCode if code.value[0] == answer.status]
        self.check(name, answer.message)


def rows_of_the_page():
    rows = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            cells = re.split(r" *\| *", line)[1:-1]
            name = cells[0].strip("`")
            assert name not in rows, f"two rows {name}"
            rows[name] = Row(cells)
    return rows


ROWS = rows_of_the_page()


@pytest.fixture
def row(request):
    return ROWS[request.node.originalname.removeprefix("test_")]


def names_of_tests():
    source = pathlib.Path(__file__).read_text()
    return {name for name, arguments in re.findall(r"^def test_(\w+)\((.*)\):", source, re.MULTILINE)
            if "row" in re.split(r"\W+", arguments)}


def test_each_row_has_a_test_and_each_test_its_row():
    assert names_of_tests() == set(ROWS)


@pytest.fixture(autouse=True)
def the_server_goes_on(request, connect):
    """After each test its server still takes a good reading and gives it back."""
    servers = [request.getfixturevalue(name) for name in ("server", "plain_server")
               if name in request.fixturenames]
    yield
    for server in servers:
        sensors = SensorServiceStub(connect(server))
        good = reading("after-all", 1.5)
        assert sensors.SendSingleReading(good, timeout=program.PATIENCE_S).accepted == 1
        assert history(sensors, "after-all") == [good]


@pytest.fixture
def plain_server(start):
    return start(plaintext=True)


@pytest.fixture
def wire(server):
    connection = Wire(server)
    yield connection
    if connection.is_open():  # the test has not closed it; after an error it goes on
        assert connection.call(SEND, frame(reading("same-connection"))).status == 0
    connection.close()


def three():
    return [reading(temperature=i, timestamp=BEGIN + i) for i in range(3)]


def frames(readings):
    return b"".join(map(frame, readings))


# ---- messages ----

def test_not_protobuf(row, wire, sensors):
    row.check_answer(wire.call(SEND, frame(NOT_PROTOBUF)))
    assert history(sensors) == []


def test_not_protobuf_in_a_stream(row, wire, sensors):
    row.check_answer(wire.call(STREAM, frames(three()[:2]) + frame(NOT_PROTOBUF)))
    assert history(sensors) == three()[:2]


@pytest.mark.parametrize("request_bytes", [NOT_PROTOBUF, b"\x0a\x01\xff", b"\x0a\x03a\0b"])
def test_not_protobuf_as_a_request(row, wire, request_bytes):
    row.check_answer(wire.call(GET, frame(request_bytes)))


@pytest.mark.parametrize("size", [(4 << 20) + 1, 2**32 - 1])
def test_over_4_mib(row, wire, sensors, size):
    stream = wire.open(STREAM)
    wire.send(stream, frames(three()) + struct.pack(">BI", 0, size))
    answer = wire.answer(stream)
    row.check_answer(answer)
    assert history(sensors) == three()


def gzipped(message):
    return frame(gzip.compress(message), compressed=1)


def test_over_4_mib_unpacked(row, wire, sensors):
    # A quarter of it does not compress, so it is not too much by its ratio as well.
    noise = random.Random(6).randbytes(1 << 20)
    message = full_reading((4 << 20) + 1)[:-len(noise)] + noise
    body = frames(three()) + gzipped(message)
    row.check_answer(wire.call(STREAM, body, more=[("grpc-encoding", "gzip")]))
    assert history(sensors) == three()


def test_a_hundred_times_its_size(row, wire, sensors):
    body = frames(three()) + gzipped(full_reading(1 << 20))
    row.check_answer(wire.call(STREAM, body, more=[("grpc-encoding", "gzip")]))
    assert history(sensors) == three()


@pytest.mark.parametrize("damage", [
    lambda packed: packed[:-1], lambda packed: packed[:20] + b"\0\0\0" + packed[23:],
    lambda packed: b"no gzip at all", lambda packed: b"", lambda packed: packed + b"more"])
def test_damaged_gzip(row, wire, sensors, damage):
    packed = damage(gzip.compress(reading("x" * 100).SerializeToString()))
    body = frames(three()) + frame(packed, compressed=1)
    row.check_answer(wire.call(STREAM, body, more=[("grpc-encoding", "gzip")]))
    assert history(sensors) == three()


@pytest.mark.parametrize("encoding", [[], [("grpc-encoding", "identity")]])
def test_compressed_without_encoding(row, wire, sensors, encoding):
    body = frames(three()) + gzipped(reading().SerializeToString())
    row.check_answer(wire.call(STREAM, body, more=encoding))
    assert history(sensors) == three()


def test_unknown_encoding(row, wire, sensors):
    answer = wire.call(SEND, frame(reading()), more=[("grpc-encoding", "zstd")])
    row.check_answer(answer)
    offered = {**answer.headers, **answer.trailers}["grpc-accept-encoding"]
    assert set(re.split(r"\s*,\s*", offered)) == {"identity", "gzip"}
    assert history(sensors) == []


def test_wrong_first_byte(row, wire, sensors):
    row.check_answer(wire.call(STREAM, frames(three()) + frame(reading(), compressed=2)))
    assert history(sensors) == three()


@pytest.mark.parametrize("n_bytes_missing", [1, 10, len(frame(reading())) - 1])
def test_truncated_stream(row, wire, sensors, n_bytes_missing):
    row.check_answer(wire.call(STREAM, frames(three()) + frame(reading())[:-n_bytes_missing]))
    assert history(sensors) == three()


def test_two_messages_in_a_unary_call(row, wire, sensors):
    row.check_answer(wire.call(SEND, frame(reading()) * 2))
    assert history(sensors) == []


def test_no_message_in_a_unary_call(row, wire):
    row.check_answer(wire.call(SEND))


# ---- readings ----

def refused(row, sensors, bad):
    """A reading that is refused alone, and leaves nothing."""
    row.check_call(lambda: sensors.SendSingleReading(bad))
    if bad.sensor_id == "boiler-1":
        assert history(sensors) == []


def test_sensor_id_empty(row, sensors):
    refused(row, sensors, reading(sensor_id=""))


def test_sensor_id_too_long(row, sensors):
    sensors.SendSingleReading(reading(sensor_id="ä" * 64))
    refused(row, sensors, reading(sensor_id="ä" * 64 + "x"))


@pytest.mark.parametrize("name", [b"\xff", b"boiler\xc3", b"\xc0\x80", b"\xed\xa0\x80"])
def test_sensor_id_not_utf8(row, wire, name):
    message = reading("x" * len(name)).SerializeToString().replace(b"x" * len(name), name)
    row.check_answer(wire.call(SEND, frame(message)))


@pytest.mark.parametrize("character", ["\n", "\0", "\x1b", "\x7f", "\x85"])
def test_sensor_id_with_control_characters(row, sensors, character):
    refused(row, sensors, reading(sensor_id=f"boiler{character}1"))


def test_temperature_not_a_number(row, sensors):
    refused(row, sensors, reading(temperature=NAN))


def test_temperature_infinite(row, sensors):
    refused(row, sensors, reading(temperature=-INFINITY))


def test_timestamp_missing(row, sensors):
    refused(row, sensors, SensorReading(sensor_id="boiler-1", temperature=20))


def test_timestamp_before_1970(row, sensors):
    refused(row, sensors, reading(timestamp=-1))


def test_timestamp_in_the_future(row, sensors):
    a_day = 86400
    assert sensors.SendSingleReading(reading("ahead", timestamp=NOW + a_day - 60)).accepted == 1
    refused(row, sensors, reading(timestamp=NOW + 7 * a_day))


def test_timestamp_in_milliseconds(row, sensors):
    refused(row, sensors, reading(timestamp=NOW * 1000))


def test_nanos_negative(row, sensors):
    refused(row, sensors, reading(nanos=-1))


def test_nanos_of_a_whole_second(row, sensors):
    refused(row, sensors, reading(nanos=10**9))


def test_broken_rule_in_a_stream(row, sensors):
    sent = [*three(), reading(temperature=NAN), reading(timestamp=BEGIN + 4)]
    row.check_call(lambda: sensors.StreamSensorReadings(iter(sent)))
    assert history(sensors) == three()


def test_broken_rule_in_a_chat(row, sensors):
    chat = sensors.SensorChat(iter([*three(), reading(sensor_id=""), reading()]))
    answers = [next(chat) for _ in range(3)]
    assert [answer.message for answer in answers] == ["Received 0.0", "Received 1.0", "Received 2.0"]
    row.check_call(lambda: chat)
    assert history(sensors) == three()


def test_memory_full(row, start, connect):
    server = start("--memory-limit", "1M", data="none")
    sensors = SensorServiceStub(connect(server))
    n = 200_000
    body = b"".join(frame(reading(temperature=i, timestamp=BEGIN + i)) for i in range(n))
    wire = Wire(server)
    stream = wire.open(STREAM)
    wire.send(stream, body, end=True)
    answer = wire.answer(stream)
    wire.close()
    row.check_answer(answer)
    index, stored = map(int, re.findall(r"\d{2,}", answer.message))
    assert 1000 < index == stored
    assert temperatures(sensors) == list(range(stored))
    with pytest.raises(grpc.RpcError) as error:
        sensors.SendSingleReading(reading())
    assert error.value.details() == "the server's memory for readings is full"


def test_store_taken_away(row, start, connect, tmp_path):
    sensors = SensorServiceStub(connect(start(data=tmp_path / "data", plaintext=True)))
    sensors.SendSingleReading(reading())
    shutil.rmtree(tmp_path / "data")
    row.check_call(lambda: sensors.SendSingleReading(reading()))


# ---- questions ----

def test_sensor_id_empty_in_a_question(row, sensors):
    row.check_call(lambda: sensors.GetSensorReadings(SensorRequest()))


@pytest.mark.parametrize("sensor_id", ["x" * 129, "boiler\n1", "boiler\x7f", "boiler\x85"])
def test_bad_sensor_id_in_a_question(row, sensors, sensor_id):
    row.check_call(lambda: sensors.GetSensorReadings(SensorRequest(sensor_id=sensor_id)))


@pytest.mark.parametrize("field", ["start_time", "end_time"])
def test_time_range_before_1970(row, sensors, thermograph, field):
    request = SensorRequest(sensor_id="boiler-1", **{field: -1})
    row.check_call(lambda: sensors.GetSensorReadings(request))
    row.check_call(
        lambda: thermograph.GetStatistics(GetStatisticsRequest(sensor_id="boiler-1", **{field: -1})))


@pytest.mark.parametrize("sensor_id", ["", "x" * 129])
def test_statistics_of_no_name(row, thermograph, sensor_id):
    row.check_call(lambda: thermograph.GetStatistics(GetStatisticsRequest(sensor_id=sensor_id)))


def test_statistics_of_nothing(row, thermograph):
    row.check_call(lambda: thermograph.GetStatistics(GetStatisticsRequest(sensor_id="attic-*")))


def test_list_of_nothing(row, thermograph):
    row.check_call(lambda: thermograph.ListSensors(ListSensorsRequest(pattern="attic")))
    assert not thermograph.ListSensors(ListSensorsRequest(pattern="attic*")).sensors


def test_pattern_too_long(row, thermograph):
    row.check_call(lambda: thermograph.ListSensors(ListSensorsRequest(pattern="x" * 129)))


def test_check_of_memory(row, start, connect):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    thermograph = ThermographStub(connect(start(data="none")))
    row.check_call(lambda: thermograph.CheckStore(CheckStoreRequest()))


@pytest.fixture
def damaged(start, tmp_path):
    """A server whose only chunk of sensor `attic` is damaged."""
    data = tmp_path / "data"
    server = start(data=data, plaintext=True)
    lines = "".join(f"attic,{i % 50},{BEGIN + i}\n" for i in range(1000))
    assert server.call("stream", stdin=lines).returncode == 0
    assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(data / "store.sqlite")) as database, database:
        database.execute("UPDATE data SET data = zeroblob(length(data))")
    return start(data=data, plaintext=True)


def test_damaged_readings(row, damaged, connect):
    row.check_call(lambda: SensorServiceStub(connect(damaged)).GetSensorReadings(
        SensorRequest(sensor_id="attic")))


def test_damaged_readings_in_statistics(row, damaged, connect):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    row.check_call(lambda: ThermographStub(connect(damaged)).GetStatistics(
        GetStatisticsRequest(sensor_id="attic", start_time=BEGIN + 1)))


def test_health_of_an_unknown_service(row, server, connect):
    health = health_pb2_grpc.HealthStub(connect(server))
    row.check_call(lambda: health.Check(health_pb2.HealthCheckRequest(service="SensorServce")))


def test_page_token_not_ours(row, thermograph):
    row.check_call(lambda: thermograph.ListSensors(ListSensorsRequest(page_token="x" * 129)))


# ---- tokens ----

def test_no_token(row, wire, sensors):
    stream = wire.open(STREAM, without=["authorization"])  # and not a message: it is not waited for
    answer = wire.answer(stream)
    row.check_answer(answer)
    assert answer.is_trailers_only
    assert history(sensors) == []


@pytest.mark.parametrize("value", ["Bearer tg_wrong", "", "Basic {}", "Bearer {}x", "x{}"])
def test_wrong_token(row, wire, sensors, value):
    authorization = value.format(wire.server.token)
    row.check_answer(
        wire.call(SEND, frame(reading()), more=[("authorization", authorization)]))
    assert history(sensors) == []


@pytest.fixture
def limited(start, make_token, connect):
    """Stubs of a token for boilers only, and of one for everything."""
    all_token = make_token("all")
    token = make_token("boilers", "--write", "boiler-*", "--read", "boiler-*")
    server = start()
    return connect(server, token), connect(server, all_token)


def test_no_right_to_write(row, limited):
    sensors, all_sensors = map(SensorServiceStub, limited)
    row.check_call(lambda: sensors.SendSingleReading(reading("cellar")))
    assert sensors.SendSingleReading(reading("boiler-7")).accepted == 1
    assert history(all_sensors, "cellar") == []


def test_no_right_to_write_in_a_stream(row, limited):
    sensors, all_sensors = map(SensorServiceStub, limited)
    sent = [*three()[:2], reading("cellar"), reading(timestamp=BEGIN + 9)]
    row.check_call(lambda: sensors.StreamSensorReadings(iter(sent)))
    assert history(sensors) == three()[:2]
    assert history(all_sensors, "cellar") == []


def test_no_right_to_read(row, limited):
    sensors, _ = map(SensorServiceStub, limited)
    row.check_call(lambda: sensors.GetSensorReadings(SensorRequest(sensor_id="cellar")))


def test_no_right_to_read_statistics(row, limited):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    thermograph = ThermographStub(limited[0])
    row.check_call(lambda: thermograph.GetStatistics(GetStatisticsRequest(sensor_id="cellar")))
    row.check_call(lambda: thermograph.ListSensors(ListSensorsRequest(pattern="cellar")))


def test_no_right_to_read_a_pattern(row, limited):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    thermograph = ThermographStub(limited[0])
    row.check_call(lambda: thermograph.GetStatistics(GetStatisticsRequest(sensor_id="cellar*")))
    row.check_call(lambda: thermograph.ListSensors(ListSensorsRequest(pattern="cellar*")))
    assert not thermograph.ListSensors(ListSensorsRequest(pattern="*")).sensors


def test_no_right_to_read_everything(row, limited):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    thermograph = ThermographStub(limited[0])
    row.check_call(lambda: thermograph.CheckStore(CheckStoreRequest()))


def test_no_right_to_read_anything(row, start, make_token, connect):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    make_token("all")
    token = make_token("writer", "--write", "*")
    thermograph = ThermographStub(connect(start(), token))
    row.check_call(lambda: thermograph.GetStatus(GetStatusRequest()))


# ---- calls ----

def test_unknown_method(row, wire):
    row.check_answer(wire.call("/SensorService/NoSuchMethod", frame(reading())))
    for path in ["/NoSuchService/SendSingleReading", "/", "/sensorservice/SensorChat",
                 "/SensorService/", SEND + "/", SEND + "?x=1"]:
        assert wire.call(path, frame(reading())).status == grpc.StatusCode.UNIMPLEMENTED.value[0]


@pytest.mark.parametrize("timeout", ["soon", "", "1", "S", "-1S", "1.5S", "123456789S", "1s"])
def test_malformed_timeout(row, wire, sensors, timeout):
    answer = wire.call(SEND, frame(reading()), more=[("grpc-timeout", timeout)])
    assert answer.status == grpc.StatusCode.INTERNAL.value[0]
    if timeout == "soon":
        row.check_answer(answer)
    assert history(sensors) == []


def test_deadline_passed(row, wire, sensors):
    """The server ends the call by itself: this client has no clock."""
    stream = wire.open(CHAT, more=[("grpc-timeout", "100m")])
    wire.send(stream, frames(three()))
    answer = wire.answer(stream)
    row.check_answer(answer)
    assert len(answer.messages()) == 3
    assert history(sensors) == three()


@pytest.mark.parametrize("n_fields, size", [(1, 9000), (100, 100), (1, 60000)])
def test_header_list_too_long(row, wire, sensors, n_fields, size):
    metadata = [(f"x-{i}", "v" * size) for i in range(n_fields)]
    row.check_answer(wire.call(SEND, frame(reading()), more=metadata))
    assert wire.call(SEND, frame(reading())).status == 0, "the connection goes on"
    assert len(history(sensors)) == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/grp"])
def test_wrong_content_type(row, wire, sensors, content_type):
    answer = wire.call(SEND, frame(reading()), more=[("content-type", content_type)])
    row.check(f"HTTP {answer.http_status}", "")
    assert wire.call(SEND, without=["content-type"]).http_status == answer.http_status
    assert history(sensors) == []


def test_not_a_post(row, wire, sensors):
    answer = wire.call(SEND, frame(reading()), more=[(":method", "GET")])
    row.check(f"HTTP {answer.http_status}", "")
    assert history(sensors) == []


def test_server_stops(row, start, connect):
    server = start("--drain-timeout", "100ms")
    sensors = SensorServiceStub(connect(server))
    never = threading.Event()

    def readings():
        yield reading()
        never.wait(program.PATIENCE_S)

    chat = sensors.SensorChat(readings())
    assert next(chat).accepted == 1
    server.process.terminate()
    row.check_call(lambda: chat)
    never.set()
    assert server.end() == 0


# ---- connections ----

def test_client_vanishes(row, wire, sensors):
    stream = wire.open(CHAT)
    wire.send(stream, frames(three()) + frame(reading("half"))[:-1])
    wire.wait(lambda: len(wire.answers[stream].messages()) == 3)
    abort = struct.pack("ii", 1, 0)  # SO_LINGER with 0: closing sends a reset
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
    wire.close()
    row.check("nothing", "")
    assert history(sensors) == three()
    assert history(sensors, "half") == []


def test_client_cancels(row, wire, sensors):
    stream = wire.open(STREAM)
    wire.send(stream, frames(three()))
    wire.reset(stream)
    assert wire.call(SEND, frame(reading("later"))).status == 0
    row.check("nothing", "")
    assert history(sensors) == three()


def turned_away(row, server, connection, data):
    """The peer that sends this is hung up on, with one line in the log."""
    if data:
        connection.sendall(data)
    everything_from(connection)
    connection.close()
    server.wait_for("turned away")
    lines = [line for line in server.lines["stderr"] if "turned away" in line]
    assert len(lines) == 1
    row.check("closed", lines[0])


HTTP_1 = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
NOISE = bytes(range(128, 256)) * 8


def test_http_1_on_a_plaintext_port(row, plain_server):
    turned_away(row, plain_server, open_socket(plain_server), HTTP_1)


def test_noise_on_a_plaintext_port(row, plain_server):
    turned_away(row, plain_server, open_socket(plain_server), NOISE)


def test_tls_on_a_plaintext_port(row, plain_server, certs):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        open_socket(plain_server, tls_context(certs / "ca.crt"))
    plain_server.wait_for("turned away")
    [line] = [line for line in plain_server.lines["stderr"] if "turned away" in line]
    row.check("closed", line)


def test_http_1_on_a_tls_port(row, server):
    turned_away(row, server, open_socket(server), HTTP_1)


def test_plaintext_grpc_on_a_tls_port(row, server):
    turned_away(row, server, open_socket(server), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))


def test_noise_on_a_tls_port(row, server):
    turned_away(row, server, open_socket(server), NOISE)


@pytest.mark.parametrize("alpn", [[], ["http/1.1"]])
def test_tls_without_http_2(row, server, alpn):
    context = ssl.create_default_context(cafile=str(server.ca))
    if alpn:
        context.set_alpn_protocols(alpn)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        turned_away(row, server, open_socket(server, context), HTTP_1)
    server.wait_for("turned away")
    [line] = [line for line in server.lines["stderr"] if "turned away" in line]
    row.check("closed", line)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1(row, server):
    context = tls_context(server.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        open_socket(server, context)
    server.wait_for("turned away")
    [line] = [line for line in server.lines["stderr"] if "turned away" in line]
    row.check("closed", line)


# ---- starting ----

def does_not_start(row, *arguments, listen=("127.0.0.1:0",), through=()):
    """It ends with this status and says why in the last line."""
    addresses = [option for address in listen for option in ("--listen", address)]
    done = program.run("serve", *addresses, *arguments, through=through)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    words = re.sub(r"^(\S+ ERROR |thermograph: serve: )", "", last)
    assert words != last, f"neither a log line nor the program's words: {last}"
    row.check(str(done.returncode), words)
    assert "serving" not in done.stderr


@pytest.fixture
def files(tmp_path, certs, tokens_file, make_token):
    """files(cert=..., key=..., tokens=...): options that are right but for what is named."""
    make_token("all")
    (tmp_path / "noise.pem").write_text("this is no PEM\n")
    (tmp_path / "damaged.yaml").write_text("tokens: [{name: x\n")

    def options(cert=certs / "server.crt", key=certs / "server.key", tokens=tokens_file):
        return ["--data", "none", "--cert", cert, "--key", key, "--tokens", tokens]
    return options


def test_certificate_missing(row, files, tmp_path):
    does_not_start(row, *files(cert=tmp_path / "missing.crt"))


def test_key_missing(row, files, tmp_path):
    does_not_start(row, *files(key=tmp_path / "missing.key"))


def without_rights(file, copy):
    copy.write_bytes(file.read_bytes())
    copy.chmod(0)
    return copy


def test_key_unreadable(row, files, certs, tmp_path):
    key = without_rights(certs / "server.key", tmp_path / "closed.key")
    does_not_start(row, *files(key=key), through=program.WITHOUT_RIGHTS)


def test_certificate_is_none(row, files, tmp_path):
    does_not_start(row, *files(cert=tmp_path / "noise.pem"))


def test_key_is_none(row, files, tmp_path):
    does_not_start(row, *files(key=tmp_path / "noise.pem"))


def test_key_of_another_certificate(row, files, certs):
    does_not_start(row, *files(key=certs / "ca.key"))


def test_certificate_expired(row, files, tmp_path, certs):
    does_not_start(
        row, *files(cert=make_dated_certificate(tmp_path, certs, "20200101", "20210101")))


def test_certificate_not_valid_yet(row, files, tmp_path, certs):
    does_not_start(
        row, *files(cert=make_dated_certificate(tmp_path, certs, "20900101", "20910101")))


def test_certificate_without_key(row, files):
    does_not_start(row, *files()[:4], *files()[6:])


def test_tokens_file_missing(row, files, tmp_path):
    does_not_start(row, *files(tokens=tmp_path / "missing.yaml"))


def test_tokens_file_unreadable(row, files, tokens_file, tmp_path):
    tokens = without_rights(tokens_file, tmp_path / "closed.yaml")
    does_not_start(row, *files(tokens=tokens), through=program.WITHOUT_RIGHTS)


def test_tokens_file_damaged(row, files, tmp_path):
    does_not_start(row, *files(tokens=tmp_path / "damaged.yaml"))


def test_port_in_use(row, plain_server):
    does_not_start(row, "--data", "none", "--allow-anyone", listen=[plain_server.address])
    does_not_start(
        row, "--data", "none", "--allow-anyone", listen=["127.0.0.1:0", plain_server.address])


def test_listen_on_no_name(row):
    does_not_start(row, "--data", "none", "--allow-anyone", "--allow-plaintext-from-network",
                   listen=["nohost.invalid:50051"])


def test_admin_on_no_name(row):
    does_not_start(row, "--data", "none", "--allow-anyone", "--admin", "9464x")


def test_admin_port_in_use(row, plain_server):
    does_not_start(row, "--data", "none", "--allow-anyone", "--admin", plain_server.address)


def test_plaintext_to_the_network(row):
    does_not_start(row, "--data", "none", "--allow-anyone", listen=["0.0.0.0:0"])


def test_no_tokens_named(row):
    does_not_start(row, "--data", "none")


def test_data_not_named(row):
    does_not_start(row, "--allow-anyone")


def test_data_cannot_be_made(row, tmp_path):
    does_not_start(row, "--allow-anyone", "--data", tmp_path / "not" / "there")


def test_data_unwritable(row, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    does_not_start(row, "--allow-anyone", "--data", tmp_path / "closed", through=program.WITHOUT_RIGHTS)


def test_data_is_no_directory(row, tmp_path):
    (tmp_path / "file").write_text("")
    does_not_start(row, "--allow-anyone", "--data", tmp_path / "file")


def test_data_of_others(row, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "main.c").write_text("")
    does_not_start(row, "--allow-anyone", "--data", tmp_path / "others")
    assert [path.name for path in (tmp_path / "others").iterdir()] == ["main.c"]


def test_data_in_use(row, start):
    server = start(plaintext=True)
    directory = server.wait_for(r"readings in (\S+)\)").group(1)
    does_not_start(row, "--allow-anyone", "--data", directory)


def test_data_of_a_newer_version(row, start):
    server = start(plaintext=True)
    directory = server.wait_for(r"readings in (\S+)\)").group(1)
    server.stop()
    with contextlib.closing(sqlite3.connect(f"{directory}/store.sqlite")) as database:
        database.execute("PRAGMA user_version = 1000")
    does_not_start(row, "--allow-anyone", "--data", directory)
