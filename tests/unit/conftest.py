"""What is slow to make and never changes: sealed once, copied for each test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.store import files
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Home, Opened

CITY_PASSWORD = b"a password of the city"
CITY_HOME = Home(31337, checksum("0x" + "11" * 20), 7)


@pytest.fixture(scope="session")
def make_city(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Opened]:
    """Return what lays the file of a registered issuer into a data folder and gives it open.

    Its password is stretched once a session, as expensively as any; the files are each test's own.
    """
    made = store.create(tmp_path_factory.mktemp("city"), "city", "City of Example", CITY_PASSWORD)
    settled = store.settle(made, CITY_HOME)
    sealed = settled.box.path.read_bytes()

    def make(data_dir: Path) -> Opened:
        path = store.path_of(data_dir, "city")
        files.ensure_private_dir(path.parent)
        files.atomic_write(path, sealed, overwrite=False)
        return replace(settled, box=replace(settled.box, path=path))

    return make
