"""The face on an identity document: compared here, hashed into a credential (section 21)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.crypto import credential as credentials
from mip_cli.crypto.claims import ClaimKind, ClaimValue, Schema, face_text, parse_schema
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.field import random_salt
from mip_cli.crypto.self_attestation import Evidence, Note
from mip_cli.errors import FaceMismatch, UsageFault
from mip_cli.face.spec import FaceTemplate
from mip_cli.flows import face
from mip_cli.flows.kyc import credential_file, keeping, self_attest
from mip_cli.flows.kyc.credential_file import Request
from mip_cli.flows.kyc.kyc_held import Clock, HeldView
from mip_cli.flows.kyc.kyc_issuer import DEFAULT_DAYS
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.flows.passport.passport_keys import spec_by_id
from mip_cli.progress import Progress
from mip_cli.store.credentials import FaceOpening, Held

COMPARED = Note(Evidence.DOCUMENT_FACE, "")
SCHEMA = parse_schema(
    {
        "claims": [{"kind": "face", "name": "document_face"}],
        "format": "mip.schema/1",
        "name": "Document face",
        "version": 1,
    }
)
"""The face alone; a schema of one's own has further claims beside one of this kind."""


@dataclass(frozen=True)
class Compared:
    """A document's face that matches the enrolled one."""

    opening: FaceOpening
    claim: str
    """Its hash, as claims hold it."""
    distance: int
    """Squared distance to the enrolled template."""
    threshold: int


def face_claim(schema: Schema) -> str:
    """Return the name of the one claim that holds a face; raise ``UsageFault`` unless it is one."""
    found = [claim.name for claim in schema.claims if claim.kind is ClaimKind.FACE]
    if len(found) != 1:
        raise UsageFault(
            f"the schema {schema.name} has {len(found)} claims of the kind face, one is needed"
        )
    return found[0]


def compare(settings: Settings, opened: Opened, photo: Path, progress: Progress) -> Compared:
    """Compare a photo of a document with the enrolled face, as the circuit will.

    The largest face counts. Raises ``FaceUnusable`` for a photo that cannot be used,
    ``FaceMismatch`` when the document shows somebody else.
    """
    content = opened.unlocked.secrets
    spec = spec_by_id(content.face_spec_id, "the passport")
    progress.step("reading the document's photo")
    found = face.probe(photo, settings, progress, spec.backend)
    verdict = face.match(FaceTemplate(spec, content.template), found)
    if not verdict.match:
        raise FaceMismatch(
            f"the face on the document does not match the enrolled face: {verdict.reason}",
            hint="take a sharp, even photo of the document's portrait, without glare",
        )
    salt = random_salt()
    claim = face_text(document_hash(found.values, salt, spec.spec_id))
    opening = FaceOpening(spec.spec_id, found.values, salt)
    return Compared(opening, claim, verdict.distance, verdict.threshold)


def attest(
    settings: Settings,
    opened: Opened,
    photo: Path,
    progress: Progress,
    *,
    schema: Schema = SCHEMA,
    values: Mapping[str, ClaimValue] | None = None,
    days: int = DEFAULT_DAYS,
    clock: Clock = time.time,
) -> tuple[HeldView, Compared]:
    """Make a self-attested credential with the hash of a document's face.

    Nobody sees the document: it says that some photo looks like the enrolled face, no more.
    """
    claim, others = face_claim(schema), dict(values or {})
    if claim in others:
        raise UsageFault(f"the claim {claim} follows from the photo")
    found = compare(settings, opened, photo, progress)
    kept = self_attest.self_attested(
        settings,
        opened,
        schema,
        others | {claim: found.claim},
        progress,
        note=COMPARED,
        days=days,
        face=found.opening,
        clock=clock,
    )
    return kept, found


def request(
    settings: Settings,
    opened: Opened,
    photo: Path,
    progress: Progress,
    *,
    clock: Clock = time.time,
) -> tuple[str, bytes, Compared]:
    """Make a request whose credential shall hold the hash; return its name and the document.

    The issuer signs ``Compared.claim`` after it has compared photo and document itself.
    """
    found = compare(settings, opened, photo, progress)
    content = opened.unlocked.secrets
    blinding, created = random_salt(), int(clock())
    subject = credentials.subject(content.secret, content.anchor, blinding)
    held = Held(blinding, subject, created, face=found.opening)
    keeping.wallet_of(settings, opened.unlocked).put(held)
    return held.id, credential_file.REQUEST.encode(Request(subject, created)), found
