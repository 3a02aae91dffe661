# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts below a directory: its pages lead somewhere, and its files name each other where they are."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

import program

sys.path.append(str(program.ROOT / "tests/tools"))
from test_docs import broken_links, links, pages  # noqa: E402

BUILD = pathlib.Path(program.BIN).resolve().parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def share(root):
    """Usually /usr/local/share."""
    found, = root.rglob("share/thermograph")
    return found.parent


def without_links(text):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def test_pages_are_installed_as_they_lie_in_the_source_but_for_links(share):
    documents = share / "doc/thermograph"
    texts = {page.relative_to(documents): page.read_text() for page in documents.rglob("*.md")}
    made = pathlib.Path("docs/reference/options.md")
    assert texts.pop(made) and f"`share/doc/thermograph/{made}`" in texts[pathlib.Path("docs/README.md")]
    assert len(texts) > 25
    assert [page for page, text in texts.items()
            if without_links(text) != without_links((program.ROOT / page).read_text())] == []
    assert (documents / "proto/sensor.proto").exists()


def test_every_link_of_the_documentation_leads_somewhere(share):
    documents = share / "doc/thermograph"
    found = pages(documents)
    assert {documents / name for name in ("README.md", "ARCHITECTURE.md", "docs/internals/store.md")} <= set(found)
    assert [words for page in found for words in broken_links(page)] == []


def test_links_to_what_one_copies_from_lead_there(share):
    targets = {target for target, _ in links(share / "doc/thermograph/docs/telemetry.md")}
    assert {share / "thermograph" / name for name in ("collector/config.yaml", "prometheus/rules")} <= targets


def test_the_configuration_names_set_up_service_where_it_is(root, share):
    place = share / "thermograph/set-up-service"
    assert os.access(place, os.X_OK)
    assert f" /{place.relative_to(root)}\n" in (share / "thermograph/thermograph.yaml").read_text()
