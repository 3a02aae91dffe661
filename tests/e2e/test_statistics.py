# SPDX-License-Identifier: Apache-2.0
"""GetStatistics and ListSensors against exact fractions, and what a token may see of them."""
import fractions
import math
import random
import statistics

import grpc
import pytest

from readings import BEGIN, reading
from sensor_pb2_grpc import SensorServiceStub
from thermograph.v1.thermograph_pb2 import GetStatisticsRequest, ListSensorsRequest, Time
from thermograph.v1.thermograph_pb2_grpc import ThermographStub


def store(sensors, sent):
    assert sensors.StreamSensorReadings(iter(sent)).accepted == len(sent)


def statistics_of(thermograph, sensor_id):
    return thermograph.GetStatistics(GetStatisticsRequest(sensor_id=sensor_id))


def list_of(thermograph, **request):
    return thermograph.ListSensors(ListSensorsRequest(**request))


def names_of(thermograph, **request):
    return [sensor.sensor_id for sensor in list_of(thermograph, **request).sensors]


def moment(each):
    return each.timestamp, each.nanos


def time_of(each):
    return Time(seconds=each.timestamp, nanos=each.nanos)


def latest(sent):
    """Of equal times the one that arrived last; max() would give the first."""
    return max(reversed(sent), key=moment)


def assert_exact(got, sent):
    """Compares with fractions, which have no rounding at all."""
    values = [fractions.Fraction(each.temperature) for each in sent]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    assert got.count == len(sent)
    assert got.sensors == len({each.sensor_id for each in sent})
    assert got.mean == pytest.approx(float(mean), rel=1e-15, abs=1e-300)
    assert got.standard_deviation == pytest.approx(math.sqrt(variance), rel=1e-13, abs=1e-300)
    assert (got.minimum, got.maximum) == (float(min(values)), float(max(values)))
    assert got.first == time_of(min(sent, key=moment))
    assert got.last == time_of(latest(sent))
    assert got.latest == latest(sent).temperature


def random_readings(seed, n, sensor_id="boiler-1", offset=0.0, noise=5.0):
    source = random.Random(seed)
    return [reading(sensor_id, offset + source.gauss(0, noise), BEGIN + source.randrange(n),
                    source.randrange(3) * 250_000_000) for _ in range(n)]


# ---- one sensor ----

@pytest.mark.parametrize("offset, noise", [
    (20.0, 5.0), (0.0, 1e-9), (1e15, 0.5), (-1e15, 2.0), (1e-300, 1e-301), (0.0, 1e150)])
def test_statistics_are_those_of_exact_fractions(sensors, thermograph, offset, noise):
    sent = random_readings(1, 2000, offset=offset, noise=noise)
    store(sensors, sent)
    assert_exact(statistics_of(thermograph, "boiler-1"), sent)


def test_statistics_agree_with_pythons_own(sensors, thermograph):
    sent = random_readings(2, 500, offset=21)
    store(sensors, sent)
    values = [each.temperature for each in sent]
    got = statistics_of(thermograph, "boiler-1")
    assert got.mean == pytest.approx(statistics.fmean(values), rel=1e-14)
    assert got.standard_deviation == pytest.approx(statistics.pstdev(values), rel=1e-12)


def test_statistics_of_one_reading(sensors, thermograph):
    store(sensors, [reading(temperature=-7.5, nanos=3)])
    got = statistics_of(thermograph, "boiler-1")
    assert (got.sensors, got.count, got.mean, got.standard_deviation) == (1, 1, -7.5, 0.0)
    assert got.first == got.last == Time(seconds=BEGIN, nanos=3)


def test_statistics_of_the_largest_doubles_do_not_overflow(sensors, thermograph):
    store(sensors, [reading(temperature=1e308 * sign, timestamp=BEGIN + i)
                    for i, sign in enumerate([1, -1, 1, -1])])
    got = statistics_of(thermograph, "boiler-1")
    assert got.mean == 0.0
    assert got.standard_deviation == pytest.approx(1e308, rel=1e-13)


