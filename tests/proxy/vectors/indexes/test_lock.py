"""One folder is one foveate's."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.indexes.lock import held


def test_a_second_owner_is_told_the_remedy(tmp_path: Path) -> None:
    lock = held(tmp_path, 1)
    assert lock is not None
    with pytest.raises(ConfigError, match=r"process 1\).*--data"):
        held(tmp_path, 2, patience=0)
    assert held(tmp_path, 1) is None
    lock.close()
    again = held(tmp_path, 2, patience=0)
    assert again is not None
    again.close()
