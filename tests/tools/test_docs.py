# SPDX-License-Identifier: Apache-2.0
"""No page points into nothing, and every page can be found: from docs/README.md, link by link."""
import collections
import pathlib
import re
import urllib.parse
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs/README.md"
SKIPPED = {"build", "venv", ".git", "node_modules"}


def pages(root=ROOT):
    return [page for page in sorted(root.rglob("*.md"))
            if not any(part in SKIPPED or part.startswith("build-") for part in page.relative_to(root).parts)]


def prose(page):
    """A page without its blocks of code and without code in lines: what looks like a link there is none."""
    text = re.sub(r"(?ms)^( *)```.*?^ *```$", "", page.read_text())
    return re.sub(r"(?m)^    .*$", "", text)


def anchors(page):
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for spaces, a number behind the second."""
    found, seen = set(), collections.Counter()
    for heading in re.findall(r"(?m)^#{1,6} +(.*?) *$", prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(slug + (f"-{seen[slug]}" if seen[slug] else ""))
        seen[slug] += 1
    return found


def links(page):
    """(path, anchor) of every link to a file, path None for one in the page itself."""
    text = re.sub(r"`[^`\n]*`", lambda code: "x" * len(code.group()), prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = urllib.parse.unquote(target).partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def broken_links(page):
    for target, anchor in links(page):
        if not target.exists():
            yield f"{page}: {target} is not there"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{page}: {target} has no heading #{anchor}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert list(broken_links(page)) == []


def test_links_into_nothing_are_found(tmp_path):
    (tmp_path / "a.md").write_text("# A b: c!\n[x](b.md) [y](#a-b-c) [z](a.md#nothing) `[c](none)` [w](https://x)\n")
    assert [words.split(": ", 1)[1] for words in broken_links(tmp_path / "a.md")] == [
        f"{tmp_path}/b.md is not there", f"{tmp_path}/a.md has no heading #nothing"]


def test_every_file_below_docs_is_found_from_the_index():
    found, to_read = {INDEX}, [INDEX]
    while to_read:
        page = to_read.pop()
        for target, _ in links(page):
            if target.is_dir() and (target / "README.md").exists():
                target = target / "README.md"
            if target.exists() and target not in found:
                found.add(target)
                if target.suffix == ".md" and ROOT / "docs" in target.parents:
                    to_read.append(target)
    below = {file for file in (ROOT / "docs").rglob("*") if file.is_file()}
    shown = {file for page in pages() for file, _ in links(page) if file.suffix == ".svg"}
    assert sorted(str(file) for file in below - found - shown) == []


def test_the_picture_is_drawn_for_light_and_dark_and_has_words():
    picture = ROOT / "docs/system.svg"
    root = xml.etree.ElementTree.parse(picture).getroot()
    name = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{name}title").text and root.find(f"{name}desc").text
    assert "prefers-color-scheme: dark" in picture.read_text()
    assert not list(root.iter(f"{name}script")) and not list(root.iter(f"{name}image"))
