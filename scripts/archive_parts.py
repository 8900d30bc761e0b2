"""What the archive of the vectors is made of: its records, its blocks, its "random" values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mip_cli.crypto.archive_blocks import Block
from mip_cli.crypto.cid import Link

SECRET = 0x2A
ANCHOR = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
RECORDS = (
    ("finance", "2026/salary.json", b'{"currency": "EUR", "income": 41000}'),
    ("health", "blood.json", b'{"kind": "blood group", "text": "0+"}'),
    ("health", "allergies.json", b'{"kind": "allergy", "text": "none"}'),
)
NOW = 1_800_000_000


class Memory:
    """Blocks of the vector."""

    uri = "sqlite"
    label = "memory"

    def __init__(self) -> None:
        self.kept: dict[Link, bytes] = {}

    def put(self, some: Sequence[Block]) -> None:
        self.kept.update((block.cid, block.data) for block in some)

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        return [self.kept[name] for name in cids]

    def publish(self, root: Link, previous: Link | None) -> None:
        pass

    def delete(self, cids: Sequence[Link]) -> None:
        for name in cids:
            self.kept.pop(name, None)

    def listing(self) -> None:
        return None

    def close(self) -> None:
        pass


class Drawn:
    """Every "random" value, in order."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.sha256(f"mip archive vector {self.count}".encode()).digest()[:size]
