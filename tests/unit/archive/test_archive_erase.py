"""What is erased from the archive leaves nothing that opens it, and nothing ever lay in clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from mip_cli.crypto import archive_blocks
from mip_cli.crypto.archive_blocks import CHUNK
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.errors import UsageFault
from mip_cli.store.archive.log import Act
from tests.unit.archive_support import Kept, pattern, reader


def test_erase__leaves_neither_block_nor_key_nor_name(kept: Kept, tmp_path: Path) -> None:
    kept.put("health", "diagnosis.txt", pattern(2 * CHUNK))
    kept.put("health", "other.txt", b"stays")
    old_key, old_root = kept.key, kept.head.root
    with kept.blocks() as store:
        stolen = dict(zip(kept.names(), store.get(kept.names()), strict=True))
    kept.erase("health", "diagnosis.txt")
    assert kept.paths() == {"health": ["other.txt"]}
    assert kept.get("health", "other.txt") == b"stays"
    assert kept.key.generation == 1
    with pytest.raises(UsageFault, match=r"no diagnosis.txt"):
        kept.get("health", "diagnosis.txt")
    with kept.open() as archive:
        assert [entry.act for entry in archive.log] == [Act.CREATE, Act.PUT, Act.PUT, Act.ERASE]
        assert [entry.about is None for entry in archive.log] == [False, True, False, False]
        assert archive.log.leaf_hashes()
    kept.audit()
    # whoever kept every old block needs an old key; today's opens none of it
    owner, block = kept.owner, stolen[old_root]
    assert archive_blocks.open_root(old_key, owner, block).key == old_key
    with pytest.raises(archive_blocks.BlockInvalid, match="older than the archive key"):
        archive_blocks.open_root(kept.key, owner, block)
    forced = ArchiveKey(kept.key.key, 0)
    with pytest.raises(archive_blocks.BlockInvalid, match="does not open"):
        archive_blocks.open_root(forced, owner, block)


def test_erase__older_key_still_finds_the_archive(kept: Kept) -> None:
    """As of a backup of the key file, or a kill before the key file was written."""
    first = kept.key
    kept.put("health", "a", b"1")
    for number in range(3):
        kept.put("health", f"b{number}", b"2")
        kept.erase("health", f"b{number}")
    later = kept.key
    kept.key = first
    assert kept.get("health", "a") == b"1"
    assert kept.key == later


def test_erase__epoch_key_of_the_category_alone_is_new(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    kept.put("finance", "a", b"1")
    with kept.open() as archive:
        before = dict(archive._states)
    kept.erase("health", "a")
    with kept.open() as archive:
        after = dict(archive._states)
    assert after["health"].epoch == 1
    assert after["health"].epoch_key != before["health"].epoch_key
    assert after["finance"] == before["finance"]


@pytest.mark.thorough
def test_erase__whole_category(kept: Kept) -> None:
    for number in range(5):
        kept.put("social", f"{number}", b"x")
    kept.erase("social")
    assert kept.paths() == {"social": []}
    assert kept.audit().records == 0
    with pytest.raises(UsageFault, match="nothing in finance"):
        kept.erase("finance", "a")


def test_disk__holds_nothing_in_clear(kept: Kept, tmp_path: Path) -> None:
    canary = b"canary-content-4711"
    with kept.open() as archive:
        archive.add_category("canary-category", b'{"title": "canary-schema"}')
        archive.put(
            "canary-category", "canary-path", "canary/type", 3000, reader((canary * 200)[:3000])
        )
        archive.commit()
    kept.erase("canary-category", "canary-path")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file
