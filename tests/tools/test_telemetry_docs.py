# SPDX-License-Identifier: Apache-2.0
"""docs/telemetry.md has every variable that the code reads, docs/otel-compliance.md no test that is not there."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_variables():
    """The names in the code; those of OTLP are put together of a prefix and one of these."""
    names = set()
    for file in (ROOT / "src/otel").glob("*.c"):
        text = file.read_text()
        names |= set(re.findall(r'"(OTEL_[A-Z_]+)"', text))
        names |= {f"OTEL_EXPORTER_OTLP_{what}" for what in re.findall(r'read_named\([^;]*?"([A-Z_]+)"', text)}
    return names


def test_every_variable_that_is_read_is_told_of():
    told = set(re.findall(r"`(OTEL_[A-Z_]+)", (ROOT / "docs/telemetry.md").read_text()))
    names = read_variables() - {"OTEL_EXPERIMENTAL_CONFIG_FILE"}
    assert len(names) > 40
    assert names - told == set()


def test_every_variable_that_is_told_of_is_read():
    text = (ROOT / "docs/telemetry.md").read_text()
    first_columns = "".join(re.findall(r"(?m)^\| .*?\|", text))
    names = set(re.findall(r"`(OTEL_[A-Z_]+)`", first_columns))
    assert len(names) > 40
    assert names - read_variables() == set()


def test_every_test_that_is_named_is_there():
    there = "".join(file.read_text() for file in (ROOT / "tests/unit").rglob("test_*.c"))
    named = set()
    for row in (ROOT / "docs/otel-compliance.md").read_text().splitlines():
        named |= set(re.findall(r"`(test_\w+)`", re.sub(r"open \(.*", "", row)))
    assert len(named) > 40
    assert {name for name in named if f" {name}(" not in there} == set()