def test_latest_is_by_time_and_not_by_arrival(sensors, thermograph):
    store(sensors, [reading(temperature=1, timestamp=BEGIN + 9), reading(temperature=2)])
    got = statistics_of(thermograph, "boiler-1")
    assert (got.latest, got.last.seconds) == (1.0, BEGIN + 9)


def test_of_equal_times_the_last_to_arrive_is_the_latest(sensors, thermograph):
    store(sensors, [reading(temperature=1), reading(temperature=2)])
    assert statistics_of(thermograph, "boiler-1").latest == 2.0


def test_statistics_follow_every_answered_reading(sensors, thermograph):
    sent = random_readings(3, 60)
    for n, each in enumerate(sent, start=1):
        sensors.SendSingleReading(each)
        assert_exact(statistics_of(thermograph, "boiler-1"), sent[:n])


@pytest.fixture(params=["none", None], ids=["memory", "disk"])
def both(request, start, connect):
    """Two stubs of a server, each kind of store once."""
    channel = connect(start(data=request.param))
    return SensorServiceStub(channel), ThermographStub(channel)


def test_statistics_of_a_range_are_those_of_its_readings(both):
    sensors, thermograph = both
    sent = random_readings(4, 20_000)
    store(sensors, sent)
    source = random.Random(5)
    ranges = [(BEGIN + source.randrange(-100, 20_000), BEGIN + source.randrange(20_100)) for _ in range(30)]
    for begin, end in [*ranges, (0, BEGIN + 50), (BEGIN + 19_000, 0), (BEGIN, BEGIN + 1)]:
        inside = [each for each in sent if begin <= each.timestamp and (each.timestamp < end or not end)]
        got = thermograph.GetStatistics(
            GetStatisticsRequest(sensor_id="boiler-1", start_time=begin, end_time=end))
        if inside:
            assert_exact(got, inside)
        else:
            assert got.sensors == 1 and got.count == 0 and not got.HasField("first")


def test_repeats_do_not_count_twice(sensors, thermograph):
    sent = [reading(temperature=i, timestamp=BEGIN + i, sequence=i + 1) for i in range(10)]
    store(sensors, sent)
    store(sensors, sent)
    assert_exact(statistics_of(thermograph, "boiler-1"), sent)


# ---- patterns ----

@pytest.fixture
def house(sensors):
    """Readings of several sensors, mixed, with the sensors' names beside them."""
    names = ["boiler-1", "boiler-2", "boiler-10", "cellar", "roof/north", "roof/süd"]
    source = random.Random(4)
    sent = [reading(source.choice(names), source.gauss(20, 5), BEGIN + source.randrange(1000))
            for _ in range(1000)]
    store(sensors, sent)
    return names, sent


@pytest.mark.parametrize("pattern, expected", [
    ("boiler-*", ["boiler-1", "boiler-2", "boiler-10"]),
    ("boiler-?", ["boiler-1", "boiler-2"]),
    ("*", ["boiler-1", "boiler-2", "boiler-10", "cellar", "roof/north", "roof/süd"]),
    ("roof/s?d", ["roof/süd"]),
    ("*1*", ["boiler-1", "boiler-10"]),
    ("cellar", ["cellar"]),
    ("cellar*", ["cellar"]),
])
def test_a_pattern_gives_one_answer_over_all_that_match(house, thermograph, pattern, expected):
    _, sent = house
    assert_exact_but_latest(
        statistics_of(thermograph, pattern), [each for each in sent if each.sensor_id in expected])
    assert names_of(thermograph, pattern=pattern) == sorted(expected, key=str.encode)


def assert_exact_but_latest(got, sent):
    """Two sensors may have a reading at the very last moment: either may be the latest."""
    last = max(map(moment, sent))
    candidates = [each.temperature for each in sent if moment(each) == last]
    assert got.latest in candidates
    got.latest = latest(sent).temperature
    assert_exact(got, sent)


