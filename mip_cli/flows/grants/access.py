"""The grantee's side: keys, a card, and opening what a holder granted.

It works on any machine with the bundle, the blocks, a node and the grantee's own key. The chain is
asked first and the view is tried; the access receipt is durable before the use is sent, the use is
on chain before anything is written or shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.chain.app import App
from mip_cli.chain.grants import GrantState
from mip_cli.chain.keys import Signer
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings, public_file_mode
from mip_cli.crypto import grant_bundle, grant_card
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import FileInvalid, PermissionAbsent, UsageFault, WrongSecret
from mip_cli.flows import connection
from mip_cli.flows.grants import access_chain, access_source, grant_proof, grant_terms
from mip_cli.flows.grants.access_source import Source
from mip_cli.flows.passport import verify
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store import files, grantees
from mip_cli.store.archive import car
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.manifest import Record
from mip_cli.store.grantees import Accesses, Grantee, Opened
from mip_cli.units import Address

MAX_BUNDLE = grant_bundle.MAX_BYTES

Clock = Callable[[], float]


class OlderBundle(PermissionAbsent):
    """A newer bundle of the grant was opened here before."""


@dataclass(frozen=True)
class Checked:
    """A bundle that is for this grantee, signed, and of a grant that is in force."""

    bundle: Bundle
    state: GrantState
    """What the chain has of it."""
    opened_before: int
    """How often it was opened on this machine."""


@dataclass(frozen=True)
class Accessed:
    """What was opened."""

    bundle: Bundle
    receipt: AccessReceipt
    """For the holder."""
    receipt_path: Path
    """Where it lies."""
    records: tuple[Record, ...]
    """What was written; nothing at levels 0 and 1."""
    aggregates: Any
    """The numbers of level 1, else None."""
    proof: verify.Verified | None
    """What holds for the proof of level 0, else None."""
    transaction: Receipt | None
    """The use; None where the grantee's contract made it, or an earlier run."""
    uses_left: int


def init(
    settings: Settings,
    name: str,
    title: str,
    password: bytes,
    progress: Progress,
    *,
    kem: Kem = Kem.X25519,
    account: Signer | None = None,
    purpose: str | None = None,
    contract: Address | None = None,
    clock: Clock | None = None,
) -> Opened:
    """Draw a grantee's keys and make its card: for an account that signs it, or for a contract.

    A contract states its purpose itself, and has to state the card's key hash before holders take
    the card. Raises ``UsageFault`` when the name is taken.
    """
    if grantees.path_of(settings.data_dir, name).exists():
        raise UsageFault(f"there is a grantee named {name}", hint="choose another name")
    keys, signer = grantees.new_keys(kem)
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        address = contract or (account.address if account else None)
        if address is None or (contract is None) == (account is None):
            raise UsageFault("a grantee is an account or a contract")
        if contract is not None:
            purpose = App(link.rpc, contract).request(link.chain_id, bytes(32)).purpose
        card = Card(
            name=title,
            kind=GranteeKind.ACCOUNT if account else GranteeKind.CONTRACT,
            chain_id=link.chain_id,
            address=address,
            purpose=purpose or "",
            kem=kem,
            public_key=keys.public,
            signing_key=signer.public,
            created=int((clock or link.clock)()),
            signature=None,
        )
    _require_shown(card)
    if account is not None:
        card = replace(card, signature=account.sign_digest(card.digest))
    grant_card.FORM.encode(card)
    content = Grantee(keys, signer, card)
    return grantees.create(settings.data_dir, name, content, password)


def unlock(settings: Settings, name: str, password: bytes, progress: Progress) -> Opened:
    """Open a grantee's file; raise ``UsageFault``, ``WrongSecret``, ``FileInvalid``."""
    progress.step("opening the grantee's file")
    return grantees.open_with_password(settings.data_dir, name, password)


def card(opened: Opened) -> bytes:
    """Return a grantee's card, to be given to holders."""
    return grant_card.FORM.encode(opened.content.card)


def check(
    settings: Settings, grantee: Opened, data: bytes, progress: Progress, *, older: bool = False
) -> Checked:
    """Tell whether a bundle can be opened now; opens and uses nothing.

    Raises ``FileInvalid`` for a broken or forged bundle, ``UsageFault`` for another's,
    ``PermissionAbsent`` with the reason when the chain does not allow it, ``WrongChain``,
    ``OlderBundle`` where a newer one was opened here, unless ``older`` is taken.
    """
    bundle = read_bundle(grantee, data)
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        state = access_chain.require_granted(link, bundle)
    accesses = Accesses(settings.data_dir, grantee.name)
    _require_newest(accesses, bundle, older=older)
    done = accesses.finished(bundle.receipt.id)
    return Checked(bundle, state, len(done))


