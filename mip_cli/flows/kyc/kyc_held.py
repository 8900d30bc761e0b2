"""The holder's side: asking for a credential, keeping it, looking at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mip_cli.chain.issuers import IssuerStatus
from mip_cli.config import Settings
from mip_cli.crypto import credential as credentials
from mip_cli.crypto.field import random_salt
from mip_cli.errors import CredentialInvalid
from mip_cli.flows import connection
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc.credential_file import Credential, Request
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.progress import Progress
from mip_cli.store.credentials import Held, Wallet
from mip_cli.store.secrets_codec import PassportSecrets

Clock = Callable[[], float]


@dataclass(frozen=True)
class HeldView:
    """What may be shown of a credential to its holder."""

    id: str
    created: int
    """Unix time of the request."""
    credential: Credential | None
    """None while the issuer has not answered."""


def wallet_of(settings: Settings, content: PassportSecrets) -> Wallet:
    """Return the credentials of an opened passport."""
    return Wallet(settings.data_dir, content.name, content.secret)


def request(settings: Settings, opened: Opened, *, clock: Clock = time.time) -> tuple[str, bytes]:
    """Make a request for an issuer, durable before it leaves; return its name and the document.

    Each has a number of its own that stands for the passport and tells nothing of it.
    """
    content = opened.unlocked.secrets
    blinding, created = random_salt(), int(clock())
    subject = credentials.subject(content.secret, content.anchor, blinding)
    held = Held(blinding, subject, created)
    wallet_of(settings, content).put(held)
    return held.id, credential_file.REQUEST.encode(Request(subject, created))


def keep(
    settings: Settings, opened: Opened, document: bytes, progress: Progress
) -> tuple[HeldView, bool]:
    """Keep a credential that answers one of the passport's requests.

    Asks the registry whether the key in it is the issuer's; returns False when the node serves
    another chain than the issuer's. Raises ``CredentialInvalid`` when it does not hold.
    """
    found = credential_file.decode(document)
    wallet = wallet_of(settings, opened.unlocked.secrets)
    held = wallet.find(found.signed.statement.subject)
    if held is None:
        raise CredentialInvalid(
            "the credential answers no request of this passport",
            hint="make one with `mip kyc request`, and give it to the issuer",
        )
    if not found.signed.is_valid():
        raise CredentialInvalid("the credential's signature does not hold")
    progress.step("asking the registry of issuers")
    known = _require_issuer(settings, found, progress)
    held = replace(held, document=document)
    wallet.put(held)
    return HeldView(held.id, held.created, found), known


def _require_issuer(settings: Settings, found: Credential, progress: Progress) -> bool:
    with connection.connect(settings) as link:
        if found.issuer.chain_id != link.chain_id:
            return False
        registry = kyc_issuer.place_of(link, found.issuer)
        # all of them, as for a proof: the node does not learn whose credential this is
        everyone = registry.everyone(link.deployment.block, progress)
    record = everyone.records.get(found.issuer.number)
    if record is None:
        raise CredentialInvalid("the credential's issuer is not in the registry")
    if record.key != found.signed.key:
        raise CredentialInvalid(
            "the credential is signed with another key than the registry has for its issuer"
        )
    if record.status is not IssuerStatus.ACTIVE:
        raise CredentialInvalid("the credential's issuer is suspended")
    return True


def list_held(settings: Settings, opened: Opened) -> list[HeldView]:
    """Return all requests and credentials of a passport."""
    wallet = wallet_of(settings, opened.unlocked.secrets)
    return [view(wallet.get(identifier)) for identifier in wallet.ids()]


def show(settings: Settings, opened: Opened, identifier: str) -> HeldView:
    """Return one; raise ``UsageFault`` when there is none of that name."""
    return view(wallet_of(settings, opened.unlocked.secrets).get(identifier))


def view(held: Held) -> HeldView:
    """Return what may be shown to the holder."""
    found = credential_file.decode(held.document) if held.document else None
    return HeldView(held.id, held.created, found)
