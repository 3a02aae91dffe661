# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/bench/run that need no servers: what it is told, what it refuses, what it prints."""
import io
import pathlib
import re
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/bench"))
sys.dont_write_bytecode = True
from lib import builds, loads, machine, receivers, report, servers, stores, telemetry  # noqa: E402


def result(server, load="unary", **figures):
    return {"server": server, "load": load, "rate": 1000.0, "cpu_ns": 9000.0, "readings": 100,
            "p50_us": 10.0, "p99_us": 20.0, "p999_us": 30.0, **figures}


def results(*runs, **more):
    return {
        "machine": {"cores": 2, "model": "M", "memory_gib": 1, "kernel": "K", "system": "S", "date": "D"},
        "versions": {"thermograph": "1"}, "left_out": {}, "duration": "5s", "rounds": 3, "troubles": [],
        "sync_us": {"file_system": "ext4", "median": 200.0, "p99": 300.0, "minimum": 100.0, "maximum": 400.0},
        "runs": list(runs), "stores": [], "telemetry": [], "coder": [], "otel": [], **more}


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


def telemetry_run(number, without_ns, with_ns, **more):
    return {"round": number, "comparison": "telemetry-rate", "warning": None,
            "without": {"cpu_ns": without_ns}, "with": {"cpu_ns": with_ns},
            "spans": {"started": 1000, "received": 1000, "dropped": 0}, **more}


def test_telemetry_is_told_by_the_ratios_of_each_round():
    """Not by the ratio of medians: a round meets the same machine, two rounds need not."""
    text = report.markdown(results(telemetry=[
        telemetry_run(1, 10000.0, 11000.0), telemetry_run(2, 20000.0, 24000.0), telemetry_run(3, 30000.0, 30000.0)]))
    assert ("the Collector | 20.00 us (10.00 us to 30.00 us) | 24.00 us (11.00 us to 30.00 us) "
            "| 1.10 (1.00 to 1.20) | 1.15 | none of 3,000 dropped |") in text


def test_spans_that_were_dropped_are_told_with_their_round():
    text = report.markdown(results(telemetry=[
        telemetry_run(2, 1.0, 1.0, warning="W", spans={"started": 1000, "received": 990, "dropped": 10})]))
    assert "| 10 of 1,000 dropped |" in text
    assert "Round 2: W." in text


def test_of_a_server_that_does_not_count_its_spans_those_received_are_told():
    text = report.markdown(results(telemetry=[
        telemetry_run(1, 1.0, 1.0, comparison="telemetry-grpc-go", spans={"received": 1234})]))
    assert "| grpc-go, in memory |" in text
    assert "|  | 1,234 received |" in text


def test_a_span_that_nobody_counts_is_trouble():
    comparison = telemetry.TABLE["telemetry-saturated"]
    assert telemetry.check(comparison, {"started": 5, "received": 3, "dropped": 2}) is None
    with pytest.raises(servers.Trouble, match="started 5, but received 3 and dropped 1"):
        telemetry.check(comparison, {"started": 5, "received": 3, "dropped": 1})
    with pytest.raises(servers.Trouble, match="does not tell"):
        telemetry.check(comparison, {"started": 5, "received": None, "dropped": 5})


def test_drops_are_worth_a_warning_only_where_there_should_be_none():
    spans = {"started": 5000, "received": 3000, "dropped": 2000}
    assert "2,000 of 5,000 spans" in telemetry.check(telemetry.TABLE["telemetry-rate"], spans)
    assert telemetry.check(telemetry.TABLE["telemetry-saturated"], spans) is None


def test_where_drops_are_to_be_counted_there_have_to_be_some():
    comparison = telemetry.TABLE["telemetry-drops"]
    assert telemetry.check(comparison, {"started": 5, "received": 3, "dropped": 2}) is None
    with pytest.raises(servers.Trouble, match="no span was dropped"):
        telemetry.check(comparison, {"started": 5, "received": 5, "dropped": 0})


PAGE = """\
# TYPE otel_sdk_span_started_total counter
otel_sdk_span_started_total{otel_span_sampling_result="DROP",a="b c"} 99
otel_sdk_span_started_total{otel_span_sampling_result="RECORD_AND_SAMPLE",o="none"} 1e3
otel_sdk_span_started_total{otel_span_sampling_result="RECORD_AND_SAMPLE",o="local"} 5
otel_sdk_processor_span_processed_total{t="x"} 900
otel_sdk_processor_span_processed_total{error_type="queue_full",t="x"} 95
otel_sdk_exporter_span_exported_total{t="x"} 890
otel_sdk_exporter_span_exported_total{error_type="timeout",t="x"} 10
plain 7
"""


def test_losses_are_all_that_was_started_and_did_not_leave(monkeypatch):
    monkeypatch.setattr(receivers.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(PAGE.encode()))
    assert telemetry.read_losses("127.0.0.1:1") == {"started": 1005, "dropped": 105}
    assert receivers.total(receivers.page("127.0.0.1:1"), "plain") == 7


def test_an_admin_port_that_does_not_answer_is_trouble():
    with pytest.raises(servers.Trouble, match="does not answer"):
        telemetry.read_losses("127.0.0.1:1")


@pytest.mark.parametrize("words, expected", [
    ([], [*telemetry.TABLE]), (["unary"], []), (["telemetry"], [*telemetry.TABLE]),
    (["telemetry-rate", "tonic"], ["telemetry-rate"])])
def test_words_choose_comparisons(words, expected):
    assert [comparison.name for comparison in telemetry.chosen(words)] == expected


def test_the_server_that_is_compared_with_knows_nothing_of_telemetry(monkeypatch, tmp_path):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    server = servers.Server("s", list, [], "none", tmp_path, when_observed=lambda admin: ["--admin", admin])
    assert not [name for name in servers.environment(server.variables) if name.startswith("OTEL_")]
    observed = server.observed({"OTEL_EXPORTER_OTLP_ENDPOINT": "E"}, "A")
    assert observed.arguments == ["--admin", "A"]
    assert server.arguments == []
    assert servers.environment(observed.variables)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "E"


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(servers, "PORTS", iter([taken.getsockname()[1], 0]))
        assert servers.free_port() == 0


def test_a_collector_that_is_not_there_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(builds, "COLLECTOR", tmp_path / "otelcol")
    with pytest.raises(builds.LeftOut, match="install-peers"):
        builds.collector(print)


def test_pythons_sdk_that_cannot_be_had_is_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(builds, "PYTHON", tmp_path / "python")
    def refuse(*_, **__):
        raise builds.LeftOut("no network\nat all")
    monkeypatch.setattr(builds, "run", refuse)
    assert builds.measure_python() == [f"left out: Python's {builds.PYTHON_SDK}: no network"]


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
    with pytest.raises(builds.LeftOut, match="go"):
        builds.grpc_go(print)


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
