"""The issuer's side: a key of its own, a place in the registry, credentials, revocations."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mip_cli.chain.deployments import ISSUERS
from mip_cli.chain.issuers import IssuerRecord, IssuerRegistry, IssuerStatus
from mip_cli.config import Settings
from mip_cli.crypto import eddsa
from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.claims import LAST_DATE, ClaimValue, Schema, date_number
from mip_cli.crypto.credential import (
    SignedStatement,
    Statement,
    Terms,
    revocation_tree,
)
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import OTHER_NODE, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.kyc import credential_file
from mip_cli.flows.kyc.credential_file import Credential, Request, Revocations
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Home, Opened

DEFAULT_DAYS = 365
MAX_DAYS = 3653
"""Days that a credential is good at most."""

Today = Callable[[], datetime.date]


@dataclass(frozen=True)
class IssuerView:
    """What may be shown of an issuer."""

    name: str
    title: str
    key: Point
    home: Home | None
    issued: int
    """Credentials given out."""
    revoked: int
    """Of them revoked."""


@dataclass(frozen=True)
class Issued:
    """One credential that was signed."""

    credential: Credential
    document: bytes


@dataclass(frozen=True)
class Published:
    """What a publication left."""

    revocations: Revocations
    """For the holders."""
    root: int
    gas_used: int | None
    """None when the root was on chain already."""


def init(settings: Settings, name: str, title: str, password: bytes) -> IssuerView:
    """Draw an issuer's key; raise ``UsageFault`` when there is one of that name."""
    if not is_readable(title) or len(title.encode()) > 96:
        raise UsageFault("an issuer's title is readable text of at most 96 bytes")
    return view(store.create(settings.data_dir, name, title, password))


def unlock(settings: Settings, name: str, password: bytes, progress: Progress) -> Opened:
    """Open an issuer's file; raise ``UsageFault``, ``WrongSecret``, ``FileInvalid``."""
    progress.step("opening the issuer's file")
    return store.open_with_password(settings.data_dir, name, password)


def view(opened: Opened) -> IssuerView:
    """Return what may be shown of an opened issuer."""
    content = opened.content
    return IssuerView(
        opened.name,
        content.title,
        content.key.public,
        content.home,
        content.next_nonce,
        len(content.revoked),
    )


def home_of(opened: Opened) -> Home:
    """Return where an issuer is registered; raise ``UsageFault`` for one that is not yet."""
    if opened.content.home is None:
        raise UsageFault(
            f"the issuer {opened.name} is not registered", hint="run: mip kyc issuer register"
        )
    return opened.content.home


def register(settings: Settings, opened: Opened, purse: Purse, progress: Progress) -> Opened:
    """Put an issuer into the registry, once; the paying account becomes its controller."""
    if opened.content.home is not None:
        raise UsageFault(f"the issuer {opened.name} is registered already")
    public = opened.content.key.public
    with connection.connect(settings) as link:
        registry = registry_of(link)
        progress.step("registering the issuer")
        call = registry.register(public, opened.content.title)
        label = f"kyc-register:{registry.address}:{public[0]:#x}"
        receipt = sender_of(settings, link, purse).send(label, call, progress)
        number = registry.registered(receipt)
        if registry.issuer(number).key != public:
            raise WrongChain("the registry shows another key than the one registered")
        return store.settle(opened, Home(link.chain_id, registry.address, number))


