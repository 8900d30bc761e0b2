"""Credentials, requests and revocation lists as files; protocol section 20.

A credential is W3C VC 2.0 JSON. Every member is either signed, through the digest, or must be what
the others say: nothing in it can be changed without notice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mip_cli.chain.abi import parse_address
from mip_cli.crypto import jsontext, self_attestation
from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.claims import ClaimValue, Schema, date_text, parse_date, parse_schema
from mip_cli.crypto.credential import MAX_ISSUER, MAX_NONCE, SignedStatement, Statement, Terms
from mip_cli.crypto.eddsa import Signature
from mip_cli.crypto.field import is_canonical
from mip_cli.crypto.forms import Form, Members, element
from mip_cli.crypto.self_attestation import Evidence, Note
from mip_cli.errors import FileInvalid, MipError
from mip_cli.flows.kyc.web_app import protected_origin
from mip_cli.store.credentials import MAX_CREDENTIAL
from mip_cli.store.issuers import Home
from mip_cli.store.revocation_cache import MAX_LIST
from mip_cli.units import Address

CONTEXT = "https://www.w3.org/ns/credentials/v2"
TYPES = ["VerifiableCredential", "MipCredential"]
SELF_TYPE = "MipSelfAttested"
EVIDENCE_TYPE = "MipEvidence2026"
SCHEMA_TYPE = "MipSchema2026"
STATUS_TYPE = "MipRevocation2026"
PROOF_TYPE = "DataIntegrityProof"
CRYPTOSUITE = "mip-eddsa-poseidon-2026"
_ISSUER = re.compile(r"mip:issuer:(\d{1,16}):(0x[0-9a-fA-F]{40}):(\d{1,5})")
_MEMBERS = {
    "@context", "type", "issuer", "validFrom", "validUntil", "credentialSchema",
    "credentialStatus", "credentialSubject", "proof",
}  # fmt: skip
LIST_PATH = "/revocations"
"""Where an issuer's server has its list: the same for all, so that nobody is told apart."""


@dataclass(frozen=True)
class Request:
    """What a holder gives an issuer."""

    subject: int
    """Stands for the passport; tells nothing of it."""
    created: int
    """Unix time."""


@dataclass(frozen=True)
class Revocations:
    """What an issuer revoked, for whoever shows its credentials; its root is on chain."""

    issuer: Home
    version: int
    """How often the issuer had published, this list included."""
    nonces: tuple[int, ...]
    """Sorted."""


@dataclass(frozen=True)
class Credential:
    """A credential with its claims in words."""

    issuer: Home
    """Who says so; the key on chain decides."""
    schema: Schema
    values: Mapping[str, ClaimValue]
    signed: SignedStatement
    note: Note | None = None
    """How the holder came to the claims; there if and only if the credential is self-attested."""
    server: str = ""
    """Origin of the server that has the issuer's revocation list; empty when none is named."""

    def __post_init__(self) -> None:
        if self.is_self_attested != (self.note is not None):
            raise ValueError("a credential has an evidence if and only if it is self-attested")

    @property
    def is_self_attested(self) -> bool:
        """Whether anybody could have signed it: the key decides, nothing else in it."""
        return self_attestation.is_open(self.signed.key)

    @property
    def terms(self) -> Terms:
        """From when to when it is good, and its number."""
        return self.signed.statement.terms


def encode(credential: Credential) -> bytes:
    """Write a credential as JSON."""
    return (json.dumps(_document(credential), indent=2, ensure_ascii=False) + "\n").encode()


def decode(data: bytes) -> Credential:
    """Read a credential; raise ``FileInvalid`` unless it is whole, without checking who signed."""
    if len(data) > MAX_CREDENTIAL:
        raise FileInvalid(f"the credential is larger than {MAX_CREDENTIAL} bytes")
    try:
        document = jsontext.parse(data)
        if not isinstance(document, dict) or set(document) - {"evidence"} != _MEMBERS:
            raise ValueError("it has other members than a credential of mip")
        found = _read(document)
        if _document(found) != document:
            raise ValueError("its members contradict each other")
    except (ValueError, TypeError, KeyError, MipError) as error:
        reason = str(error) if type(error) is ValueError else "it is malformed"
        raise FileInvalid(f"the credential cannot be read: {reason}") from None
    return found


def _document(credential: Credential) -> dict[str, object]:
    signed, issuer, schema = credential.signed, credential.issuer, credential.schema
    terms = signed.statement.terms
    values = (*signed.signature.nonce, signed.signature.response)
    note = credential.note
    marked = {} if note is None else {"evidence": _write_note(note)}
    listed = {"list": list_address(credential.server)} if credential.server else {}
    return {
        "@context": [CONTEXT],
        "type": TYPES if note is None else [*TYPES, SELF_TYPE],
        "issuer": f"mip:issuer:{issuer.chain_id}:{issuer.registry}:{issuer.number}",
        "validFrom": f"{date_text(terms.issued_on)}T00:00:00Z",
        "validUntil": f"{date_text(terms.expires_on)}T23:59:59Z",
        "credentialSchema": {
            "id": f"mip:schema:{element(schema.id)}",
            "type": SCHEMA_TYPE,
            "document": schema.to_json(),
        },
        "credentialStatus": {"type": STATUS_TYPE, "nonce": terms.nonce, **listed},
        "credentialSubject": {
            "id": f"mip:subject:{element(signed.statement.subject)}",
            "claims": dict(credential.values),
        },
        "proof": {
            "type": PROOF_TYPE,
            "cryptosuite": CRYPTOSUITE,
            "proofPurpose": "assertionMethod",
            "verificationMethod": f"mip:key:{element(signed.key[0])}:{element(signed.key[1])}",
            "proofValue": "0x" + "".join(element(value)[2:] for value in values),
        },
        **marked,
    }


