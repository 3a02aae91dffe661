# SPDX-License-Identifier: Apache-2.0
"""Readings against Google's protobuf: whatever valid bytes come in, the same bytes of Google's come out.

The messages have what the wire allows and no generator writes: fields in any order, several times over
(the last one counts), unknown ones between them, varints longer than they need be.
"""
import math
import random
import struct

import pytest
from google.protobuf.internal import wire_format

from readings import BEGIN, varint
from sensor_pb2 import SensorReading
from wire import Wire, frame

N = 3000


@pytest.fixture
def wire(start):
    connection = Wire(start(plaintext=True))
    yield connection
    connection.close()


def tag(field, kind):
    return varint(wire_format.PackTag(field, kind))


def padded_varint(source, number):
    """A varint with as many useless bytes behind it as there is room for, or none."""
    plain = varint(number % 2**64)
    n_more = source.choice([0, 0, 0, source.randrange(0, 11 - len(plain))])
    if not n_more:
        return plain
    return (plain[:-1] + bytes([plain[-1] | 0x80]) + b"\x80" * (n_more - 1) + b"\x00")


def unknown_field(source):
    """A field that nobody has defined, of any kind, groups among them."""
    number = source.choice([6, 15, 16, 100, 2**29 - 1])
    kind = source.randrange(5)
    if kind == 0:
        return tag(number, 0) + padded_varint(source, source.getrandbits(64))
    if kind == 1:
        return tag(number, 1) + source.randbytes(8)
    if kind == 2:
        data = source.randbytes(source.randrange(40))
        return tag(number, 2) + varint(len(data)) + data
    if kind == 3:
        return tag(number, 3) + unknown_field(source) + tag(number, 4)
    return tag(number, 5) + source.randbytes(4)


def known_field(source, number, value):
    if number == 1:
        return tag(1, 2) + varint(len(value)) + value
    if number == 2:
        return tag(2, 1) + struct.pack("<d", value)
    return tag(number, 0) + padded_varint(source, value)


def random_temperature(source):
    value = struct.unpack("<d", source.randbytes(8))[0]
    return source.choice([value if math.isfinite(value) else -0.0, -0.0, 0.0, round(source.gauss(20, 5), 2)])


def random_message(source, sensor_id, timestamp):
    """The bytes of a valid reading of that sensor at that time."""
    values = {1: sensor_id, 2: random_temperature(source), 3: timestamp,
              4: source.choice([0, source.randrange(10**9)]), 5: source.choice([0, source.getrandbits(64)])}
    wanted = [number for number in values if values[number] or source.random() < 0.5]
    last = [known_field(source, number, values[number]) for number in wanted]
    earlier = [known_field(source, 1, b"overwritten"), known_field(source, 2, math.nan),
               known_field(source, 3, -1), known_field(source, 4, -1), known_field(source, 5, 7)]
    # What is overwritten comes first, and only of fields that really come again.
    overwritten = [earlier[number - 1] for number in wanted if source.random() < 0.2]
    source.shuffle(overwritten)
    source.shuffle(last)
    parts = overwritten + last
    for _ in range(source.choice([0, 0, 1, 3])):
        parts.insert(source.randrange(len(parts) + 1), unknown_field(source))
    return b"".join(parts)


def expected_bytes(message):
    """As Google's protobuf reads it and writes it, without what it does not know."""
    reading = SensorReading.FromString(message)
    reading.DiscardUnknownFields()
    return reading.SerializeToString()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_readings_come_back_as_google_writes_them(wire, seed):
    source = random.Random(seed)
    name = f"Fühler-{seed}".encode()
    sent = [random_message(source, name, BEGIN + i) for i in range(N)]
    answer = wire.call("/SensorService/StreamSensorReadings", b"".join(map(frame, sent)))
    assert (answer.status, answer.message) == (0, "")
    request = b"\x0a" + varint(len(name)) + name
    got = wire.call("/SensorService/GetSensorReadings", frame(request)).messages()
    assert [message for _, message in got] == [expected_bytes(message) for message in sent]


def test_negative_numbers_are_read_as_google_reads_them(wire):
    """A negative int32 is a varint of ten bytes; one of five, which some write, is the same number."""
    for minus_one in (b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f"):
        message = SensorReading(sensor_id="n", temperature=1, timestamp=BEGIN).SerializeToString()
        message += tag(4, 0) + minus_one
        assert SensorReading.FromString(message).nanos == -1
        answer = wire.call("/SensorService/SendSingleReading", frame(message))
        assert answer.message == "nanos: must be 0 to 999999999, this one is -1"


@pytest.mark.parametrize("message", [
    b"\x0a\x05abc", b"\x08\x01\x0a", b"\x11\0\0\0", b"\x18" + b"\xff" * 10 + b"\x01", b"\x00\x00",
    b"\x0c", b"\x0b\x08\x01", b"\x0b\x14", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_what_google_refuses_is_refused(wire, message):
    with pytest.raises(Exception):
        SensorReading.FromString(message)
    answer = wire.call("/SensorService/SendSingleReading", frame(message))
    assert (answer.status, answer.message) == (13, "the message is not a SensorReading")
