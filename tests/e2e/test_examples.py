# SPDX-License-Identifier: Apache-2.0
"""The examples, run as they stand: what users copy has to work."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import program
from conftest import STUBS

EXAMPLES = program.ROOT / "examples"
BLOCK = re.compile(r"^```(sh|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def looks_like(text, pattern):
    """Whether the text is the pattern, with anything where that has `...`."""
    parts = pattern.strip().split("...")
    return re.fullmatch(".*".join(map(re.escape, parts)), text.strip(), re.DOTALL)


# ---- the Python client ----

@pytest.fixture
def run_client(server, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(server.token + "\n")

    def run(token_file=token_file):
        return subprocess.run(
            [sys.executable, EXAMPLES / "python_client.py", server.address, server.ca, token_file],
            env=program.environment(PYTHONPATH=str(STUBS), PYTHONDONTWRITEBYTECODE="1"), text=True,
            capture_output=True, check=False, timeout=program.PATIENCE_S)
    return run


def test_the_python_client_prints_what_its_page_says(run_client, server):
    expected = (EXAMPLES / "README.md").read_text().split("It prints:\n\n```\n")[1].split("```")[0]
    simulate_beside(server)
    done = run_client()
    assert done.returncode == 0, done.stderr
    assert looks_like(done.stdout, expected), done.stdout
    assert "5 accepted, 5 of them kept already" in run_client().stdout


def test_the_python_client_says_what_went_wrong(run_client, tmp_path):
    (tmp_path / "wrong").write_text("tg_wrong\n")
    done = run_client(tmp_path / "wrong")
    assert done.returncode == 1
    assert done.stderr == "UNAUTHENTICATED: this token is not known here\n"


def test_the_python_client_says_how_it_is_used_and_what_is_no_token_file(run_client, tmp_path, server):
    done = run_client(tmp_path / "none")
    assert (done.returncode, done.stderr) == (
        1, f"cannot read {tmp_path}/none: No such file or directory\n")
    done = run_client(server.ca)
    assert (done.returncode, done.stderr) == (
        1, f"{server.ca} is no token file: it has to hold one word\n")
    done = subprocess.run([sys.executable, EXAMPLES / "python_client.py"], text=True, capture_output=True,
                          env=program.environment(PYTHONPATH=str(STUBS), PYTHONDONTWRITEBYTECODE="1"),
                          check=False, timeout=program.PATIENCE_S)
    assert (done.returncode, done.stderr) == (
        2, "usage: python_client.py SERVER CA_FILE TOKEN_FILE\n")


def simulate_beside(server):
    """As `make run` does, in short."""
    for kind in ("unary", "client-stream", "chat"):
        server.call("simulate", "--kind", kind, "--count", 5, "--min-delay", "0s", "--max-delay", "0s")


def test_the_stubs_are_made_as_the_page_says(tmp_path):
    commands = BLOCK.findall((EXAMPLES / "README.md").read_text())
    [make] = [text for kind, text in commands if "grpc_tools.protoc" in text]
    protoc = make[make.index("-m grpc_tools.protoc"):].replace("\\\n", " ").split()
    shutil.copytree(program.ROOT / "proto", tmp_path / "proto")
    folder = tmp_path / "examples"
    folder.mkdir()
    subprocess.run([sys.executable, *protoc], check=True, cwd=folder)
    for name in ("sensor_pb2.py", "sensor_pb2_grpc.py", "thermograph/v1/thermograph_pb2_grpc.py"):
        assert (folder / name).exists()


def test_the_program_takes_the_example_readings(server):
    done = server.call("stream", EXAMPLES / "sensor.csv")
    assert (done.stdout, done.stderr) == ("All readings stored.\n", "5 readings stored\n")


# ---- the C program ----

BUILT = pathlib.Path(program.BIN).parent


def run_instrumented(file, **variables):
    kept = {name: value for name, value in program.environment().items() if not name.startswith("OTEL_")}
    done = subprocess.run([file], env=kept | variables, text=True, capture_output=True, check=False,
                          timeout=program.PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_c_program_prints_what_its_page_says():
    page = (EXAMPLES / "README.md").read_text()
    expected = page.split("its attribute and its event:\n\n```\n")[1].split("```")[0]
    printed = run_instrumented(BUILT / "examples/instrumented", OTEL_TRACES_EXPORTER="console")
    assert looks_like(printed, expected), printed
    assert printed.count('span "bake"') == 3
    assert run_instrumented(BUILT / "examples/instrumented") == ""


def test_a_c_program_is_compiled_as_the_page_says(tmp_path):
    """In the folder `build`, whichever program is tested: the page's command is for that."""
    subprocess.run(["make", "--silent", "examples"], check=True, cwd=program.ROOT, stdout=subprocess.DEVNULL)
    commands = BLOCK.findall((EXAMPLES / "README.md").read_text())
    [compile_it] = [text for _, text in commands if text.startswith("cc ")]
    subprocess.run(["sh", "-ec", compile_it.replace("-o build/bakery", f"-o {tmp_path}/bakery")], check=True,
                   cwd=program.ROOT)
    assert 'span "bake"' in run_instrumented(tmp_path / "bakery", OTEL_TRACES_EXPORTER="console")


# ---- the page of grpcurl commands ----

def commands_of_page():
    """Each command with the output that stands behind it, or None."""
    found = []
    for kind, text in BLOCK.findall((EXAMPLES / "grpcurl.md").read_text()):
        if kind == "sh":
            found.append([text, None])
        else:
            found[-1][1] = text
    return found


def test_the_page_of_grpcurl_commands_works_from_top_to_bottom(grpcurl, server):
    variables = program.environment(SERVER=server.address, CA=str(server.ca), TOKEN=server.token,
                                    PATH=f"{grpcurl.parent}:{os.environ['PATH']}")
    simulate_beside(server)
    define_call, *commands = commands_of_page()
    assert len(commands) >= 12
    for command, expected in commands:
        done = subprocess.run(["sh", "-ec", define_call[0] + command], env=variables, text=True,
                              capture_output=True, check=False, timeout=program.PATIENCE_S)
        assert done.returncode == 0, command + done.stderr
        assert done.stdout
        if expected:
            assert looks_like(done.stdout, expected), command + done.stdout
