# SPDX-License-Identifier: Apache-2.0
""".ci/run with a stand-in for make: green only when everything ran and passed."""
import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / ".ci/run"


@pytest.fixture
def ci(tmp_path):
    """Runs the script where `make check` ends with a status and `make test` prints and ends so too."""
    def run(check, printed, test):
        (tmp_path / ".ci").mkdir()
        (tmp_path / ".ci/run").write_text(SCRIPT.read_text())
        (tmp_path / "make").write_text(
            f'#!/bin/sh\n[ "$1" = test ] || exit {check}\nprintf %s "{printed}"\nexit {test}\n')
        (tmp_path / "make").chmod(0o755)
        done = subprocess.run(["/bin/bash", tmp_path / ".ci/run"], capture_output=True, text=True, check=False,
                              env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        return done.returncode, done.stdout.splitlines()[-1]

    return run


@pytest.mark.parametrize("check, printed, test, status, last", [
    (0, "unit: 7 passed, 0 failed\n7 passed, 0 failed\n", 0, 0, "8 passed, 0 failed"),
    (2, "7 passed, 0 failed\n", 0, 1, "7 passed, 1 failed"),
    (0, "6 passed, 1 failed\n", 2, 1, "7 passed, 1 failed"),
    (0, "7 passed, 0 failed\n", 2, 1, "8 passed, 1 failed"),
    (0, "7 passed, 0 failed, 2 skipped\n", 0, 1, "8 passed, 2 failed"),
    (0, "No rule to make target\n", 2, 1, "1 passed, 1 failed"),
    (0, "", 0, 1, "1 passed, 1 failed"),
])
def test_only_what_ran_and_passed_is_green(ci, check, printed, test, status, last):
    assert ci(check, printed, test) == (status, last)
