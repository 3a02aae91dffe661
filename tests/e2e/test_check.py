# SPDX-License-Identifier: Apache-2.0
"""thermograph check, offline and against a server: what it finds, what it leaves alone, how it ends."""
import contextlib
import hashlib
import json
import os
import pathlib
import pty
import re
import shutil
import sqlite3
import subprocess
import threading

import pytest

import program
from program import run
from readings import BEGIN
from thermograph.v1.thermograph_pb2 import CheckStoreRequest

OK, FAILED = 0, 1
N = 20000  # more than two chunks of a sensor


def readings_of(sensor, n=N):
    return "".join(f"{sensor},{20 + i % 50 / 10},{BEGIN + i}\n" for i in range(n))


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


def fill(server):
    for sensor in ("attic", "cellar"):
        assert server.call("stream", stdin=readings_of(sensor)).returncode == OK
    assert server.call("send", "attic", "1.5").returncode == OK


@pytest.fixture
def full(start, directory):
    """A server that has sealed something."""
    server = start(data=directory)
    fill(server)
    return server


@pytest.fixture
def stopped(full, directory):
    """Its directory, after it has stopped."""
    assert full.stop() == OK
    return directory


@pytest.fixture
def crashed(full, directory):
    """Its directory, after it was killed: with a journal."""
    full.kill()
    return directory


def check(*arguments):
    """The exit status, the findings and the sum."""
    done = run("check", *arguments, "-o", "json")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert objects, done.stderr
    return done.returncode, objects[:-1], objects[-1]


def damage_chunk(directory, number=1):
    """Flips a bit of the number-th chunk; gives its id."""
    with sqlite3.connect(directory / "store.sqlite") as db:
        [[chunk]] = db.execute("SELECT id FROM data ORDER BY id LIMIT 1 OFFSET ?", [number])
        with db.blobopen("data", "data", chunk) as blob:
            blob.seek(100)
            byte = blob.read(1)
            blob.seek(100)
            blob.write(bytes([byte[0] ^ 1]))
    db.close()
    return chunk


def files_of(directory):
    return {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in directory.iterdir()}


# ---- offline ----

def test_a_store_that_was_stopped_is_sound(stopped):
    status, findings, total = check(stopped)
    assert (status, findings, total["result"]) == (OK, [], "sound")
    assert (total["sensors"], total["readings"], total["journal_readings"]) == (2, 2 * N + 1, 0)
    assert total["chunks"] >= 6 and total["bytes"] > 0
    assert re.fullmatch(r"nothing is wrong: 2 sensors, \d+ chunks with 40001 readings in \d+ bytes\n",
                        run("check", stopped).stdout)


def test_a_store_that_was_killed_is_sound_and_stays_as_it_was(crashed):
    before = files_of(crashed)
    status, findings, total = check(crashed)
    assert (status, findings) == (OK, [])
    assert total["readings"] + total["journal_readings"] == 2 * N + 1
    assert total["journal_readings"] > 0
    assert files_of(crashed) == before


def test_a_damaged_chunk_is_named_and_fails(stopped):
    chunk = damage_chunk(stopped)
    before = files_of(stopped)
    status, [finding], total = check(stopped)
    assert (status, total["result"], total["findings"]) == (FAILED, "damaged", 1)
    assert (finding["kind"], finding["severity"], finding["chunk"]) == ("chunk-data", "damage", chunk)
    assert finding["sensor_id"] in ("attic", "cellar") and finding["from"] < finding["to"]
    done = run("check", stopped)
    assert done.returncode == FAILED
    first, last = done.stdout.splitlines()
    assert first.startswith("DAMAGE: sensor '") and f"chunk {chunk}" in first
    assert last.startswith("1 thing is wrong: 2 sensors")
    assert files_of(stopped) == before


def test_a_damaged_database_is_told_line_by_line_in_our_words(stopped):
    database = stopped / "store.sqlite"
    image = database.read_bytes()
    damaged_from = image.find(b"attic") // 4096 * 4096 + 4096
    database.write_bytes(image[:damaged_from] + b"\xff" * (len(image) - damaged_from))
    done = run("check", stopped)
    *findings, last = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (FAILED, "")
    assert findings and all(line.startswith("DAMAGE: ") for line in findings), done.stdout
    assert "DAMAGE: store.sqlite: SQLite's own check says: " in done.stdout
    assert len(set(findings)) == len(findings) and "***" not in done.stdout
    assert re.match(r"\d+ things? (is|are) wrong: ", last)


