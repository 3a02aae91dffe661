# SPDX-License-Identifier: Apache-2.0
"""Checks that other programs do: clang-format, ctags, the compilers, shellcheck."""
import concurrent.futures
import json
import os
import re
import subprocess

MAX_FUNCTION_LINES = 70
MAX_PARAMETERS = 5
# A library's callback has the parameters that the library gives it. The comment above it says so:
#   /* check: parameters: nghttp2's callback */
WAIVER = "check: parameters: "
LIBRARIES = ["libuv", "openssl", "libnghttp2", "libprotobuf-c", "zlib", "libcyaml", "sqlite3"]


def output_of(tree, command, **more):
    done = subprocess.run(
        command, cwd=tree.root, text=True, errors="replace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    return done.returncode, done.stdout


def give_up(program, output):
    """A program that looked at nothing must not pass for one that found nothing."""
    raise SystemExit(f"{program} failed:\n{output.strip()}")


def complaints_in(output, keep):
    """The "file:line:column: words" lines of a compiler's output that `keep` says yes to."""
    for line in output.splitlines():
        found = re.match(r"(?:\.\./)?([^:\s]+):(\d+):(?:\d+:)? *(.*)", line)
        if found and keep(found.group(3)):
            yield found.group(1), int(found.group(2)), found.group(3)


def formatting(tree):
    files = tree.c_files()
    if not files:
        return
    status, output = output_of(tree, ["clang-format", "--dry-run", "-Werror", *files])
    seen = set()
    for name, line, _ in complaints_in(output, lambda words: "error" in words):
        if name not in seen:
            seen.add(name)
            yield name, line, f"not as clang-format has it; run: clang-format -i {name}"
    if status and not seen:
        give_up("clang-format", output)


def ctags(tree, kinds):
    """Functions of these kinds: f has a body, p is a prototype."""
    files = tree.c_files()
    if not files:
        return
    status, output = output_of(
        tree, ["ctags", "--language-force=C", f"--kinds-C={kinds}", "--fields=+neS",
               "--output-format=json", "-f", "-", *files])
    if status:
        give_up("ctags", output)
    for line in output.splitlines():
        if line.startswith("{"):
            tag = json.loads(line)
            if tag.get("_type") == "tag":
                yield tag


def function_length(tree):
    for tag in ctags(tree, "f"):
        lines = tag.get("end", tag["line"]) - tag["line"] + 1
        if lines > MAX_FUNCTION_LINES:
            yield tag["path"], tag["line"], f"{tag['name']} has {lines} lines; the most is {MAX_FUNCTION_LINES}"


def count_parameters(signature):
    """Commas outside inner parentheses, plus one."""
    depth = commas = 0
    for character in signature:
        depth += {"(": 1, ")": -1}.get(character, 0)
        commas += character == "," and depth == 1
    return commas + 1


def parameters(tree):
    for tag in ctags(tree, "fp"):
        n = count_parameters(tag.get("signature", ""))
        above = tree.text(tag["path"]).split("\n")[max(0, tag["line"] - 4):tag["line"]]
        if n > MAX_PARAMETERS and not any(WAIVER in line for line in above):
            yield tag["path"], tag["line"], \
                f"{tag['name']} has {n} parameters; past {MAX_PARAMETERS} they become an options struct"


def headers_alone(tree):
    """After the builds, since some headers include what protobuf-c makes."""
    _, flags = output_of(tree, ["pkg-config", "--cflags", *LIBRARIES])
    compiler = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                "-Isrc", "-Ibuild/src", "-Ibuild/src/proto", *flags.split(), "-x", "c", "-"]

    def compile_alone(name):
        line = f'#include "{name.removeprefix("src/")}"\n'
        status, output = output_of(tree, compiler, input=line)
        words = [line for line in output.splitlines() if "error" in line] or ["error"]
        return (name, 1, f"does not compile alone: {words[0]}") if status else None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from filter(None, pool.map(compile_alone, tree.headers()))


def warnings(tree, directory, compiler, options):
    if not (tree.root / directory / "build.ninja").exists():
        command = ["meson", "setup", directory, *options]
    else:
        command = ["meson", "configure", directory, "-Dtests=true"]
    for step in (command, ["ninja", "-C", directory, "--quiet", "-k", "0"]):
        status, output = output_of(tree, step, env=os.environ | {"CC": compiler})
        if status:
            found = list(complaints_in(output, lambda words: words.startswith(("error", "warning"))))
            yield from found or [(directory, 1, f"{' '.join(step)} failed:\n{output[-4000:]}")]
            return


def warnings_gcc(tree):
    yield from warnings(tree, "build", "gcc", [])


def warnings_clang(tree):
    """The directory and the options are the ones of tests/run, so nothing is compiled twice."""
    yield from warnings(tree, "build-asan", "clang", [
        "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1"])


def scripts(tree):
    for name, shell in tree.scripts():
        if shell in ("bash", "sh"):
            status, output = output_of(tree, ["shellcheck", "--format=gcc", "--severity=style", name])
            yield from complaints_in(output, bool)
            if status > 1:  # 1: it has complaints
                give_up("shellcheck", output)
        elif shell == "python3":
            status, output = output_of(tree, ["python3", "-c", "compile(open(0).read(), 's', 'exec')"],
                                       input=tree.text(name))
            if status:
                yield name, 1, output.strip().splitlines()[-1]
