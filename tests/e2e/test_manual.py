# SPDX-License-Identifier: Apache-2.0
"""Manual pages, completions and the reference of options: complete, well-formed, and taken by the real
programs that they are for. Shells are asked as a person asks them: with the keys."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from program import BIN, PATIENCE_S, ROOT, run

MANUAL = pathlib.Path(BIN).resolve().parents[1] / "manual"
VERBS = re.findall(r"^  (\w+)  ", run("help").stdout.split("First steps")[0], re.MULTILINE)
PAGES = ["man1/thermograph.1", "man5/thermograph.yaml.5"] + [f"man1/thermograph-{verb}.1" for verb in VERBS]


def options_of(verb):
    """The long options in a verb's help."""
    help_text = run(verb, "--help").stdout.split("Every option can")[0]
    return set(re.findall(r"^ +(?:-\w, )?--([\w-]+)", help_text, re.MULTILINE))


def plain(roff):
    return roff.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")


# ---- pages ----

def test_every_verb_has_a_page_and_nothing_else_has():
    made = {str(path.relative_to(MANUAL)) for section in ("man1", "man5") for path in (MANUAL / section).iterdir()}
    assert len(VERBS) >= 14
    assert made == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_without_a_complaint(page):
    lint = subprocess.run(["mandoc", "-Tlint", "-Wstyle", MANUAL / page], capture_output=True, text=True, check=False)
    assert lint.stdout + lint.stderr == ""
    shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", MANUAL / page],
                           capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert shown.stderr == ""
    title = subprocess.run(["lexgrog", MANUAL / page], capture_output=True, text=True, check=False)
    assert title.returncode == 0, title.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_has_the_options_and_examples_of_the_help(verb):
    text = plain((MANUAL / f"man1/thermograph-{verb}.1").read_text())
    assert set(re.findall(r"^(?:-\w, )?--([\w-]+)", text, re.MULTILINE)) == options_of(verb)
    shown = subprocess.run(["man", "-l", MANUAL / f"man1/thermograph-{verb}.1"], capture_output=True, text=True,
                           check=True, env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "200"}).stdout
    for example in re.findall(r"^  (thermograph .*)$", run(verb, "--help").stdout, re.MULTILINE):
        assert example in shown


def test_the_configurations_page_has_every_option_and_who_takes_it():
    text = plain((MANUAL / "man5/thermograph.yaml.5").read_text())
    keys = set(re.findall(r"^\.TP\n([a-z-]+): ", text, re.MULTILINE))
    wanted = set().union(*map(options_of, VERBS)) - {"help", "usage", "config"}
    assert keys == wanted
    assert re.search(r"^\.TP\nworkers: N\n[^.]*\n\.br\nFor: serve, doctor\.$", text, re.MULTILINE)


def test_the_configuration_that_is_installed_has_values_that_are_taken(tmp_path):
    """Also what stands there to be taken in."""
    text = re.sub(r"(?m)^#(?=[a-z-]+: )", "", (ROOT / "deploy/thermograph.yaml.in").read_text())
    assert len(re.findall(r"(?m)^[a-z]", text)) >= 10
    file = tmp_path / "thermograph.yaml"
    file.write_text(text.replace("/etc/thermograph", str(tmp_path)).replace("/var/lib", str(tmp_path)))
    done = run("serve", "--config", file)
    assert done.returncode == 1 and f"{tmp_path}/certs/server.crt" in done.stderr  # not 2: no option is wrong


def test_the_reference_has_every_option_of_every_verb():
    text = (MANUAL / "options.md").read_text()
    parts = dict(re.findall(r"(?ms)^## ([\w ]+)\n(.*?)(?=^## |\Z)", text))
    named = {name: set(re.findall(r"^\| `--([\w-]+)", part, re.MULTILINE)) for name, part in parts.items()}
    for verb in VERBS:
        of_all = named["In general"] | {"help", "usage"}
        if "the-connection" in parts[f"thermograph {verb}"]:
            of_all |= named["The connection"]
        assert named[f"thermograph {verb}"] | of_all == options_of(verb)


