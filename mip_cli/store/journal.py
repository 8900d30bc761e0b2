"""Signed transactions on disk before anybody sees them (protocol section 8).

One small file per transaction, written whole or not at all, so that a kill at any moment leaves
either no transaction or one that the next run finds and sends again as it is. Everything in it is
public on a chain sooner or later, but it does tell which address this machine sends from.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.models import Intent, JournalEntry, TransactionState
from mip_cli.store import files
from mip_cli.units import Address

FORMAT = "mip.journal/1"
MAX_RAW = 256 * 1024
"""Bytes of a signed transaction; nodes take 128 KiB."""
MAX_SETTLED = 256
"""Confirmed and failed transactions kept per sender; older ones are deleted."""

_MAX_FILE = 4 * MAX_RAW
_MAX_LABEL = 256
_WHAT = "journal entry"
_OPEN = (TransactionState.SIGNED, TransactionState.SENT)


_Version = tuple[int, int, int]
"""What tells a replaced file: inode, time of change in nanoseconds, size."""


@dataclass(frozen=True)
class _Record:
    path: Path
    created: int
    entry: JournalEntry


class FileJournal:
    """The journal below one folder; satisfies ``chain.journal.Journal``."""

    def __init__(self, directory: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._directory = directory
        self._clock = clock
        self._settled: dict[Path, dict[Path, tuple[_Version, _Record]]] = {}

    def sending(
        self, chain_id: int, sender: Address, *, patience: float | None = None
    ) -> AbstractContextManager[None]:
        """Hold the right to choose the sender's next nonce, for a ``with`` statement.

        Raises ``KeyLocked`` when another process keeps it for longer than ``patience`` seconds.
        """
        folder = files.ensure_private_dir(self._folder(chain_id, sender))
        return files.lock(folder / "sending", what=f"the account {sender}", patience=patience)

    def begin(self, intent: Intent) -> None:
        """Write an intent down; durable on return. The same intent twice is one entry.

        Raises ``UsageFault`` while another transaction with this nonce is open: nothing is signed
        anew until the old one is confirmed or marked as failed.
        Raises ``ValueError`` when the hash is not the hash of the raw transaction.
        """
        _check(intent)
        folder = files.ensure_private_dir(self._folder(intent.chain_id, intent.sender))
        path = folder / f"{intent.nonce:020d}-{intent.tx_hash.hex()}.json"
        with files.lock(folder / "entries", what=f"the journal of {intent.sender}"):
            # whoever was killed while writing had another hash: nobody writes that name again
            files.remove_leftovers_in(folder)
            records = self._records(folder)
            if any(record.path == path for record in records):
                return
            for record in records:
                if record.entry.intent.nonce == intent.nonce and record.entry.state in _OPEN:
                    raise UsageFault(
                        f"transaction {intent.nonce} of {intent.sender} is still open",
                        hint="run the interrupted command again; it sends the same transaction",
                    )
            entry = JournalEntry(intent, TransactionState.SIGNED)
            files.atomic_write(path, _serialize(entry, self._clock()), overwrite=False)
            _prune(records)

    def mark_sent(self, tx_hash: bytes) -> None:
        """Note that a node took the transaction, or that a re-org made it pending again."""
        self._change(tx_hash, TransactionState.SENT)

    def mark_confirmed(self, tx_hash: bytes, block: int) -> None:
        """Note the block in which the transaction became final."""
        self._change(tx_hash, TransactionState.CONFIRMED, block=block)

    def mark_failed(self, tx_hash: bytes, reason: str) -> None:
        """Note that the transaction reverted or can never be mined."""
        self._change(tx_hash, TransactionState.FAILED, reason=reason[:1000])

    def pending(self, chain_id: int, sender: Address) -> list[JournalEntry]:
        """Return what is neither confirmed nor failed, lowest nonce first."""
        folder = self._folder(chain_id, sender)
        entries = [record.entry for record in self._records(folder)]
        return [entry for entry in entries if entry.state in _OPEN]

    def find(self, label: str) -> JournalEntry | None:
        """Return the newest entry of a label among all chains and senders, or None."""
        if not self._directory.is_dir():
            return None
        folders = sorted(path for path in self._directory.iterdir() if path.is_dir())
        records = [record for folder in folders for record in self._records(folder)]
        found = [record for record in records if record.entry.intent.label == label]
        return max(found, key=_age).entry if found else None

    def _records(self, folder: Path) -> list[_Record]:
        """Read what lies in a folder; what is settled is read again only where it was replaced."""
        records = []
        known = self._settled.get(folder, {})
        settled = self._settled[folder] = {}
        for path in sorted(folder.glob("[0-9]*.json")):  # names start with the padded nonce
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue  # settled long ago, and another process has just pruned it
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            before, record = known.get(path, (None, None))
            if record is None or before != version:
                record = _load(path)
            if record.entry.state not in _OPEN:
                settled[path] = version, record
            records.append(record)
        return records

    def _folder(self, chain_id: int, sender: Address) -> Path:
        return self._directory / f"{int(chain_id)}-{_sender_text(sender)}"

    def _change(
        self, tx_hash: bytes, state: TransactionState, *, block: int | None = None, reason: str = ""
    ) -> None:
        paths = list(self._directory.glob(f"*/*-{tx_hash.hex()}.json"))
        if len(paths) != 1:
            raise ValueError("the journal has no such transaction")
        path = paths[0]
        with files.lock(path.parent / "entries", what="the journal"):
            record = _load(path)
            entry = replace(record.entry, state=state, block=block, reason=reason)
            if entry != record.entry:
                files.atomic_write(path, _serialize(entry, record.created))


def _age(record: _Record) -> tuple[int, int]:
    return record.created, record.entry.intent.nonce


def _prune(records: list[_Record]) -> None:
    settled = sorted((r for r in records if r.entry.state not in _OPEN), key=_age)
    for record in settled[:-MAX_SETTLED]:
        files.remove_file(record.path)


def _check(intent: Intent) -> None:
    if not 0 < len(intent.raw) <= MAX_RAW:
        raise ValueError(f"a signed transaction has 1 to {MAX_RAW} bytes")
    if keccak256(intent.raw) != intent.tx_hash:
        raise ValueError("the hash is not that of the signed transaction")
    if not 0 <= intent.nonce < 1 << 64 or not 0 < intent.chain_id < 1 << 64:
        raise ValueError("nonce or chain id out of range")
    if len(intent.label) > _MAX_LABEL:
        raise ValueError(f"a label has at most {_MAX_LABEL} characters")
    _sender_text(intent.sender)


def _sender_text(sender: str) -> str:
    if len(sender) != 42 or not sender.startswith("0x"):
        raise ValueError("an address is 0x and 40 hex digits")
    return f"{int(sender, 16):040x}"


def _serialize(entry: JournalEntry, created: int) -> bytes:
    intent = entry.intent
    document = {
        "format": FORMAT,
        "label": intent.label,
        "chain_id": intent.chain_id,
        "sender": intent.sender,
        "nonce": intent.nonce,
        "raw": "0x" + intent.raw.hex(),
        "tx_hash": "0x" + intent.tx_hash.hex(),
        "genesis": "0x" + intent.genesis.hex(),
        "created_ns": str(created),
        "state": entry.state.value,
        "block": entry.block,
        "reason": entry.reason,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _load(path: Path) -> _Record:
    data = files.read_bounded(path, _MAX_FILE, what=_WHAT, follow_symlinks=False)
    try:
        record = _parse(path, jsontext.parse(data))
        _check(record.entry.intent)
        if _serialize(record.entry, record.created) != data:
            raise ValueError("another spelling")
    except (ValueError, TypeError, KeyError, AttributeError):
        # never skipped: an unreadable entry may be a transaction that is on its way
        raise FileInvalid(
            f"the {_WHAT} {path} is damaged",
            hint="look up the sender's transactions before you delete it",
        ) from None
    return record


def _parse(path: Path, document: Any) -> _Record:
    if document["format"] != FORMAT:
        raise ValueError("another format")
    intent = Intent(
        label=document["label"],
        chain_id=document["chain_id"],
        sender=Address(document["sender"]),
        nonce=document["nonce"],
        raw=bytes.fromhex(document["raw"][2:]),
        tx_hash=bytes.fromhex(document["tx_hash"][2:]),
        genesis=bytes.fromhex(document["genesis"][2:]),
    )
    state = TransactionState(document["state"])
    entry = JournalEntry(intent, state, document["block"], document["reason"])
    return _Record(path, int(document["created_ns"]), entry)
