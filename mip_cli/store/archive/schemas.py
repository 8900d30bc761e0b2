"""What records of the built-in categories look like: JSON Schema 2020-12.

Every member is optional, because a holder has what he has, and others may be added; those named
here have a fixed meaning. ``x-mip-identity`` marks what a grant of level 2 leaves out.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _text(limit: int = 256) -> Schema:
    return {"type": "string", "maxLength": limit}


def _who(limit: int = 256) -> Schema:
    return {**_text(limit), "x-mip-identity": True}


def _number(least: float | None = None, most: float | None = None) -> Schema:
    found: Schema = {"type": "number"}
    if least is not None:
        found["minimum"] = least
    if most is not None:
        found["maximum"] = most
    return found


def _list(items: Schema, most: int = 1024) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "properties": members}


_DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"}
_CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
_COUNTRY: Schema = {"type": "string", "pattern": "^[A-Z]{2}$"}
_SUBJECT = _who()

BUILT_IN: dict[str, Schema] = {
    "identity": _object(
        name=_who(),
        birth_date={**_DATE, "x-mip-identity": True},
        nationality={**_COUNTRY, "x-mip-identity": True},
        document=_object(kind=_text(64), number=_who(64), issuer=_text(), expires=_DATE),
        addresses=_list(_object(lines={**_list(_text(), 8), "x-mip-identity": True}, since=_DATE)),
        contacts=_list(_object(kind=_text(32), value=_who())),
    ),
    "face": _object(
        subject=_SUBJECT,
        taken=_DATE,
        spec=_text(64),
        template={
            **_list({"type": "integer", "minimum": -128, "maximum": 127}, 4096),
            "x-mip-identity": True,
        },
        photo=_who(),
    ),
    "social": _object(
        account=_who(),
        network=_text(128),
        contacts=_list({**_object(name=_text(), account=_text()), "x-mip-identity": True}, 10_000),
        posts=_list(_object(at=_text(32), text=_text(10_000)), 10_000),
    ),
    "preference": _object(
        subject=_SUBJECT,
        topic=_text(),
        value={"type": ["string", "number", "boolean", "array", "object"]},
        weight=_number(0, 1),
    ),
    "avatar": _object(
        subject=_SUBJECT,
        name=_text(),
        model=_text(),
        voice=_text(),
        appearance=_object(),
    ),
    "finance": _object(
        holder=_who(),
        account=_who(64),
        kind=_text(64),
        currency=_CURRENCY,
        amount=_number(),
        balance=_number(),
        income=_number(0),
        from_date=_DATE,
        to_date=_DATE,
        transactions=_list(
            _object(
                date=_DATE, amount=_number(), currency=_CURRENCY, kind=_text(64), with_whom=_who()
            ),
            10_000,
        ),
    ),
    "health": _object(
        patient=_who(),
        insurance=_who(64),
        kind=_text(64),
        code=_text(64),
        date=_DATE,
        text=_text(65_536),
        value=_number(),
        unit=_text(32),
        provider=_text(),
    ),
    "education": _object(
        student=_who(),
        institution=_text(),
        degree=_text(),
        subject=_text(),
        from_date=_DATE,
        to_date=_DATE,
        grade={"type": ["string", "number"]},
    ),
    "other": {},
}
"""By category; a record that is no JSON obeys none."""

CREDENTIAL: Schema = {
    "type": "object",
    "properties": {
        "format": {"const": "mip.credential.file/1"},
        "nonce": {"type": "string", "pattern": "^0x[0-9a-f]{24}$"},
        "ciphertext": {"type": "string", "pattern": "^0x([0-9a-f]{2})+$"},
        "checksum": {"type": "string", "pattern": "^0x[0-9a-f]{64}$"},
    },
    "required": ["format", "nonce", "ciphertext", "checksum"],
    "additionalProperties": False,
}
"""What a record of the type ``manifest.CREDENTIAL_TYPE`` obeys, in any category."""
