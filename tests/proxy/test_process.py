"""What a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.proxy import process


@pytest.mark.parametrize(
    ("limit", "whole"),
    [("max 100000", None), ("250000 100000", 2), ("50000 100000", 1), ("", None), ("odd", None)],
)
def test_a_containers_quota_is_told_in_whole_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, whole: int | None
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    monkeypatch.setattr(process, "CPU_MAX", file)
    assert process.quota() == whole


def test_no_more_cores_are_used_than_the_quota_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    monkeypatch.setattr(process, "CPU_MAX", file)
    unlimited = process.cores()
    file.write_text("100000 100000")
    assert unlimited >= 1
    assert process.cores() == 1
