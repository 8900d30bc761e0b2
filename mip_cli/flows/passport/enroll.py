"""Enrolment: a photo and a password become a passport on chain.

The order is what makes a kill at any moment harmless: secrets are durable before anything is
signed, the signed transaction is durable before anything is sent, and the next run goes on from
whatever it finds.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.chain.enrolment import sign_enrollment
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.config import Settings
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.crypto.field import random_element
from mip_cli.crypto.kdf import SALT_BYTES, KdfParams
from mip_cli.errors import FaceMismatch, UsageFault, WrongChain
from mip_cli.flows import connection, face
from mip_cli.flows.connection import Connection
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import own_keys, public_keys, require_provable
from mip_cli.progress import Progress
from mip_cli.store import keyfile, passports, recoveries, secrets_codec
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.units import MAX_DEADLINE, Address, Epoch

Clock = Callable[[], float]


@dataclass(frozen=True, repr=False)
class EnrollRequest:
    """What a person brings to enrol."""

    name: str
    """Name of the passport on this device."""
    image: Path
    """Photo with exactly one usable face."""
    password: bytes
    """Normalised."""

    def __repr__(self) -> str:
        return f"EnrollRequest(name={self.name!r}, <redacted>)"


@dataclass(frozen=True)
class Enrolled:
    """An enrolled passport; nothing here is secret."""

    name: str
    """Name on this device."""
    path: Path
    """The sealed key file."""
    chain_id: int
    """EIP-155."""
    registry: Address
    """Registry that holds the leaf."""
    anchor: Address
    """Address that entered the leaf."""
    index: int
    """Position in the tree."""
    tx_hash: bytes | None
    """Transaction of this run; None when the leaf was there already."""
    gas_used: int | None
    """Gas of that transaction."""
    resumed: bool
    """Whether an earlier run had begun."""


def enroll(
    settings: Settings,
    request: EnrollRequest,
    payer: Signer,
    progress: Progress,
    *,
    fee_cap: int = DEFAULT_FEE_CAP,
    clock: Clock | None = None,
) -> Enrolled:
    """Create a passport, or finish creating it, and enrol it on the chain of the settings.

    ``payer`` pays and learns nothing but public values; the anchor is a fresh account that only
    signs. Raises ``UsageFault`` when the name is taken, ``FaceUnusable`` for the photo,
    ``WrongSecret`` or ``FaceMismatch`` when an interrupted enrolment was begun by another person.
    """
    recoveries.require_none(settings.data_dir, request.name)
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        clock = clock or link.clock
        resumed = passports.exists(settings.data_dir, request.name)
        if resumed:
            unlocked = _resume(settings, request, progress)
        else:
            unlocked = _prepare(settings, request, progress, clock)
        bound = _bind(unlocked, link)
        return _register(settings, link, bound, payer, progress, fee_cap, clock, resumed)


def _prepare(
    settings: Settings, request: EnrollRequest, progress: Progress, clock: Clock
) -> Unlocked:
    progress.step("finding the face")
    template = face.enrolment_template(request.image, settings, progress)
    require_provable(settings, template.spec)
    progress.step("sealing the key file")
    params = KdfParams(salt=system.token_bytes(SALT_BYTES))
    lock, keys = keyfile.password_lock(request.password, params)
    anchor_key = system.token_bytes(32)
    content = PassportSecrets(
        name=request.name,
        status=secrets_codec.PassportStatus.PREPARED,
        created=int(clock()),
        secret=random_element(),
        anchor=Signer(anchor_key).address,
        anchor_key=anchor_key,
        epoch=Epoch(0),
        # a commitment to a random people key, forgotten at once: nobody opens it, nobody sees that
        guardian_commitment=guardian_commitment(random_element()),
        **own_keys(template, keys.stretched, params),
    )
    path = passports.passport_path(settings.data_dir, request.name)
    return keyfile.create(path, content, [lock, passport_file.face_lock(settings, template)])


def _resume(settings: Settings, request: EnrollRequest, progress: Progress) -> Unlocked:
    factors = Factors(password=request.password, image=request.image)
    try:
        return passport_file.unlock(settings, request.name, factors, progress).unlocked
    except FaceMismatch as error:
        raise FaceMismatch(
            f"the interrupted enrolment of {request.name} was begun with another face",
            hint="use a photo of the same person, or another name with --passport",
        ) from error


def _bind(unlocked: Unlocked, link: Connection) -> Unlocked:
    # which chain comes first is part of the passport: a second chain needs a passport of its own
    content = unlocked.secrets
    if content.chain_id is None:
        bound = replace(content, chain_id=link.chain_id, registry=link.registry.address)
        return keyfile.update(unlocked, bound)
    require_home(content, link)
    return unlocked


def require_home(content: PassportSecrets, link: Connection) -> None:
    """Raise ``WrongChain`` unless the connection leads to the passport's own registry."""
    if (content.chain_id, content.registry) != (link.chain_id, link.registry.address):
        raise WrongChain(
            f"the passport {content.name} lives on chain {content.chain_id} "
            f"at {content.registry}, this node serves chain {link.chain_id} "
            f"with {link.registry.address}",
            hint="name the right node with --rpc-url",
        )


def _register(
    settings: Settings,
    link: Connection,
    unlocked: Unlocked,
    payer: Signer,
    progress: Progress,
    fee_cap: int,
    clock: Clock,
    resumed: bool,
) -> Enrolled:
    content, keys = unlocked.secrets, public_keys(unlocked)
    # the leaf in a tree that the events lead to is what counts, not a word of the node: a key file
    # that says "enrolled" after a lie or a re-org is enrolled again here
    index = connection.tree(settings, link, progress).find(keys.leaf)
    if index is not None and content.status is secrets_codec.PassportStatus.ENROLLED:
        raise UsageFault(
            f"the passport {content.name} is enrolled already",
            hint="choose another name with --passport, or see `mip passport show`",
        )
    tx_hash = gas_used = None
    if index is None:
        progress.step("enrolling on chain")
        signer = Signer(content.anchor_key)
        deadline = int(clock()) + MAX_DEADLINE
        wish = sign_enrollment(
            signer,
            link.chain_id,
            link.registry.address,
            keys.identity,
            keys.root,
            keys.guardian,
            deadline,
        )
        sender = Sender(
            link.rpc, payer, connection.journal(settings), link.chain_id, fee_cap=fee_cap
        )
        label = f"enroll:{link.registry.address}:{keys.identity:#x}"
        receipt = sender.send(label, link.registry.enroll_signed(wish), progress)
        tx_hash, gas_used = receipt.tx_hash, receipt.gas_used
        index = connection.tree(settings, link, progress).find(keys.leaf)
    if index is None:
        raise WrongChain(
            f"the registry {link.registry.address} does not hold the passport after its enrolment",
            hint="run the same command again; if it stays so, the node is not to be trusted",
        )
    done = replace(content, status=secrets_codec.PassportStatus.ENROLLED, index=index)
    keyfile.update(unlocked, done)
    return Enrolled(
        name=content.name,
        path=unlocked.path,
        chain_id=link.chain_id,
        registry=link.registry.address,
        anchor=content.anchor,
        index=index,
        tx_hash=tx_hash,
        gas_used=gas_used,
        resumed=resumed,
    )
