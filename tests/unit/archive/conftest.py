"""An archive of one holder, once in a database and once in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.archive_support import Kept


@pytest.fixture(params=["sqlite", "folder"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    store = "sqlite" if request.param == "sqlite" else f"folder:{tmp_path / 'blocks'}"
    return Kept(tmp_path / "archives" / "holder", store)
