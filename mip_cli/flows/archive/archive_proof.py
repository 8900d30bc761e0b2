"""Proofs about the log of an archive: made by its holder, checked by anyone without a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mip_cli.chain.archive_anchor import ArchiveAnchor
from mip_cli.config import Settings
from mip_cli.crypto import archive_proof, dagcbor, merkle_log
from mip_cli.crypto.archive_keys import anchor_salt
from mip_cli.crypto.archive_proof import AnchorOpening, LogProof, Since
from mip_cli.errors import ProofInvalid, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.archive import archive_anchor
from mip_cli.flows.archive.archive_records import Session
from mip_cli.progress import Progress
from mip_cli.store.archive.log import Act, LogEntry, opens, read_leaf


@dataclass(frozen=True)
class Checked:
    """What holds for a proof."""

    act: Act
    """What was done."""
    at: int
    """Unix time, as the holder wrote it down."""
    number: int
    """Its place in the log."""
    about: Mapping[str, Any] | None
    """What it was about, where the proof shows it."""
    size: int
    """Acts in the log that the proof is about."""
    since: int | None
    """Acts in the earlier log that it goes on from."""
    anchored: bool
    """Whether a chain was asked and holds the commitment; without it, the log is a claim."""


def entries(session: Session) -> list[LogEntry]:
    """Return the acts of the log after checking that they lead to its root."""
    session.archive.log.leaf_hashes()
    return list(session.archive.log)


def make(
    settings: Settings,
    session: Session,
    number: int,
    progress: Progress,
    *,
    since: int | None = None,
    show: bool = False,
    offline: bool = False,
) -> LogProof:
    """Prove that an act stands in the log, under its newest anchor where one covers it.

    ``since`` adds the proof that the log goes on from its first so many acts, ``show`` what the act
    was about. Raises ``UsageFault`` for acts that there are not.
    """
    log = session.archive.log
    if not 0 <= number < len(log):
        raise UsageFault(f"the log has no act {number}", hint=f"it has {len(log)}, from 0")
    hashes = log.leaf_hashes()
    size, opening = len(hashes), None
    if not offline:
        progress.step("asking the chain")
        size, opening = _anchored(settings, session, number, size)
    if since is not None and not 0 < since <= size:
        raise UsageFault(f"the proof is about {size} acts", hint="--since takes fewer, from 1")
    entry, covered = log[number], hashes[:size]
    if show and (entry.salt is None or entry.detail is None):
        raise UsageFault(f"what act {number} was about is erased", hint="leave --show out")
    return LogProof(
        leaf=entry.leaf,
        index=number,
        size=size,
        root=merkle_log.root_of(merkle_log.peaks_of(covered)),
        path=tuple(merkle_log.inclusion_path(covered, number)),
        detail=(entry.salt, entry.detail) if show and entry.salt and entry.detail else None,
        since=None if since is None else _since(covered, since),
        anchor=opening,
    )


def encode(proof: LogProof) -> bytes:
    """Write a proof as the file that others check."""
    return archive_proof.encode(proof)


def check(settings: Settings, data: bytes, progress: Progress, *, offline: bool) -> Checked:
    """Check a proof; raise ``ProofInvalid`` for one that does not hold, ``WrongChain``."""
    try:
        proof = archive_proof.decode(data)
        act, at, number, digest = read_leaf(proof.leaf)
    except ValueError as error:
        raise ProofInvalid(f"the proof cannot be read: {error}") from None
    if number != proof.index or not proof.sound:
        raise ProofInvalid("the proof does not lead from the act to the log that it names")
    about = None
    if proof.detail is not None:
        salt, detail = proof.detail
        if not opens(digest, salt, detail):
            raise ProofInvalid("what the proof shows of the act is not what was logged")
        about = _about(detail)
    anchored = False
    if proof.anchor is not None and not offline:
        progress.step("asking the chain")
        _require_anchored(settings, proof.anchor, proof.commitment or b"")
        anchored = True
    since = None if proof.since is None else proof.since.size
    return Checked(act, at, number, about, proof.size, since, anchored)


def _anchored(
    settings: Settings, session: Session, number: int, size: int
) -> tuple[int, AnchorOpening | None]:
    """Return size and opening of the newest anchored log that holds an act."""
    with connection.connect(settings) as link:
        anchor, nullifier = archive_anchor.of_passport(session, link)
        sequence = anchor.sequence_of(nullifier)
        committed = anchor.commitment_at(nullifier, sequence)
        notes = archive_anchor.notes_at(session, link, anchor.address)
        note = archive_anchor.matching(session, notes, sequence, committed)
        if note is None or note.size <= number:
            return size, None
        salt = anchor_salt(session.archive.anchor_key, sequence)
        opening = AnchorOpening(link.chain_id, anchor.address, nullifier, sequence, salt)
        return note.size, opening


def _require_anchored(settings: Settings, opening: AnchorOpening, commitment: bytes) -> None:
    with connection.connect(settings) as link:
        contract = link.deployment.archive_anchor
        if (opening.chain_id, opening.contract) != (link.chain_id, contract):
            raise WrongChain(
                f"the proof is anchored on chain {opening.chain_id} at {opening.contract}, this "
                f"node serves chain {link.chain_id} with {contract}"
            )
        anchor = ArchiveAnchor(link.rpc, contract)
        if anchor.commitment_at(opening.nullifier, opening.sequence) != commitment:
            raise ProofInvalid("the chain holds no such anchor of this log")


def _since(hashes: list[bytes], size: int) -> Since:
    root = merkle_log.root_of(merkle_log.peaks_of(hashes[:size]))
    return Since(size, root, tuple(merkle_log.consistency_path(hashes, size)))


def _about(detail: bytes) -> Mapping[str, Any]:
    try:
        found = dagcbor.decode(detail)
        if isinstance(found, dict) and all(isinstance(name, str) for name in found):
            return found
    except ValueError:
        pass
    raise ProofInvalid("what the proof shows of the act cannot be read")
