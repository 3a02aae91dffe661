# SPDX-License-Identifier: Apache-2.0
"""tools/install-packages, with stand-ins for Debian's programs in front of the real ones."""
import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/install-packages"


@pytest.fixture
def machine(tmp_path):
    """Runs the script where dpkg-query knows `installed` and every other program is as given."""
    def run(installed="", nghttp2="1.52.0-1+deb12u3", groups=(), **programs):
        programs = {
            "dpkg-query": f'case $* in *Status*) printf "%s" "{installed}" ;; *) printf %s "{nghttp2}" ;; esac',
            "apt-get": 'echo "apt-get $*" >>"$LOG"', "id": "echo 0"} | programs
        for name, body in programs.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        for name in ("bash", "sh", "env", "sed", "comm", "sort", "dpkg", "cat"):
            if not (tmp_path / name).exists():
                (tmp_path / name).symlink_to(f"/bin/{name}" if name in ("bash", "sh") else f"/usr/bin/{name}")
        log = tmp_path / "log"
        log.write_text("")
        done = subprocess.run(["/bin/bash", SCRIPT, *groups], capture_output=True, text=True, check=False,
                              env=os.environ | {"PATH": str(tmp_path), "LOG": str(log)})
        return done, log.read_text()

    return run


def all_installed(machine):
    """What the script asks for, as dpkg-query would list it."""
    done, _ = machine(id="echo 1000")
    names = done.stderr.split("--no-install-recommends ")[1].split()
    return "".join(f"installed {name}\n" for name in names)


def test_nothing_missing_is_silent_and_calls_nobody(machine):
    done, log = machine(installed=all_installed(machine))
    assert (done.returncode, done.stdout, done.stderr, log) == (0, "", "", "")


def test_only_what_is_missing_is_installed_after_one_update(machine):
    installed = all_installed(machine).replace("installed meson\n", "").replace("installed gcc\n", "")
    done, log = machine(installed=installed)
    assert done.returncode == 0
    update, install = log.splitlines()
    assert update.endswith(" update")
    assert install.endswith("install -y --no-install-recommends gcc meson")


def test_the_test_group_has_more(machine):
    _, log = machine(groups=["build", "test"])
    assert "libcmocka-dev" in log and "meson" in log
    _, log = machine()
    assert "libcmocka-dev" not in log


def test_without_root_and_sudo_it_says_what_an_administrator_does(machine):
    done, log = machine(id="echo 1000")
    assert done.returncode == 1 and log == ""
    assert "without root or sudo" in done.stderr
    assert "apt-get install --no-install-recommends" in done.stderr


def test_with_sudo_it_asks_sudo(machine):
    done, log = machine(id="echo 1000", sudo='echo "sudo" >>"$LOG"; exec "$@"')
    assert done.returncode == 0
    assert log.splitlines()[0] == "sudo" and "apt-get" in log.splitlines()[1]


def test_a_failed_install_is_an_error(machine):
    done, _ = machine(**{"apt-get": "exit 100"})
    assert done.returncode == 1 and "could not install" in done.stderr


@pytest.mark.parametrize("version, warns", [
    ("1.52.0-1+deb12u3", False), ("1.52.0-1+deb12u10", False), ("1.68.1-1", False),
    ("1.52.0-1+deb12u2", True), ("1.52.0-1", True), ("1.64.0-1", True), ("1.68.0-3", True)])
def test_an_nghttp2_without_the_fixes_is_named(machine, version, warns):
    done, _ = machine(installed=all_installed(machine), nghttp2=version)
    assert done.returncode == 0
    assert ("CVE-2026-27135" in done.stderr and version in done.stderr) == warns


def test_an_unknown_group_is_refused(machine):
    done, _ = machine(groups=["everything"])
    assert done.returncode == 1 and "everything" in done.stderr


def test_help_says_what_it_is_and_another_option_how_it_is_called():
    for option in ("--help", "-h"):
        done = subprocess.run([SCRIPT, option], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("tools/install-packages [GROUP...]    installs") and "set -" not in done.stdout
    done = subprocess.run([SCRIPT, "-x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "install-packages [GROUP...]" in done.stderr
