# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/bench/run that need no servers: what it is told, what it refuses, what it prints."""
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/bench"))
sys.dont_write_bytecode = True
from lib import builds, loads, machine, report, servers, stores  # noqa: E402


def result(server, load="unary", **figures):
    return {"server": server, "load": load, "rate": 1000.0, "cpu_ns": 9000.0, "readings": 100,
            "p50_us": 10.0, "p99_us": 20.0, "p999_us": 30.0, **figures}


def results(*runs, **more):
    return {
        "machine": {"cores": 2, "model": "M", "memory_gib": 1, "kernel": "K", "system": "S", "date": "D"},
        "versions": {"thermograph": "1"}, "left_out": {}, "duration": "5s", "rounds": 3, "troubles": [],
        "sync_us": {"file_system": "ext4", "median": 200.0, "p99": 300.0, "minimum": 100.0, "maximum": 400.0},
        "runs": list(runs), "stores": [], "coder": [], "otel": [], **more}


def test_the_table_has_ratios_and_the_spread():
    text = report.markdown(results(
        result("memory", cpu_ns=2000.0), result("memory", cpu_ns=3000.0), result("memory", cpu_ns=4000.0),
        result("tonic", cpu_ns=10000.0)))
    assert "3.00 us (2.00 us to 4.00 us) | 0.30 |" in text
    assert "| tonic, in memory | 1,000 | 10.00 us | 1.00 |" in text
    assert "median 200 us" in text


def test_without_tonic_there_is_no_ratio():
    text = report.markdown(results(result("memory")))
    assert "| 9.00 us |  |" in text


def test_readings_are_told_in_nanoseconds_and_with_their_bytes_on_disk():
    text = report.markdown(results(result("durable", "client-stream", cpu_ns=123.4, disk_bytes=750)))
    assert "| 123 ns |" in text
    assert "7.5 bytes a reading" in text


def test_what_is_measured_alone_is_told_as_it_was_printed():
    assert "alone\n\n    A in  60.1 M/s\n" in report.markdown(results(coder=["A in  60.1 M/s"]))
    assert "metrics, alone\n\n    add  6.0 ns\n" in report.markdown(results(otel=["add  6.0 ns"]))


def test_stores_are_told_by_reading():
    text = report.markdown(results(stores=[
        {"store": "store-sqlite", "rate": 1e5, "cpu_ns": 6100.0, "readings": 10, "disk_bytes": 400}]))
    assert re.search(r"SQLite.* \| 100,000 \| 6.10 us \| 40.0 \|  \|  \|", text)
    text = report.markdown(results(stores=[
        {"store": "store-durable", "rate": 1e5, "cpu_ns": 100.0, "readings": 10, "disk_bytes": 15, "start_s": 0.5,
         "rss_bytes": 2**25, "start_rss_bytes": 2**24}]))
    assert "| 0.10 us | 1.5 | 32 MiB | 0.50 s, 16 MiB |" in text


def test_each_copy_is_a_transaction(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "ROWS_PER_TRANSACTION", 2)
    csv = tmp_path / "a.csv"
    csv.write_text("header\n1\n2\n3\n")
    stores.write_copies(csv, tmp_path / "copy.sql")
    assert re.findall(r"^(?:COPY|\d|\\\.)", (tmp_path / "copy.sql").read_text(), re.MULTILINE) == [
        "COPY", "1", "2", "\\.", "COPY", "3", "\\."]


def test_what_is_missing_is_named():
    text = report.markdown(results(left_out={"tonic": "cargo is not installed"}, troubles=["unary, tonic: it fell"]))
    assert "Left out: tonic, in memory: cargo is not installed" in text
    assert "Not counted: unary, tonic: it fell" in text


def test_durable_runs_are_refused_in_memory(monkeypatch):
    monkeypatch.setattr(builds, "make_program", lambda: None)
    monkeypatch.setattr(machine, "file_system", lambda folder: "tmpfs")
    with pytest.raises(builds.LeftOut, match="in memory"):
        builds.thermograph_durable(print)


def test_a_peer_that_cannot_be_built_is_left_out(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(builds.LeftOut, match="cargo"):
        builds.tonic(print)
    with pytest.raises(builds.LeftOut, match="grpc_cpp_plugin"):
        builds.grpc_cpp(print)


def test_a_server_that_ends_at_once_is_trouble_with_its_words(tmp_path):
    server = servers.Server("bad", lambda *_: ["/bin/sh", "-c", "echo no disk; exit 2"], [], "none", tmp_path)
    with pytest.raises(servers.Refused, match="status 2: no disk"), servers.running(server):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["bad.log"]


@pytest.mark.parametrize("text, expected", [("500ms", 0.5), ("5s", 5), ("5", 5), ("2m", 120)])
def test_durations(text, expected):
    assert loads.seconds(text) == expected


def test_an_unknown_word_is_refused():
    done = subprocess.run([ROOT / "tools/bench/run", "--only", "unary,tonik"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2
    assert "no tonik" in done.stderr


def test_h2loads_message_is_a_reading():
    message = loads.H2load().message()
    assert message[:5] == b"\0\0\0\0" + bytes([len(message) - 5])
    assert message[5:13] == b"\x0a\x06h2load"
