#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor and its reader in Python: all four kinds of calls, and statistics. Copy from here.

    python_client.py SERVER CA_FILE TOKEN_FILE

README.md in this folder says how to make the modules that are imported below.
"""
import csv
import datetime
import pathlib
import sys
import time

import grpc

from sensor_pb2 import SensorReading, SensorRequest
from sensor_pb2_grpc import SensorServiceStub
from thermograph.v1.thermograph_pb2 import GetStatisticsRequest
from thermograph.v1.thermograph_pb2_grpc import ThermographStub

HERE = pathlib.Path(__file__).parent
TIMEOUT_S = 10


def token_of(token_file):
    """The only line of a file that `thermograph token create` has made."""
    words = pathlib.Path(token_file).read_text(encoding="utf-8").split()
    if len(words) != 1:
        sys.exit(f"{token_file} is no token file: it has to hold one word")
    return words[0]


def connect(server, ca_file, token_file):
    """An encrypted channel that sends the token with every call. Make one and keep it."""
    tls = grpc.ssl_channel_credentials(pathlib.Path(ca_file).read_bytes())
    token = grpc.access_token_call_credentials(token_of(token_file))
    return grpc.secure_channel(server, grpc.composite_channel_credentials(tls, token))


def send_one(sensors):
    """One reading, taken now. The sequence makes it safe to send it again after any failure."""
    reading = SensorReading(
        sensor_id="example-kitchen", temperature=21.5, timestamp=int(time.time()), sequence=4)
    ack = sensors.SendSingleReading(reading, timeout=TIMEOUT_S)
    print("single:", ack.message)


def readings_of_file(name):
    with open(name, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            when = datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
            yield SensorReading(
                sensor_id=row["sensor_id"], temperature=float(row["temperature"]),
                timestamp=int(when.timestamp()), nanos=when.microsecond * 1000,
                sequence=int(row["sequence"]))


def send_many(sensors):
    """A stream of readings, answered once when all of them are kept."""
    ack = sensors.StreamSensorReadings(readings_of_file(HERE / "sensor.csv"), timeout=TIMEOUT_S)
    print(f"stream: {ack.message} {ack.accepted} accepted, {ack.duplicates} of them kept already")


def chat(sensors):
    """Readings one by one; each is answered as soon as it is kept, while the call stays open."""
    now = int(time.time())
    readings = (SensorReading(sensor_id="example-roof", temperature=temperature, timestamp=now + i)
                for i, temperature in enumerate([7.25, 7.5, 8.0]))
    for answer in sensors.SensorChat(readings, timeout=TIMEOUT_S):
        print("chat:", answer.message)


def read(sensors, sensor_id):
    """The latest five readings of a sensor."""
    request = SensorRequest(sensor_id=sensor_id, newest_first=True, limit=5)
    for reading in sensors.GetSensorReadings(request, timeout=TIMEOUT_S):
        when = datetime.datetime.fromtimestamp(reading.timestamp, datetime.timezone.utc)
        print(f"read: {sensor_id} {when:%Y-%m-%d %H:%M:%S} {reading.temperature}")


def statistics(thermograph, pattern):
    got = thermograph.GetStatistics(GetStatisticsRequest(sensor_id=pattern), timeout=TIMEOUT_S)
    print(f"statistics of {pattern}: {got.sensors} sensors, {got.count} readings, "
          f"mean {got.mean:.2f}, {got.minimum} to {got.maximum}")


def main():
    if len(sys.argv) != 4:
        print("usage: python_client.py SERVER CA_FILE TOKEN_FILE", file=sys.stderr)
        sys.exit(2)
    try:
        channel = connect(*sys.argv[1:4])
    except OSError as error:
        sys.exit(f"cannot read {error.filename}: {error.strerror}")
    with channel:
        sensors = SensorServiceStub(channel)
        send_one(sensors)
        send_many(sensors)
        chat(sensors)
        read(sensors, "example-kitchen")
        statistics(ThermographStub(channel), "example-*")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:  # docs/errors.md lists what can come
        sys.exit(f"{error.code().name}: {error.details()}")
