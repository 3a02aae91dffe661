# SPDX-License-Identifier: Apache-2.0
"""Every verb of the program, as a person or a script uses it: what it prints where, how it ends."""
import concurrent.futures
import csv
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import time

import grpc
import pytest

from certificates import make_certificate_for, make_dated_certificate, shown
from program import BIN, PATIENCE_S, WITHOUT_RIGHTS, run
from readings import BEGIN
from sensor_pb2 import Ack
from sensor_pb2_grpc import SensorServiceServicer, add_SensorServiceServicer_to_server

OK, FAILED, USAGE = 0, 1, 2
VERBS = ["serve", "send", "stream", "get", "chat", "stats", "sensors", "health", "check", "doctor", "simulate",
         "bench", "token", "version"]
CALLING_VERBS = [("send", "x", "1"), ("stream",), ("get", "x"), ("chat",), ("stats", "x"), ("sensors",),
                 ("health",), ("check",), ("bench",), ("simulate", "--count", "1")]


def good(done):
    """What a verb printed that succeeded."""
    assert done.returncode == OK, done.stderr
    return done.stdout


def failed(done, status=FAILED):
    """The last line of a verb that failed; nothing of it is on standard output."""
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def lines_of_json(text):
    return [json.loads(line) for line in text.splitlines()]


def lines_of_csv(text):
    return list(csv.DictReader(text.splitlines()))


# ---- help, version, wrong use ----

def test_without_a_verb_it_says_how_it_is_used():
    done = run()
    assert done.returncode == USAGE
    assert "Usage: thermograph VERB" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("way", [["help"], ["--help"], ["-h"]])
def test_help_lists_every_verb(way):
    text = good(run(*way))
    assert re.findall(r"^  (\w+)  ", text, re.MULTILINE)[:len(VERBS)] == VERBS


def test_the_first_steps_of_the_help_work(start, tmp_path):
    """As they are printed, but for the address, so that tests can run side by side."""
    first, *others = re.findall(r"^  thermograph (.*)$", good(run("help")).split("First steps:")[1],
                                re.MULTILINE)
    serve, flag, data, *more = first.split()
    assert (serve, flag) == ("serve", "--data")
    server = start(*more, data=tmp_path / data, plaintext=True)
    said = [good(run(*line.split(), "--server", server.address)) for line in others]
    assert len(said) == 2 and "21.5" in said[-1]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_examples(verb):
    text = good(run(verb, "--help"))
    assert f"Usage: thermograph {verb}" in text
    assert "Example" in text
    assert text == good(run("help", verb))


def test_version_names_the_libraries_too():
    text = good(run("version"))
    assert re.match(r"thermograph \d+\.\d+\.\d+\n", text)
    assert re.search(r"^nghttp2 1\.", text, re.MULTILINE)
    assert good(run("--version")).strip() == text.splitlines()[0]


@pytest.mark.parametrize("arguments, words", [
    (["sned"], "did you mean 'send'?"),
    (["frobnicate"], "there is no verb 'frobnicate'"),
    (["help", "frobnicate"], "there is no verb 'frobnicate'"),
    (["send", "kitchen"], "this takes: SENSOR TEMPERATURE"),
    (["send", "kitchen", "1", "2"], "an argument too many: '2'"),
    (["send", "kitchen", "warm"], "'warm' is no temperature"),
    (["send", "kitchen", "nan"], "'nan' is no temperature"),
    (["send", "kitchen", "1", "--time", "yesterday"], "--time: 'yesterday' is no time"),
    (["send", "kitchen", "1", "--sequence", "-1"], "--sequence: '-1' is no whole number"),
    (["get", "kitchen", "--limit", "0"], "--limit: '0' is no whole number from 1 on"),
    (["get", "kitchen", "--end", "1970-01-01"], "--end: no reading lies before 1970"),
    (["get", "kitchen", "--start", "2026-01-02", "--end", "2026-01-01"], "--start: '2026-01-02' is after"),
    (["get", "kitchen", "--end", "12.5"], "--end: '12.5' has a part of a second"),
    (["get", "kitchen", "--output", "xml"], "--output: 'xml' is none of: table, json, csv"),
    (["get", "kitchen", "--timeout", "soon"], "--timeout: 'soon' is no duration"),
    (["get", "kitchen", "--frobnicate"], "unrecognized option '--frobnicate'"),
    (["get", "kitchen", "--server", "localhost:99999"], "--server"),
    (["sensors", "--log-level", "loud"], "--log-level: 'loud' is none of: error, warn, info, debug"),
    (["simulate", "--kind", "shouting"], "--kind: 'shouting' is none of"),
    (["simulate", "--min-delay", "2s", "--max-delay", "1s"], "--max-delay: it is shorter"),
    (["simulate", "--print"], "--print needs --dataset A or B"),
    (["simulate", "--dataset", "A"], "needs --count"),
    (["simulate", "--start", "2026-01-01"], "--start: it belongs to a data set"),
    (["simulate", "--dataset", "A", "--count", "1", "--min-delay", "1s"], "--min-delay: a data set has no"),
    (["simulate", "--dataset", "A", "--count", "1", "--max-delay", "1s"], "--max-delay: a data set has no"),
    (["simulate", "--kind", "server-stream", "--sensors", "3"], "--sensors: server-stream reads"),
    (["bench", "--kind", "shouting"], "--kind: 'shouting' is none of"),
    (["bench", "--streams", "129"], "--streams: '129' is no whole number from 1 to 128"),
    (["bench", "--duration", "0"], "--duration: a run takes from 1ms to 1d"),
    (["bench", "--rate", "0"], "--rate: '0' is no whole number from 1 to 10000000"),
    (["bench", "--threads", "2"], "--threads: each thread needs a connection, and there are 1"),
    (["bench", "--streams", "8", "--sensors", "7"], "--sensors: each of the 8 streams needs a sensor"),
    (["bench", "--verify", "trust"], "--verify: 'trust' is none of: statistics, total, none"),
    (["token", "destroy", "--tokens", "x"], "'destroy' is none of: create, add, list, revoke"),
    (["token", "list"], "--tokens FILE is missing"),
    (["serve", "--workers", "0"], "--workers: '0' is no whole number from 1 to"),
    (["serve", "--memory-limit", "lots"], "--memory-limit: 'lots' is no size"),
    (["serve", "--data", "none", "--allow-anyone", "--journal-limit", "10k"],
     "--journal-limit: less than 1M"),
    (["check", ""], "DIR is empty"),
    (["serve", "--allow-anyone", "extra"], "an argument too many: 'extra'"),
    (["send", "kitchen", "1", "--plaintext=maybe"], "--plaintext: 'maybe' is neither true nor false"),
    (["send", "kitchen", "1", "--server", "https://localhost:50051"], "leave https:// out"),
    (["token", "revoke", "--tokens", "x"], "--name NAME is missing"),
    (["token", "add", "--tokens", "x"], "--name NAME is missing"),
    (["token", "list", "--tokens", "x", "--output", "xml"], "--output: 'xml' is none of"),
    (["send", "kitchen", "1", "--plaintext", "--token", ""], "--token: it is empty"),
    (["send", "kitchen", "1", "--plaintext", "--token", "two\nlines"], "--token: it has a space"),
])
def test_wrong_use_is_status_2_with_words(arguments, words):
    done = run(*arguments)
    assert done.returncode == USAGE, done.stderr
    assert done.stdout == ""
    assert words in done.stderr


@pytest.mark.parametrize("arguments, name", [
    (["send", "--tokn", "x", "y", "1"], "token"), (["send", "x", "1", "--tokn=y"], "token"),
    (["serve", "--lissten", ":1"], "listen"), (["get", "x", "--newst"], "newest"), (["get", "--hepl"], "help"),
], ids=lambda each: each and each[-1])
def test_an_option_that_is_almost_right_is_suggested(arguments, name):
    done = run(*arguments)
    assert "unrecognized option" in done.stderr
    assert failed(done, USAGE) == f"thermograph {arguments[0]}: did you mean '--{name}'?"


