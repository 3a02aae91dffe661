# SPDX-License-Identifier: Apache-2.0
"""The example in Go, built and run as its page says. Needs Go and protoc; skipped where they are not."""
import re
import shutil
import subprocess

import pytest

import program
from test_examples import looks_like

PAGE = (program.ROOT / "examples/README.md").read_text().split("\n## Go\n")[1].split("\n## ")[0]
BUILD, RUN, EXPECTED = re.findall(r"^```(?:sh)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BUILD_S = 300  # with empty caches


def need_go():
    done = subprocess.run(["go", "env", "GOVERSION"], text=True, capture_output=True, check=False) \
        if shutil.which("go") else None
    version = re.match(r"go(\d+)\.(\d+)", done.stdout) if done else None
    if not version or tuple(map(int, version.groups())) < (1, 26):
        pytest.skip("Go 1.26 or later is missing")
    if not shutil.which("protoc"):
        pytest.skip("protoc is missing")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    need_go()
    folder = tmp_path_factory.mktemp("go")
    for name in ("proto", "examples"):
        shutil.copytree(program.ROOT / name, folder / name,
                        ignore=shutil.ignore_patterns("bin", "*pb", "go.sum", "venv"))
    home = folder / "examples/go"
    done = subprocess.run(["sh", "-ec", BUILD], cwd=home, text=True, capture_output=True, check=False,
                          env=program.environment(GOTOOLCHAIN="local"), timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / RUN.split()[0]


@pytest.fixture
def run_client(client, server, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(server.token + "\n")

    def run(token_file=token_file):
        return subprocess.run([client, server.address, server.ca, token_file], text=True, cwd=client.parents[1],
                              capture_output=True, check=False, timeout=program.PATIENCE_S)
    return run


def test_the_go_client_prints_what_its_page_says(run_client):
    done = run_client()
    assert (done.returncode, done.stderr) == (0, "")
    assert looks_like(done.stdout, EXPECTED), done.stdout
    assert "5 accepted, 5 of them kept already" in run_client().stdout


def test_the_go_client_says_what_went_wrong(run_client, server, tmp_path):
    (tmp_path / "wrong").write_text("tg_wrong\n")
    done = run_client(tmp_path / "wrong")
    assert (done.returncode, done.stderr) == (1, "Unauthenticated: this token is not known here\n")
    done = run_client(server.ca)
    assert (done.returncode, done.stderr) == (1, f"{server.ca} is no token file: it has to hold one word\n")


def test_the_go_client_says_how_it_is_used(client):
    done = subprocess.run([client], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: thermograph-client SERVER CA_FILE TOKEN_FILE\n")


def test_the_module_is_what_go_itself_would_write(client):
    """Another version than the one named is not taken by the way."""
    assert (client.parents[1] / "go.mod").read_text() == (program.ROOT / "examples/go/go.mod").read_text()
