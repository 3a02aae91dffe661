# SPDX-License-Identifier: Apache-2.0
"""What a directory of readings lives through beside a crash (test_crash.py): clean ends, disks that are
full or read-only, files that are gone, and that many sensors start quickly."""
import contextlib
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import program
from readings import BEGIN, history, reading, temperatures
from sensor_pb2 import Ack, SensorRequest
from sensor_pb2_grpc import SensorServiceStub
from thermograph.v1.thermograph_pb2 import GetStatisticsRequest
from thermograph.v1.thermograph_pb2_grpc import ThermographStub
from wire import Wire, frame

IS_SANITIZED = re.search("asan|tsan", str(pathlib.Path(program.BIN).parent)) is not None
START_S = 1  # with 10,000 sensors
STREAM = "/SensorService/StreamSensorReadings"
SMALL = ["--journal-limit", "1M"]
MANY = 100_000  # readings that are far more than a small journal holds


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def open_server(start, connect):
    """open_server(data, ...) serves it without TLS and gives the server and a stub."""
    def open_it(data, *arguments):
        server = start(*arguments, data=data, plaintext=True)
        return server, SensorServiceStub(connect(server))
    return open_it


def send_many(server, sent):
    """One stream, its messages many at a time."""
    wire = Wire(server)
    answer = wire.call(STREAM, b"".join(frame(each) for each in sent))
    wire.close()
    assert answer.status == 0, answer.message
    assert Ack.FromString(answer.body[5:]).accepted == len(sent)


def count(server, connect, pattern="*"):
    answer = ThermographStub(connect(server)).GetStatistics(GetStatisticsRequest(sensor_id=pattern))
    return answer.sensors, answer.count


def stop(server):
    assert server.stop() == 0, server.said()


# ---- clean ends ----

def test_what_was_kept_is_there_after_a_stop(open_server, data):
    server, sensors = open_server(data)
    sent = [reading("attic", i / 4, BEGIN + i, nanos=i, sequence=i) for i in range(1000)]
    sensors.StreamSensorReadings(iter(sent))
    sensors.SendSingleReading(reading("cellar", -0.0, BEGIN))
    stop(server)
    server, sensors = open_server(data)
    assert history(sensors, "attic") == sent
    assert [str(each) for each in temperatures(sensors, "cellar")] == ["-0.0"]


def test_a_stop_leaves_nothing_to_do_for_the_next_start(open_server, data, connect):
    """Whatever was in the journal alone is sealed; a stop and the next start are quick."""
    server, _ = open_server(data)
    send_many(server, [reading(f"s-{i % 100}", i / 100, BEGIN + i) for i in range(MANY)])
    stop(server)
    for journal in data.glob("journal-*"):
        journal.unlink()
    started = time.monotonic()
    server, _ = open_server(data)
    assert time.monotonic() - started < START_S or IS_SANITIZED
    assert count(server, connect) == (100, MANY)


def test_a_stop_before_the_first_reading_is_no_damage(open_server, data):
    for _ in range(2):
        server, _ = open_server(data)
        assert "ERROR" not in server.said()
        stop(server)


def test_a_start_after_a_crash_says_what_it_read_back(open_server, data):
    server, sensors = open_server(data)
    assert "from the journal" not in server.said(), "there was nothing"
    for i in range(2):
        sensors.SendSingleReading(reading(temperature=i, timestamp=BEGIN + i))
    server.kill()
    server, sensors = open_server(data)
    line = server.wait_for(
        r"INFO  read 2 readings of 1 sensor back from the journal \((\d+) bytes\) within \d+ ms$")
    assert int(line.group(1)) > 2 * 8
    assert temperatures(sensors) == [0, 1]
    stop(server)
    server, _ = open_server(data)
    assert "from the journal" not in server.said(), "a clean end has sealed all"


def test_a_repeat_is_recognised_after_restarts_and_in_sealed_chunks(open_server, data):
    sent = [reading("attic", i, BEGIN + i, sequence=i + 1) for i in range(9000)]  # more than a chunk
    for n_duplicates in (0, len(sent), len(sent)):
        server, sensors = open_server(data, *SMALL)
        ack = sensors.StreamSensorReadings(iter(sent))
        assert (ack.accepted, ack.duplicates) == (len(sent), n_duplicates)
        stop(server)
    server, sensors = open_server(data)
    assert history(sensors, "attic") == sent


# ---- disks ----