@pytest.mark.parametrize("arguments", [
    ["send", "--nonsense", "x", "1"], ["send", "x", "1", "--token"], ["send", "x"], ["send", "x", "1", "y"],
    ["send", "--tok", "x", "1"], ["send", "-x"]], ids=lambda arguments: arguments[-1])
def test_what_is_wrong_in_another_way_has_no_suggestion(arguments):
    done = run(*arguments)
    assert failed(done, USAGE) == "information."
    assert "did you mean" not in done.stderr


@pytest.mark.parametrize("arguments", [
    ["health", "--ca", "/nowhere"], ["health", "--client-cert", "/nowhere"],
    ["health", "--plaintext", "--token-file", "/nowhere"],
    ["health", "--config", "/nowhere"], ["stream", "--plaintext", "/nowhere"],
    ["token", "list", "--tokens", "/nowhere"],
    ["serve", "--data", "none", "--listen", "127.0.0.1:0", "--tokens", "/nowhere"],
    ["serve", "--data", "none", "--allow-anyone", "--listen", "127.0.0.1:0", "--cert", "/nowhere", "--key",
     "/nowhere"]],
    ids=lambda arguments: f"{arguments[0]}-{arguments[-2].strip('-')}")
def test_a_file_that_cannot_be_read_is_status_1_whatever_option_names_it(arguments):
    assert "/nowhere" in failed(run(*arguments))


@pytest.mark.parametrize("verb", VERBS)
def test_no_example_in_help_is_broken_into_two_lines(verb):
    lines = good(run(verb, "-h")).splitlines()
    examples = lines[lines.index("Examples:") + 1:] if "Examples:" in lines else []
    examples = examples[:examples.index("")] if examples else []
    assert all(line.startswith("  ") for line in examples)
    assert all(len(line) < 80 for line in lines if not line.startswith("  "))
    assert re.search(r"^  -h, --help  ", "\n".join(lines), re.MULTILINE)


def test_a_flag_of_the_environment_is_taken_back_on_the_command_line(server):
    variables = {"THERMOGRAPH_PLAINTEXT": "true"}
    access = ["--server", server.address, "--ca", server.ca, "--timeout", "20s"]
    failed(run("health", *access, variables=variables))
    assert good(run("health", "--plaintext=false", *access, variables=variables)) == "SERVING\n"


# ---- send, get ----

def test_send_and_get(server):
    sent = server.call("send", "kitchen", "21.5", "--time", "2026-03-01T10:00:00.25Z", "--sequence", 7)
    assert good(sent) == "Reading received.\n"
    assert sent.stderr == ""
    table = good(server.call("get", "kitchen")).splitlines()
    assert table[0].split() == ["TEMPERATURE", "TIME", "SEQUENCE"]
    assert table[1].split() == ["21.5", "2026-03-01T10:00:00.25Z", "7"]
    assert good(server.call("get", "kitchen", "--output", "json")) == (
        '{"sensor_id": "kitchen", "temperature": 21.5, "time": "2026-03-01T10:00:00.25Z", '
        '"sequence": 7}\n')
    assert good(server.call("get", "kitchen", "-o", "csv")) == (
        "sensor_id,temperature,time,sequence\nkitchen,21.5,2026-03-01T10:00:00.25Z,7\n")


def test_send_says_when_it_was_a_repeat(server):
    def send(*more):
        return good(server.call("send", "kitchen", "21.5", "--time", BEGIN, "--sequence", 7, *more))
    assert send() == "Reading received.\n"
    assert "kept already" in send()
    assert json.loads(send("-o", "json")) == {
        "message": "Reading received.", "accepted": 1, "duplicates": 1}
    assert send("-o", "csv") == "message,accepted,duplicates\nReading received.,1,1\n"


@pytest.mark.parametrize("temperature", ["-3.25", "-0.0", "1e308", "-.5", "5e-324", "007"])
def test_temperatures_below_zero_and_odd_ones_need_no_tricks(server, temperature):
    good(server.call("send", "cellar", temperature))
    [got] = lines_of_csv(good(server.call("get", "cellar", "-o", "csv")))
    assert got["temperature"] == repr(float(temperature))


def test_send_takes_the_time_of_now(server):
    good(server.call("send", "kitchen", "1"))
    [got] = lines_of_csv(good(server.call("get", "kitchen", "--start", "-10m", "-o", "csv")))
    assert got["time"].endswith("Z")
    assert lines_of_csv(good(server.call("get", "kitchen", "--end", "-10m", "-o", "csv"))) == []


@pytest.fixture
def ten(server):
    """A server with readings 0 to 9 of `ten`, a second apart."""
    data = "".join(f"ten,{i},{BEGIN + i}\n" for i in range(10))
    good(server.call("stream", stdin=data))
    return server


@pytest.mark.parametrize("options, expected", [
    ([], range(10)), (["--limit", 2], [0, 1]), (["--newest"], range(9, -1, -1)),
    (["--newest", "--limit", "3"], [9, 8, 7]), (["--start", BEGIN + 8], [8, 9]),
    (["--end", BEGIN + 2], [0, 1]), (["--start", BEGIN + 3, "--end", BEGIN + 5], [3, 4])])
def test_get_takes_a_range(ten, options, expected):
    got = lines_of_csv(good(ten.call("get", "ten", "-o", "csv", *options)))
    assert [float(row["temperature"]) for row in got] == list(expected)


def test_get_of_nothing_says_so_to_people_only(server):
    done = server.call("get", "nobody")
    assert (good(done), done.stderr) == ("", "no readings\n")
    for output, header in (("csv", "sensor_id,temperature,time,sequence\n"), ("json", "")):
        done = server.call("get", "nobody", "-o", output)
        assert (good(done), done.stderr) == (header, "")


def test_get_ends_quietly_when_nobody_reads_on(server):
    good(server.call("stream", stdin="".join(f"long,{i},{BEGIN + i}\n" for i in range(50_000))))
    with subprocess.Popen([BIN, "get", "long", "-o", "csv", *server.access()], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as get:
        assert get.stdout.readline() == "sensor_id,temperature,time,sequence\n"
        get.stdout.close()
        assert get.wait(PATIENCE_S) >= 0
        assert get.stderr.read() == ""


@pytest.mark.parametrize("arguments", [
    ["help"], ["--version"], ["version"], ["send", "--help"], ["get", "--usage"], ["help", "stats"], ["simulate", "--dataset", "A", "--count", "1", "--print"]],
    ids=lambda arguments: arguments[0])
def test_what_cannot_be_written_is_a_failure_with_words(arguments):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BIN, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=PATIENCE_S)
    assert done.returncode == FAILED
    assert re.fullmatch(r"thermograph: (\w+: )?cannot write: No space left on device\n", done.stderr)


@pytest.mark.parametrize("arguments, stdin", [
    (["send", "kitchen", "1"], ""), (["stats", "kitchen"], ""), (["sensors"], ""), (["get", "kitchen"], ""),
    (["stream"], "kitchen,2\n"), (["chat"], "kitchen,3\n")], ids=lambda each: each and each[0])
def test_an_answer_that_nobody_reads_is_a_failure_without_words_about_it(server, arguments, stdin):
    good(server.call("send", "kitchen", "1"))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([BIN, *arguments, *server.access()], input=stdin, stdout=writer,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S)
    finally:
        os.close(writer)
    talk = "1 reading stored\n" if arguments == ["stream"] else ""
    assert (done.returncode, done.stderr) == (FAILED, talk)


# ---- stream, chat ----

CSV = """\
# a comment, and a header in an order of its own
time,sensor_id,temperature,sequence

2026-03-01T10:00:00Z,kitchen,20.5,1
1772359201,"kitchen",-0.0,2
2026-03-01 10:00:02.5, kitchen , 20.37 ,
"""
JSON = """\
{"sensor_id": "kitchen", "temperature": 20.5, "time": "2026-03-01T10:00:00Z", "sequence": 1}
{"temperature": -0.0, "sensor_id": "kitchen", "time": 1772359201, "sequence": 2}

{"sensor_id": "kitchen", "temperature": 20.37, "time": "2026-03-01T10:00:02.5Z"}
"""


