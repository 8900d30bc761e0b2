"""The holder's side: asking for a credential, keeping it, looking at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mip_cli.chain.issuers import IssuerStatus
from mip_cli.config import Settings
from mip_cli.crypto import credential as credentials
from mip_cli.crypto.field import random_salt
from mip_cli.errors import CredentialInvalid, FileInvalid, MipError
from mip_cli.flows import connection
from mip_cli.flows.kyc import credential_file, keeping, kyc_issuer
from mip_cli.flows.kyc.credential_file import Credential, Request
from mip_cli.flows.kyc.keeping import ArchiveAway, Kept, Place
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.progress import Progress
from mip_cli.store.credentials import Held

Clock = Callable[[], float]


@dataclass(frozen=True)
class HeldView:
    """What may be shown of a credential to its holder."""

    id: str
    created: int
    """Unix time of the request."""
    credential: Credential | None
    """None while the issuer has not answered."""
    place: Place = Place.DEVICE
    """Where it is kept."""
    fault: MipError | None = None
    """Why it waits on this device although the passport has an archive."""


@dataclass(frozen=True)
class Listing:
    """All that a holder keeps, as far as it can be read."""

    found: tuple[HeldView, ...]
    fault: MipError | None
    """What hides another one, or may."""


def request(settings: Settings, opened: Opened, *, clock: Clock = time.time) -> tuple[str, bytes]:
    """Make a request for an issuer, durable before it leaves; return its name and the document.

    Each has a number of its own that stands for the passport and tells nothing of it.
    """
    content = opened.unlocked.secrets
    blinding, created = random_salt(), int(clock())
    subject = credentials.subject(content.secret, content.anchor, blinding)
    held = Held(blinding, subject, created)
    keeping.wallet_of(settings, opened.unlocked).put(held)
    return held.id, credential_file.REQUEST.encode(Request(subject, created))


def keep(
    settings: Settings, opened: Opened, document: bytes, progress: Progress
) -> tuple[HeldView, bool]:
    """Keep a credential that answers one of the passport's requests.

    Asks the registry whether the key in it is the issuer's; returns False when the node serves
    another chain than the issuer's. Raises ``CredentialInvalid`` when it does not hold.
    """
    found = credential_file.decode(document)
    kept = keeping.look(settings, opened.unlocked, progress)
    held = kept.find(found.signed.statement.subject)
    if held is None:
        if not isinstance(kept.fault, ArchiveAway):
            kept.require_whole()
        raise CredentialInvalid(
            "the credential answers no request of this passport",
            hint="make one with `mip kyc request`, and give it to the issuer",
        )
    if not found.signed.is_valid():
        raise CredentialInvalid("the credential's signature does not hold")
    progress.step("asking the registry of issuers")
    known = _require_issuer(settings, found, progress)
    return put(settings, opened, replace(held, document=document), found, progress), known


def put(
    settings: Settings, opened: Opened, held: Held, found: Credential, progress: Progress
) -> HeldView:
    """Keep a credential that was checked, in the archive where the passport has one."""
    moved = keeping.keep(settings, opened.unlocked, held, progress)
    # another process may have taken it along
    here = keeping.wallet_of(settings, opened.unlocked).has(held.id)
    place = Place.DEVICE if here else Place.ARCHIVE
    fault = None if place is Place.ARCHIVE else moved.fault
    return HeldView(held.id, held.created, found, place, fault)


def _require_issuer(settings: Settings, found: Credential, progress: Progress) -> bool:
    with connection.connect(settings) as link:
        if found.issuer.chain_id != link.chain_id:
            return False
        registry = kyc_issuer.place_of(link, found.issuer)
        # all of them, as for a proof: the node does not learn whose credential this is
        everyone = registry.everyone(link.deployment.block, progress)
    record = everyone.records.get(found.issuer.number)
    if record is None:
        raise CredentialInvalid(
            "the credential's issuer is not in the registry",
            hint="is this the issuer's chain? Name a node of it with --rpc-url",
        )
    if record.key != found.signed.key:
        raise CredentialInvalid(
            "the credential is signed with another key than the registry has for its issuer",
            hint="ask the issuer for a new one",
        )
    if record.status is not IssuerStatus.ACTIVE:
        raise CredentialInvalid(
            "the credential's issuer is suspended", hint="import it once the issuer is back"
        )
    return True


def list_held(settings: Settings, opened: Opened, progress: Progress) -> Listing:
    """Return all requests and credentials of a passport."""
    kept = keeping.look(settings, opened.unlocked, progress)
    found, fault = [], kept.fault
    for identifier in kept.ids():
        try:
            found.append(_view(kept, identifier))
        except FileInvalid as error:  # it hides none of the others
            fault = error
    return Listing(tuple(found), fault)


def show(settings: Settings, opened: Opened, identifier: str, progress: Progress) -> HeldView:
    """Return one; raise ``UsageFault`` when there is none of that name."""
    return _view(keeping.look(settings, opened.unlocked, progress), identifier)


def _view(kept: Kept, identifier: str) -> HeldView:
    held = kept.get(identifier)
    found = credential_file.decode(held.document) if held.document else None
    return HeldView(held.id, held.created, found, kept.place(identifier))
