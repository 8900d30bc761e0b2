"""What a person says of himself: credentials under the key that everybody has (section 21)."""

from __future__ import annotations

import datetime
import secrets
import time
from collections.abc import Mapping

from mip_cli.chain.deployments import SELF_ATTESTATION
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.issuers import IssuerStatus
from mip_cli.chain.self_attestation import SelfAttestation
from mip_cli.config import Settings
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa, self_attestation
from mip_cli.crypto.claims import LAST_DATE, ClaimValue, Schema, date_number
from mip_cli.crypto.credential import MAX_NONCE, SignedStatement, Statement, Terms
from mip_cli.crypto.field import random_salt
from mip_cli.crypto.policy import Policy
from mip_cli.crypto.self_attestation import Evidence, Note
from mip_cli.errors import UsageFault
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc import kyc_held as kyc
from mip_cli.flows.kyc.credential_file import Credential
from mip_cli.flows.kyc.kyc_held import Clock, HeldView
from mip_cli.flows.kyc.kyc_issuer import DEFAULT_DAYS, MAX_DAYS
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.progress import Progress
from mip_cli.store.credentials import FaceOpening, Held
from mip_cli.store.issuers import Home

OWN_WORD = Note(Evidence.SELF, "")
"""Nothing was checked."""


def home_of(link: Connection) -> Home:
    """Return where self-attested credentials belong on a chain.

    Raises ``NodeUntrusted`` unless the number's key is the one that everybody has.
    """
    contract = SelfAttestation(link.rpc, link.deployment.address(SELF_ATTESTATION))
    home = Home(link.chain_id, kyc_issuer.registry_of(link).address, contract.number())
    _, record = kyc_issuer.own_record(link, home)
    if record.key != self_attestation.public_key() or record.status is not IssuerStatus.ACTIVE:
        raise NodeUntrusted("the node shows another key for self-attested credentials")
    return home


def open_numbers(link: Connection, policy: Policy) -> tuple[int, ...]:
    """Return the issuers of a policy under whose number anybody can say anything.

    Whoever registers the same key under another number does not hide: the key decides.
    """
    registry = kyc_issuer.registry_of(link)
    return tuple(n for n in policy.issuers if self_attestation.is_open(registry.issuer(n).key))


def sign(
    home: Home,
    subject: int,
    schema: Schema,
    values: Mapping[str, ClaimValue],
    note: Note,
    *,
    first: datetime.date,
    days: int = DEFAULT_DAYS,
) -> Credential:
    """Sign claims with the key that everybody has; ``UsageFault`` for claims not of the schema."""
    if not 1 <= days <= MAX_DAYS:
        raise UsageFault(f"a credential is good for 1 to {MAX_DAYS} days")
    try:
        claims = schema.encode(values)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    last = min(date_number(first + datetime.timedelta(days=days - 1)), LAST_DATE)
    terms = Terms(date_number(first), last, secrets.randbelow(MAX_NONCE + 1))
    statement = Statement(claims, subject, schema.id, terms)
    key, public = self_attestation.signing_key(), self_attestation.public_key()
    signed = SignedStatement(statement, public, eddsa.sign(key, public, statement.digest))
    return Credential(home, schema, dict(values), signed, note)


def self_attested(
    settings: Settings,
    opened: Opened,
    schema: Schema,
    values: Mapping[str, ClaimValue],
    progress: Progress,
    *,
    note: Note = OWN_WORD,
    days: int = DEFAULT_DAYS,
    face: FaceOpening | None = None,
    clock: Clock = time.time,
) -> HeldView:
    """Make a self-attested credential of an opened passport and keep it as an imported one.

    Its subject is fresh, so that two of them cannot be linked. ``face`` is kept beside it. Raises
    ``UsageFault`` for claims that the schema does not have, with nothing kept.
    """
    content = opened.unlocked.secrets
    progress.step("looking up the number of self-attested credentials")
    with connection.connect(settings) as link:
        home = home_of(link)
    now = clock()
    blinding = random_salt()
    subject = credentials.subject(content.secret, content.anchor, blinding)
    first = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    found = sign(home, subject, schema, values, note, first=first, days=days)
    held = Held(blinding, subject, int(now), credential_file.encode(found), face)
    return kyc.put(settings, opened, held, found, progress)
