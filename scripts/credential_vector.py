"""The vectors of credentials: points, signatures, trees, claims, policies (protocol section 20)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa, self_attestation
from mip_cli.crypto.claims import ClaimKind, encode_claim, parse_schema
from mip_cli.crypto.credential import Statement, Terms
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.eddsa import SigningKey
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA, parse_policy
from mip_cli.crypto.quad_tree import QuadTree

_CLAIMS = (
    (ClaimKind.NUMBER, 3),
    (ClaimKind.DATE, "2004-02-29"),
    (ClaimKind.TEXT, "Zoë"),
    (ClaimKind.FLAG, True),
    (ClaimKind.CODE, "GBR"),
)
_PERSON: dict[str, int | str | bool] = {
    "given_name": "Ada",
    "birth_date": "1990-12-10",
    "residence": "DE",
}
_ANCHOR = "0x" + "a1" * 20


def element(label: str) -> int:
    """Derive a field element from a label, the same in every run."""
    return int.from_bytes(hashlib.sha512(label.encode()).digest(), "big") % R


def document() -> object:
    """Return the vectors with integers as decimal strings."""
    scalar, prefix = element("issuer") % curve.ORDER, hashlib.sha256(b"prefix").digest()
    key = SigningKey(scalar, prefix)
    public = key.public
    schema, policy = parse_schema(EXAMPLE_SCHEMA), parse_policy(EXAMPLE_POLICY)
    secret, blinding = element("secret"), element("blinding")
    subject = credentials.subject(secret, _ANCHOR, blinding)
    terms = Terms(20260101, 20261231, 5)
    statement = Statement(schema.encode(_PERSON), subject, schema.id, terms)
    signature = eddsa.sign(key, public, statement.digest)
    members = {0: element("leaf 0"), 7: element("leaf 7"), 255: element("leaf 255")}
    return {
        "curve": [
            {"scalar": str(k), "point": _point(curve.multiply_base(k))}
            for k in (1, 2, 3, curve.ORDER - 1, scalar)
        ],
        "claims": [
            {"kind": kind.value, "value": value, "claim": str(encode_claim(kind, value))}
            for kind, value in _CLAIMS
        ],
        "schema": {"document": schema.document.decode(), "id": str(schema.id)},
        "quad_tree": {
            "levels": 4,
            "leaves": {str(place): str(leaf) for place, leaf in members.items()},
            "root": str(QuadTree(4, members).root),
        },
        "credential": {
            "secret": str(secret),
            "anchor": _ANCHOR,
            "blinding": str(blinding),
            "subject": str(subject),
            "claims": [str(claim) for claim in statement.claims],
            "terms": [terms.issued_on, terms.expires_on, terms.nonce],
            "digest": str(statement.digest),
            "scalar": str(scalar),
            "prefix": "0x" + prefix.hex(),
            "key": _point(public),
            "nonce": _point(signature.nonce),
            "response": str(signature.response),
        },
        "issuer": {
            "revoked": [1, 3, 5_000_000],
            "revocation_root": str(credentials.revocation_tree((1, 3, 5_000_000)).root),
            "leaf": str(
                credentials.issuer_leaf(public, credentials.revocation_tree((1, 3, 5_000_000)).root)
            ),
        },
        "self_attestation": {
            "label": self_attestation.LABEL.decode(),
            "scalar": str(self_attestation.signing_key().scalar),
            "key": _point(self_attestation.public_key()),
        },
        "document_face": {
            "template": [i % 128 - 64 for i in range(128)],
            "spec_id": str(7),
            "salt": str(element("document salt")),
            "hash": str(
                document_hash([i % 128 - 64 for i in range(128)], element("document salt"), 7)
            ),
            "policy": str(replace(policy.policy, document=11).commitment),
        },
        "policy": {
            "document": EXAMPLE_POLICY,
            "commitment": str(policy.policy.commitment),
            "sets": [
                {"root": str(p.tree.root), "spare": str(p.spare)} for p in policy.policy.predicates
            ],
        },
    }


def _point(point: curve.Point) -> list[str]:
    return [str(point[0]), str(point[1])]