def test_pages_of_the_same_source_and_day_are_equal(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        subprocess.run([MANUAL / "make-manual", tmp_path / name], check=True,
                       env=os.environ | {"SOURCE_DATE_EPOCH": "1790000000"})
    assert subprocess.run(["diff", "-r", tmp_path / "one", tmp_path / "other"], check=False).returncode == 0
    assert '2026-09-21' in (tmp_path / "one/man1/thermograph.1").read_text()


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    done = subprocess.run([MANUAL / "make-manual", tmp_path / "nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nowhere/man1: No such file or directory" in done.stderr
    assert subprocess.run([MANUAL / "make-manual"], capture_output=True, check=False).returncode == 2


# ---- completions ----

class Keyboard:
    """An interactive shell at a terminal of its own."""

    def __init__(self, command, folder, variables):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, os.environ | {"TERM": "dumb", "COLUMNS": "2000"} | variables)
        self.text = ""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait_for(self, pattern):
        """The match in what it has printed since the last one."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.text, re.DOTALL)):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} in:\n{self.text}"
            self.text += os.read(self.fd, 65536).decode(errors="replace").replace("\r", "")
        self.text = self.text[found.end():]
        return found

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def bash(folder):
    shell = Keyboard(["bash", "--norc", "--noprofile", "-i"], folder, {"PS1": "> "})
    shell.type(f"source {MANUAL}/thermograph.bash; bind '\"\\C-t\": insert-completions'; echo rea''dy\n")
    shell.wait_for("\nready\n")
    return shell


def zsh(folder):
    shell = Keyboard(["zsh", "-f", "-i"], folder, {"PS1": "> "})
    shell.type(f"fpath=({MANUAL} $fpath); autoload -U compinit; compinit -D -u; unsetopt zle_bracketed_paste; "
               "zle -C all-matches complete-word _generic; bindkey '^T' all-matches; "
               "zstyle ':completion:all-matches:*' completer _all_matches _complete; "
               "zstyle ':completion:all-matches:*' insert yes; echo rea''dy\n")
    shell.wait_for("\nready\n")
    return shell


def fish(folder):
    """fish tells what it would offer."""
    def offers(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {MANUAL}/thermograph.fish; complete -C $argv[1]", line],
                              cwd=folder, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        assert done.stderr == ""
        return {offer.split("\t")[0] for offer in done.stdout.splitlines()}
    return offers


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def offers(request, tmp_path_factory):
    """offers("thermograph se") is the set of words that the shell puts in the last one's place."""
    if not shutil.which(request.param):
        pytest.skip(f"missing: {request.param}")
    folder = tmp_path_factory.mktemp("folder")
    (folder / "readings.csv").touch()
    (folder / "with blank").mkdir()
    if request.param == "fish":
        yield fish(folder)
        return
    shell = {"bash": bash, "zsh": zsh}[request.param](folder)

    def ask(line):
        n_fixed = len(line.split(" ")) - 1
        shell.type(f"{line}\x14\x01show \n")
        words = shell.wait_for(r"\nshown((?: <[^\n]*>)*)\n").group(1)
        return set(re.findall("<([^>]*)>", words)[n_fixed:]) - {line.split(" ")[-1]}

    shell.type("show() { printf 'shown'; printf ' <%s>' \"$@\"; echo; }\n")
    shell.wait_for("> ")
    yield ask
    shell.close()


def test_verbs_are_offered(offers):
    assert offers("thermograph se") == {"send", "sensors", "serve"}
    assert offers("thermograph ") >= set(VERBS) | {"help"}
    assert offers("thermograph help st") == {"stats", "stream"}


@pytest.mark.parametrize("verb", VERBS)
def test_all_options_of_a_verb_are_offered_and_no_other(offers, verb):
    offered = {word.removesuffix("=") for word in offers(f"thermograph {verb} --")}
    assert offered | {"--help", "--usage"} == {f"--{name}" for name in options_of(verb)}


def test_options_begin_as_they_are_typed(offers):
    offered = {word.removesuffix("=") for word in offers("thermograph serve --allow-")}
    assert offered == {"--allow-anyone", "--allow-plaintext-from-network"}


def test_values_of_a_list_are_offered(offers):
    assert offers("thermograph get x --output ") == {"table", "json", "csv"}
    assert offers("thermograph get x -o j") == {"json"}
    assert offers("thermograph serve --log-level ") == {"error", "warn", "info", "debug"}
    assert offers("thermograph simulate --kind c") == {"client-stream", "chat"}


def test_values_behind_an_equals_sign_are_offered(offers):
    offered = {word.removeprefix("--output=") for word in offers("thermograph get x --output=")}
    assert offered - {"="} == {"table", "json", "csv"}


def test_files_and_directories_are_offered(offers):
    assert offers("thermograph serve --cert read") == {"readings.csv"}
    assert offers("thermograph stream read") == {"readings.csv"}
    data = {word.rstrip("/") for word in offers("thermograph serve --data ")}
    assert data == {"none", "with blank"} or data == {"none", "with\\ blank"}


def test_actions_of_a_verb_are_offered(offers):
    assert offers("thermograph token ") >= {"create", "add", "list", "revoke"}
    assert offers("thermograph token re") == {"revoke"}


def test_nothing_is_offered_where_only_the_user_knows(offers):
    assert offers("thermograph get ") - {f"--{name}" for name in options_of("get")} <= {"-o", "-s"}
    assert offers("thermograph serve --listen ") == set()


def test_the_scripts_are_without_a_complaint():
    for command in (["shellcheck", "-s", "bash", "thermograph.bash"], ["bash", "-n", "thermograph.bash"],
                    ["zsh", "-n", "_thermograph"], ["fish", "-n", "thermograph.fish"]):
        done = subprocess.run(command, cwd=MANUAL, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), command
