# SPDX-License-Identifier: Apache-2.0
"""tools/run-demo with a stand-in for the program: order of lines, stopping, what is left behind."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parents[1] / "tools/run-demo"


def as_a_terminal_would():
    """A shell cannot trap a signal that was ignored when it started, as nohup and some runners do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    certs = tmp_path / "certs"
    certs.mkdir()
    for name in ("ca.crt", "server.crt", "server.key"):
        (certs / name).write_text("")
    started = []

    def run(server="", certs=certs, port=None, variables=None):
        environment = os.environ | (variables or {}) | {
            "THERMOGRAPH_BIN": str(HERE / "fake-thermograph"), "FAKE_SERVER": server,
            "CERTS_DIR": str(certs), "RUN_DIR": str(tmp_path / "run")}
        if port:
            environment["THERMOGRAPH_PORT"] = port
        process = subprocess.Popen(
            [SCRIPT], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=as_a_terminal_would)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def lines_until_all_run(process):
    """Reads until the server and the four clients have said something."""
    lines = []
    waiting = {"server", "unary", "client-stream", "server-stream", "chat"}
    while waiting:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
        if " | " in line:
            waiting.discard(line.split("|")[0].strip())
    return lines


def members_of(session):
    """Processes of that session that still run."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def stop(process, send):
    before = time.monotonic()
    send()
    rest, _ = process.communicate(timeout=10)
    return time.monotonic() - before, rest


def test_the_lines_to_paste_come_first_and_each_line_is_named(start):
    lines = lines_until_all_run(start())
    first_named = next(i for i, line in enumerate(lines) if line.startswith("server "))
    head = "".join(lines[:first_named])
    for word in ("sensors", "stats", "get", "chat", "grpcurl", "--ca", "--token-file"):
        assert word in head
    assert "serving" in lines[first_named]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_script_ends_all_and_is_no_failure(start, number):
    process = start()
    lines_until_all_run(process)
    seconds, rest = stop(process, lambda: process.send_signal(number))
    assert process.returncode == 0
    assert seconds < 2
    assert rest.count("stopped") == 5
    assert members_of(process.pid) == []


def test_ctrl_c_to_the_whole_group_ends_all(start):
    process = start()
    lines_until_all_run(process)
    seconds, _ = stop(process, lambda: os.killpg(process.pid, signal.SIGINT))
    assert process.returncode == 0
    assert seconds < 2
    assert members_of(process.pid) == []


def test_each_program_gets_one_signal_only(start):
    process = start()
    lines_until_all_run(process)
    _, rest = stop(process, lambda: os.killpg(process.pid, signal.SIGINT))
    assert rest.count("stopped") == 5
    assert process.returncode == 0
    assert rest.count("told to stop") == 5


def test_help_says_what_it_is():
    for option in ("--help", "-h"):
        done = subprocess.run([SCRIPT, option], text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("tools/run-demo    the server and four simulated clients")
        assert "make run PORT=" in done.stdout and "set -" not in done.stdout
    assert subprocess.run([SCRIPT, "now"], capture_output=True, check=False).returncode == 2


def test_programs_that_do_not_listen_are_killed_in_time(start):
    process = start("deaf")
    lines_until_all_run(process)
    seconds, _ = stop(process, lambda: process.send_signal(signal.SIGTERM))
    assert process.returncode == 0
    assert seconds < 2
    assert members_of(process.pid) == []


@pytest.mark.parametrize("mode, port, line, next_port", [
    ("busy", None, "port 50051 on 127.0.0.1 is in use by another program", 50052),
    ("locked", None, "the directory {}/run/data is in use by another thermograph (process 7)", 50052),
    ("locked", "50060", "the directory {}/run/data-50060 is in use by another thermograph (process 7)",
     50061),
])
def test_what_is_in_use_is_said_in_the_servers_words(start, tmp_path, mode, port, line, next_port):
    process = start(mode, port=port)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert output == (
        f"12:00:00.000 ERROR {line.format(tmp_path)}\n"
        "run-demo: is another `make run` still running? End it with Ctrl-C there, or choose another "
        f"port: make run PORT={next_port}\n")
    assert members_of(process.pid) == []


def test_a_server_that_ends_stops_everything_and_is_a_failure(start):
    process = start("dies")
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "run-demo: the server has ended by itself" in output
    assert members_of(process.pid) == []


def test_the_token_is_private_and_is_kept(start, tmp_path):
    token = tmp_path / "run/token"
    found = []
    for _ in range(2):
        process = start()
        lines_until_all_run(process)
        stop(process, lambda: process.send_signal(signal.SIGTERM))
        assert token.stat().st_mode & 0o777 == 0o600
        found.append(token.read_text())
    assert found[0] == found[1] != ""


def test_missing_certificates_are_said(start, tmp_path):
    process = start(certs=tmp_path / "none")
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert output.count("\n") == 1 and "make generate_certs" in output


@pytest.mark.parametrize("file", ["ca.crt", "server.crt", "server.key"])
def test_each_missing_certificate_is_said(start, tmp_path, file):
    (tmp_path / "certs" / file).unlink()
    output, _ = start().communicate(timeout=10)
    assert output == f"run-demo: no certificates in {tmp_path}/certs; run: make generate_certs\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what others cannot read")
def test_certificates_of_root_are_not_called_missing():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "certs").mkdir()
        for file in ("ca.crt", "server.crt", "server.key"):
            (folder / "certs" / file).touch(0o600 if file == "server.key" else 0o644)
        (folder / "secrets").mkdir(0o700)
        for path in (folder, folder / "certs"):
            path.chmod(0o755)
        environment = {"PATH": os.environ["PATH"], "THERMOGRAPH_BIN": "/bin/true"}
        done = subprocess.run([shutil.copy(SCRIPT, folder)], cwd=folder, env=environment, user=1234, group=1234, extra_groups=[],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == ("run-demo: certs/server.key cannot be read by you (was it made with sudo?): "
                               "sudo chown -R 1234:1234 certs secrets\n")


def test_what_is_exported_for_another_server_is_not_obeyed(start):
    lines_until_all_run(start("", variables={"THERMOGRAPH_PLAINTEXT": "true", "THERMOGRAPH_TOKEN": "x"}))