def _read(document: Mapping[str, object]) -> Credential:
    found = _ISSUER.fullmatch(_text(document, "issuer"))
    if found is None:
        raise ValueError("its issuer is not one of mip")
    registry = parse_address(found[2])
    issuer = Home(int(found[1]), registry, int(found[3]))
    if issuer.number > MAX_ISSUER:
        raise ValueError("its issuer has no such number")
    schema = parse_schema(_object(document, "credentialSchema")["document"])
    subject = _object(document, "credentialSubject")
    values = subject["claims"]
    if not isinstance(values, dict):
        raise ValueError("it has no claims")
    terms = Terms(
        parse_date(_text(document, "validFrom")[:10]),
        parse_date(_text(document, "validUntil")[:10]),
        _nonce(_object(document, "credentialStatus")["nonce"]),
    )
    proof = _object(document, "proof")
    key = _elements(_text(proof, "verificationMethod").removeprefix("mip:key:"), 2, ":")
    signature = _elements(_text(proof, "proofValue"), 3, "")
    statement = Statement(
        schema.encode(values),
        _elements(_text(subject, "id").removeprefix("mip:subject:"), 1, "")[0],
        schema.id,
        terms,
    )
    signed = SignedStatement(
        statement, (key[0], key[1]), Signature((signature[0], signature[1]), signature[2])
    )
    note = _read_note(_object(document, "evidence")) if "evidence" in document else None
    status = _object(document, "credentialStatus")
    # an address that is not the origin's one place contradicts what is written of it
    server = protected_origin(_text(status, "list")) if "list" in status else ""
    return Credential(issuer, schema, values, signed, note, server)


def list_address(server: str) -> str:
    """Return where the server of an origin has its issuer's revocation list."""
    return server + LIST_PATH


def _write_note(note: Note) -> dict[str, object]:
    return {"type": EVIDENCE_TYPE, "how": note.how.value, "detail": note.detail}


def _read_note(raw: Mapping[str, object]) -> Note:
    if set(raw) != {"type", "how", "detail"} or raw["type"] != EVIDENCE_TYPE:
        raise ValueError("its evidence is not one of mip")
    return Note(Evidence(_text(raw, "how")), _text(raw, "detail"))


def _elements(text: str, count: int, separator: str) -> list[int]:
    parts = text.split(separator) if separator else [text]
    digits = "".join(part.removeprefix("0x") for part in parts)
    if len(digits) != 64 * count or not re.fullmatch("[0-9a-f]+", digits):
        raise ValueError("a number in it is malformed")
    found = [int(digits[64 * i : 64 * i + 64], 16) for i in range(count)]
    if not all(map(is_canonical, found)):
        raise ValueError("a number in it is not canonical")
    return found


def _nonce(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NONCE:
        raise ValueError("its number is out of range")
    return value


def _object(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document[name]
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object")
    return value


def _text(document: Mapping[str, object], name: str) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value


def _write_list(value: Revocations) -> dict[str, object]:
    issuer = value.issuer
    return {
        "chain_id": issuer.chain_id,
        "registry": issuer.registry,
        "issuer": issuer.number,
        "version": value.version,
        "nonces": list(value.nonces),
    }


def _read_list(m: Members) -> Revocations:
    raw = m.raw("nonces")
    if not isinstance(raw, list) or raw != sorted(set(map(_nonce, raw))):
        raise ValueError("its numbers must be sorted and different")
    registry: Address = parse_address(m.text("registry", 42))
    home = Home(m.integer("chain_id"), registry, m.integer("issuer", MAX_ISSUER))
    return Revocations(home, m.integer("version"), tuple(raw))


def _read_request(m: Members) -> Request:
    subject = m.element("subject")
    if subject == 0:
        raise ValueError("its subject is 0")
    return Request(subject, m.integer("created"))


def key_text(key: Point) -> str:
    """Write a public key for people to compare."""
    return f"{element(key[0])}:{element(key[1])}"


REQUEST = Form(
    "mip.kyc.request/1",
    "credential request",
    ("subject", "created"),
    lambda value: {"subject": element(value.subject), "created": value.created},
    _read_request,
)
REVOCATIONS = Form(
    "mip.kyc.revocations/1",
    "revocation list",
    ("chain_id", "registry", "issuer", "version", "nonces"),
    _write_list,
    _read_list,
    limit=MAX_LIST,
)
