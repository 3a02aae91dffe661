# SPDX-License-Identifier: Apache-2.0
"""Readings as tests need them, and bits to compare doubles by."""
import struct
import time

from sensor_pb2 import SensorReading, SensorRequest

NOW = int(time.time())
BEGIN = NOW - 1_000_000  # long enough ago for any test to count up from


def bits(temperature):
    """Tells -0.0 from 0.0, as == does not."""
    return struct.pack("<d", temperature)


def reading(sensor_id="boiler-1", temperature=20.0, timestamp=BEGIN, nanos=0, sequence=0):
    return SensorReading(sensor_id=sensor_id, temperature=temperature, timestamp=timestamp,
                         nanos=nanos, sequence=sequence)


def history(sensors, sensor_id="boiler-1", **request):
    """All that GetSensorReadings gives."""
    return list(sensors.GetSensorReadings(SensorRequest(sensor_id=sensor_id, **request)))


def temperatures(sensors, sensor_id="boiler-1", **request):
    return [each.temperature for each in history(sensors, sensor_id, **request)]


def full_reading(size):
    """A valid reading whose message has exactly `size` bytes, by a field that nobody knows."""
    known = reading().SerializeToString()
    tag = b"\xa2\x06"  # field 100, length-delimited
    for n_length_bytes in range(1, 6):
        padding = size - len(known) - len(tag) - n_length_bytes
        if len(varint(padding)) == n_length_bytes:
            return known + tag + varint(padding) + bytes(padding)
    raise ValueError(size)


def varint(number):
    """A protobuf varint of a number that is not negative."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
