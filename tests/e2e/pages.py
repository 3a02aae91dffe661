# SPDX-License-Identifier: Apache-2.0
"""What a page shows, done as a reader would: each block of commands in order, its output compared.

In a page a block marked `sh` holds commands, and the unmarked one behind it what they print, with `...` for whatever
differs. A block whose command lasts (test_pages.py: LASTING) has a terminal of its own and is ended by Ctrl-C when another
one takes that terminal, before a block of ENDING, or at the page's end; what it prints is compared from its beginning. What
is exported in one terminal holds in the same one only, as for a reader.

Where that happens is the reader's: that of a copy of the project is here (ProjectReader), that of the whole system in containers is
tests/compose/manual.py's.
"""
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import threading
import time

import program
from observed import free_ports

PEERS = "~/.cache/thermograph-peers"
PORTS = ("50051", "50052", "4317", "4318", "9464", "16686")

# What a program is told beside its page's words, so that each of its ports is one that is free.
OPTIONS = {
    "thermograph serve": "--listen 127.0.0.1:50051",
}
PATIENCE_S = 30
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SOURCES = ("Makefile", "docs", "examples", "proto", "tools", "tests/peers")


def steps_of(page):
    """All blocks of commands of a page, each with the output that is shown behind it, or None."""
    found = []
    for indent, kind, text in BLOCK.findall(page.read_text()):
        text = re.sub(f"(?m)^{indent}", "", text)
        if kind == "sh":
            found.append([text, None])
        elif not kind and found and found[-1][1] is None:
            found[-1][1] = text
    return found


def pattern_of(expected):
    """A regular expression for an output: a line of `...` is any lines or none, `...` in a line is anything."""
    lines = tidy(expected).split("\n") if expected else []
    return re.compile("".join("(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
                              for line in lines))


def tidy(text):
    """Without spaces at the ends of lines, which nobody sees."""
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


END = "\x03"  # what our shell prints last: "end of text"


