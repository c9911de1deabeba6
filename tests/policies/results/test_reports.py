"""Which lines report a failure."""

from __future__ import annotations

import pytest

from foveate.policies.results.pieces.reports import AGAIN, failures

REPORTS = [
    "FAILED tests/test_a.py::test_one - AssertionError: no", "ERROR tests/test_a.py", "E   AssertionError: no",
    "E       assert 1 == 2", "Traceback (most recent call last):", "ValueError: no such name",
    "requests.exceptions.ConnectionError: refused", "src/a.c:88:21: error: no such name", "main.go:12: error: x",
    "error: could not compile", "error[E0308]: mismatched types", "Error: Cannot find module 'x'",
    "fatal: not a git repository", "panic: runtime error: index out of range", "--- FAIL: TestOne (0.00s)",
    "    --- FAIL: TestOne/sub (0.00s)", "not ok 3 - adds", "Caused by: java.io.IOException: no",
    'Exception in thread "main" java.lang.IllegalStateException: no', "thread 'main' panicked at src/a.rs:3:5:",
    "npm ERR! code ELIFECYCLE", "make: *** [Makefile:3: all] Error 2", "[ERROR] Failed to execute goal",
    "##[error]Process completed with exit code 1.", "::error file=a.js,line=1::no", "\u2717 adds two numbers",
    "  \u2715 adds two numbers (3 ms)", "  \u25cf suite \u203a adds", "Segmentation fault (core dumped)",
    "____________ test_one[3] ____________", "________ sympy/core/tests/test_a.py:test_one ________",
    "tests/test_a.py::test_one FAILED                     [ 33%]", "test_one (a.Tests) ... FAIL",
    "Tests run: 3, Failures: 1, Time elapsed: 0.01 sec <<< FAILURE!", "java.lang.NullPointerException",
    "---- tests::adds stdout ----",
]  # fmt: skip
OTHERS = [
    "tests/test_a.py::test_one PASSED                     [ 33%]", "test_one (a.Tests) ... ok", "ok 3 - adds",
    "--- PASS: TestOne (0.00s)", "raise ValueError('no such name')", "def on_error(self):", "0 errors, 2 warnings",
    "class FailedError(Exception):", "import errors", "x = 1  # ERROR codes", "______", "--- a/src/errors.py",
    "\u2713 adds two numbers", "[INFO] Building", "    return Error",
]  # fmt: skip


@pytest.mark.parametrize("line", REPORTS)
def test_a_line_that_reports_a_failure_is_known(line: str) -> None:
    assert failures([line])[0] == 1


@pytest.mark.parametrize("line", OTHERS)
def test_any_other_line_is_none(line: str) -> None:
    assert failures([line])[0] == 0


def test_what_is_said_again_counts_little_and_details_less_and_less() -> None:
    found = failures(["E   a", "", "E   a", "E   b", "E   c", "FAILED a", "FAILED b", "FAILED b"])
    assert found.tolist() == [1, 0, AGAIN, 1 / 2, 1 / 3, 1, 1, AGAIN]


def test_what_is_indented_under_a_report_counts_less_and_less() -> None:
    found = failures(
        ["FAIL src/cart.test.js", "  expected 3", "", "    got 2", "PASS a", "  and so on"]
    )
    assert found[0] == 1
    assert 0 < found[3] < found[1] < 0.5
    assert found[[2, 4, 5]].tolist() == [0, 0, 0]


def test_an_event_at_the_level_of_a_failure_is_a_report() -> None:
    events = [
        "2026-03-01 10:00:00,001 ERROR [worker-1] a.Job - lost", '{"t": 3, "level": "error", "msg": "no"}',
        'time="2026-03-01" level=fatal msg="no"', "Mar  1 10:00:00 host app[3]: CRITICAL disk full",
    ]  # fmt: skip
    assert failures(events).tolist() == [1] * len(events)
    others = [
        "2026-03-01 10:00:00 INFO done, 0 errors", '{"t": 3, "level": "info", "msg": "error budget"}',
        "We list every ERROR code below.",
    ]  # fmt: skip
    assert failures(others).tolist() == [0] * len(others)
