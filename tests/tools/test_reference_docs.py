# SPDX-License-Identifier: Apache-2.0
"""docs/reference says what the code says: every limit with its value, every status, every page of the admin port."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1, "ms": 1, None: 1}


def rows(page):
    """The rows of all tables of a page, each a list of its cells; heads are among them."""
    found = re.findall(r"(?m)^\| (.*) \|$", (REFERENCE / page).read_text())
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in found]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


# ---- limits ----

def limits_of_code():
    """Name -> value of all limits; one may be made of others."""
    text = "".join(without_comments(file.read_text()) for file in sorted((ROOT / "src").glob("*/limits.h")))
    expressions = dict(re.findall(r"(?m)^#define (\w+) +(.+)$", text))

    def value(expression):
        plain = re.sub(r"\((?:uint64_t|size_t)\)|(?<=\d)u\b", "", expression)
        named = re.sub(r"[A-Z_][A-Z0-9_]+", lambda name: f"({value(expressions[name.group()])})", plain)
        assert re.fullmatch(r"[\d\s()*+<-]+", named), expression
        return eval(named)  # pylint: disable=eval-used

    return {name: value(text) << (10 if name.endswith("_KIB") else 0) for name, text in expressions.items()}


def limits_of_page():
    found = {}
    for row in rows("limits.md"):
        if re.fullmatch(r"`[A-Z0-9_]+`", row[0]):
            number, unit = re.fullmatch(r"([\d,]+)(?: (\w+))?", row[1]).groups()
            found[row[0].strip("`")] = int(number.replace(",", "")) * UNITS[unit]
    return found


def test_every_limit_is_told_of_with_its_value_and_no_other():
    assert len(limits_of_code()) > 80
    assert limits_of_page() == limits_of_code()


def test_each_limit_stands_below_its_file():
    """Under the heading that names it."""
    text = (REFERENCE / "limits.md").read_text()
    for section in text.split("\n## ")[1:]:
        files = re.findall(r"`(src/\w+/limits.h)`", section.split("\n", 1)[0])
        code = "".join((ROOT / file).read_text() for file in files)
        for name in re.findall(r"(?m)^\| `([A-Z0-9_]+)`", section):
            assert f"#define {name} " in code, name


def test_the_names_by_which_metrics_count_limits_are_told():
    hits = set(re.findall(r'"((?:net|http2|grpc)\.[a-z0-9_]+)"', "".join(
        file.read_text() for layer in ("net", "http2", "grpc") for file in (ROOT / "src" / layer).glob("*.c"))))
    told = set(re.findall(r"`((?:net|http2|grpc)\.[a-z0-9_]+)`",
                          (REFERENCE / "limits.md").read_text())) - {"grpc.server.limits_hit"}
    assert len(hits) > 10
    assert told == hits


# ---- statuses and pages ----

def test_every_status_is_told_of():
    names = re.findall(r'(?m)^    "([A-Z_]+)",$', (ROOT / "src/grpc/status.c").read_text())
    told = [row[0].strip("`") for row in rows("status-codes.md") if re.fullmatch(r"`[A-Z_]+`", row[0])]
    assert len(names) == 17
    assert told == names


def test_every_page_of_the_admin_port_is_told_of():
    table = re.findall(r'(?m)^    \{"(/\w*)", ', (ROOT / "src/web/pages.c").read_text())
    told = [row[0].strip("`") for row in rows("admin-port.md") if row[0].startswith("`/")]
    assert len(table) > 4
    assert sorted(told) == sorted(table)


def test_every_exit_status_is_told_of():
    text = (ROOT / "src/cli/verb.h").read_text()
    numbers = re.findall(r"\bEXIT_\w+ = (\d+)", text)
    told = [row[0] for row in rows("exit-statuses.md") if row[0].isdigit()]
    assert set(numbers) == set(told)


# ---- versions ----

def test_the_tutorial_takes_the_jaeger_that_compose_takes():
    images = [re.findall(r"\bjaegertracing/jaeger:[\w.-]+", (ROOT / name).read_text())
              for name in ("docs/tutorial.md", "compose.yaml")]
    assert images[0] == images[1]
    assert len(images[0]) == 1


# ---- what programs say ----

def words_of_the_program():
    """All texts in the code, each as it is put together; what is put in is a NUL."""
    text = "".join(file.read_text() for file in (ROOT / "src").rglob("*.[ch]"))
    texts = re.findall(r'(?:"(?:[^"\\\n]|\\.)*"(?:\s|PRI[du]64)*)+', text)
    joined = ("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub("PRI[du]64", '"u"', each))) for each in texts)
    return "\n".join(re.sub(r"%[-.*\d]*z?[a-z]", "\0", each).replace('\\"', '"') for each in joined)


def is_said(line, words):
    """Each piece between what is put in; `the certificate` may be put in, too."""
    pieces = [piece.strip(" :") for piece in line.split("...")]
    return all(piece in words or piece.replace("the certificate", "the \0") in words for piece in pieces)


def test_every_line_that_troubleshooting_quotes_is_one_that_is_said():
    page = (ROOT / "docs/troubleshooting.md").read_text().split("\n## Containers")[0]
    quoted = [line for cell in re.findall(r"(?m)^\| ([^|]+) \|", page) for line in re.findall(r"`([^`]+ [^`]+)`", cell)]
    words = words_of_the_program()
    assert len(quoted) > 25
    assert not is_said("no such line as this", words)
    assert [line for line in quoted if not is_said(line, words)] == []
