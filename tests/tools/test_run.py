# SPDX-License-Identifier: Apache-2.0
"""tests/run counts what really ran: no crash, leak or missing test case passes for success."""
import importlib.machinery
import importlib.util
import pathlib
import sys
import threading

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "run"


@pytest.fixture(scope="module")
def driver():
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader = importlib.machinery.SourceFileLoader("driver", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("driver", loader))
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


@pytest.mark.parametrize("stdout, result, expected", [
    ("1..2\nok 1 - a\nok 2 - b\n", "OK", "2 passed, 0 failed"),
    ("1..2\nok 1 - a\nnot ok 2 - b\n", "FAIL", "1 passed, 1 failed"),
    ("1..3\nok 1 - a\n", "FAIL", "1 passed, 2 failed"),
    ("1..2\nok 1 - a\nok 2 - b\n==1==ERROR: LeakSanitizer\n", "FAIL", "2 passed, 1 failed"),
    ("", "ERROR", "0 passed, 1 failed"),
    ("1..1\n", "TIMEOUT", "0 passed, 1 failed"),
    ("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "SKIP", "1 passed, 0 failed, 1 skipped"),
])
def test_a_cmocka_program_counts_by_its_cases_and_its_end(driver, stdout, result, expected):
    tally = driver.Tally()
    driver.count_tap("buf", {"stdout": stdout, "result": result}, tally)
    assert str(tally) == expected


def test_a_failure_is_shown_with_its_output(driver, capsys):
    driver.count_tap("buf", {"stdout": "1..1\nnot ok 1 - a\n", "stderr": "1 != 2", "result": "FAIL"}, driver.Tally())
    shown = capsys.readouterr().out
    assert "FAILED buf" in shown and "not ok 1 - a" in shown and "1 != 2" in shown


def test_pytest_cases_count_by_outcome(driver, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text("""<testsuites><testsuite>
        <testcase classname="m" name="a"/>
        <testcase classname="m" name="b"><failure message="no">because</failure></testcase>
        <testcase classname="m" name="c"><error message="no">broken</error></testcase>
        <testcase classname="m" name="d"><skipped message="needs grpcurl"/></testcase>
        </testsuite></testsuites>""")
    tally = driver.Tally()
    driver.count_junit(report, tally)
    assert str(tally) == "1 passed, 2 failed, 1 skipped"
    assert tally.skipped == ["m.d: needs grpcurl"]


def test_a_fuzzer_that_breaks_is_a_failure_and_shows_why(driver, monkeypatch, tmp_path, capsys):
    (tmp_path / "tests/fuzz").mkdir(parents=True)
    for name in ("fuzz_good.c", "fuzz_bad.c", "meson.build"):
        (tmp_path / "tests/fuzz" / name).touch()
    commands = []

    def run(command, **_):
        commands.append(" ".join(command))
        return (77, "AddressSanitizer: heap-buffer-overflow") if "fuzz_bad" in commands[-1] else (0, "")

    monkeypatch.setattr(driver, "ROOT", tmp_path)
    monkeypatch.setattr(driver, "run", run)
    assert str(driver.fuzz("build-fuzz", 3)) == "1 passed, 1 failed"
    assert "heap-buffer-overflow" in capsys.readouterr().out
    assert len(commands) == 2 and all("-max_total_time=3" in command for command in commands)


def stage_with(driver, *needs, **more):
    def run(_):
        tally = driver.Tally()
        tally.passed = 1
        return tally
    return driver.Stage(run, *needs, **more)


def test_what_cannot_be_built_is_a_failure_and_its_tests_do_not_run(driver, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(driver, "ROOT", tmp_path)
    monkeypatch.setattr(driver, "run", lambda command, **_: (1, "no clang"))
    for behind in (False, True):
        stage = stage_with(driver, (driver.compile_in, "build-fuzz", "fuzzers"), behind=behind)
        assert str(driver.run_stages({"fuzz": stage}, 1)["fuzz"]) == "0 passed, 1 failed"
        assert "no clang" in capsys.readouterr().out


def test_what_several_stages_need_is_made_once_and_in_their_order(driver):
    made = []

    def first():
        made.append("first")

    def second():
        made.append("second")

    stages = {"a": stage_with(driver, (first,)), "b": stage_with(driver, (first,), (second,), behind=True),
              "c": stage_with(driver)}
    assert [str(tally) for tally in driver.run_stages(stages, 1).values()] == ["1 passed, 0 failed"] * 3
    assert made == ["first", "second"]


def test_a_stage_does_not_wait_for_what_only_others_need_or_for_those_behind_it(driver):
    order = []
    go_on = threading.Event()

    def slow():
        go_on.wait(10)
        order.append("made")

    def run(name):
        order.append(name)
        go_on.set()
        return driver.Tally()

    stages = {"behind": driver.Stage(lambda _: run("behind"), (slow,), behind=True),
              "before": driver.Stage(lambda _: run("before"))}
    driver.run_stages(stages, 1)
    assert order == ["before", "made", "behind"]
