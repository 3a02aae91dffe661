# SPDX-License-Identifier: Apache-2.0
"""tools/install-peers, with a stand-in for Go."""
import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/install-peers"
GO = """#!/bin/sh
case $1 in
env) echo "$GO_VERSION" ;;
install) echo "#!/bin/sh" >"$GOBIN/grpcurl" && chmod +x "$GOBIN/grpcurl" ;;
esac
"""


@pytest.fixture
def install(tmp_path):
    (tmp_path / "go").write_text(GO)
    (tmp_path / "go").chmod(0o755)

    def run(*arguments, version="go1.24.1", more_path=""):
        return subprocess.run(
            [SCRIPT, *arguments], text=True, capture_output=True, check=False,
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}{more_path}", "GO_VERSION": version,
                              "PEERS_BIN": str(tmp_path / "peers")})
    return run


def test_without_a_name_it_builds_all_and_says_where_they_are(install, tmp_path):
    done = install()
    assert done.returncode == 0, done.stderr
    assert f"made {tmp_path}/peers/grpcurl\n" in done.stdout
    assert f'export PATH="$PATH:{tmp_path}/peers"' in done.stdout
    again = install(more_path=f":{tmp_path}/peers")
    assert again.stdout == f"install-peers: {tmp_path}/peers/grpcurl is there already\n"


def test_help_names_what_there_is_and_where_it_goes(install, tmp_path):
    done = install("--help")
    assert done.returncode == 0
    assert "grpcurl" in done.stdout and "PEERS_BIN" in done.stdout
    assert not (tmp_path / "peers").exists()


def test_unknown_names_and_an_old_go_have_a_status_of_their_own(install):
    assert install("nothing").returncode == 2
    assert install("grpcurl", version="go1.19.8").returncode == 3
