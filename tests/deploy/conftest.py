# SPDX-License-Identifier: Apache-2.0
"""What stands in deploy/, looked at by the programs that it is for.

The server under test and these programs, as processes, are those of the end-to-end tests.
"""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import program  # noqa: E402


@pytest.fixture(scope="session")
def peer():
    """peer("promtool", ...) runs a program of others to its end, which has to be a good one, and gives what it said."""
    def run(name, *arguments, cwd=ROOT):
        file = program.PEERS / name
        if not file.exists():
            pytest.skip(f"missing (tools/install-peers {name})")
        done = subprocess.run([file, *map(str, arguments)], text=True, capture_output=True, check=False, cwd=cwd,
                              timeout=program.PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run
