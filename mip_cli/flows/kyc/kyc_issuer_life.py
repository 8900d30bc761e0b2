"""What an issuer does with its place in the registry: another key, another controller, schemas."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.issuers import IssuerRecord, WaitingChange
from mip_cli.config import Settings
from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import Schema, parse_schema
from mip_cli.errors import UsageFault
from mip_cli.flows import connection
from mip_cli.flows.kyc import kyc_issuer
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Opened
from mip_cli.units import Address


@dataclass(frozen=True)
class ListedIssuer:
    """An issuer as the registry shows it to everybody."""

    record: IssuerRecord
    name: str
    """What it calls itself; nobody checked it."""
    change: WaitingChange | None
    """What it announced."""


@dataclass(frozen=True)
class Listed:
    """What a registry of issuers holds."""

    issuers: tuple[ListedIssuer, ...]
    schemas: tuple[Schema, ...]
    """Those published that are schemas."""


def propose(
    settings: Settings,
    opened: Opened,
    controller: Address | None,
    purse: Purse,
    progress: Progress,
) -> tuple[Opened, WaitingChange]:
    """Announce a fresh key, and another controller if one is given; nothing changes for 48 hours.

    The key is durable before the registry hears of it. May be run again: a change that waits with
    the key drawn for it stays as it is. Raises ``ChainRefusal`` unless the payer is the controller.
    """
    home = kyc_issuer.home_of(opened)
    with connection.connect(settings) as link:
        registry, record = kyc_issuer.own_record(link, home)
        waiting, following = registry.change(home.number), opened.content.next_key
        wanted = controller or record.controller
        if (
            waiting
            and following
            and (waiting.key, waiting.controller)
            == (
                following.public,
                wanted,
            )
        ):
            return opened, waiting
        if purse.rehearse:
            call = registry.propose(home.number, record.key, wanted)
            sender_of(settings, link, purse).send("kyc-propose", call, progress)
        opened = store.draw_next_key(opened)
        following = opened.content.next_key
        if following is None:
            raise AssertionError("the key was drawn")
        progress.step("announcing the new key")
        call = registry.propose(home.number, following.public, wanted)
        label = f"kyc-propose:{registry.address}:{home.number}:{following.public[0]:#x}"
        sender_of(settings, link, purse).send(label, call, progress)
        waiting = registry.change(home.number)
    if waiting is None or waiting.key != following.public:
        raise UsageFault(
            "another change took the place of this one meanwhile",
            hint="cancel it, unless it is yours: mip kyc issuer rotate --cancel",
        )
    return opened, waiting


def cancel(
    settings: Settings, opened: Opened, purse: Purse, progress: Progress
) -> tuple[Opened, bool]:
    """Drop the change that waits, whoever announced it; tell whether there was one.

    The true controller's answer to a thief of the controller's account who announced a key.
    """
    home = kyc_issuer.home_of(opened)
    with connection.connect(settings) as link:
        registry, _ = kyc_issuer.own_record(link, home)
        waiting = registry.change(home.number)
        if waiting is not None:
            progress.step("cancelling the change")
            label = f"kyc-cancel:{registry.address}:{home.number}:{waiting.key[0]:#x}"
            call = registry.cancel(home.number)
            sender_of(settings, link, purse).send(f"{label}:{waiting.ready_at}", call, progress)
    if opened.content.next_key is not None and not purse.rehearse:
        opened = store.drop_next_key(opened)
    return opened, waiting is not None


def finish(
    settings: Settings, opened: Opened, purse: Purse, progress: Progress
) -> tuple[Opened, IssuerRecord]:
    """Carry the change out after its delay, and sign with the new key from now on.

    Credentials under the old key end: they are issued anew. Anybody can carry it out on chain; then
    this takes note of it. Raises ``ChainRefusal`` before the 48 hours are over.
    """
    home = kyc_issuer.home_of(opened)
    following = opened.content.next_key
    with connection.connect(settings) as link:
        registry, record = kyc_issuer.own_record(link, home)
        if following is None or record.key != following.public:
            waiting = registry.change(home.number)
            if waiting is None:
                raise UsageFault(
                    "no change of this issuer is waiting",
                    hint="announce one: mip kyc issuer rotate",
                )
            if following is None or waiting.key != following.public:
                raise UsageFault(
                    "the change that waits has a key that is not this file's",
                    hint="if nobody of yours announced it, the controller's account is stolen: "
                    "mip kyc issuer rotate --cancel",
                )
            progress.step("carrying the change out")
            label = f"kyc-finish:{registry.address}:{home.number}:{following.public[0]:#x}"
            sender_of(settings, link, purse).send(label, registry.finish(home.number), progress)
            record = registry.issuer(home.number)
    if following is None or record.key != following.public:
        raise UsageFault("the registry does not have the new key", hint="run the command again")
    return store.adopt_next_key(opened), record


def publish_schema(
    settings: Settings, schema: Schema, purse: Purse, progress: Progress
) -> int | None:
    """Publish a schema, so that whoever knows its id finds it; return the gas, None if it was."""
    with connection.connect(settings) as link:
        registry = kyc_issuer.registry_of(link)
        if registry.schema_published_at(schema.id):
            return None
        progress.step("publishing the schema")
        label = f"kyc-schema:{registry.address}:{schema.id:#x}"
        call = registry.publish_schema(schema.document)
        return sender_of(settings, link, purse).send(label, call, progress).gas_used


def on_chain(settings: Settings, progress: Progress) -> Listed:
    """Return all issuers and published schemas, by their events."""
    with connection.connect(settings) as link:
        registry, first = kyc_issuer.registry_of(link), link.deployment.block
        everyone = registry.everyone(first, progress)
        names = registry.names(first, progress)
        listed = [
            ListedIssuer(record, names.get(number, ""), registry.change(number))
            for number, record in sorted(everyone.records.items())
        ]
        documents = registry.schemas(first, progress).values()
    return Listed(tuple(listed), tuple(filter(None, map(_schema, documents))))


def _schema(document: bytes) -> Schema | None:
    """Return a published schema; None for one that no credential can have."""
    try:
        found = parse_schema(jsontext.parse(document))
    except (ValueError, TypeError, KeyError):
        return None
    return found if found.document == document else None