def test_a_server_does_not_start_on_a_damaged_database_and_says_what_to_do(stopped):
    (stopped / "store.sqlite").write_bytes((stopped / "store.sqlite").read_bytes()[:4096] + b"\xff" * 8192)
    done = run("serve", "--data", stopped, "--allow-anyone", "--listen", "127.0.0.1:0")
    assert done.returncode == FAILED
    last = done.stderr.splitlines()[-1]
    assert "ERROR" in last and "malformed" in last and f"`thermograph check {stopped}'" in last


def test_csv_has_the_findings_only(stopped):
    damage_chunk(stopped)
    done = run("check", stopped, "-o", "csv")
    header, row = done.stdout.splitlines()
    assert header.startswith("severity,kind,sensor_id,chunk,from,to,file,offset,words")
    assert row.startswith("damage,chunk-data,")
    assert "1 thing is wrong" in done.stderr


def test_a_damaged_journal_is_named_by_file_and_place(crashed):
    journal = newest_journal(crashed)
    content = bytearray(journal.read_bytes())
    end = len(content.rstrip(b"\0"))
    at = end - 200  # the last record holds one reading, so this is in one before
    content[at] ^= 1
    journal.write_bytes(content)
    status, [finding], total = check(crashed)
    assert (status, total["findings"]) == (FAILED, 1)
    assert (finding["kind"], finding["file"]) == ("journal", journal.name)
    assert 4096 <= finding["offset"] <= at


def newest_journal(directory):
    return max(directory.glob("journal-[0-9a-f]*"))


def is_noted(directory):
    """Whether the database knows by now that something was in the journal's newest file."""
    with contextlib.closing(sqlite3.connect(directory / "store.sqlite")) as database:
        [[durable_to]] = database.execute("SELECT durable_to FROM journal")
    return durable_to > int(newest_journal(directory).name.removeprefix("journal-"), 16)


def end_after_more_than_a_journal_holds(start, directory, end):
    """That is noted now and then, later on a machine that is busy: a loss of what is not shows nowhere."""
    server = start("--journal-limit", "1M", data=directory)
    for i in range(100):
        assert server.call("stream", stdin=readings_of(f"room-{i}")).returncode == OK
        if i >= 7 and is_noted(directory):
            break
    assert is_noted(directory)
    getattr(server, end)()


@pytest.mark.parametrize("size", [None, 0, 4096])
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_journal_that_has_lost_its_newest_file_is_damaged(start, directory, size, end):
    end_after_more_than_a_journal_holds(start, directory, end)
    journal = newest_journal(directory)
    if size is None:
        journal.unlink()
    else:
        os.truncate(journal, size)
    status, findings, total = check(directory)
    assert (status, total["result"]) == (FAILED, "damaged")
    assert [finding["kind"] for finding in findings] == ["journal"]
    assert "missing" in findings[0]["words"]


def test_an_incomplete_last_commit_is_a_note(crashed):
    journal = newest_journal(crashed)
    content = bytearray(journal.read_bytes())
    content[len(content.rstrip(b"\0")) - 2] ^= 1  # in the last record
    journal.write_bytes(content)
    status, [finding], total = check(crashed)
    assert (status, total["findings"], total["notes"]) == (OK, 0, 1)
    assert (finding["severity"], finding["kind"]) == ("note", "journal-cut")
    assert re.search(r"\d+ bytes of an incomplete last commit", finding["words"])


@pytest.mark.parametrize("content", [b"", b"x"])
def test_an_empty_database_before_a_journal_that_lacks_its_start_is_damage(start, directory, content):
    end_after_more_than_a_journal_holds(start, directory, "stop")
    (directory / "store.sqlite").write_bytes(content)
    status, [finding], _ = check(directory)
    assert (status, finding["kind"], finding["file"]) == (FAILED, "file", "store.sqlite")
    assert finding["words"].startswith("there is nothing in it, and the journal begins at ")


def test_a_directory_in_use_is_refused_with_the_others_pid(full, directory):
    done = run("check", directory)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert f"in use by another thermograph (process {full.process.pid})" in done.stderr


def test_a_file_is_no_directory(tmp_path):
    file = tmp_path / "file"
    file.touch()
    done = run("check", file)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert f"{file} is no directory" in done.stderr


