# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/docker.md, done as it stands by a reader of tests/e2e/pages.py, in the folder of a System.

A command of that page is a block of commands, or stands in a line of text as code. The story (run) does each of them where
it fits, and asks at the end which were not done. Only two things are other than on the page: the project's name, which is
in the names of volumes, and the name of Debian's image, which has to be one that is there.
"""
import re

from engine import Trouble
from images import ROOT, base_name
from pages import BLOCK, Reader, steps_of
from system import until

PAGE = ROOT / "docs/how-to/docker.md"
INLINE = re.compile(r"`((?:docker \w+|make|build/thermograph) [^`]+)`")

# They go on until Ctrl-C; the terminal that a reader gives them.
LASTING = {
    "docker compose up --build": "system",
    "docker compose logs -f": "log",
}


class Manual(Reader):
    patience_s = 300  # a container may be made anew, with what it waits for

    def __init__(self, folder, system):
        super().__init__(folder, system.folder, LASTING, {})
        self.environment = system.environment
        self.name = system.name
        self.steps = steps_of(PAGE)
        in_lines = dict.fromkeys(INLINE.findall(BLOCK.sub("", PAGE.read_text())))
        self.steps += [(f"{command}\n", None) for command in in_lines]
        self.not_done = list(dict.fromkeys(commands for commands, _ in self.steps))

    def translate(self, text):
        return text.replace("thermograph_", f"{self.name}_").replace("debian:bookworm-slim", base_name())

    def do(self, beginning):
        """Does the commands of the page that are these, or begin so; what they printed, if they have come to their end."""
        found = ([step for step in self.steps if step[0] == f"{beginning}\n"][:1]
                 or [step for step in self.steps if step[0].startswith(beginning)])
        if len(found) != 1:
            raise Trouble(f"docker.md has {len(found)} commands that begin with `{beginning}'")
        commands, expected = found[0]
        printed = self.follow(commands, expected)
        self.not_done = [each for each in self.not_done if each != commands]
        return printed

    def wait_to_see(self, terminal, words):
        """What lasts has to say it; before that it may not be ready for Ctrl-C either."""
        terminal = self.terminal(terminal)

        def is_there():
            if terminal.running.poll() is not None:
                raise Trouble(f"it has ended:\n{terminal.screen.text()}")
            return words in terminal.screen.text()
        until(f"`{words}' in a terminal", 90, is_there)

    def press_ctrl_c(self, terminal):
        self.terminal(terminal).press_ctrl_c()
