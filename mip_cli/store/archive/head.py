"""The head: which root an archive has now; ``<data>/archives/<passport>/head.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import cid as links_of
from mip_cli.crypto import jsontext
from mip_cli.crypto.cid import Link
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.store import files

FORMAT = "mip.archive.head/1"
MAX_BYTES = 4096
"""Bytes of a head."""
_MAX_STORE = 1024  # characters


@dataclass(frozen=True)
class Head:
    """What stands in the file; nothing in it is secret."""

    store: str
    """Where the blocks are."""
    root: Link
    """The present root."""
    commit: int
    """Its number."""
    size: int
    """Acts in the log."""
    log_root: bytes
    """Root of the log's tree."""


def home_of(data_dir: Path, passport: str) -> Path:
    """Return the folder of a passport's archive; it may not exist yet."""
    return data_dir / "archives" / passport


def head_path(home: Path) -> Path:
    """Return where the head lies."""
    return home / "head.json"


def read_head(home: Path) -> Head:
    """Read the head; raise ``UsageFault`` where there is none, ``FileInvalid`` for a broken one."""
    path = head_path(home)
    if not path.exists():
        raise UsageFault(
            f"there is no archive of {home.name} on this device",
            hint="put something in (mip archive put), or restore it (mip archive import)",
        )
    data = files.read_bounded(path, MAX_BYTES, what="archive head", follow_symlinks=False)
    try:
        head = _decode(data)
        if _encode(head) != data:
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FileInvalid(
            f"the archive head {path} is damaged",
            hint="restore the archive: mip archive import FILE.car",
        ) from None
    return head


def write_head(home: Path, head: Head) -> None:
    """Write the head atomically and durably."""
    files.atomic_write(head_path(home), _encode(head))


def _encode(head: Head) -> bytes:
    document = {
        "format": FORMAT,
        "store": head.store,
        "root": links_of.text(head.root),
        "commit": head.commit,
        "size": head.size,
        "log_root": head.log_root.hex(),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _decode(data: bytes) -> Head:
    document = jsontext.parse(data)
    if document.pop("format") != FORMAT:
        raise ValueError
    head = Head(
        store=document.pop("store"),
        root=links_of.parse(document.pop("root")),
        commit=document.pop("commit"),
        size=document.pop("size"),
        log_root=bytes.fromhex(document.pop("log_root")),
    )
    counts = (head.commit, head.size)
    if document or not all(type(n) is int and 0 < n < 1 << 63 for n in counts):
        raise ValueError
    if len(head.log_root) != 32 or not 0 < len(head.store) <= _MAX_STORE:
        raise ValueError
    return head
