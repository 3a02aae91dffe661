# SPDX-License-Identifier: Apache-2.0
"""Checks that read text: forbidden calls, layers, licence lines, what must not be committed."""
import re

from checks.source import LAYERS, find_all

MAX_FILE_LINES = 800

FORBIDDEN = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(":
        "{0} knows no bound or hidden state; use snprintf, struct buf or struct bytes",
    r"\b(atoi|atol|atof)\s*\(": "{0} cannot report bad input; use strtol and its end pointer",
    r"\b(goto)\b": "{0} is not needed: CLEANUP and STEAL (base/err.h) free what a function owns",
}
BARE_HEAP = {
    r"(?<![.>\w])(malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf)\s*\(":
        "{0} outside base; base/mem.h has the heap, mem_format_text() for asprintf among it",
}
FORBIDDEN_FILES = re.compile(
    r"\.pb-c\.[ch]$|_pb2(_grpc)?\.py$|\.(o|a|so|pyc|inc|pem|key|crt)$|^(build|certs)[^/]*/|descriptor_set")
MACHINE_PATH = r"(?<![\w.~}])/(work|root|home)(?![\w-])|\.\./shared"


def forbidden_calls(tree):
    for name in tree.c_files():
        code = tree.code(name)
        rules = FORBIDDEN if name.startswith(("src/base/", "tests/unit/fail_alloc.")) \
            else FORBIDDEN | BARE_HEAP
        for pattern, reason in rules.items():
            for line, found in find_all(pattern, code):
                yield name, line, reason.format(found.group(1))


def layers(tree):
    include = r'(?m)^[ \t]*#[ \t]*include[ \t]*"(\w+)/'
    for name in tree.c_files():
        place = name.removeprefix("src/").removeprefix("tests/unit/").split("/")[0]
        if place not in LAYERS:
            continue
        for line, found in find_all(include, tree.text(name)):
            other = found.group(1)
            if other in LAYERS and LAYERS.index(other) > LAYERS.index(place):
                yield name, line, f"{place} must not know {other}: includes point only up the list of layers"


def file_length(tree):
    for name in tree.c_files():
        lines = tree.text(name).count("\n")
        if lines > MAX_FILE_LINES:
            yield name, lines, f"{lines} lines; past {MAX_FILE_LINES} a file is cut, by message or by verb"


def licence_line(tree):
    for name in tree.c_files():
        if tree.text(name).split("\n", 1)[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
            yield name, 1, "the first line is /* SPDX-License-Identifier: Apache-2.0 */"
    for name, _ in tree.scripts():
        if tree.text(name).split("\n")[1] != "# SPDX-License-Identifier: Apache-2.0":
            yield name, 2, "the line below #! is # SPDX-License-Identifier: Apache-2.0"


def committed_files(tree):
    for name in tree.files:
        if FORBIDDEN_FILES.search(name):
            yield name, 1, "made by a program or a secret; neither is committed"


def machine_paths(tree):
    for name in tree.files:
        for line, found in find_all(MACHINE_PATH, tree.text(name)):
            yield name, line, f"'{found.group()}' is a place on one machine, not on the user's"
