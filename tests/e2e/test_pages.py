# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md, the tutorial and the how-to pages do what stands there: each is run, in order."""
import re

import pytest

import program
from pages import ProjectReader, steps_of

README = program.ROOT / "README.md"
TUTORIAL = program.ROOT / "docs/tutorial.md"
HOW_TO = [program.ROOT / "docs/how-to" / name for name in ("own-certificates.md", "backup.md")]
UPGRADE = program.ROOT / "docs/how-to/upgrade.md"
DOCKER = program.ROOT / "docs/how-to/docker.md"  # followed by tests/compose/run

# Commands that go on until Ctrl-C, and the terminal that a reader gives them.
LASTING = {
    "make run": "server",
    "thermograph serve": "server",
    "jaeger-all-in-one \\\n": "jaeger",
}

# Before these the page tells the reader to press Ctrl-C in that terminal.
ENDING = {
    "cp -a readings": "server",
    "mv readings": "server",
}

# Blocks that are not run here, by their first line, with the reason.
NOT_RUN = {
    "make generate_certs\ndocker compose": "needs Docker: make test-compose runs it",
    "make deb": "needs root and makes a package: make test-package runs it",
    "docker run": "needs an image from a registry; the block behind it is run in its place",
    "make test": "this is run by `make test`, and .ci/run runs `make check`; `make bench` takes half an hour",
}

# Words of the README's table that need more than a server, or go on.
TABLE_NOT_RUN = {
    "thermograph serve": "the server that all others here ask is one",
}


@pytest.fixture
def reader(tmp_path):
    someone = ProjectReader(tmp_path, LASTING, ENDING)
    yield someone
    someone.leave()


def is_run(commands):
    return not any(commands.startswith(first) for first in NOT_RUN)


def follow(reader, page):
    for commands, expected in steps_of(page):
        if is_run(commands):
            reader.follow(commands, expected)


def test_the_readmes_commands_work_from_top_to_bottom_and_those_of_its_table(reader):
    follow(reader, README)
    rows = re.findall(r"(?m)^\| [^|]+ \| `(thermograph [^`]+)`", README.read_text())
    assert len(rows) > 10
    for command in rows:
        if not command.startswith(tuple(TABLE_NOT_RUN)):
            reader.follow(command + "\n", None)


@pytest.mark.usefixtures("jaeger")
def test_the_tutorial_works_from_top_to_bottom(reader):
    follow(reader, TUTORIAL)


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_page_works_from_top_to_bottom(reader, page):
    follow(reader, page)


def test_the_readmes_commands_for_docker_are_those_of_the_page_that_is_followed_elsewhere():
    assert steps_of(DOCKER)[0] in steps_of(README)


def test_the_page_on_upgrades_works_for_a_server_that_runs(reader):
    (reader.home / "thermograph.yaml").write_text("data: readings\nallow-anyone: true\n")
    reader.follow("thermograph serve --config thermograph.yaml\n", "...\n... serving on 127.0.0.1:50051 ...\n")
    reader.follow("export THERMOGRAPH_PLAINTEXT=true\nthermograph stream examples/sensor.csv\n", None)
    follow(reader, UPGRADE)
    reader.follow("thermograph get example-kitchen\n", "...\n... 20.75 ...\n...\n")


def test_every_verb_is_in_the_readmes_table():
    verbs = re.findall(r"(?m)^  ([a-z]+) ", program.run("--help").stdout.split("First steps")[0])
    told = re.findall(r"(?m)^\| [^|]+ \| `thermograph ([a-z]+)", README.read_text())
    assert set(verbs) - set(told) == {"version"}
    assert set(told) <= set(verbs)


def test_every_key_of_the_servers_configuration_is_told_of_with_its_default():
    options = re.split(r"(?m)^ {2,8}(?:-\w, )?--(?=[a-z])", program.run("serve", "--help").stdout)[1:]
    options = {text[:re.match("[a-z-]+", text).end()]: " ".join(text.split()) for text in options}
    page = (program.ROOT / "docs/reference/configuration.md").read_text()
    told = dict(re.findall(r"(?m)^\| `([a-z-]+)` \| ([^|]+) \|", page))
    assert set(options) - {"config", "help", "usage"} == set(told)
    defaults = {name: found.group(1) for name, text in options.items()
                if (found := re.search(r"\(default: ([^\s;()]+)\)", text))}
    assert len(defaults) > 5
    assert {name: told[name] for name in defaults} == {name: f"`{value}`" for name, value in defaults.items()}


def test_the_configuration_file_that_is_shown_is_one_and_bad_ones_are_refused_in_the_words_that_are_shown(tmp_path):
    page = (program.ROOT / "docs/reference/configuration.md").read_text()
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL).group(1)
    file = tmp_path / "thermograph.yaml"
    file.write_text(re.sub(r"/(?:etc|var/lib)/", f"{tmp_path}/none/", shown))
    done = program.run("serve", "--config", file)
    assert (done.returncode, "cannot read the certificate" in done.stderr) == (1, True), done.stderr
    bad = {"lisen: x\n": "thermograph.yaml:1: ", "data: none\nallow-anyone: true\nmemory-limit: lots\n": "thermograph.yaml:3: "}
    for text, place in bad.items():
        file.write_text(text)
        done = program.run("serve", "--config", file.name, cwd=tmp_path)
        assert done.returncode == 2
        assert f"thermograph: serve: {place}" in done.stderr and done.stderr in page, done.stderr


def test_no_exception_has_outlived_its_command():
    text = "".join(commands for page in (README, TUTORIAL, UPGRADE, *HOW_TO) for commands, _ in steps_of(page)) + README.read_text()
    assert [words for words in (*LASTING, *ENDING, *NOT_RUN, *TABLE_NOT_RUN) if words not in text] == []