@pytest.mark.parametrize("data", [CSV, JSON, CSV.replace("\n", "\r\n")], ids=["csv", "json", "crlf"])
def test_stream_takes_csv_and_json_lines(server, data):
    done = server.call("stream", stdin=data)
    assert good(done) == "All readings stored.\n"
    assert done.stderr == "3 readings stored\n"
    got = lines_of_csv(good(server.call("get", "kitchen", "-o", "csv")))
    assert [(row["temperature"], row["time"], row["sequence"]) for row in got] == [
        ("20.5", "2026-03-01T10:00:00Z", "1"), ("-0.0", "2026-03-01T10:00:01Z", "2"),
        ("20.37", "2026-03-01T10:00:02.5Z", "")]


def test_stream_takes_a_file_and_counts_repeats(server, tmp_path):
    (tmp_path / "readings.csv").write_text(CSV)
    assert good(server.call("stream", tmp_path / "readings.csv")).startswith("All readings stored.")
    done = server.call("stream", tmp_path / "readings.csv", "-o", "json")
    assert json.loads(good(done)) == {"message": "All readings stored.", "accepted": 3, "duplicates": 2}
    assert done.stderr == "3 readings stored; 2 of them had been stored before\n"


def test_stream_of_nothing_does_not_say_that_all_is_stored(server):
    for data in ("", "# nothing\n", "sensor_id,temperature,time,sequence\n"):
        done = server.call("stream", stdin=data)
        assert (good(done), done.stderr) == ("", "0 readings stored\n")
    assert json.loads(good(server.call("stream", "-o", "json")))["message"] == "0 readings stored"


def test_stream_takes_its_progress_line_off_the_terminal(server):
    terminal, its_end = os.openpty()
    try:
        done = subprocess.run([BIN, "stream", *server.access()], input=f"kitchen,1,{BEGIN}\n", text=True,
                              stdout=subprocess.PIPE, stderr=its_end, check=False, timeout=PATIENCE_S)
        assert good(done) == "All readings stored.\n"
        assert os.read(terminal, 4096).endswith(b"\r\x1b[K1 reading stored\r\n")
    finally:
        os.close(terminal)
        os.close(its_end)


@pytest.mark.parametrize("output", ["csv", "json"])
def test_what_get_prints_stream_takes(server, start, output):
    odd = ['odd, "name" süd', "{braces}", "#1", " blanks "]
    good(server.call("stream", stdin=CSV + "".join(
        f'1772359202.000000001,"{name.replace(chr(34), chr(34) * 2)}",1.5,{2**64 - 1}\n' for name in odd)))
    other = start(plaintext=True)
    for name in ["kitchen", *odd]:
        text = good(server.call("get", name, "-o", output))
        assert text
        good(other.call("stream", stdin=text))
        assert good(other.call("get", name, "-o", output)) == text


@pytest.mark.parametrize("line, words", [
    ("kitchen", "expected is sensor_id,temperature[,time[,sequence]]"),
    ("kitchen,warm", "'warm' is no temperature"),
    ("kitchen,1,2026-13-01", "'2026-13-01' is no time"),
    ("kitchen,1,2026-03-01,x", "sequence"),
    ("kitchen,1,2026-03-01,1,more", "more than 4 fields"),
    ('"kitchen,1', "a quote that is not closed"),
    (",1", "sensor_id: must not be empty"),
    ('{"sensor_id": "kitchen"}', "the temperature is missing"),
    ('{"sensor_id": "kitchen", "temperature": "warm"}', "temperature"),
    ('{"sensor_id": "kitchen", "temperature": 1, "colour": 2}', "'colour' is no field"),
    ('{"sensor_id": "kitchen"', "no JSON"),
])
def test_a_bad_line_is_named_and_what_came_before_is_kept(server, line, words):
    done = server.call("stream", stdin=f"kitchen,1,{BEGIN}\n{line}\nkitchen,3,{BEGIN}\n")
    assert failed(done) == \
        "thermograph: stream: 1 reading before line 2 is stored; the rest was not sent"
    assert re.search(r"standard input: line 2: .*" + re.escape(words), done.stderr), done.stderr
    got = lines_of_csv(good(server.call("get", "kitchen", "-o", "csv")))
    assert [row["temperature"] for row in got] == ["1.0"]


def test_an_input_that_is_cut_short_is_never_called_stored(server):
    words = "2 readings before line 4 are stored; the rest was not sent"
    data = f"# both\nkitchen,1,{BEGIN}\nkitchen,2,{BEGIN}\nkitchen\nkitchen,4,{BEGIN}\n"
    done = server.call("stream", "-o", "json", stdin=data)
    assert done.returncode == FAILED
    assert json.loads(done.stdout) == {"message": words, "accepted": 2, "duplicates": 0}
    done = server.call("chat", stdin=data)
    assert (done.returncode, done.stdout) == (FAILED, "Received 1.0\nReceived 2.0\n")
    assert done.stderr.splitlines()[-1] == f"thermograph: chat: {words}"
    assert failed(server.call("stream", stdin="kitchen\n")).endswith(
        "0 readings before line 1 are stored; the rest was not sent")
    assert failed(server.call("stream", stdin=f"kitchen,1,{BEGIN}\n" + 70_000 * "x")).endswith(
        "1 reading before line 2 is stored; the rest was not sent")


def test_chat_prints_each_answer_while_it_is_open(server, start_program):
    chat = start_program("chat", "--sensor", "kitchen", *server.access())
    for n, (typed, shown) in enumerate([("20", "20.0"), ("20.37", "20.37"), ("-1", "-1.0")], start=1):
        chat.write(f"{typed}\n")
        assert chat.wait_for("Received", stream="stdout", count=n).string == f"Received {shown}"
    chat.process.stdin.close()
    assert chat.end() == OK


def test_chat_in_json(server):
    answers = lines_of_json(good(server.call("chat", "-o", "json", stdin=CSV)))
    assert [answer["message"] for answer in answers] == [
        "Received 20.5", "Received -0.0", "Received 20.37"]
    assert [answer["accepted"] for answer in answers] == [1, 2, 3]


class Hasty(SensorServiceServicer):
    """Another's server, which ends its calls well before all is sent."""

    def StreamSensorReadings(self, request_iterator, context):
        return Ack(message="enough", accepted=1)

    def SensorChat(self, request_iterator, context):
        return iter(())


