"""The archive: records by the thousand, one large file, in the default store.

The measuring runs in a process of its own, so that its peak of memory is the archive's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import ROOT, Context, Figures, memory_of
from mip_cli.crypto.archive_keys import ArchiveKey, new_key
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.grant_kem import random_keys as random_kem_keys
from mip_cli.crypto.grant_signing import random_keys as random_signer_keys
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.grants import Ending, GrantRecord, GrantState, ended
from mip_cli.store.archive.opening import open_archive
from mip_cli.store.archive.view_reader import ViewReader
from mip_cli.units import Address, Nullifier

RECORDS = 10_000
CATEGORIES = ("education", "finance", "health", "other")
FILE_BYTES = 1 << 30
_PIECE = 1 << 20
_OWNER = b"o" * 32
_GRANTEE = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")


def measure(context: Context) -> Figures:
    """Measure records and a file, each in a fresh archive."""
    figures: Figures = {}
    for name in ("records", "grants", "file"):
        context.say(f"archive: {name}")
        with tempfile.TemporaryDirectory(prefix="mip-bench-archive-") as folder:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.archive", name, folder],
                cwd=ROOT / "scripts",
                capture_output=True,
                check=True,
                timeout=600,
            )
        figures |= json.loads(done.stdout)
    return figures


def records(folder: Path) -> Figures:
    """Put 10,000 records of 0.5 KB, then work with the archive that holds them."""
    figures: Figures = {}
    home, key = folder / "archive", new_key()
    with open_archive(home, _OWNER, key, create="sqlite") as archive:
        started, cpu = time.perf_counter(), time.process_time()
        for number in range(RECORDS):
            category = CATEGORIES[number % len(CATEGORIES)]
            archive.put_record(category, f"records/{number:05}.json", _record(number))
        figures["archive.put_record_us"] = (time.perf_counter() - started) / RECORDS * 1e6
        figures["archive.put_record_cpu_us"] = (time.process_time() - cpu) / RECORDS * 1e6
        figures["archive.commit_10000_seconds"] = _seconds(archive.commit)
        small = open_and_commit(folder / "small", new_key(), figures=None)
    figures["archive.commit_seconds"] = open_and_commit(home, key, figures=figures)
    figures["archive.commit_growth"] = figures["archive.commit_seconds"] / small
    with open_archive(home, _OWNER, key) as archive:

        def erase() -> None:
            archive.erase("health", ["records/00002.json"])
            archive.commit()

        figures["archive.erase_seconds"] = _seconds(erase)
    return figures


def grants(folder: Path) -> Figures:
    """Grant a category of 2,500 among 10,000 records to three, then end two of them."""
    figures: Figures = {}
    home, key = folder / "archive", new_key()
    given = [_granted(number, level) for number, level in enumerate((2, 3, 3), 1)]
    with open_archive(home, _OWNER, key, create="sqlite") as archive:
        for number in range(RECORDS):
            category = CATEGORIES[number % len(CATEGORIES)]
            archive.put_record(category, f"records/{number:05}.json", _record(number))
        archive.commit()

        def give() -> None:
            archive.keep_grant(given[0])
            archive.renew_view(given[0], rebuild=True)
            archive.commit()

        figures["archive.view_2500_seconds"] = _seconds(give)
        for one in given[1:]:
            archive.keep_grant(one)
            archive.renew_view(one, rebuild=True)
        archive.commit()

        def end(record: GrantRecord, *, eager: bool) -> None:
            archive.keep_grant(ended(record, Ending.REVOKED))
            archive.advance_epoch("health")
            archive.note_revoke(record)
            if eager:
                archive.reseal("health")
            archive.commit()

        figures["archive.revoke_lazy_seconds"] = _seconds(lambda: end(given[1], eager=False))
        figures["archive.revoke_eager_seconds"] = _seconds(lambda: end(given[2], eager=True))
        record = archive.grants.require("grant-1")
        grant_key = archive.grant_key("health", record.id)
        view = record.view

        def read() -> None:
            if view is None:
                raise ValueError("a grant of level 2 has a view")
            reader = ViewReader(archive.store, record.place, view, grant_key, 2)
            for shown in reader.records():
                for _ in reader.read(shown):
                    pass

        figures["archive.view_read_2500_seconds"] = _seconds(read)
    return figures


def _granted(number: int, level: int) -> GrantRecord:
    keys, signer = random_kem_keys(Kem.X25519), random_signer_keys()
    card = Card(
        name="Bench",
        kind=GranteeKind.CONTRACT,
        chain_id=31337,
        address=_GRANTEE,
        purpose="measure",
        kem=Kem.X25519,
        public_key=keys.public,
        signing_key=signer.public,
        created=1,
        signature=None,
    )
    receipt = ConsentReceipt(
        record_id=os.urandom(16),
        salt=os.urandom(32),
        pseudonym=Nullifier(number),
        grantee=card.address,
        grantee_name=card.name,
        grantee_kind=card.kind,
        key_hash=card.key_hash,
        purpose=card.purpose,
        category="health",
        level=level,
        created=1,
        expires=2,
        uses=1,
        chain_id=31337,
        contract=_GRANTEE,
        bundle_key=signer.public,
    )
    return GrantRecord(f"grant-{number}", receipt, card, signer.private, GrantState.GRANTED)


def open_and_commit(home: Path, key: ArchiveKey, figures: Figures | None) -> float:
    """Return the seconds of a commit of one record; with figures, open and read a category too."""
    with open_archive(home, _OWNER, key, create="sqlite") as archive:
        if figures is not None:
            figures["archive.open_2500_ms"] = 1e3 * _seconds(
                lambda: list(archive.records("health"))
            )
            figures["archive.read_2500_ms"] = 1e3 * _seconds(lambda: _read_all(archive))
        times = []
        for number in range(9):
            archive.put_record("health", f"more/{number}.json", _record(number))
            times.append(_seconds(archive.commit))
    return sorted(times)[len(times) // 2]


def file(folder: Path) -> Figures:
    """Put and get one GiB."""
    figures: Figures = {}
    piece = os.urandom(_PIECE)
    left = FILE_BYTES

    def read(size: int) -> bytes:
        nonlocal left
        size = min(size, left, _PIECE)
        left -= size
        return piece[:size]

    with open_archive(folder / "archive", _OWNER, new_key(), create="sqlite") as archive:

        def put() -> None:
            archive.put("other", "file", "application/octet-stream", FILE_BYTES, read)
            archive.commit()

        cpu = time.process_time()
        figures["archive.put_gib_seconds"] = _seconds(put)
        figures["archive.put_gib_cpu_seconds"] = time.process_time() - cpu
        found = archive.find("other", "file")
        cpu = time.process_time()
        figures["archive.get_gib_seconds"] = _seconds(
            lambda: sum(len(part) for part in archive.read(found))
        )
        figures["archive.get_gib_cpu_seconds"] = time.process_time() - cpu
    # not getrusage: its peak counts the parent's memory, which a fork shows for a moment
    figures["archive.rss_mib"] = memory_of(os.getpid())[1]
    return figures


def _record(number: int) -> bytes:
    text = f"{number:08} " * 48
    return json.dumps({"kind": "note", "text": text, "value": number}).encode()


def _read_all(archive: Archive) -> int:
    return sum(len(body) for _, body in archive.read_all("health"))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    wanted, where = sys.argv[1], Path(sys.argv[2])
    print(json.dumps({"records": records, "grants": grants, "file": file}[wanted](where)))