def issue(
    opened: Opened,
    schema: Schema,
    asked: Sequence[tuple[Request, Mapping[str, ClaimValue]]],
    days: int,
    *,
    today: Today,
    server: str = "",
) -> tuple[Opened, list[Issued]]:
    """Sign a credential for each request; their numbers are durable before any leaves.

    The issuer has made sure that whoever made a request is the person in the claims. ``server`` is
    the origin at which its revocation list is served. Raises ``UsageFault`` before registration and
    for claims that the schema does not have.
    """
    home = home_of(opened)
    if not 1 <= days <= MAX_DAYS:
        raise UsageFault(f"a credential is good for 1 to {MAX_DAYS} days")
    try:
        claims = [schema.encode(values) for _, values in asked]
    except ValueError as error:
        raise UsageFault(str(error)) from None
    first = today()
    issued_on = date_number(first)
    expires_on = min(date_number(first + datetime.timedelta(days=days - 1)), LAST_DATE)
    opened, nonces = store.take_nonces(opened, len(asked))
    key, public = opened.content.key, opened.content.key.public
    found = []
    for (request, values), encoded, nonce in zip(asked, claims, nonces, strict=True):
        terms = Terms(issued_on, expires_on, nonce)
        statement = Statement(encoded, request.subject, schema.id, terms)
        signature = eddsa.sign(key, public, statement.digest)
        signed = SignedStatement(statement, public, signature)
        credential = Credential(home, schema, dict(values), signed, server=server)
        found.append(Issued(credential, credential_file.encode(credential)))
    return opened, found


def revoke(
    settings: Settings, opened: Opened, nonces: tuple[int, ...], purse: Purse, progress: Progress
) -> tuple[Opened, Published]:
    """Revoke credentials for ever: note it, then publish the new root.

    May be run again after a crash, also without numbers: then it publishes what was noted.
    """
    home = home_of(opened)
    revoked = store.revoked_with(opened, nonces)
    if not purse.rehearse:
        opened = store.revoke(opened, nonces)  # durable before the root is public
    progress.step("building the revocation tree")
    root = revocation_tree(revoked).root
    with connection.connect(settings) as link:
        registry, record = own_record(link, home)
        gas_used, version = None, record.version
        if record.revocation_root != root:
            progress.step("publishing the revocation root")
            call = registry.publish(home.number, version, root)
            label = f"kyc-publish:{registry.address}:{home.number}:{version}:{root:#x}"
            gas_used = sender_of(settings, link, purse).send(label, call, progress).gas_used
            version += 1
    revocations = Revocations(home, version, revoked)
    if not purse.rehearse:
        # after the root: the issuer's server never has a list that nobody can prove with
        store.put_list(
            settings.data_dir, opened.name, credential_file.REVOCATIONS.encode(revocations)
        )
    return opened, Published(revocations, root, gas_used)


def set_suspended(
    settings: Settings, opened: Opened, suspended: bool, purse: Purse, progress: Progress
) -> IssuerRecord:
    """Suspend an issuer, so that no credential of it can be shown, or put it back."""
    home = home_of(opened)
    with connection.connect(settings) as link:
        registry, record = own_record(link, home)
        wanted = IssuerStatus.SUSPENDED if suspended else IssuerStatus.ACTIVE
        if record.status is not wanted:
            act = registry.suspend if suspended else registry.resume
            label = f"kyc-{'suspend' if suspended else 'resume'}:{registry.address}:{home.number}"
            progress.step("telling the registry")
            sender_of(settings, link, purse).send(
                f"{label}:{link.rpc.block_number()}", act(home.number), progress
            )
        return registry.issuer(home.number)


def registry_of(link: Connection) -> IssuerRegistry:
    """Return the registry of issuers of a deployment; raise ``FileInvalid`` without one."""
    return IssuerRegistry(link.rpc, link.deployment.address(ISSUERS))


def own_record(link: Connection, home: Home) -> tuple[IssuerRegistry, IssuerRecord]:
    """Return the registry and the record of an issuer; raise ``WrongChain`` for another place."""
    registry = place_of(link, home)
    return registry, registry.issuer(home.number)


def place_of(link: Connection, home: Home) -> IssuerRegistry:
    """Return the registry that an issuer stands in; raise ``WrongChain`` for another place."""
    registry = registry_of(link)
    if (home.chain_id, home.registry) != (link.chain_id, registry.address):
        raise WrongChain(
            f"the issuer stands on chain {home.chain_id} in the registry {home.registry}, "
            f"this node serves chain {link.chain_id} with {registry.address}",
            hint=OTHER_NODE,
        )
    return registry
