"""Requests and credentials as a holder sees them."""

from __future__ import annotations

from datetime import UTC, datetime

from mip_cli.cli import _io, _render
from mip_cli.crypto.claims import date_text
from mip_cli.flows.kyc.credential_file import Credential
from mip_cli.flows.kyc.keeping import Place
from mip_cli.flows.kyc.kyc_held import HeldView


def summary(held: HeldView) -> tuple[str, str, str, str]:
    """Return schema, issuer, last day and place for a table."""
    found = held.credential
    if found is None:
        return ("(requested)", "", "", held.place.value)
    until = date_text(found.terms.expires_on)
    issuer = "yourself" if found.is_self_attested else str(found.issuer.number)
    return (
        f"{_io.sanitize(found.schema.name)} {found.schema.version}",
        issuer,
        until,
        held.place.value,
    )


def document(held: HeldView) -> dict[str, object]:
    """Return the JSON members of a request or credential."""
    found = held.credential
    return {
        "id": held.id,
        "requested": datetime.fromtimestamp(held.created, UTC),
        "kept_in": held.place.value,
        "credential": found
        and {
            "schema": f"{found.schema.name}/{found.schema.version}",
            "schema_id": str(found.schema.id),
            "chain_id": found.issuer.chain_id,
            "registry": found.issuer.registry,
            "issuer": found.issuer.number,
            "number": found.terms.nonce,
            "list_server": found.server or None,
            "valid_from": date_text(found.terms.issued_on),
            "valid_until": date_text(found.terms.expires_on),
            "self_attested": found.is_self_attested,
            "evidence": found.note and {"how": found.note.how.value, "detail": found.note.detail},
            "claims": dict(found.values),
        },
    }


def show(held: HeldView) -> None:
    """Print a request or credential with all it says."""
    found = held.credential
    if found is None:
        _render.kv([("id", held.id), ("state", "requested; the issuer has not answered")])
        return
    claims = [(name, _io.sanitize(str(value))) for name, value in found.values.items()]
    _render.kv(
        [
            ("id", held.id),
            ("schema", f"{_io.sanitize(found.schema.name)} {found.schema.version}"),
            ("issuer", _issuer(found)),
            ("number", found.terms.nonce),
            *([("revocations", f"listed at {found.server}")] if found.server else []),
            ("good", f"{date_text(found.terms.issued_on)} to {date_text(found.terms.expires_on)}"),
            ("kept in", "the archive" if held.place is Place.ARCHIVE else "this device"),
            *_evidence(found),
            *claims,
        ]
    )


def warn(held: HeldView) -> None:
    """Say so where a credential did not reach the archive that the passport has."""
    if held.fault is not None:
        _io.warn(f"kept on this device alone: {held.fault.message}")
        _io.note("once the archive can be opened, `mip kyc move` takes it there")


def _issuer(found: Credential) -> str:
    place = f"{found.issuer.number} on chain {found.issuer.chain_id}"
    return f"yourself, under number {place}" if found.is_self_attested else place


def _evidence(found: Credential) -> list[tuple[str, object]]:
    if found.note is None:
        return []
    detail = f" ({_io.sanitize(found.note.detail)})" if found.note.detail else ""
    return [("evidence", found.note.how.words + detail)]
