"""Stores of blocks, addressed by what they hold; nothing they return is believed unchecked.

A block is bytes of at most 256 KiB: a sealed backup, or a piece of a sealed archive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mip_cli.crypto.cid import Cid, cid_of, parse_cid
from mip_cli.errors import EnvironmentFault, FileInvalid
from mip_cli.store import files

MAX_BLOCK = 256 * 1024
"""Bytes of a block; every IPFS implementation transports that much in one piece."""


class BlockMissing(EnvironmentFault):
    """The store does not have the block."""


class StoreUntrusted(EnvironmentFault):
    """The store contradicts what this machine computed."""


class BlockStore(Protocol):
    """A place for blocks."""

    def put(self, block: bytes) -> Cid:
        """Keep a block and return its content id; keeping it twice is no failure.

        Raises ``EnvironmentFault``; ``ValueError`` for a block that is too large.
        """

    def get(self, cid: Cid) -> bytes:
        """Return a block whose content id was computed again here.

        Raises ``BlockMissing``, ``StoreUntrusted`` for other content, ``NetworkDown``.
        """

    def has(self, cid: Cid) -> bool:
        """Tell whether the store says that it holds a block; only ``get`` proves it."""


class FolderBlocks:
    """A folder with one file per block, named by its content id."""

    def __init__(self, folder: Path, *, suffix: str = "") -> None:
        self._folder = folder
        self._suffix = suffix

    def path(self, cid: Cid) -> Path:
        """Return where a block lies; raise ``ValueError`` for what is no content id."""
        return self._folder / f"{parse_cid(cid)}{self._suffix}"

    def put(self, block: bytes) -> Cid:
        """See ``BlockStore``; durable on return, the file is private (0600)."""
        cid = cid_of(require_size(block))
        path = self.path(cid)
        files.ensure_private_dir(self._folder)
        if not self._is_whole(path, cid):  # two writers write the same bytes: no lock is needed
            files.atomic_write(path, block)
        return cid

    def get(self, cid: Cid) -> bytes:
        """See ``BlockStore``."""
        path = self.path(cid)
        if not path.exists():
            raise BlockMissing(f"the folder {self._folder} does not hold {cid}")
        block = files.read_bounded(path, MAX_BLOCK, what="block")
        if cid_of(block) != cid:
            raise StoreUntrusted(f"{path} does not hold what its name says", hint=_OTHER_COPY)
        return block

    def has(self, cid: Cid) -> bool:
        """See ``BlockStore``."""
        return self.path(cid).exists()

    def _is_whole(self, path: Path, cid: Cid) -> bool:
        try:
            return cid_of(files.read_bounded(path, MAX_BLOCK, what="block")) == cid
        except (FileInvalid, EnvironmentFault):
            return False


def require_size(block: bytes) -> bytes:
    """Return a block unchanged; raise ``ValueError`` when it is too large for a store."""
    if len(block) > MAX_BLOCK:
        raise ValueError(f"a block has at most {MAX_BLOCK} bytes")
    return block


_OTHER_COPY = "it was altered or damaged: use another copy"
