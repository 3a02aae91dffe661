# SPDX-License-Identifier: Apache-2.0
"""The Makefile's own steps, on a program of one line in place of Thermograph."""
import os
import pathlib
import subprocess

import pytest

MAKEFILE = pathlib.Path(__file__).resolve().parents[2] / "Makefile"


@pytest.fixture
def make(tmp_path):
    """Runs make where the Makefile finds a small project."""
    folder = tmp_path / "project"
    (folder / "src/cli").mkdir(parents=True)
    (folder / "Makefile").write_text(MAKEFILE.read_text())
    (folder / "meson.build").write_text("project('a', 'c')\nsubdir('src/cli')\n")
    (folder / "meson_options.txt").write_text("option('tests', type: 'boolean')\n")
    (folder / "src/cli/meson.build").write_text("executable('thermograph', 'main.c', install: true)\n")
    (folder / "src/cli/main.c").write_text("int main(void) {\n    return 0;\n}\n")
    without = {"MAKEFLAGS", "MAKELEVEL", "PREFIX", "DESTDIR"}
    environment = {name: value for name, value in os.environ.items() if name not in without}

    def run(*arguments):
        done = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return run


def test_make_alone_builds_the_program_that_others_rely_on(make):
    folder = make()
    assert subprocess.run([folder / "build/thermograph"], check=False).returncode == 0


def test_install_goes_where_it_is_told_whatever_the_build_was_set_up_for(make, tmp_path):
    make()
    for prefix in ("/opt/one", "/opt/two"):
        root = tmp_path / prefix.strip("/")
        make("install", f"PREFIX={prefix}", f"DESTDIR={root}")
        assert [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()] == \
            [f"{prefix.strip('/')}/bin/thermograph"]