class Screen:
    """What programs print on a terminal: there they write line by line, which they do not into a file."""

    def __init__(self):
        self.mine, self.theirs = pty.openpty()
        self.bytes = bytearray()
        self.reader = threading.Thread(target=self.read, daemon=True)

    def read(self):
        """Until the last program that has this terminal is gone."""
        try:
            while some := os.read(self.mine, 65536):
                self.bytes += some
        except OSError:
            pass
        os.close(self.mine)

    def text(self):
        """What is to be seen: a line that is written over is gone."""
        lines = bytes(self.bytes).decode(errors="replace").replace("\r\n", "\n").split("\n")
        return tidy("\n".join(re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", line.split("\r")[-1]) for line in lines))

    def text_to_the_end(self):
        wait_until(PATIENCE_S, lambda: END in self.text(), lambda: "the shell has not said its end: " + self.text())
        return tidy(self.text().split(END)[0])


def wait_until(limit_s, what, words):
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, words()
        time.sleep(0.02)


class Terminal:
    """A shell of its own: where it is and what is exported stays from block to block."""

    def __init__(self, reader, name):
        self.reader = reader
        self.state = reader.folder / f".state-{name}"
        self.state.write_text("")
        self.script = reader.folder / f".block-{name}"
        self.running = self.screen = None

    def start(self, commands):
        """Begins a block on a clean screen."""
        keep = f"keep() {{ {{ export -p; printf 'cd %q\\n' \"$PWD\"; }} >'{self.state}'; printf '{END}'; }}; trap keep EXIT"
        # In a file: as an argument it would be in the list of processes, where commands look for others.
        self.script.write_text(f". '{self.state}'\n{keep}\nset -e\n{commands}\n")
        self.screen = Screen()
        self.running = subprocess.Popen(
            ["bash", self.script], cwd=self.reader.home, env=self.reader.environment, stdin=self.screen.theirs,
            stdout=self.screen.theirs, stderr=self.screen.theirs, start_new_session=True,
            preexec_fn=as_a_terminal_would)
        os.close(self.screen.theirs)
        self.screen.reader.start()
        self.reader.sessions.append(self.running)

    def press_ctrl_c(self):
        if self.running and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGINT)
            self.running.wait(self.reader.patience_s)


def as_a_terminal_would():
    """A shell cannot trap a signal that was ignored when it started."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Reader:
    """Somebody who follows a page, at home in a folder that is there; notes are kept in another one."""
    patience_s = PATIENCE_S

    def __init__(self, folder, home, lasting, ending):
        self.folder = folder
        self.home = home
        self.lasting = lasting
        self.ending = ending
        self.environment = {}
        self.terminals = {}
        self.sessions = []

    def translate(self, text):
        """A page's words as they are here."""
        return text

    def terminal(self, name):
        if name not in self.terminals:
            self.terminals[name] = Terminal(self, name)
        return self.terminals[name]

    def follow(self, commands, expected):
        """Does one block and compares; what it printed, if it does not last."""
        lasting = [name for words, name in self.lasting.items() if words in commands]
        for name in [name for words, name in self.ending.items() if words in commands]:
            self.terminal(name).press_ctrl_c()
        terminal = self.terminal(lasting[0] if lasting else "")
        terminal.press_ctrl_c()
        terminal.start(self.translate(commands))
        wanted = pattern_of(self.translate(expected or ""))
        if lasting:
            self.wait_for_beginning(commands, terminal, wanted)
            return None
        status = terminal.running.wait(self.patience_s)
        printed = terminal.screen.text_to_the_end()
        assert status == 0, f"{commands}ends with status {status}:\n{printed}"
        assert expected is None or wanted.fullmatch(printed + "\n"), f"{commands}prints:\n{printed}"
        return printed

    def wait_for_beginning(self, commands, terminal, wanted):
        def has_come():
            assert terminal.running.poll() is None, f"{commands}has ended:\n{terminal.screen.text()}"
            return wanted.match(terminal.screen.text() + "\n")
        wait_until(self.patience_s, has_come, lambda: f"{commands}prints:\n{terminal.screen.text()}")

    def leave(self):
        """Ends whatever still runs, the newest first, by force what does not end by itself."""
        for name in reversed(self.terminals):
            self.terminals[name].press_ctrl_c()
        for session in self.sessions:
            try:
                os.killpg(session.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            session.wait()


class ProjectReader(Reader):
    """In a copy of the project, with the program that is built already. Ports that pages name are replaced by free ones, in
    commands and in outputs alike."""

    def __init__(self, folder, lasting, ending):
        super().__init__(folder, folder / "thermograph", lasting, ending)
        self.ports = dict(zip(PORTS, map(str, free_ports(len(PORTS)))))
        self.copy_project()
        self.environment = self.make_environment()

    def copy_project(self):
        """What commands name of it, and in `build` what make would build."""
        self.home.mkdir()
        for name in SOURCES:
            (self.home / name).parent.mkdir(exist_ok=True)
            copy = shutil.copytree if (program.ROOT / name).is_dir() else shutil.copy
            copy(program.ROOT / name, self.home / name)
        built = pathlib.Path(program.BIN).resolve().parents[2]
        for name in ("src/cli/thermograph", "examples/instrumented"):
            (self.home / "build" / name).parent.mkdir(parents=True)
            (self.home / "build" / name).symlink_to(built / name)
        (self.home / "build/build.ninja").touch()

    def make_environment(self):
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "ninja").write_text("#!/bin/sh\n# All is built.\n")
        (tools / "ninja").chmod(0o755)
        (tools / "thermograph").symlink_to(self.home / "build/src/cli/thermograph")
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("THERMOGRAPH_", "OTEL_", "MAKE", "MFLAGS"))}
        return kept | {
            "PATH": f"{tools}:{os.environ['PATH']}", "THERMOGRAPH_PORT": self.ports["50051"],
            "THERMOGRAPH_SERVER": self.translate("127.0.0.1:50051"), "PEERS_BIN": str(program.PEERS),
            "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    def translate(self, text):
        """The same with ports that are free here; with another than 50051 the demo's readings are elsewhere, too."""
        for words, more in OPTIONS.items():
            if more.split()[0] not in text:
                text = re.sub(rf"(?m)^(.*{re.escape(words)})(?= |$)", rf"\1 {more}", text)
        text = text.replace(PEERS, str(program.PEERS)).replace("build/run/data", "build/run/data-50051")
        text = text.replace("0.0.0.0", "127.0.0.1")
        text = text.replace("sleep 6", "sleep 1")  # spans are sent after 200 ms here, not after 5 s
        return re.sub(r"\b(?:%s)\b" % "|".join(PORTS), lambda match: self.ports[match.group()], text)
