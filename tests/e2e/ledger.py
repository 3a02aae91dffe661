# SPDX-License-Identifier: Apache-2.0
"""What was sent, what was answered, and whether the server still has it: the model of the crash test.

No two readings of a sensor are the same, so the bytes that come back tell which one it is, and that it
is unchanged. A reading goes through these states; what becomes of one without an answer is settled by
the next restart:

    made -> sent -> answered -> settled: it is there, and stays there at its place
                 `> unanswered -> settled, or lost; what has a sequence is then sent again
"""
import collections
import itertools
import random
import struct
import threading
import time

from readings import BEGIN, bits, reading
from sensor_pb2 import SensorReading

SPECIAL = [0.0, -0.0, 5e-324, 1.7976931348623157e308, -273.15, 1e16, 0.1 + 0.2]
LATE_S = 2000  # how far behind a late reading may be


class Sent:
    """A reading with its story. Compared by identity."""

    __slots__ = ("sensor", "moment", "sequence", "temperature", "data", "sender", "at", "sent_s",
                 "answered_s", "is_settled")

    def __init__(self, sensor, moment, sequence, temperature):
        self.sensor, self.moment = sensor, moment
        self.sequence, self.temperature = sequence, temperature
        self.data = reading(sensor, temperature, *moment, sequence=sequence).SerializeToString()
        self.sender = None  # who sent it last, and as its how manyth
        self.at = 0
        self.sent_s = self.answered_s = None
        self.is_settled = False

    def __repr__(self):
        return (f"<{self.sensor} {self.moment} sequence {self.sequence} {self.temperature!r} "
                f"from {self.sender} #{self.at} sent {self.sent_s} answered {self.answered_s} "
                f"settled {self.is_settled}>")


class Call:
    """Readings of one call, as they were sent; `new` are those that are not there yet."""

    def __init__(self):
        self.sent = []
        self.new = []
        self.n_repeats = 0


class Sensor:
    def __init__(self, name):
        self.name = name
        self.newest = (BEGIN, 0)
        self.by_data = {}
        self.temperatures = set()
        self.kept = []  # what was settled, in the order in which the server gives it


