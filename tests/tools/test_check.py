# SPDX-License-Identifier: Apache-2.0
"""Each rule of tools/check sees a bad sample and lets a good one pass."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
ARGUMENTS = ", ".join(f"int a{i}" for i in range(6))


def check(root, rule):
    done = subprocess.run([ROOT / "tools/check", "--root", root, rule],
                          capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def tree(root, files):
    """A repository with these files, and the project's own formatting rules."""
    subprocess.run(["git", "init", "-q", root], check=True)
    for name, content in (files | {".clang-format": (ROOT / ".clang-format").read_text()}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


BAD = [
    ("format", "src/base/a.c", SPDX + "int  a;\n", 2),
    ("function-length", "src/base/a.c", SPDX + "int f(int x) {\n" + "    x++;\n" * 70 + "    return x;\n}\n", 2),
    ("parameters", "src/base/a.h", SPDX + f"int f({ARGUMENTS});\n", 2),
    ("parameters", "src/base/a.c", SPDX + f"static int f({ARGUMENTS}) {{\n    return 0;\n}}\n", 2),
    ("file-length", "src/base/a.c", SPDX + "int a;\n" * 800, 801),
    ("layers", "src/base/a.c", SPDX + '#include "store/store.h"\n', 2),
    ("layers", "tests/unit/grpc/test_a.c", SPDX + '#include "collector/rules.h"\n', 2),
    ("forbidden", "src/cli/a.c", SPDX + "void f(char *a, char *b) {\n    strcpy(a, b);\n}\n", 3),
    ("forbidden", "src/cli/a.c", SPDX + "int f(char *a) {\n    return atoi(a);\n}\n", 3),
    ("forbidden", "src/cli/a.c", SPDX + "void f(void) {\n    goto out;\nout:\n}\n", 3),
    ("forbidden", "src/cli/a.c", SPDX + "void f(void *p) {\n    free(p);\n}\n", 3),
    ("licence", "src/cli/a.c", "int a;\n", 1),
    ("licence", "tools/a", "#!/bin/sh\necho\n", 2),
    ("committed", "src/proto/sensor.pb-c.c", "", 1),
    ("committed", "certs/server.key", "", 1),
    ("paths", "README.md", "See /ho" "me/me/thermograph.\n", 1),
    ("scripts", "tools/a", "#!/bin/bash\ncd $1\n", 2),
    ("scripts", "tools/a", "#!/usr/bin/env python3\ndef (:\n", 1),
    ("headers", "src/base/a.h", SPDX + "size_t f(void);\n", 1),
    ("gcc", "src/base/a.c", SPDX + "int f(void) {\n    int unused;\n    return 0;\n}\n", 3),
    ("clang", "src/base/a.c", SPDX + "int f(void) {\n    int unused;\n    return 0;\n}\n", 3),
]
GOOD = [
    ("format", "src/base/a.c", SPDX + "int a;\n"),
    ("function-length", "src/base/a.c", SPDX + "int f(int x) {\n" + "    x++;\n" * 67 + "    return x;\n}\n"),
    ("parameters", "src/base/a.h", SPDX + "int f(int a, int b, int c, int d, int (*e)(int, int));\n"),
    ("parameters", "src/base/a.h", SPDX + f"/* check: parameters: nghttp2's callback */\nint f({ARGUMENTS});\n"),
    ("file-length", "src/base/a.c", SPDX + "int a;\n" * 799),
    ("layers", "src/store/a.c", SPDX + '#include "base/err.h"\n#include "store/store.h"\n'),
    ("forbidden", "src/cli/a.c", SPDX + '/* goto free(x) */\nconst char *a = "free(p); goto";\n'),
    ("forbidden", "src/cli/a.c", SPDX + "void f(struct o *o) {\n    o->free(o);\n    mem_free(o);\n}\n"),
    ("forbidden", "src/base/mem.c", SPDX + "void f(void *p) {\n    free(p);\n}\n"),
    ("licence", "tools/a", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"),
    ("committed", "proto/sensor.proto", ""),
    ("paths", "README.md", "See https://example.org/home-page and ~/work/it.\n"),
    ("scripts", "tools/a", '#!/bin/bash\ncd "$1" || exit\n'),
    ("headers", "src/base/a.h", SPDX + "#pragma once\n#include <stddef.h>\nsize_t f(void);\n"),
    ("gcc", "src/base/a.c", SPDX + "int f(void);\nint f(void) {\n    return 0;\n}\n"),
]
MESON = "project('a', 'c', default_options: ['warning_level=3', 'werror=true'])\nstatic_library('a', 'src/base/a.c')\n"


def with_build(files):
    return files | {"meson.build": MESON, "meson_options.txt": "option('tests', type: 'boolean')\n"}


@pytest.mark.parametrize("rule, name, content, line", BAD)
def test_a_bad_sample_is_named_with_file_and_line(tmp_path, rule, name, content, line):
    status, output = check(tree(tmp_path, with_build({name: content})), rule)
    assert status == 1
    assert f"{name}:{line}: " in output


@pytest.mark.parametrize("rule, name, content", GOOD)
def test_a_good_sample_passes(tmp_path, rule, name, content):
    assert check(tree(tmp_path, with_build({name: content})), rule) == (0, f"{rule}: ok\n")


@pytest.mark.parametrize("rule, program, status", [
    ("format", "clang-format", 1), ("function-length", "ctags", 1), ("parameters", "ctags", 1),
    ("scripts", "shellcheck", 4)])
def test_a_program_that_fails_is_no_pass(tmp_path, rule, program, status):
    tree(tmp_path / "tree", {"src/base/a.c": SPDX + "int a;\n", "tools/a": "#!/bin/sh\necho\n"})
    (tmp_path / program).write_text(f"#!/bin/sh\necho it is broken\nexit {status}\n")
    (tmp_path / program).chmod(0o755)
    done = subprocess.run([ROOT / "tools/check", "--root", tmp_path / "tree", rule],
                          env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{program} failed:\nit is broken" in done.stderr


def test_an_unknown_rule_is_refused():
    done = subprocess.run([ROOT / "tools/check", "no-such-rule"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no-such-rule" in done.stderr
