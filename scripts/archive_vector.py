"""The vectors of the archive: one small archive, and its formats with one defect each."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from archive_defects import Defects
from archive_parts import ANCHOR, NOW, RECORDS, SECRET, Drawn, Memory

from mip_cli.crypto import archive_keys
from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.progress import Silent
from mip_cli.store.archive import car
from mip_cli.store.archive import head as heads
from mip_cli.store.archive.archive import Archive


def document() -> object:
    """Return the vector."""
    rng, store = Drawn(), Memory()
    owner, key = archive_keys.owner_of(SECRET, ANCHOR), ArchiveKey(b"\x11" * 32)
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder), store, owner, key, rng=rng, clock=lambda: NOW)
        archive.start()
        for category, path, data in RECORDS:
            archive.put_record(category, path, data)
        archive.commit()
        archive.erase("health", ["allergies.json"])
        archive.note_anchor(31337, ANCHOR, 1)
        head = archive.commit()
        head_text = heads.head_path(Path(folder)).read_text()
    out = io.BytesIO()
    car.export(store, head.root, out.write, Silent())
    maker = Defects(store, archive, head, out.getvalue(), head_text, rng)
    return {
        "secret": SECRET,
        "anchor": ANCHOR,
        "owner": owner.hex(),
        "key_before": key.key.hex(),
        "key": archive.key.key.hex(),
        "generation": archive.key.generation,
        "root": cids.text(head.root),
        "log_root": head.log_root.hex(),
        "size": head.size,
        "head": head_text,
        "records": [{"category": c, "path": p, "content": d.decode()} for c, p, d in RECORDS[:2]],
        "blocks": {cids.text(name): data.hex() for name, data in sorted(store.kept.items())},
        "car": out.getvalue().hex(),
        "proof": maker.proof_text,
        "commitment": maker.commitment,
        "defects": maker.all(),
    }