@pytest.fixture
def hasty():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    add_SensorServiceServicer_to_server(Hasty(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield ["--plaintext", "--server", f"127.0.0.1:{port}"]
    server.stop(None).wait()


@pytest.mark.parametrize("verb", ["stream", "chat"])
def test_a_server_that_ends_the_call_before_all_is_sent_makes_a_failure(hasty, start_program, verb):
    program = start_program(verb, *hasty)  # its standard input stays open
    assert program.end() == FAILED
    assert "the server ended the call before everything was sent" in program.lines["stderr"][-1]


def test_a_refused_reading_ends_stream_and_chat_with_the_servers_words(server):
    data = f"sensor_id,temperature,time\nkitchen,1,{BEGIN}\n# a comment\n\nkitchen,2,9999999999\n"
    for verb in ("stream", "chat"):
        done = server.call(verb, stdin=data)
        assert done.returncode == FAILED
        assert re.search(r"INVALID_ARGUMENT: reading 1 \(counted from 0; line 5 of standard input\): "
                         r"timestamp: .*; 1 reading before it is stored", done.stderr), done.stderr


def test_stream_says_when_it_cannot_know_what_is_stored(start, start_program):
    server = start()
    stream = start_program("stream", *server.access())
    stream.write(f"kitchen,1,{BEGIN}\nkitchen,2,{BEGIN}\n")
    while json.loads(server.call("stats", "kitchen", "-o", "json").stdout or '{"count": 0}')["count"] < 2:
        assert stream.process.poll() is None, stream.said()
    server.kill()
    assert stream.end() == FAILED
    assert "2 readings sent; how many of them are stored is not known" in stream.lines["stderr"][-2]


@pytest.mark.parametrize("verb, closed, status", [
    ("stream", "<&-", FAILED), ("chat", "<&-", FAILED), ("get x", ">&-", OK), ("sensors", ">&-", FAILED),
    ("sensors", "2>&-", OK)])
def test_a_closed_standard_descriptor_is_not_taken_by_a_connection(server, verb, closed, status):
    good(server.call("send", "kitchen", "1"))
    done = subprocess.run(["sh", "-c", f'exec "$0" {verb} "$@" {closed}', BIN, *server.access()], text=True,
                          capture_output=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == status, done
    if status != OK:
        assert "Bad file descriptor" in done.stderr


def test_a_server_without_standard_descriptors_serves():
    with subprocess.Popen(["sh", "-c", 'exec "$0" serve "$@" <&- >&- 2>&-', BIN, "--allow-anyone",
                           "--data", "none", "--listen", "127.0.0.1:0"]) as server:
        try:
            address = f"127.0.0.1:{listening_port(server.pid)}"
            assert good(run("health", "--plaintext", "--server", address)) == "SERVING\n"
            server.terminate()
            assert server.wait(PATIENCE_S) == OK
        finally:
            server.kill()


def test_stream_of_a_file_that_is_not_there(server):
    assert "/nowhere.csv: No such file or directory" in failed(server.call("stream", "/nowhere.csv"))


def test_get_of_a_pattern_says_what_get_takes(server):
    for output in ("table", "json"):
        done = server.call("get", "unary-*", "-o", output)
        assert (done.returncode, done.stdout) == (OK, "")
        assert "no readings: get takes the id of one sensor" in done.stderr
        assert "`thermograph sensors 'unary-*'' lists" in done.stderr


# ---- stats, sensors, health ----

@pytest.fixture
def house(server):
    good(server.call("stream", stdin=f"boiler-1,1,{BEGIN}\nboiler-1,3,{BEGIN + 1}\nboiler-2,5,{BEGIN}\n"
                                     f"cellar,-7.25,{BEGIN}\n"))
    return server


def test_stats_of_a_sensor_and_of_a_pattern(house):
    table = dict(re.split(r"\s{2,}", line) for line in
                 good(house.call("stats", "boiler-1")).splitlines())
    assert (table["count"], table["mean"], table["standard deviation"]) == ("2", "2.0", "1.0")
    [got] = lines_of_json(good(house.call("stats", "boiler-*", "-o", "json")))
    assert (got["sensors"], got["count"], got["mean"], got["minimum"], got["maximum"]) == (2, 3, 3, 1, 5)
    [got] = lines_of_csv(good(house.call("stats", "cellar", "-o", "csv")))
    assert (got["latest"], got["standard_deviation"]) == ("-7.25", "0.0")


def test_stats_of_a_range(house):
    [got] = lines_of_json(good(house.call("stats", "boiler-1", "--start", "-30d", "-o", "json")))
    [none] = lines_of_json(good(house.call("stats", "boiler-1", "--end", "1971-01-01", "-o", "json")))
    assert got["count"] > 0 and none["count"] == 0
    assert "mean" in got and "mean" not in none
    assert "a range is in whole seconds" in failed(
        house.call("stats", "boiler-1", "--start", "1.5"), USAGE)


def test_stats_of_nothing_is_a_failed_call(house):
    assert "NOT_FOUND: nobody has written to a sensor 'attic'" in failed(house.call("stats", "attic"))


def test_a_token_that_may_read_nothing_is_told_so(server, make_token):
    writer = make_token("writer", "--write", "*")
    server.wait_for("tokens read again")
    for verb in (("stats", "*"), ("sensors",), ("sensors", "*")):
        assert "PERMISSION_DENIED: this token may not read any sensor that matches '*'" in \
            failed(server.call(*verb, token=writer))


def test_sensors_lists_them(house):
    table = good(house.call("sensors")).splitlines()
    assert table[0].split()[:3] == ["SENSOR", "ID", "COUNT"]
    assert [line.split()[:3] for line in table[1:]] == [
        ["boiler-1", "2", "3.0"], ["boiler-2", "1", "5.0"], ["cellar", "1", "-7.25"]]
    assert [row["sensor_id"] for row in lines_of_csv(
        good(house.call("sensors", "boiler-*", "-o", "csv")))] == ["boiler-1", "boiler-2"]
    done = house.call("sensors", "attic*")
    assert (good(done), done.stderr) == ("", "no sensors\n")


def test_sensors_reads_every_page(server):
    n = 2345
    good(server.call("stream", stdin="".join(f"s-{i:04},{i},{BEGIN}\n" for i in range(n))))
    listed = lines_of_csv(good(server.call("sensors", "-o", "csv")))
    assert [row["sensor_id"] for row in listed] == [f"s-{i:04}" for i in range(n)]


def test_health_needs_no_token_and_tells_by_its_status(server):
    access = ["--server", server.address, "--ca", server.ca]
    assert good(run("health", *access)) == "SERVING\n"
    assert json.loads(good(run("health", "SensorService", "-o", "json", *access))) == {
        "service": "SensorService", "status": "SERVING"}
    assert ("NOT_FOUND: no such service here: there are SensorService, thermograph.v1.Thermograph, "
            "and, without a name, the whole server") in failed(run("health", "Nobody", *access))


FIGURES_ON_DISK = {
    "journal_bytes", "journal_limit_bytes", "file_bytes", "wal_bytes", "chunks", "open_bytes",
    "sealings_waiting", "commits", "last_sync_ms", "longest_sync_ms"}


def test_verbose_health_gives_the_stores_figures(server):
    good(server.call("send", "attic", "1.5"))
    good(server.call("send", "cellar", "2.5"))
    figures = json.loads(good(server.call("health", "--verbose", "-o", "json")))
    assert figures["status"] == "SERVING" and figures["readings_in"] == "files"
    assert (figures["sensors"], figures["readings"], figures["refused"]) == (2, 2, 0)
    assert figures["commits"] == 2 and figures["open_bytes"] > 0
    assert figures["longest_sync_ms"] >= figures["last_sync_ms"] > 0
    assert 0 < figures["journal_bytes"] <= figures["journal_limit_bytes"] == 64 << 20
    assert figures["file_bytes"] + figures["wal_bytes"] > 0
    assert FIGURES_ON_DISK <= set(figures) and "failure" not in figures
    [row] = lines_of_csv(good(server.call("health", "--verbose", "-o", "csv")))
    assert (row["version"], row["readings"]) == (figures["version"], "2")
    first, *table = good(server.call("health", "-v")).splitlines()
    assert first == "SERVING"
    assert "sensors              2" in table


def test_verbose_health_of_a_store_in_memory(start):
    server = start(data="none")
    figures = json.loads(good(server.call("health", "--verbose", "-o", "json")))
    assert figures["readings_in"] == "memory" and figures["memory_limit_bytes"] == 1 << 30
    assert not FIGURES_ON_DISK & set(figures)


def test_verbose_health_counts_what_was_refused(start):
    server = start("--memory-limit", "100K", data="none")
    done = server.call("stream", stdin="".join(f"s-{i},1,{BEGIN}\n" for i in range(5000)))
    assert done.returncode == FAILED
    figures = json.loads(good(server.call("health", "--verbose", "-o", "json")))
    assert figures["refused"] > 0 and 0 < figures["readings"] < 5000


def test_verbose_health_says_that_the_figures_need_a_token(server):
    done = run("health", "--verbose", "--server", server.address, "--ca", server.ca)
    assert (done.returncode, done.stdout) == (FAILED, "SERVING\n")
    assert "figures need a token" in done.stderr and "--token-file" in done.stderr


# ---- simulate ----

@pytest.mark.parametrize("kind", ["unary", "client-stream", "chat"])
def test_a_simulated_sensor_sends_as_many_readings_as_it_should(server, kind):
    done = server.call("simulate", "--kind", kind, "--count", 12, "--sensors", 2, "--seed", 5,
                       "--min-delay", "0s", "--max-delay", "1ms")
    assert good(done).count("\n") >= 12
    [stats] = lines_of_json(good(server.call("stats", f"{kind}-*", "-o", "json")))
    assert (stats["sensors"], stats["count"]) == (2, 12)


def test_a_simulated_reader_reads(house):
    text = good(house.call("simulate", "--kind", "server-stream", "--count", 3, "--seed", 1,
                           "--min-delay", "0s", "--max-delay", "1ms"))
    reads = re.findall(r"^read (\S+): (\d+) readings?, average (\S+) C$", text, re.MULTILINE)
    assert len(reads) == 3
    assert {("boiler-1", "2", "2.00"), ("boiler-2", "1", "5.00"), ("cellar", "1", "-7.25")} >= set(reads)


def test_the_same_seed_gives_the_same_temperatures(server):
    def send(prefix):
        good(server.call("simulate", "--count", 10, "--seed", 9, "--prefix", prefix, "--sensors", 1,
                         "--min-delay", "0s", "--max-delay", "0s"))
        return [row["temperature"] for row in
                lines_of_csv(good(server.call("get", f"{prefix}-1", "-o", "csv")))]
    first, second = map(lambda row: [float(each) for each in row], (send("a"), send("b")))
    # The daily curve moves on between the two, by less than a hundredth.
    assert first == pytest.approx(second, abs=0.02)
    assert len(set(first)) > 1


@pytest.mark.parametrize("name, interval_s, has_nanos", [("A", 1, False), ("B", 10, True)])
def test_a_data_set_is_the_same_each_time(name, interval_s, has_nanos):
    def make(*more):
        return good(run("simulate", "--dataset", name, "--sensors", 20, "--count", 1000, "--print",
                        *more))
    assert make() == make()
    assert make("--seed", 2) != make()
    assert make("--start", "2025-05-05") != make()
    rows = lines_of_csv(make())
    assert len(rows) == 1000
    assert len({row["sensor_id"] for row in rows}) == 20
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows) or has_nanos
    assert any("." in row["time"] for row in rows) == has_nanos
    assert all(abs(float(row["temperature"])) < 100 for row in rows)
    assert all(re.fullmatch(r"-?\d+\.\d\d?", row["temperature"]) for row in rows)


@pytest.mark.parametrize("kind", ["unary", "client-stream", "chat"])
def test_a_data_set_that_is_sent_is_the_one_that_is_printed(server, kind):
    options = ["--dataset", "B", "--sensors", 5, "--count", 500]
    done = server.call("simulate", *options, "--kind", kind)
    assert good(done) == ""
    assert done.stderr.startswith("500 readings kept")
    printed = lines_of_csv(good(run("simulate", *options, "--print")))
    for i in range(1, 6):
        name = f"sensor-{i}"
        kept = lines_of_csv(good(server.call("get", name, "-o", "csv")))
        assert kept == [row for row in printed if row["sensor_id"] == name]
    again = server.call("simulate", *options, "--kind", "client-stream")
    assert "500 of them had been kept before" in again.stderr


def test_simulated_sensors_end_well_on_a_signal(server, start_program):
    for kind in ("unary", "client-stream", "server-stream", "chat"):
        for number in (signal.SIGINT, signal.SIGTERM):
            sensor = start_program("simulate", "--kind", kind, "--min-delay", "0s", "--max-delay", "20ms",
                                   *server.access())
            sensor.wait_for(".", stream="stdout", count=2)
            assert sensor.stop(number) == OK, sensor.said()
            assert re.fullmatch(r"ended: (\d+ readings? kept|read \d+ times?)", sensor.lines["stderr"][-1])


@pytest.mark.parametrize("kind", ["unary", "client-stream", "chat"])
def test_a_data_set_that_is_interrupted_ends_well_and_says_how_far_it_came(server, start_program, kind):
    sender = start_program("simulate", "--kind", kind, "--dataset", "A", "--count", 10**9, "--sensors", 2,
                           *server.access())
    while "sensor-1" not in server.call("sensors").stdout:
        assert sender.process.poll() is None, sender.said()
    assert sender.stop(signal.SIGINT) == OK, sender.said()
    assert re.fullmatch(r"ended: \d+ readings sent; \d+ of them were acknowledged",
                        sender.lines["stderr"][-1])


def test_a_data_set_that_is_printed_ends_between_two_lines_on_ctrl_c():
    with subprocess.Popen([BIN, "simulate", "--dataset", "A", "--print"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as printer:
        printer.stdout.readline()
        printer.send_signal(signal.SIGINT)
        last = printer.stdout.read().splitlines()[-1]
        assert printer.wait(PATIENCE_S) == OK
        assert last.count(",") == 3
        assert re.fullmatch(r"ended: \d+ readings printed\n", printer.stderr.read())


def test_a_simulated_reader_of_nothing_says_so_once_and_ends(server):
    done = server.call("simulate", "--kind", "server-stream", "--count", 3, "--min-delay", "0s",
                       "--max-delay", "1ms")
    assert (good(done), done.stderr) == ("", "no sensors yet\nended: read 3 times\n")


@pytest.mark.parametrize("kind", ["unary", "client-stream", "chat"])
def test_a_server_that_is_full_is_not_lost(start, start_program, kind):
    server = start("--memory-limit", "64K", data="none", plaintext=True)
    server.call("stream", stdin="".join(f"x,{i}\n" for i in range(20_000)))
    sensor = start_program("simulate", "--kind", kind, "--min-delay", "0s", "--max-delay", "1ms",
                           *server.access())
    sensor.wait_for("^the server refused: RESOURCE_EXHAUSTED: .*full.*; trying again$")
    assert sensor.stop(signal.SIGINT) == OK
    assert "lost" not in sensor.said()


# ---- when the server is not there, or not what it should be ----

@pytest.fixture
def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]  # bound and not listening: a connection is refused


@pytest.mark.parametrize("verb", CALLING_VERBS[:-1], ids=lambda verb: verb[0])
def test_without_a_server_each_verb_fails_with_words(free_port, certs, verb):
    done = run(*verb, "--server", f"127.0.0.1:{free_port}", "--ca", certs / "ca.crt", "--timeout", "20s")
    assert f"thermograph: {verb[0]}: UNAVAILABLE" in failed(done)
    assert "is the server running there?" in done.stderr


AT_ONCE = ["--min-delay", "0s", "--max-delay", "1ms", "--plaintext"]


@pytest.mark.parametrize("kind", ["unary", "client-stream", "server-stream", "chat"])
def test_a_simulator_that_never_had_a_server_has_not_lost_it_and_does_not_hurry(free_port, start_program, kind):
    sensor = start_program("simulate", "--kind", kind, *AT_ONCE, "--log-level", "debug",
                           "--server", f"127.0.0.1:{free_port}", variables={"OTEL_TRACES_EXPORTER": "console"})
    sensor.wait_for(r"^no server yet: UNAVAILABLE: .*\(is the server running there\?.*\); trying again$")
    sensor.wait_for("next attempt in", count=2)  # the second comes a second after the first
    assert sensor.stop(signal.SIGINT) == OK
    assert "lost" not in sensor.said()
    assert 1 <= sensor.said().count("UNAVAILABLE") <= 40, sensor.said()


@pytest.fixture
def address_for_later():
    """Where nobody listens, and only a server of ours can."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server can take it too
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_a_simulator_says_when_the_server_comes_and_when_it_goes(start, start_program, address_for_later):
    sensor = start_program("simulate", *AT_ONCE, "--server", address_for_later)
    sensor.wait_for("^no server yet: ")
    server = start("--listen", address_for_later, plaintext=True)
    sensor.wait_for("^the server is there$")
    server.kill()
    sensor.wait_for("^lost the server: UNAVAILABLE: ")
    assert sensor.stop(signal.SIGINT) == OK


@pytest.mark.parametrize("kind", ["unary", "client-stream", "server-stream", "chat"])
def test_a_simulator_says_why_there_is_no_server_once_for_each_reason(start, start_program, kind, address_for_later):
    sensor = start_program("simulate", "--kind", kind, *AT_ONCE, "--server", address_for_later)
    sensor.wait_for("^no server yet: .*connection refused")
    start("--listen", address_for_later)
    sensor.wait_for(r"^no server yet: .*does it serve with TLS\?")
    assert sensor.stop(signal.SIGINT) == OK
    reasons = [line for line in sensor.said().splitlines() if line.startswith("no server yet")]
    assert len(reasons) == len(set(reasons)), sensor.said()


@pytest.mark.parametrize("readings", ["", "kitchen,1\n" * 6])
def test_stream_without_a_server_has_sent_nothing(free_port, readings):
    done = run("stream", "--server", f"127.0.0.1:{free_port}", "--plaintext", stdin=readings)
    assert "UNAVAILABLE" in failed(done)
    assert "nothing was sent: there has been no connection" in done.stderr
    assert "not known" not in done.stderr


DATASET_KINDS = ["unary", "client-stream", "chat"]
ENDLESS_DATASET = ["--dataset", "A", "--count", 10**9, "--sensors", 2]


@pytest.mark.parametrize("kind", DATASET_KINDS)
def test_a_data_set_without_a_server_has_sent_nothing(free_port, kind):
    done = run("simulate", "--kind", kind, *ENDLESS_DATASET, "--server", f"127.0.0.1:{free_port}", "--plaintext")
    assert "is the server running there?" in failed(done)
    assert "nothing was sent: there has been no connection" in done.stderr
    assert "acknowledged" not in done.stderr


@pytest.mark.parametrize("kind", DATASET_KINDS)
def test_a_data_set_that_loses_its_server_says_how_far_it_came(start, start_program, kind):
    server = start(plaintext=True)
    sender = start_program("simulate", "--kind", kind, *ENDLESS_DATASET, *server.access())
    while "sensor-1" not in server.call("sensors").stdout:
        assert sender.process.poll() is None, sender.said()
    server.kill()
    assert sender.process.wait(PATIENCE_S) == FAILED
    sender.wait_for(r"^thermograph: simulate: [1-9]\d* readings? sent; \d+ of them were acknowledged; "
                    "run it again: what is kept is not stored twice$")
    sender.wait_for("^thermograph: simulate: UNAVAILABLE: ")


def test_a_data_set_that_is_refused_is_not_to_be_run_again(server):
    done = server.call("simulate", "--dataset", "A", "--count", 1000, token="tg_not_a_token_of_this_server")
    assert "UNAUTHENTICATED" in failed(done)
    assert "; 0 of them were acknowledged\n" in done.stderr
    assert "run it again" not in done.stderr


@pytest.mark.parametrize("change, words", [
    (["--ca", "/etc/ssl/certs/ca-certificates.crt"], "--ca"),
    (["--plaintext"], "--plaintext"),
    (["--token", "tg_wrong"], "this token is not known here"),
])
def test_a_wrong_way_to_connect_is_explained(server, change, words):
    if change[0] == "--ca" and not os.path.exists(change[1]):
        pytest.skip("ca-certificates is not installed")
    done = run("send", "kitchen", "1", *server.access(), *change, "--timeout", "20s")
    assert words in failed(done)


def test_a_variable_that_is_wrong_about_tls_is_named(server):
    done = run("sensors", "--server", server.address, variables={"THERMOGRAPH_PLAINTEXT": "true"})
    assert "then leave THERMOGRAPH_PLAINTEXT out" in failed(done)


def test_a_server_by_another_name_is_refused(server):
    done = run("health", "--server", f"127.0.0.2:{server.port}", "--ca", server.ca, "--timeout", "20s")
    assert failed(done)
    done = run("health", "--server", f"localhost:{server.port}", "--ca", server.ca)
    assert good(done) == "SERVING\n"


def test_a_plaintext_server_says_that_it_needs_the_option(start):
    server = start(plaintext=True)
    assert "--plaintext" in failed(run("health", "--server", server.address, "--timeout", "20s"))
    assert good(server.call("health")) == "SERVING\n"


def test_a_timeout_ends_a_call(server, start_program):
    chat = start_program("chat", "--timeout", "200ms", *server.access())
    assert chat.end() == FAILED
    assert "DEADLINE_EXCEEDED" in chat.lines["stderr"][-1]
    assert "--timeout" in chat.lines["stderr"][-1]


def test_a_missing_token_is_explained(server):
    done = run("send", "kitchen", "1", "--server", server.address, "--ca", server.ca)
    assert "--token-file FILE names the file" in failed(done)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_is_interrupted_says_so_by_its_status(server, start_program, number):
    chat = start_program("chat", "--sensor", "x", *server.access())
    chat.write("1\n")
    chat.wait_for("Received 1.0", stream="stdout")
    assert chat.stop(number) == 130


# ---- configuration ----

def test_an_option_beats_a_variable_and_a_variable_beats_the_file(server, free_port, tmp_path):
    wrong = f"127.0.0.1:{free_port}"
    file = tmp_path / "config.yaml"
    file.write_text(f"server: {wrong}\nca: {server.ca}\ntoken: {server.token}\noutput: json\n")
    right = {"THERMOGRAPH_SERVER": server.address, "THERMOGRAPH_CONFIG": str(file)}
    assert good(run("health", variables=right)) == '{"service": "", "status": "SERVING"}\n'
    assert good(run("health", "--output", "table", variables=right)) == "SERVING\n"
    assert failed(run("health", "--config", file))
    assert good(run("health", "--config", file, "--server", server.address))
    assert failed(run("health", "--server", wrong, variables=right))
    good(run("send", "kitchen", "1", variables=right))


def test_tokens_come_from_the_environment_or_a_file(server, tmp_path):
    access = ["--server", server.address, "--ca", server.ca]
    good(run("send", "kitchen", "1", *access, variables={"THERMOGRAPH_TOKEN": server.token}))
    file = tmp_path / "token"
    file.write_text(server.token + "\n")
    file.chmod(0o600)
    good(run("send", "kitchen", "1", *access, "--token-file", file))
    good(run("send", "kitchen", "1", *access, variables={"THERMOGRAPH_TOKEN_FILE": str(file)}))
    file.write_text("\ufeff" + server.token + "\n", encoding="utf-8")
    done = run("send", "kitchen", "1", *access, "--token-file", file)
    assert "its first line is no token" in failed(done)


def test_a_server_can_be_set_up_by_a_file_alone(certs, tokens_file, make_token, tmp_path, start_program):
    token = make_token("all")
    file = tmp_path / "server.yaml"
    file.write_text(f"listen: 127.0.0.1:0\ncert: {certs}/server.crt\nkey: {certs}/server.key\n"
                    f"tokens: {tokens_file}\nworkers: 1\nlog-format: json\ndata: {tmp_path}/data\n")
    server = start_program("serve", "--config", file)
    port = server.wait_for(r"serving on 127\.0\.0\.1:(\d+)").group(1)
    assert all(json.loads(line) for line in server.lines["stderr"])
    good(run("send", "kitchen", "1", "--server", f"127.0.0.1:{port}", "--ca", certs / "ca.crt",
             "--token", token))
    assert server.stop() == OK


@pytest.mark.parametrize("verb", [["send", "attic", "20"], ["health"]])
def test_files_that_cannot_be_used_are_named_with_what_to_do(server, tmp_path, verb):
    closed = tmp_path / "closed.token"
    closed.write_text(server.token)
    closed.chmod(0)
    missing = tmp_path / "missing"
    for options, words in (
            (["--ca", missing], f"cannot read the CA {missing}: No such file or directory (make generate_certs"),
            (["--client-cert", missing, "--client-key", missing], f"cannot read the certificate {missing}"),
            (["--token-file", missing], "(it holds what `thermograph token create' has printed)"),
            (["--token-file", tmp_path], "--token-file: " + str(tmp_path) + ": Is a directory"),
            (["--token-file", closed], "Permission denied (give the user that runs this the right to read it)")):
        done = run(*verb, "--server", server.address, "--ca", server.ca, *options, through=WITHOUT_RIGHTS)
        assert words in failed(done) and len(done.stderr.splitlines()) == 1, done.stderr
    assert "--token-file: an empty name" in failed(run(*verb, "--token-file", ""), USAGE)


@pytest.mark.parametrize("verb", [["send", "attic", "20"], ["health"]])
def test_a_servers_certificate_that_does_not_do_is_told_with_what_to_do(certs, tmp_path, verb):
    dated = make_dated_certificate(tmp_path, certs, "20000101", "20010909")
    other, other_key = make_certificate_for(tmp_path, "elsewhere.example")
    for certificate, key, ca, words in (
            (dated, certs / "server.key", certs / "ca.crt", "has expired (to renew it there: make generate_certs"),
            (other, other_key, other, "is not for 'localhost', but for elsewhere.example (--server has to be one of the certificate's "
             'names; to add one, where the server is: make generate_certs RENEW=1 NAMES="that.name", and restart it)'),
            (other, other_key, certs / "ca.crt", "no CA that is trusted here (--ca FILE names the CA")):
        with shown(certificate, key) as port:
            done = run(*verb, "--server", f"localhost:{port}", "--ca", ca)
        assert words in failed(done) and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_resolver_that_hangs_is_not_waited_for(tmp_path):
    (tmp_path / "hang.c").write_text("""
        #include <netdb.h>
        #include <unistd.h>
        int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **f) {
            sleep(60);
            return EAI_AGAIN;
        }""")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "hang.so", tmp_path / "hang.c"], check=True)
    started = time.monotonic()
    done = run("send", "attic", "20", "--server", "somewhere:1", "--plaintext", "--timeout", "500ms",
               variables={"LD_PRELOAD": str(tmp_path / "hang.so")})
    assert "DEADLINE_EXCEEDED" in failed(done)
    assert time.monotonic() - started < 20


@pytest.fixture
def demanding(certs, tmp_path):
    """Access to a server that wants a client's certificate, that certificate, and whom it saw."""
    certificate, key = make_certificate_for(tmp_path, "sensor-7.example")
    seen = []

    class Demanding(SensorServiceServicer):
        def SendSingleReading(self, request, context):
            seen.append(context.auth_context()["x509_common_name"])
            return Ack(message="Reading received.", accepted=1)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    add_SensorServiceServicer_to_server(Demanding(), server)
    credentials = grpc.ssl_server_credentials(
        [((certs / "server.key").read_bytes(), (certs / "server.crt").read_bytes())],
        certificate.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield ["--server", f"127.0.0.1:{port}", "--ca", certs / "ca.crt"], (certificate, key), seen
    server.stop(None).wait()


def test_a_client_shows_its_certificate_to_who_asks_for_it(demanding, certs):
    access, (certificate, key), seen = demanding
    good(run("send", "attic", "20", *access, "--client-cert", certificate, "--client-key", key))
    assert seen == [[b"sensor-7.example"]]
    good(run("send", "attic", "20", *access, variables={
        "THERMOGRAPH_CLIENT_CERT": str(certificate), "THERMOGRAPH_CLIENT_KEY": str(key)}))
    assert len(seen) == 2
    without = failed(run("send", "attic", "20", *access))
    assert "UNAVAILABLE" in without and "--client-cert" in without
    strange = failed(run("send", "attic", "20", *access, "--client-cert", certs / "server.crt",
                         "--client-key", certs / "server.key"))
    assert "UNAVAILABLE" in strange
    assert "needs a certificate beside it" in failed(run("send", "attic", "20", *access, "--client-key", key))
    assert "does not belong to the certificate" in failed(
        run("send", "attic", "20", *access, "--client-cert", certificate, "--client-key", certs / "server.key"))
    assert len(seen) == 2


@pytest.mark.parametrize("text, words", [
    ("sever: x\n", ":1: there is no option 'sever'; did you mean 'server'?"),
    ("server: x\ntimeout: soon\n", ":2: timeout: 'soon' is no duration"),
    ("server: [x\n", "config.yaml:"),
    ("server: x\ntls: [a]\n", ":2: there is no option 'tls'"),
    ("ca: x\nserver: [a, b]\n", ":2: server: one value belongs here, not a list"),
    ("server: x\nca: x\nserver: y\n", ":3: server is there twice"),
    ("server: x:99999\n", ":1: server: the port of 'x:99999' is no number from 0 to 65535"),
    ("plaintext: perhaps\n", ":1: plaintext: 'perhaps' is neither true nor false"),
    ("just a text\n", ":1: lines of `key: value' belong here, not one value"),
])
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path, text, words):
    (tmp_path / "config.yaml").write_text(text)
    assert words in failed(run("health", "--config", tmp_path / "config.yaml"), USAGE)


def test_who_named_a_file_that_is_not_there_is_told():
    missing = "/nowhere/thermograph.yaml"
    assert f"--config: {missing}: No such file or directory" in failed(run("health", "--config", missing))
    assert f"THERMOGRAPH_CONFIG: {missing}: No such file" in failed(
        run("serve", variables={"THERMOGRAPH_CONFIG": missing}))


def test_a_mistake_in_a_variable_is_named():
    assert "THERMOGRAPH_TIMEOUT: 'soon' is no duration" in failed(
        run("health", variables={"THERMOGRAPH_TIMEOUT": "soon"}), USAGE)


def test_log_lines_can_be_json(start):
    server = start("--log-format", "json", "--log-level", "debug", plaintext=True)
    assert server.stop() == OK
    assert all(json.loads(line) for line in server.lines["stderr"])


def test_a_quiet_server_says_nothing(start_program):
    server = start_program("serve", "--allow-anyone", "--data", "none", "--listen", "127.0.0.1:0",
                           "--log-level", "error")
    server.process.stdin.close()
    # It has nothing to say, so whether it serves shows by a call that it answers; the port is its own.
    port = listening_port(server.process.pid)
    assert good(run("health", "--plaintext", "--server", f"127.0.0.1:{port}")) == "SERVING\n"
    assert server.stop() == OK
    assert server.lines["stderr"] == []


def listening_port(pid):
    """The port that the process listens on, from /proc."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z":
        inodes = set()
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            try:
                inodes.add(os.readlink(descriptor.path))
            except OSError:
                continue
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in list(table)[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    return int(fields[1].split(":")[1], 16)
    raise AssertionError("it does not listen")


# ---- token ----

def test_token_create_prints_the_token_alone_and_keeps_only_its_hash(tokens_file):
    done = run("token", "create", "--tokens", tokens_file, "--name", "one", "--write", "boiler-*")
    token = good(done).strip()
    assert re.fullmatch(r"tg_[\w-]{43}", token)
    assert token not in tokens_file.read_text()
    assert stat.S_IMODE(tokens_file.stat().st_mode) == 0o600
    assert "may write boiler-*, may read nothing" in done.stderr


def test_the_name_as_an_argument_comes_before_the_variable(tokens_file, make_token):
    make_token("one")
    make_token("two")
    variables = {"THERMOGRAPH_TOKENS": str(tokens_file), "THERMOGRAPH_NAME": "one"}
    assert "token 'two' revoked" in run("token", "revoke", "two", variables=variables).stderr
    done = run("token", "revoke", "one", "--name", "other", variables=variables)
    assert "the name is given twice" in failed(done, USAGE)
    assert "token 'one' revoked" in run("token", "revoke", variables=variables).stderr


def test_a_token_that_could_not_be_saved_is_not_shown(tokens_file, make_token):
    make_token("first")
    tokens_file.with_name("tokens.yaml.new").mkdir()  # where it is written before it takes the place
    for arguments in (["create"], ["add", "--name", "x"], ["revoke", "first"]):
        done = run("token", *arguments, "--tokens", tokens_file, stdin="a-token-that-is-long-enough\n")
        assert "cannot write" in failed(done)
        assert len(done.stderr.splitlines()) == 1
    assert good(run("token", "list", "--tokens", tokens_file, "-o", "csv")) == "name,write,read\nfirst,*,*\n"


def test_token_list_and_revoke(tokens_file, make_token):
    make_token("b-reader", "--read", "*")
    make_token("a-writer", "--write", "boiler-*")
    make_token("c-all")
    listed = lines_of_csv(good(run("token", "list", "--tokens", tokens_file, "-o", "csv")))
    assert [tuple(row.values()) for row in listed] == [
        ("a-writer", "boiler-*", ""), ("b-reader", "", "*"), ("c-all", "*", "*")]
    good(run("token", "revoke", "b-reader", "--tokens", tokens_file))
    table = good(run("token", "list", "--tokens", tokens_file)).splitlines()
    assert [line.split()[0] for line in table] == ["NAME", "a-writer", "c-all"]
    assert "has no token named 'b-reader'" in failed(
        run("token", "revoke", "--name", "b-reader", "--tokens", tokens_file))


def test_token_add_takes_a_token_that_a_device_has_already(start, tokens_file):
    secret = "a-token-that-was-burnt-into-a-device"
    done = run("token", "add", "--tokens", tokens_file, "--name", "device", stdin=secret + "\n")
    assert good(done) == ""
    server = start()
    good(server.call("send", "kitchen", "1", token=secret))


@pytest.mark.parametrize("arguments, stdin, words", [
    (["add", "--name", "x"], "short\n", "22"),
    (["add", "--name", "x"], "", "no token in it"),
    (["create", "--name", ""], "", "name"),
])
def test_bad_tokens_are_refused_and_the_file_stays(tokens_file, make_token, arguments, stdin, words):
    make_token("first")
    before = tokens_file.read_text()
    assert words in failed(run("token", *arguments, "--tokens", tokens_file, stdin=stdin))
    assert tokens_file.read_text() == before


def test_tokens_made_at_the_same_time_are_all_kept(tokens_file, start_program):
    programs = [start_program("token", "create", "--tokens", tokens_file, "--name", f"t-{i}")
                for i in range(12)]
    assert [each.end() for each in programs] == [OK] * 12
    listed = lines_of_csv(good(run("token", "list", "--tokens", tokens_file, "-o", "csv")))
    assert {row["name"] for row in listed} == {f"t-{i}" for i in range(12)}


def test_a_tokens_file_that_is_a_link_stays_one(tokens_file, make_token):
    make_token("first")
    link = tokens_file.with_name("elsewhere") / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(tokens_file)
    good(run("token", "create", "--tokens", link, "--name", "second"))
    assert link.is_symlink()
    assert "second" in tokens_file.read_text()
    assert [path.name for path in link.parent.iterdir()] == ["link.yaml"]


def test_a_server_whose_tokens_file_holds_no_token_says_so(tokens_file, make_token, start):
    make_token("only")
    good(run("token", "revoke", "only", "--tokens", tokens_file))
    server = start()
    server.wait_for("WARN .*holds no tokens, so every call is refused")
    make_token("first")
    server.wait_for("tokens read again")
    good(run("token", "revoke", "first", "--tokens", tokens_file))
    server.wait_for("holds no tokens", count=2)


def test_a_token_file_that_everybody_can_read_is_warned_of(server, tmp_path):
    file = tmp_path / "token"
    file.write_text(server.token + "\n")
    access = ["--server", server.address, "--ca", server.ca, "--token-file", file]
    for mode, warns in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        done = run("send", "kitchen", "1", *access)
        good(done)
        assert ("can be read by every user here; run: chmod 600" in done.stderr) == warns


@pytest.mark.parametrize("mode, warns", [(0o600, False), (0o640, False), (0o644, True), (0o622, True)])
def test_a_file_of_tokens_that_others_can_read_or_change_is_warned_of(start, make_token, tokens_file, mode, warns):
    make_token("all")
    tokens_file.chmod(mode)
    server = start()
    assert (f"other users here can read or change {tokens_file}; run: chmod 600" in server.said()) == warns


def test_a_changed_tokens_file_counts_without_a_restart(server, make_token, tokens_file):
    late = make_token("late", "--write", "late-*")
    server.wait_for("tokens read again")
    good(server.call("send", "late-1", "1", token=late))
    good(run("token", "revoke", "all", "--tokens", tokens_file))
    server.wait_for("tokens read again", count=2)
    assert "this token is not known here" in failed(server.call("send", "kitchen", "1"))
    good(server.call("send", "late-1", "1", token=late))


def test_a_chat_that_is_open_keeps_its_rights_when_tokens_change(server, tokens_file, start_program):
    chat = start_program("chat", "--sensor", "kitchen", *server.access())
    chat.write("1\n")
    chat.wait_for("Received 1.0", stream="stdout")
    good(run("token", "revoke", "all", "--tokens", tokens_file))
    server.wait_for("tokens read again")
    chat.write("2\n")
    chat.wait_for("Received 2.0", stream="stdout")
    chat.process.stdin.close()
    assert chat.end() == OK


def test_a_tokens_file_that_breaks_leaves_the_old_ones(server, tokens_file):
    good_text = tokens_file.read_text()
    tokens_file.write_text("tokens: [")
    server.wait_for(r"ERROR the tokens stay as they were: .*tokens\.yaml")
    good(server.call("send", "kitchen", "1"))
    tokens_file.write_text(good_text)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("tokens read again")
    good(server.call("send", "kitchen", "1"))


# ---- serve ----

def test_serve_says_where_and_how(server):
    line = server.wait_for("serving on").string
    assert re.search(r"INFO  serving on 127\.0\.0\.1:\d+ \(TLS, tokens from ", line)
    assert server.lines["stdout"] == []


def test_serve_listens_on_several_addresses(start):
    server = start("--listen", "127.0.0.1:0", plaintext=True)
    ports = re.findall(r"127\.0\.0\.1:(\d+)", server.wait_for("serving on").string)
    assert len(set(ports)) == 2
    for port in ports:
        assert good(run("health", "--plaintext", "--server", f"127.0.0.1:{port}")) == "SERVING\n"


def test_plaintext_to_the_network_works_when_it_was_asked_for(start_program):
    server = start_program("serve", "--listen", "0.0.0.0:0", "--allow-anyone", "--data", "none",
                           "--allow-plaintext-from-network")
    server.wait_for("serving on")
    server.wait_for("WARN .*plaintext")
    server.wait_for("WARN .*anyone")
    assert server.stop() == OK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_time_with_streams_open(start, start_program, number):
    server = start()
    clients = [start_program("chat", "--sensor", f"s-{i}", *server.access()) for i in range(5)]
    for client in clients:
        client.write("1\n")
        client.wait_for("Received 1.0", stream="stdout")
    assert server.stop(number) == OK
    for client in clients:
        assert client.end() == FAILED
        assert "UNAVAILABLE" in client.lines["stderr"][-1]


def test_a_second_signal_ends_the_server_at_once(start, start_program):
    server = start("--drain-timeout", "1h")
    chat = start_program("chat", "--sensor", "x", *server.access())
    chat.write("1\n")
    chat.wait_for("Received 1.0", stream="stdout")
    server.process.terminate()
    server.wait_for("stopping")
    assert server.stop() == OK


def test_an_idle_server_ends_at_once_whatever_its_drain_timeout(start):
    server = start("--drain-timeout", "1h")
    good(server.call("send", "x", "1"))
    assert server.stop() == OK


def test_a_peer_that_only_connects_does_not_keep_the_server(start):
    server = start("--drain-timeout", "1h")
    with socket.create_connection(("127.0.0.1", server.port)):
        good(server.call("health"))  # the one before it has been accepted, too
        assert server.stop() == OK