class Ledger:
    """Of one data directory, for as long as it lives."""

    def __init__(self, seed, n_sensors):
        self.sensors = {}
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._serial = itertools.count(1)
        self._owed = collections.deque()  # to be sent again
        self._repeatable = []
        self._calls = []
        self.n_sent = self.n_repeats = 0
        for i in range(n_sensors):
            self.add_sensor(f"boiler-{i}")

    def add_sensor(self, name):
        self.sensors[name] = Sensor(name)
        self._names = list(self.sensors)

    def add_sensors_of_a_round(self, number):
        """A few that are written to for the first time, and are new to the journal."""
        for i in range(2):
            name = f"new-{number}-{i}-"
            self.add_sensor(name + "ä" * ((128 - len(name)) // 2))

    # ---- making: from any thread ----

    def call(self):
        call = Call()
        self._calls.append(call)
        return call

    def next_reading(self, call, sender):
        """One that is owed, a repeat of one that is there, or a new one."""
        with self._lock:
            chance = self._random.random()
            is_repeat = chance < 0.08 and self._repeatable
            if is_repeat:
                sent = self._random.choice(self._repeatable)
                call.n_repeats += 1
                self.n_repeats += 1
            else:
                sent = self._owed.popleft() if chance < 0.5 and self._owed else self._make()
                sender.n_sent += 1
                sent.sender, sent.at, sent.sent_s = sender, sender.n_sent, time.monotonic()
                call.new.append(sent)
                self.n_sent += 1
            call.sent.append(sent)
            return sent

    def answer(self, sent):
        if sent.answered_s is None:
            sent.answered_s = time.monotonic()

    def _make(self):
        sensor = self.sensors[self._random.choice(self._names)]
        serial = next(self._serial)
        sent = Sent(sensor.name, self._moment(sensor), self._sequence(serial),
                    self._temperature(sensor, serial))
        sensor.by_data[sent.data] = sent
        return sent

    def _moment(self, sensor):
        chance = self._random.random()
        seconds, nanos = sensor.newest
        if chance < 0.1:
            return max(1, seconds - self._random.randrange(LATE_S)), self._random.choice((0, nanos))
        if chance < 0.25:
            return sensor.newest
        nanos = self._random.choice((0, 0, 500_000_000, self._random.randrange(1_000_000_000)))
        sensor.newest = (seconds + 1, nanos)
        return sensor.newest

    def _sequence(self, serial):
        chance = self._random.random()
        if chance < 0.3:
            return 0
        return serial if chance < 0.8 else serial << 40 | self._random.getrandbits(40)

    def _temperature(self, sensor, serial):
        chance = self._random.random()
        if chance < 0.6:
            temperature = serial / 100
        elif chance < 0.9:
            temperature = self._random.uniform(-40, 120)
        elif chance < 0.95:
            temperature = self._random.choice(SPECIAL)
        else:
            temperature = struct.unpack("<d", self._random.randbytes(8))[0]
        if not abs(temperature) < float("inf") or bits(temperature) in sensor.temperatures:
            return self._temperature(sensor, serial)
        sensor.temperatures.add(bits(temperature))
        return temperature

    # ---- settling: after the restart ----

    def settle(self, histories):
        """Compares all that the server has, as bytes by sensor, and takes it as what is there now."""
        for sensor in self.sensors.values():
            self._settle_sensor(sensor, histories[sensor.name])
        for call in self._calls:
            there = [sent.is_settled for sent in call.new]
            assert there == sorted(there, reverse=True), f"kept with a gap: {list(zip(there, call.new))}"
        self._calls.clear()
        self._prepare_the_next()

    def _settle_sensor(self, sensor, history):
        there = [self._identify(sensor, each) for each in history]
        doubled = [sent for sent, n in collections.Counter(there).items() if n > 1]
        assert not doubled, f"doubled: {doubled}"
        there_set = set(there)
        lost = [sent for sent in sensor.by_data.values()
                if sent.answered_s and sent not in there_set]
        assert not lost, f"answered and gone, {len(lost)} readings: {lost[:10]}"
        assert [sent for sent in there if sent.is_settled] == sensor.kept, "what was there has moved"
        assert_order(there)
        for sent in there:
            sent.is_settled = True
            self.answer(sent)
        sensor.kept = there

    def _identify(self, sensor, data):
        sent = sensor.by_data.get(data)
        if sent:
            return sent
        got = SensorReading.FromString(data)
        alike = [each for each in sensor.by_data.values()
                 if bits(each.temperature) == bits(got.temperature)]
        raise AssertionError(f"nobody has sent this: {got}; alike: {alike}")

    def _prepare_the_next(self):
        """What is not there and has a sequence is sent again; the rest must not turn up any more."""
        self._owed.clear()
        for sensor in self.sensors.values():
            for key, sent in list(sensor.by_data.items()):
                if sent.is_settled:
                    continue
                if sent.sequence and sent.sent_s:
                    self._owed.append(sent)
                else:
                    del sensor.by_data[key]
        self._repeatable = [
            sent for sensor in self.sensors.values() for sent in sensor.kept if sent.sequence]

    def n_kept(self):
        return sum(len(sensor.kept) for sensor in self.sensors.values())


def assert_order(there):
    """In order of time; of equal times in order of arrival, as far as a client can know it."""
    for moment, group in itertools.groupby(there, key=lambda sent: sent.moment):
        group = list(group)
        for earlier, later in itertools.combinations(group, 2):
            was_answered_before = later.answered_s and later.answered_s < earlier.sent_s
            was_sent_before = later.sender is earlier.sender and later.at < earlier.at
            assert not was_answered_before and not was_sent_before, \
                f"out of order at {moment}: {earlier} stands before {later}"
    moments = [sent.moment for sent in there]
    assert moments == sorted(moments), "not in order of time"