@pytest.mark.parametrize("sensor_id", ["boiler-3", "BOILER-1", "boiler", "attic-*", "?"])
def test_what_nobody_wrote_to_is_not_found(house, thermograph, sensor_id):
    with pytest.raises(grpc.RpcError) as error:
        statistics_of(thermograph, sensor_id)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert sensor_id in error.value.details()


# ---- ListSensors ----

def test_the_list_says_of_each_sensor_what_it_holds(house, thermograph):
    names, sent = house
    listed = list_of(thermograph).sensors
    assert [sensor.sensor_id for sensor in listed] == sorted(names, key=str.encode)
    for sensor in listed:
        of_it = [each for each in sent if each.sensor_id == sensor.sensor_id]
        assert sensor.count == len(of_it)
        assert sensor.first == time_of(min(of_it, key=moment))
        assert sensor.last == time_of(latest(of_it))
        assert sensor.latest == latest(of_it).temperature


def test_an_empty_server_lists_nothing(thermograph):
    listed = list_of(thermograph)
    assert (list(listed.sensors), listed.next_page_token) == ([], "")


@pytest.fixture
def many(sensors):
    names = [f"sensor-{i:04}" for i in range(1234)]
    store(sensors, [reading(name) for name in random.Random(5).sample(names, len(names))])
    return names


def pages(thermograph, **request):
    """The pages' names, one list each, until there is no next."""
    token = ""
    while True:
        page = list_of(thermograph, page_token=token, **request)
        yield [sensor.sensor_id for sensor in page.sensors]
        token = page.next_page_token
        if not token:
            return


@pytest.mark.parametrize("page_size, sizes", [
    (0, [100] * 12 + [34]), (1000, [1000, 234]), (2**32 - 1, [1000, 234]), (617, [617, 617]),
    (1234, [1000, 234])])
def test_pages_hold_what_was_asked_for_up_to_the_most(many, thermograph, page_size, sizes):
    found = list(pages(thermograph, page_size=page_size))
    assert [len(page) for page in found] == sizes
    assert sum(found, []) == many


def test_pages_of_a_pattern(many, thermograph):
    found = list(pages(thermograph, pattern="sensor-?1??", page_size=30))
    assert [len(page) for page in found] == [30] * 6 + [20]
    assert sum(found, []) == [name for name in many if name[8] == "1"]


def test_sensors_that_appear_between_pages_do_no_harm(many, sensors, thermograph):
    first = list_of(thermograph, page_size=1000)
    store(sensors, [reading("aaa"), reading("zzz")])
    second = list_of(thermograph, page_size=1000, page_token=first.next_page_token)
    names = [sensor.sensor_id for sensor in [*first.sensors, *second.sensors]]
    assert names == [*many, "zzz"]


# ---- rights ----

def test_a_pattern_covers_only_what_the_token_may_read(start, connect, make_token):
    all_token = make_token("all")
    token = make_token("reader", "--write", "", "--read", "boiler-*")
    server = start()
    store(SensorServiceStub(connect(server, all_token)),
          [reading("boiler-1", 1.0), reading("boiler-2", 3.0), reading("cellar", 100.0)])
    reader = ThermographStub(connect(server, token))
    got = statistics_of(reader, "*")
    assert (got.sensors, got.count, got.mean) == (2, 2, 2.0)
    assert names_of(reader) == ["boiler-1", "boiler-2"]
    assert names_of(reader, pattern="*-3") == []
    for sensor_id, code in [("cellar", "PERMISSION_DENIED"), ("c*", "PERMISSION_DENIED"),
                            ("*-3", "NOT_FOUND")]:
        with pytest.raises(grpc.RpcError) as error:
            statistics_of(reader, sensor_id)
        assert error.value.code().name == code
