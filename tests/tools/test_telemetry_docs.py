# SPDX-License-Identifier: Apache-2.0
"""docs/telemetry.md has every variable, metric, span's attribute and limit that the code names, and no other;
each test in docs/otel-compliance.md is in the file it is said to be in."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/telemetry.md"

# Where the program describes itself: what else is named in src/ belongs to whoever uses the SDK.
DESCRIBING = ("otel/sdk_metrics.c", "otel/process_metrics.c", "otlp/grpc_*.c", "collector/*.c", "cli/*.c")
KINDS = {"OTEL_COUNTER": "counter", "OTEL_UP_DOWN_COUNTER": "up-down counter", "OTEL_GAUGE": "gauge"}


def code(*patterns):
    return "".join(file.read_text() for pattern in patterns for file in sorted((ROOT / "src").glob(pattern)))


def cells():
    """The rows of all tables of the page, each a list of its cells."""
    rows = re.findall(r"(?m)^\| (.*) \|$", PAGE.read_text())
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows]


def read_variables():
    """The names in the code; those of OTLP are put together of a prefix and one of these."""
    names = set()
    for file in (ROOT / "src/otel").glob("*.c"):
        text = file.read_text()
        names |= set(re.findall(r'"(OTEL_[A-Z_]+)"', text))
        names |= {f"OTEL_EXPORTER_OTLP_{what}" for what in re.findall(r'read_named\([^;]*?"([A-Z_]+)"', text)}
    return names


def test_every_variable_that_is_read_is_told_of():
    told = set(re.findall(r"`(OTEL_[A-Z_]+)", PAGE.read_text()))
    names = read_variables() - {"OTEL_EXPERIMENTAL_CONFIG_FILE"}
    assert len(names) > 40
    assert names - told == set()


def test_every_variable_that_is_told_of_is_read():
    text = PAGE.read_text()
    first_columns = "".join(re.findall(r"(?m)^\| .*?\|", text))
    names = set(re.findall(r"`(OTEL_[A-Z_]+)`", first_columns))
    assert len(names) > 40
    assert names - read_variables() == set()


# ---- metrics ----

def instruments():
    """Name -> (kind, unit) of all instruments; None where a table of gRPC's gives it."""
    text = code("*/*.c")
    rows = re.findall(r'OTEL_MEASURES_(?:INTEGERS|NUMBERS)\(\s*(OTEL_\w+),\s*"([\w.]+)",\s*"([^"]+)"', text)
    found = {name: (KINDS[kind], unit) for kind, name, unit in rows}
    rows = re.findall(r'OTEL_MEASURES_BUCKETS\(\s*"([\w.]+)",\s*"([^"]+)"', text)
    found |= {name: ("histogram", unit) for name, unit in rows}
    of_calls = code("otlp/grpc_measures.c")
    rows = re.findall(r'\{"([\w.]+)", MEASURED_(\w+)', of_calls)
    found |= {name: ("histogram", "s" if measured == "DURATION" else "By") for name, measured in rows}
    found |= {name: None for name in re.findall(r'\.(?:started|handshakes|limits) = "([\w.]+)"', of_calls)}
    return found


def told_metrics():
    return {row[0].strip("`"): tuple(re.fullmatch(r"(.*), `(.*)`", row[2]).groups())
            for row in cells() if len(row) == 5 and row[0].startswith("`")}


def test_every_metric_is_told_of_and_no_other():
    assert len(instruments()) > 50
    assert set(told_metrics()) == set(instruments())


def test_types_and_units_are_those_of_the_code():
    told = told_metrics()
    wrong = {name for name, what in instruments().items() if what and told.get(name, what) != what}
    assert wrong == set()


def test_instruments_are_made_from_rows_that_this_test_can_read():
    others = {"instrument.h", "instruments.c", "meter.c", "metric.h"}
    makers = {file.name for file in (ROOT / "src").rglob("*.[ch]") if "otel_instrument_new(" in file.read_text()}
    assert makers <= others
    assert "OTEL_MEASURES_" not in re.sub(r'OTEL_MEASURES_(INTEGERS|NUMBERS)\(\s*OTEL_\w+,\s*("|side->)', "", re.sub(
        r"OTEL_MEASURES_BUCKETS\(\s*(\"|name)", "", code("*/*.c")))


# ---- attributes, events, limits ----

def attributes():
    """All keys in the code that describes: the first text of a call that adds one."""
    text = code(*DESCRIBING)
    calls = r"\b(?:otel_attribute|otel_attribute_list_add|otel_span_set|series_with|add)\("
    return set(re.findall(calls + r'(?:[^"();]+,\s*)?"([a-z][\w.-]+)"', text))


def told_attributes():
    """Keys in the tables of metrics (their fourth column), of spans' attributes and of events."""
    told = []
    for row in cells():
        if len(row) == 5:
            told += re.findall(r"`([^`]+)`", row[3])
        elif len(row) == 3 and ("calls" in row[1] or "store.commit" in row[1] or row[1] == "the same"):
            told += re.findall(r"`([a-z][\w-]*[.-][\w.-]+)`", row[0] + ("" if "." in row[0] else row[2]))
    return set(told)


def test_every_attribute_is_told_of_and_no_other():
    assert len(attributes()) > 25
    assert told_attributes() == attributes()


def test_every_span_and_event_is_told_of():
    names = re.findall(r'(?:otel_span_event\(\w+, |tell_message\(call, |\.name = bytes_str\()"([^"]+)"', code(*DESCRIBING))
    assert {"durable", "Inbound message", "Outbound message", "store.commit"} <= set(names)
    assert [name for name in names if f"`{name}`" not in PAGE.read_text()] == []


def test_every_limit_is_told_of_and_no_other():
    hits = set(re.findall(r'"((?:net|http2|grpc)\.[a-z0-9_]+)"', code("net/*.c", "http2/*.c", "grpc/*.c")))
    paragraph = re.search(r"Limits, as `grpc.limit` names them:(.*?)\n\n", PAGE.read_text(), re.DOTALL).group(1)
    assert len(hits) > 10
    assert set(re.findall(r"`((?:net|http2|grpc)\.[a-z0-9_]+)`", paragraph)) == hits


def test_every_line_about_exports_is_told_of():
    """What is constant in a line: its longest piece between what is put in."""
    lines = re.findall(r'log_(?:warn|info)\(((?:\s*"[^"]*"(?:\s*PRIu64)?)+)', code("otel/outage.c", "otlp/*.c"))
    assert len(lines) >= 7
    page = re.sub(r"\d+", "%", PAGE.read_text())
    for line in lines:
        text = re.sub(r"%z?[us]?", "%", "".join(re.findall(r'"([^"]*)"', line.replace("PRIu64", '"u"'))))
        longest = max((piece.strip(" :") for piece in text.split("%")), key=len)
        assert longest in page, longest


# ---- the specification's list ----

def test_every_test_that_is_named_is_in_its_file():
    text = (ROOT / "docs/otel-compliance.md").read_text()
    groups = re.findall(r"((?:`test_\w+`(?:, )?)+) in \[([\w.]+)\]\(\.\./([\w/.]+)\)", text)
    named = [(name, file) for names, label, file in groups for name in re.findall(r"`(\w+)`", names)
             if file.endswith("/" + label)]
    assert len(named) > 150
    assert len(named) == len(re.findall(r"`test_\w+`", text))
    assert [name for name, file in named if f" {name}(" not in (ROOT / file).read_text()] == []