@pytest.mark.parametrize("make, words", [
    (lambda path: None, "cannot be read: No such file or directory"),
    (lambda path: path.mkdir(), "is no data directory of Thermograph, there is no store.sqlite in it: give the"),
], ids=["nothing", "empty"])
def test_a_directory_without_a_store_is_refused(directory, make, words):
    make(directory)
    done = run("check", directory)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert f"{directory} {words}" in done.stderr
    assert not directory.exists() or not list(directory.iterdir())


def test_a_directory_whose_store_has_been_taken_away_is_still_ours(stopped):
    (stopped / "store.sqlite").unlink()
    done = run("check", stopped)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert "store.sqlite cannot be checked: No such file or directory" in done.stderr


def test_on_a_terminal_there_is_a_bar(stopped):
    ours, its = pty.openpty()
    done = subprocess.Popen([program.BIN, "check", str(stopped)], stdout=subprocess.PIPE, stderr=its,
                            env=program.environment())
    os.close(its)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert done.communicate()[0].startswith(b"nothing is wrong")
    assert done.returncode == OK
    assert b"checking [" in text and b"100%" in text


# ---- while it serves ----

def test_a_server_checks_itself(full):
    status, findings, total = check(*full.access())
    assert (status, findings, total["result"]) == (OK, [], "sound")
    assert total["sensors"] == 2 and total["chunks"] >= 4 and total["readings"] > 0


def test_a_server_says_how_many_readings_it_does_not_check(full, stopped, start):
    server = start(data=stopped)
    assert "not checked" not in run("check", *server.access(full.token)).stdout
    for value in ("1.5", "2.5"):
        assert run("send", "new", value, *server.access(full.token)).returncode == OK
    done = run("check", *server.access(full.token))
    assert re.search(r"; 2 readings that are in the journal or in memory were not checked$",
                     done.stdout.strip())
    assert check(*server.access(full.token))[2]["unchecked_readings"] == 2


def test_a_young_server_has_nothing_to_check_yet(start, directory):
    server = start(data=directory)
    assert "nothing is wrong: 0 sensors" in server.call("check").stdout
    assert server.call("send", "attic", "1.5").returncode == OK
    done = server.call("check")
    assert (done.returncode, done.stdout) == (OK, "nothing to check yet: the only reading is still in the journal\n")
    assert server.call("send", "cellar", "1.5").returncode == OK
    assert server.call("check").stdout == "nothing to check yet: all 2 readings are still in the journal\n"


def test_a_server_finds_a_damaged_chunk(full, stopped, start):
    chunk = damage_chunk(stopped)
    server = start(data=stopped)
    status, [finding], total = check(*server.access(full.token))
    assert (status, total["findings"]) == (FAILED, 1)
    assert (finding["kind"], finding["chunk"]) == ("chunk-data", chunk)


def test_a_store_that_is_written_meanwhile_is_sound(full):
    writer = threading.Thread(target=lambda: [
        full.call("stream", stdin=readings_of(f"new-{i}", 9000)) for i in range(3)])
    writer.start()
    while True:
        is_last = not writer.is_alive()
        status, findings, _ = check(*full.access())
        assert (status, findings) == (OK, [])
        if is_last:
            break
    writer.join()


def test_progress_and_sum_come_in_order(full, connect):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    events = list(ThermographStub(connect(full)).CheckStore(CheckStoreRequest()))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[-1] == "sum" and set(kinds[:-1]) == {"progress"}
    percents = [event.progress.percent for event in events[:-1]]
    assert percents == sorted(set(percents)) and percents[-1] == 100


def test_a_client_that_goes_ends_its_check(full, connect):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    thermograph = ThermographStub(connect(full))
    for _ in range(20):
        call = thermograph.CheckStore(CheckStoreRequest())
        call.cancel()
    assert list(thermograph.CheckStore(CheckStoreRequest()))[-1].HasField("sum")


def test_a_check_needs_a_token(full):
    done = run("check", "--server", full.address, "--ca", full.ca)
    assert done.returncode == FAILED
    assert "UNAUTHENTICATED" in done.stderr


# ---- after what must not have done harm ----

def test_a_copy_without_its_wal_and_index_is_checked_without_making_them(stopped, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(stopped, copy)
    with sqlite3.connect(copy / "store.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for name in ("store.sqlite-wal", "store.sqlite-shm"):
        pathlib.Path(copy / name).unlink(missing_ok=True)
    before = files_of(copy)
    assert check(copy)[0] == OK
    assert files_of(copy) == before