@pytest.fixture
def mount(tmp_path):
    """mount(options) gives a file system of its own in memory, where that is allowed."""
    folders = []

    def make(options):
        folder = tmp_path / f"disk-{len(folders)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    yield make
    for folder in folders:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def health_of(channel):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status


def fill(server):
    """Writes until it is refused, what cannot be packed; gives what was answered, and the refusal."""
    rng = random.Random(1)
    kept = []
    with contextlib.closing(Wire(server)) as wire:
        while True:
            sent = [reading("attic", rng.uniform(-1e9, 1e9), BEGIN + len(kept) + i,
                            rng.randrange(10**9), rng.getrandbits(63)) for i in range(5000)]
            answer = wire.call(STREAM, b"".join(frame(each) for each in sent))
            if answer.status:
                return kept, answer
            kept += sent


def all_of(server, sensor_id="attic"):
    """All readings of a sensor as bytes."""
    with contextlib.closing(Wire(server)) as wire:
        answer = wire.call("/SensorService/GetSensorReadings", frame(SensorRequest(sensor_id=sensor_id)))
    assert answer.status == 0, answer.message
    return [data for _, data in answer.messages()]


def assert_kept(server, kept):
    """What was answered is there; of what was not, whatever it is stands behind it."""
    assert all_of(server)[:len(kept)] == [each.SerializeToString() for each in kept]


