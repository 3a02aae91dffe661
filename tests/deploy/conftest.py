# SPDX-License-Identifier: Apache-2.0
"""What stands in deploy/, looked at by the programs that it is for.

The server under test and these programs, as processes, are those of the end-to-end tests.
"""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/deploy")]

import deployed as system  # noqa: E402
import observed  # noqa: E402
import program  # noqa: E402
from peers import need_peers  # noqa: E402


@pytest.fixture(scope="session")
def peer():
    """peer("promtool", ...) runs a program of others, which has to end well, and gives what it said."""
    def run(name, *arguments, cwd=ROOT):
        need_peers(name)
        done = subprocess.run([program.PEERS / name, *map(str, arguments)], text=True, capture_output=True,
                              check=False, cwd=cwd, timeout=program.PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    """The whole system, for all tests."""
    need_peers(*observed.NAMES)
    running = system.Deployed(tmp_path_factory.mktemp("deployed"),
                              system.make_certificates(tmp_path_factory.mktemp("certs")))
    yield running
    running.stop()
