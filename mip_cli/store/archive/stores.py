"""From the name of a store to the store."""

from __future__ import annotations

from pathlib import Path

from mip_cli.errors import UsageFault
from mip_cli.store.archive.blocks import BlockStore

KINDS = "sqlite, folder:PATH, ipfs:http://HOST:PORT, s3://BUCKET/PREFIX?endpoint=URL"
"""What can be named."""
DEFAULT = "sqlite"
"""One SQLite file beside the head."""


def open_store(name: str, home: Path) -> BlockStore:
    """Open a store; ``home`` is the archive's own folder. Raises ``UsageFault`` for other names."""
    kind, _, rest = name.partition(":")
    match kind:
        case "sqlite":
            from mip_cli.store.archive.sqlite import SqliteStore

            return SqliteStore(Path(rest) if rest else home / "blocks.sqlite", name)
        case "folder" if rest:
            from mip_cli.store.archive.folder import FolderStore

            return FolderStore(Path(rest))
        case "ipfs" if rest:
            from mip_cli.store.archive.ipfs import IpfsStore

            return IpfsStore(rest)
        case "s3" if rest:
            from mip_cli.store.archive.s3 import S3Store

            return S3Store(name)
    raise UsageFault("this is no store of blocks", hint=f"one of: {KINDS}")


def absolute(name: str, cwd: Path) -> str:
    """Return the name that means the same from every folder."""
    kind, _, rest = name.partition(":")
    if kind in ("sqlite", "folder") and rest:
        return f"{kind}:{cwd / Path(rest).expanduser()}"
    return name
