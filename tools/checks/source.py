# SPDX-License-Identifier: Apache-2.0
"""The repository's files as the checks see them."""
import pathlib
import re
import subprocess

LAYERS = ["base", "proto", "otel", "net", "http2", "grpc", "otlp", "store", "collector", "web", "cli",
          "manual"]

# A comment, a string or a character, whichever starts first.
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


class Tree:
    """What git knows of, and what is new and not ignored: work that is not committed is checked too."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, capture_output=True, text=True).stdout
        self.files = sorted(
            {name for name in listed.split("\0") if name and (self.root / name).is_file()})

    def text(self, name):
        return (self.root / name).read_text(errors="replace")

    def c_files(self):
        return [name for name in self.files
                if name.startswith(("src/", "tests/unit/")) and name.endswith((".c", ".h"))]

    def headers(self):
        return [name for name in self.files if name.startswith("src/") and name.endswith(".h")]

    def scripts(self):
        """Pairs of a file and its interpreter's name, for files that start with #!."""
        for name in self.files:
            first = self.text(name).split("\n", 1)[0]
            if first.startswith("#!"):
                yield name, first.split("/")[-1].split()[-1]

    def code(self, name):
        """The text with comments and strings blanked out; lines keep their numbers."""
        return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), self.text(name))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def find_all(pattern, text):
    """Pairs of line number and match."""
    for found in re.finditer(pattern, text):
        yield line_of(text, found.start()), found