def fetch(
    settings: Settings,
    grantee: Opened,
    data: bytes,
    source: Source,
    output: Path,
    progress: Progress,
    *,
    overwrite: bool = False,
) -> int:
    """Bring the blocks of a bundle here, still encrypted, as a CAR file; return their number.

    It uses nothing: the blocks are public to whoever has the store.
    """
    bundle = read_bundle(grantee, data)
    if bundle.view is None:
        raise UsageFault(
            "a bundle of level 0 has no blocks", hint="it is a proof: open it with mip access open"
        )
    progress.step("fetching blocks")
    with (
        access_source.blocks(source, bundle.view, progress) as store,
        files.atomic_stream(output, mode=public_file_mode(), overwrite=overwrite) as write,
    ):
        return car.export(store, bundle.view, write, progress)


def open_bundle(
    settings: Settings,
    grantee: Opened,
    data: bytes,
    source: Source,
    output: Path,
    purse: Purse | None,
    progress: Progress,
    *,
    older: bool = False,
) -> Accessed:
    """Use a grant once and write what it shows to a new folder, whole or not at all.

    ``purse`` is the grantee's account; it is not needed where the grantee is a contract, which uses
    the grant in a call of its own, once for each opening. A run that was cut off goes on without a
    second use. ``older`` takes a bundle that is older than one opened here. Raises what ``check``
    raises, ``BlockMissing``, ``BlockDamaged``.
    """
    if output.exists() or output.is_symlink():
        raise UsageFault(f"{output} exists", hint="name a folder that does not exist yet")
    if not output.absolute().parent.is_dir():
        raise UsageFault(f"there is no folder {output.absolute().parent}", hint="make it first")
    bundle = read_bundle(grantee, data)
    key = None if bundle.view is None else _key(grantee, bundle)
    accesses = Accesses(settings.data_dir, grantee.name)
    progress.step("asking the chain")
    with connection.connect(settings) as link, _store(source, bundle, progress) as store:
        sender = None if purse is None else sender_of(settings, link, purse)
        use = access_chain.Use(link, grantee, bundle, accesses, sender)
        paid = use.paid(progress)
        access_chain.require_granted(link, bundle, paid=paid is not None)
        _require_newest(accesses, bundle, older=older)
        progress.step("looking whether all is there")
        ready = access_source.opened(store, bundle, key, progress)
        proof = grant_proof.verified(settings, bundle, progress)
        receipt, sent = use.take(paid, progress)
        progress.step("decrypting")
        records, numbers = access_source.write(ready, receipt, output)
        left = grant_terms.grants_of(link).grant_of(
            bundle.receipt.pseudonym, bundle.receipt.category
        )
    path = accesses.finish(receipt)
    return Accessed(bundle, receipt, path, records, numbers, proof, sent, left.uses_left)


def read_bundle(grantee: Opened, data: bytes) -> Bundle:
    """Read a bundle that is for a grantee; raise ``FileInvalid``, ``UsageFault``."""
    bundle = grant_bundle.FORM.decode(data)
    if not grant_bundle.is_signed(bundle):
        raise FileInvalid("the bundle is not signed by the key that its receipt names")
    own, r = grantee.content.card, bundle.receipt
    # the kind decides what a proof in it is held against: it is the card's, not the holder's word
    told = (r.grantee, r.grantee_kind, r.key_hash, r.chain_id)
    if told != (own.address, own.kind, own.key_hash, own.chain_id):
        raise UsageFault(
            f"the bundle is for {r.grantee} and its key, not for {grantee.name}",
            hint="name another of your grantees with --grantee, or ask the holder to grant to the "
            "card of this one",
        )
    return bundle


def _require_newest(accesses: Accesses, bundle: Bundle, *, older: bool) -> None:
    """Raise where a newer bundle of the same grant was taken here; the chain knows no numbers."""
    newest = accesses.newest(bundle.receipt.id)
    if older or newest is None or bundle.number >= newest:
        return
    raise OlderBundle(
        f"the bundle is older than one that you opened: number {bundle.number}, after {newest}",
        hint="ask the holder for the bundle of now, or take this one with --older",
    )


def _require_shown(found: Card) -> None:
    if not is_readable(found.name) or len(found.name.encode()) > grant_card.MAX_NAME:
        raise UsageFault("a grantee's title is readable text of at most 64 bytes")
    purpose = found.purpose
    if not is_readable(purpose) or len(purpose.encode()) > grant_card.MAX_PURPOSE:
        raise UsageFault(
            "a purpose is readable text of at most 96 bytes", hint="add --purpose TEXT"
        )


def _key(grantee: Opened, bundle: Bundle) -> bytes:
    try:
        return grant_bundle.open_key(bundle, grantee.content.keys)
    except NotAuthentic:
        raise WrongSecret(
            "the key in the bundle was not sealed to this grantee",
            hint="ask the holder for a new bundle: mip grant refresh",
        ) from None


@contextmanager
def _store(source: Source, bundle: Bundle, progress: Progress) -> Iterator[BlockStore | None]:
    if bundle.view is None:
        yield None
        return
    with access_source.blocks(source, bundle.view, progress) as store:
        yield store


__all__ = [
    "Accessed",
    "Checked",
    "OlderBundle",
    "Source",
    "card",
    "check",
    "fetch",
    "init",
    "open_bundle",
    "read_bundle",
    "unlock",
]
