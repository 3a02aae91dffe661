# SPDX-License-Identifier: Apache-2.0
"""The Makefile's own steps, on a program of one line in place of Thermograph."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

MAKEFILE = pathlib.Path(__file__).resolve().parents[2] / "Makefile"


@pytest.fixture
def make(tmp_path):
    """Runs make where the Makefile finds a small project."""
    return make_in(tmp_path / "project")


def make_in(folder):
    (folder / "src/cli").mkdir(parents=True)
    (folder / "Makefile").write_text(MAKEFILE.read_text())
    (folder / "meson.build").write_text("project('a', 'c')\nsubdir('src/cli')\n")
    (folder / "meson_options.txt").write_text("option('tests', type: 'boolean')\n")
    (folder / "src/cli/meson.build").write_text(
        "program = executable('thermograph', 'main.c', install: true)\nalias_target('installed', program)\n")
    (folder / "src/cli/main.c").write_text("int main(void) {\n    return 0;\n}\n")
    without = {"PORT", "THERMOGRAPH_PORT", "MAKEFLAGS", "MAKELEVEL", "PREFIX", "DESTDIR"}
    environment = {name: value for name, value in os.environ.items() if name not in without}

    def say(*arguments, **variables):
        done = subprocess.run(["make", *arguments], cwd=folder, env=environment | variables,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(*arguments, **variables):
        say(*arguments, **variables)
        return folder

    run.say = say
    return run


def test_make_alone_builds_the_program_that_others_rely_on(make):
    folder = make()
    assert subprocess.run([folder / "build/thermograph"], check=False).returncode == 0


def test_examples_are_built_where_make_alone_has_been_before(make):
    folder = make("help")
    (folder / "examples").mkdir()
    (folder / "examples/meson.build").write_text("executable('instrumented', '../src/cli/main.c')\n")
    with (folder / "meson.build").open("a") as file:
        file.write("subdir('examples')\n")
    make()
    assert not (folder / "build/examples/instrumented").exists()
    make("examples")
    assert subprocess.run([folder / "build/examples/instrumented"], check=False).returncode == 0


@pytest.mark.parametrize("arguments, environment, port", [
    ([], {}, ""), (["PORT=50077"], {}, "50077"), ([], {"PORT": "8080"}, "")])
def test_run_takes_the_port_that_make_is_told(make, arguments, environment, port):
    folder = make()
    for name, body in (("install-packages", ""), ("generate-certs", ""),
                       ("run-demo", 'echo "port <$THERMOGRAPH_PORT>" >port')):
        (folder / "tools").mkdir(exist_ok=True)
        (folder / "tools" / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / "tools" / name).chmod(0o755)
    make("run", *arguments, **environment)
    assert (folder / "port").read_text() == f"port <{port}>\n"


def test_the_first_run_says_that_it_builds(make):
    folder = make("help")
    (folder / "tools").mkdir()
    for name in ("install-packages", "generate-certs", "run-demo"):
        (folder / "tools" / name).write_text("#!/bin/sh\n")
        (folder / "tools" / name).chmod(0o755)
    assert make.say("run").count("building build/thermograph") == 1
    assert "building" not in make.say("run")


def test_make_alone_says_that_the_first_build_takes_its_time(make):
    assert make.say().startswith("building build/thermograph; the first time this takes about half a minute")
    assert make.say() == ""


def test_install_goes_where_it_is_told_whatever_the_build_was_set_up_for(make, tmp_path):
    make()
    for prefix in ("/opt/one", "/opt/two"):
        root = tmp_path / prefix.strip("/")
        make("install", f"PREFIX={prefix}", f"DESTDIR={root}")
        assert [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()] == \
            [f"{prefix.strip('/')}/bin/thermograph"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install what another has built")
def test_what_root_installs_is_built_by_the_owner_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CCACHE_DISABLE", "1")  # nobody has no home for one
    home = pathlib.Path(tempfile.mkdtemp())
    try:
        home.chmod(0o755)
        make = make_in(home / "project")
        subprocess.run(["chown", "-R", "nobody:", home / "project"], check=True)
        make("install", "PREFIX=/opt/one", f"DESTDIR={tmp_path}/root")
        assert (tmp_path / "root/opt/one/bin/thermograph").stat().st_uid == 0
        assert {path.lstat().st_uid for path in (home / "project").rglob("*")} == {(home / "project").stat().st_uid}
    finally:
        shutil.rmtree(home)