def assert_it_has_failed(server, connect, sensors, kept, words):
    """A line that says why, NOT_SERVING, refusals; and reading goes on."""
    server.wait_for(rf"ERROR .*{words}.*Nothing more is accepted; reading goes on")
    channel = connect(server)
    assert health_of(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as refusal:
            sensors.SendSingleReading(reading("attic", 1, BEGIN))
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    assert_kept(server, kept)
    assert count(server, connect, "attic")[1] >= len(kept)
    assert len(re.findall("Nothing more is accepted", server.said())) == 1


def test_a_full_disk_is_named_and_reading_goes_on(open_server, mount, connect):
    disk = mount("size=3M")
    server, sensors = open_server(disk / "data", *SMALL)
    kept, refusal = fill(server)
    assert refusal.status == grpc.StatusCode.UNAVAILABLE.value[0], refusal.message
    assert len(kept) > 10_000, "it should have been kept until the disk was full"
    assert_it_has_failed(server, connect, sensors, kept, "No space left on device|disk is full")
    server.stop()
    remount(disk, "size=64M")
    server, sensors = open_server(disk / "data", *SMALL)
    assert_kept(server, kept)
    assert sensors.SendSingleReading(reading("attic", 1, BEGIN)).accepted == 1
    assert health_of(connect(server)) == health_pb2.HealthCheckResponse.SERVING


def test_a_file_that_may_not_grow_is_a_full_disk(open_server, data, connect, monkeypatch, tmp_path):
    """As above, where nothing can be mounted."""
    limited = tmp_path / "limited"
    limited.write_text(f"#!/bin/sh\nulimit -f 1000\nexec {program.BIN} \"$@\"\n")
    limited.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(program, "BIN", str(limited))
        server, sensors = open_server(data, *SMALL)
    kept, _ = fill(server)
    assert_it_has_failed(server, connect, sensors, kept, "File too large|disk I/O error")
    server.stop()
    server, sensors = open_server(data, *SMALL)
    assert_kept(server, kept)


@pytest.mark.parametrize("free_kib, words", [
    (0, r"store\.sqlite: database or disk is full .*; make room on the disk and start again"),
    (16, r"store\.sqlite: disk I/O error: No space left on device .*; make room on the disk and start again"),
    (200, r"cannot make a journal file: No space left on device; make room on the disk and start again")])
def test_a_start_on_a_full_disk_says_what_to_do_and_the_next_is_well(mount, open_server, free_kib, words):
    disk = mount("size=4M")
    full = disk / ".fill"
    full.write_bytes(bytes((4096 - free_kib) * 1024))
    done = program.run("serve", "--allow-anyone", "--listen", "127.0.0.1:0", "--data", disk / "new" if free_kib else disk)
    assert done.returncode == 1 and "serving" not in done.stderr
    assert re.search(words, done.stderr), done.stderr
    full.unlink()
    _, sensors = open_server(disk / "new" if free_kib else disk, *SMALL)
    assert sensors.SendSingleReading(reading("attic", 1, BEGIN)).accepted == 1


def test_a_read_only_directory_is_named(mount):
    disk = mount("size=1M")
    remount(disk, "ro")
    done = program.run("serve", "--allow-anyone", "--listen", "127.0.0.1:0", "--data", disk)
    assert done.returncode == 1
    assert f"the directory {disk} cannot be written: Read-only file system; mount the file system for writing" in done.stderr


def take_away_all(data):
    shutil.rmtree(data)


def take_away_the_database(data):
    (data / "store.sqlite").unlink()


def move_all(data):
    data.rename(data.parent / "moved")


def replace_all(data):
    move_all(data)
    shutil.copytree(data.parent / "moved", data)


def move_the_journal(data):
    journal, = data.glob("journal-0*")
    journal.rename(data.parent / journal.name)


def replace_the_database(data):
    copy = data / "copy"
    shutil.copy(data / "store.sqlite", copy)
    copy.rename(data / "store.sqlite")


@pytest.mark.parametrize("take_away", [take_away_all, take_away_the_database, move_all, replace_all, move_the_journal,
                                       replace_the_database])
def test_nothing_is_acknowledged_into_files_that_were_taken_away(open_server, data, connect, take_away):
    server, sensors = open_server(data)
    sent = [reading("attic", i, BEGIN + i, sequence=i + 1) for i in range(10)]
    sensors.StreamSensorReadings(iter(sent))
    take_away(data)
    for each in (sent[0], reading("attic", 1, BEGIN + 100)):  # a repeat is no more kept than a new one
        with pytest.raises(grpc.RpcError) as refusal:
            sensors.SendSingleReading(each)
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    server.wait_for(rf"ERROR {data}/\S+ was removed, moved or replaced while the server runs: .*put the whole directory back")
    assert health_of(connect(server)) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert len(re.findall("Nothing more is accepted", server.said())) == 1
    if take_away is move_the_journal:
        assert history(sensors, "attic") == sent
    stop(server)


def test_a_file_that_was_moved_and_is_put_back_has_all(open_server, data):
    server, sensors = open_server(data)
    sent = [reading("attic", i, BEGIN + i) for i in range(10)]
    sensors.StreamSensorReadings(iter(sent))
    move_the_journal(data)
    with pytest.raises(grpc.RpcError):
        sensors.SendSingleReading(reading("attic", 1, BEGIN + 100))
    stop(server)
    journal, = data.parent.glob("journal-0*")
    journal.rename(data / journal.name)
    _, sensors = open_server(data)
    assert history(sensors, "attic")[:10] == sent


@pytest.mark.parametrize("also_a_new_one", [False, True])
def test_a_directory_that_was_moved_and_is_put_back_has_all(open_server, data, also_a_new_one):
    server, sensors = open_server(data, *SMALL)
    sent = [reading("attic", i / 100, BEGIN + i) for i in range(MANY)]
    send_many(server, sent)
    (replace_all if also_a_new_one else move_all)(data)
    with pytest.raises(grpc.RpcError):
        sensors.SendSingleReading(reading("attic", 1, BEGIN + 2 * MANY))
    stop(server)
    if also_a_new_one:
        shutil.rmtree(data)
    (data.parent / "moved").rename(data)
    _, sensors = open_server(data, *SMALL)
    assert history(sensors, "attic")[:MANY] == sent  # what was refused may stand behind it


def test_a_journal_that_is_gone_is_told_and_the_rest_is_there(open_server, data, connect):
    server, sensors = open_server(data, *SMALL)
    send_many(server, [reading(f"s-{i % 10}", i / 100, BEGIN + i) for i in range(MANY)])
    send_many(server, [reading("s-1", i / 100, BEGIN + MANY + i) for i in range(100)])
    server.kill()
    for journal in data.glob("journal-*"):
        journal.unlink()
    server, sensors = open_server(data, *SMALL)
    server.wait_for("ERROR the journal is damaged .*all its files are missing")
    n_sensors, n_readings = count(server, connect)
    assert n_sensors == 10 and 0 < n_readings < MANY
    sent = reading("s-1", 1, BEGIN + 2 * MANY)
    sensors.SendSingleReading(sent)
    server.kill()
    server, sensors = open_server(data, *SMALL)
    assert history(sensors, "s-1")[-1] == sent


def test_a_journal_that_is_damaged_is_named_and_the_rest_is_there(open_server, data):
    server, sensors = open_server(data)
    sent = [reading(timestamp=BEGIN + i, temperature=i) for i in range(100)]
    for each in sent:  # a record of its own for each
        sensors.SendSingleReading(each)
    server.kill()
    journal, = data.glob("journal-0*")
    image = bytearray(journal.read_bytes())
    image[4096 + 1000] ^= 1
    journal.write_bytes(image)
    server, sensors = open_server(data)
    line = server.wait_for("ERROR the journal is damaged in 1 place; .* First: (.*)").group(1)
    assert line.startswith(f"{journal.name} is damaged: ")
    there = history(sensors)
    assert len(there) == len(sent) - 1 and all(each in sent for each in there)


def test_a_damaged_chunk_fails_the_questions_that_need_it(open_server, data, connect):
    server, sensors = open_server(data)
    for name in ("attic", "cellar"):
        send_many(server, [reading(name, i, BEGIN + i) for i in range(20_000)])
    stop(server)
    with contextlib.closing(sqlite3.connect(data / "store.sqlite")) as database, database:
        database.execute("UPDATE data SET data = zeroblob(length(data)) WHERE id IN "
                         "(SELECT heads.id FROM heads JOIN sensors ON sensor = number "
                         "WHERE sensors.id = CAST('attic' AS BLOB) ORDER BY rank LIMIT 1)")
    server, sensors = open_server(data)
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as refusal:
            history(sensors, "attic")
        assert refusal.value.code() == grpc.StatusCode.DATA_LOSS
    with pytest.raises(grpc.RpcError) as refusal:
        ThermographStub(connect(server)).GetStatistics(
            GetStatisticsRequest(sensor_id="*", start_time=BEGIN + 1))
    assert refusal.value.code() == grpc.StatusCode.DATA_LOSS
    said = [line for line in server.said().splitlines() if "are damaged and cannot be read" in line]
    assert len(said) == 1 and re.search("sensor 'attic'.*bytes of chunk [0-9]+ are damaged", said[0])
    assert len(history(sensors, "attic", start_time=BEGIN + 19_000)) == 1000
    assert len(history(sensors, "cellar")) == 20_000
    assert count(server, connect) == (2, 40_000)


def test_a_database_that_is_gone_is_made_again_from_a_whole_journal(open_server, data, connect):
    server, _ = open_server(data)
    send_many(server, [reading("attic", i, BEGIN + i) for i in range(1000)])
    server.kill()
    for file in data.glob("store.sqlite*"):
        file.unlink()
    server, _ = open_server(data)
    assert count(server, connect) == (1, 1000)


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_database_that_is_gone_keeps_the_server_from_starting(open_server, data, is_empty):
    server, _ = open_server(data, *SMALL)
    send_many(server, [reading("attic", i, BEGIN + i) for i in range(MANY)])
    stop(server)
    (data / "store.sqlite").unlink()
    if is_empty:
        (data / "store.sqlite").touch()
    journals = {path.name: path.read_bytes() for path in data.glob("journal-*")}
    for _ in range(2):
        done = program.run("serve", "--allow-anyone", "--listen", "127.0.0.1:0", "--data", data)
        assert done.returncode == 1
        assert "store.sqlite is missing or empty, and the journal begins at " in done.stderr
        assert "Restore a backup" in done.stderr
        assert journals == {path.name: path.read_bytes() for path in data.glob("journal-*")}
    for name in journals:
        (data / name).unlink()
    open_server(data)


# ---- starting ----

@pytest.mark.parametrize("left", ["lost+found", ".hidden", "lock"])
def test_a_mounted_disk_or_an_interrupted_first_start_is_as_an_empty_directory(open_server, data, left):
    data.mkdir()
    (data / left).touch()
    server, sensors = open_server(data)
    assert sensors.SendSingleReading(reading()).accepted == 1
    stop(server)
    open_server(data)



@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ten_thousand_sensors_start_in_a_second(open_server, data, connect, end):
    """From what is sealed, and from a journal that was not."""
    server, _ = open_server(data)
    for second in range(4):
        send_many(server, [reading(f"sensor-{i}", i / 100, BEGIN + second, sequence=1 + second)
                           for i in range(10_000)])
    getattr(server, end)()
    started = time.monotonic()
    server, _ = open_server(data)
    took = time.monotonic() - started
    assert count(server, connect) == (10_000, 40_000)
    assert took < START_S or IS_SANITIZED
