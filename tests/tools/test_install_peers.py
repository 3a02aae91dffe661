# SPDX-License-Identifier: Apache-2.0
"""tools/install-peers, with a stand-in for Go."""
import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/install-peers"
# Makes an empty program where the real one would be: for `install` named after the package, for
# `build` after -o. The Collector's builder, itself built so, writes a folder with a main.go. A module
# that is downloaded is a folder with what Grafana's has.
GO = """#!/bin/bash
for last; do :; done
case $1 in
env) echo "$GO_VERSION" && exit ;;
mod)
    mkdir -p module/{conf,public/{views,emails,app/plugins/graph},pkg}
    touch module/public/app/plugins/graph/plugin.json
    printf '"Dir": "%s",\\n' "$PWD/module" && exit ;;
install) last=${last%@*} made=$GOBIN/${last##*/} ;;
build) while [[ $1 != -o ]]; do shift; done; made=$2 ;;
esac
printf '#!/bin/sh\\nmkdir -p build && touch build/main.go\\n' >"$made" && chmod +x "$made"
"""
ONLY_NAMED = ["grafana", "jaeger"]
NAMES = ["grpcurl", "otelcol", "jaeger-all-in-one", "prometheus", "promtool"]


@pytest.fixture
def install(tmp_path):
    (tmp_path / "go").write_text(GO)
    (tmp_path / "go").chmod(0o755)

    def run(*arguments, version="go1.26.0", more_path=""):
        return subprocess.run(
            [SCRIPT, *arguments], text=True, capture_output=True, check=False,
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}{more_path}", "GO_VERSION": version,
                              "PEERS_BIN": str(tmp_path / "peers")})
    return run


def test_without_a_name_it_builds_all_and_says_where_they_are(install, tmp_path):
    done = install()
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        assert f"made {tmp_path}/peers/{name}\n" in done.stdout
        assert (tmp_path / "peers" / name).exists()
    assert f'export PATH="$PATH:{tmp_path}/peers"' in done.stdout
    again = install(more_path=f":{tmp_path}/peers")
    assert again.stdout == "".join(
        f"install-peers: {tmp_path}/peers/{name} is there already\n" for name in NAMES)


def test_some_are_only_built_when_named(install, tmp_path):
    assert install().returncode == 0
    peers = tmp_path / "peers"
    assert not any((peers / name).exists() for name in ONLY_NAMED)
    done = install(*ONLY_NAMED)
    assert done.returncode == 0, done.stderr
    assert all((peers / name).exists() for name in ONLY_NAMED)
    assert (peers / "grafana-home/public/app/plugins/graph/plugin.json").exists()


def test_help_names_what_there_is_and_where_it_goes(install, tmp_path):
    done = install("--help")
    assert done.returncode == 0
    for name in [*NAMES, *ONLY_NAMED, "PEERS_BIN"]:
        assert name in done.stdout
    assert not (tmp_path / "peers").exists()


def test_unknown_names_and_an_old_go_have_a_status_of_their_own(install):
    assert install("nothing").returncode == 2
    assert install("grpcurl", version="go1.19.8").returncode == 3
    assert install("grpcurl", version="go1.24.0").returncode == 0
    assert install("otelcol", version="go1.24.0").returncode == 3
