# SPDX-License-Identifier: Apache-2.0
"""tools/make-deb and debian/: what can be known of the package before it is built."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTROL = (ROOT / "debian/control").read_text()
# A package needs not say these: every build has them, or another package brings them.
OF_ALL_BUILDS = {"gcc", "libc6-dev", "ninja-build", "openssl"}
OF_PACKAGING = {"debhelper-compat"}


def test_the_package_is_built_with_what_the_program_is():
    listed = re.search(r"^build=\((.*?)\)", (ROOT / "tools/install-packages").read_text(), re.MULTILINE | re.DOTALL)
    depends = re.search(r"^Build-Depends: (.*?)\n\n", CONTROL, re.MULTILINE | re.DOTALL)
    wanted = {re.match(r"[\w.+-]+", part.strip()).group() for part in depends.group(1).split(",")}
    assert wanted - OF_PACKAGING == set(listed.group(1).split()) - OF_ALL_BUILDS


def test_the_changelog_has_the_version_of_the_program():
    version = re.match(r"thermograph \((.+)-\d+\) ", (ROOT / "debian/changelog").read_text()).group(1)
    assert f"version: '{version}'," in (ROOT / "meson.build").read_text()


@pytest.fixture
def source(tmp_path):
    """A source with no git, of which a package is `built` by a stand-in that notes what it finds."""
    folder = tmp_path / "source"
    for name in ("tools/make-deb", "debian/changelog", "meson.build"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "build").mkdir()
    (folder / "build/thermograph").touch()
    (folder / "certs").mkdir()
    (folder / "certs/ca.key").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, body in (("dpkg-buildpackage", "find . -type f | sort >../found; touch ../thermograph_1_any.deb"), ("dh", "")):
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)

    def run(*arguments):
        return subprocess.run([folder / "tools/make-deb", *arguments], capture_output=True, text=True, check=False,
                              env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "GIT_DIR": "/nowhere"})

    run.folder = folder
    run.programs = programs
    return run


def test_only_the_source_is_in_what_is_built(source):
    done = source()
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{source.folder}/build/deb/thermograph_1_any.deb\n"
    assert (source.folder / "build/deb/found").read_text().split() == [
        "./debian/changelog", "./meson.build", "./tools/make-deb"]


def test_it_is_built_where_it_is_told(source, tmp_path):
    assert source(tmp_path / "there").stdout == f"{tmp_path}/there/thermograph_1_any.deb\n"


def test_a_build_that_fails_shows_the_end_of_its_log(source):
    (source.programs / "dpkg-buildpackage").write_text("#!/bin/sh\necho no compiler; exit 2\n")
    done = source()
    assert done.returncode == 1 and "no compiler" in done.stderr and "build/deb/log" in done.stderr


def test_versions_that_differ_are_refused(source):
    changelog = source.folder / "debian/changelog"
    changelog.write_text(changelog.read_text().replace("thermograph (", "thermograph (9."))
    done = source()
    assert done.returncode == 1 and "they have to be the same" in done.stderr


def test_without_debhelper_it_says_what_to_run(source, tmp_path):
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run([source.folder / "tools/make-deb"], capture_output=True, text=True, check=False,
                          env={"PATH": str(tmp_path)})
    assert done.returncode == 1 and "tools/install-packages build deb" in done.stderr


def test_help_says_what_it_is_and_another_option_how_it_is_called():
    for option in ("--help", "-h"):
        done = subprocess.run([ROOT / "tools/make-deb", option], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("tools/make-deb [DIR]    builds") and "set -" not in done.stdout
    done = subprocess.run([ROOT / "tools/make-deb", "-x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "make-deb [DIR]" in done.stderr
