"""SD-JWT VC with ES256: signature, disclosures and dates, checked on this machine.

RFC 9901, section 7.1, to the letter where it says MUST, and stricter where a reader may choose. The
signatures are checked by a JOSE library.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from mip_cli.crypto import jsontext
from mip_cli.crypto.plaintext import is_readable
from mip_cli.crypto.self_attestation import MAX_DETAIL, Evidence, Note
from mip_cli.errors import UsageFault
from mip_cli.flows.adapters import MAX_DOCUMENT, Foreign, refused

ALGORITHM = "ES256"
CURVE = "P-256"
TYPES = ("dc+sd-jwt", "vc+sd-jwt")
KEY_BINDING = "kb+jwt"
TOLERANCE = 60
"""Seconds that the issuer's clock may lie ahead."""
MAX_DISCLOSURES = 512
MAX_DEPTH = 12

_HASH = "sha-256"
_DIGESTS, _ARRAY, _ALGORITHM = "_sd", "...", "_sd_alg"
_OPEN = frozenset({"iss", "nbf", "exp", "cnf", "vct", "status", "vct#integrity"})
"""Members that nobody may leave out, so that they stand in what is signed."""
_LAST = 253402300799  # the end of the year 9999


class SdJwt:
    """The adapter for SD-JWT VC; satisfies ``Adapter``."""

    def verify(self, document: bytes, keys: bytes, now: float) -> Foreign:
        """Check a compact SD-JWT, with or without key binding; see ``Adapter``."""
        known = _keys(keys)
        if len(document) > MAX_DOCUMENT:
            raise refused(f"it is larger than {MAX_DOCUMENT} bytes")
        try:
            text = document.decode("ascii").strip()
        except UnicodeDecodeError:
            raise refused("it is no SD-JWT") from None
        if not 1 <= text.count("~") <= MAX_DISCLOSURES:
            raise refused("it is no SD-JWT, or has too many disclosures")
        token, *disclosures, binding = text.split("~")
        header = _header(token, TYPES)
        key = _chosen(known, header.get("kid"))
        payload = _signed(token, key, "its signature")
        found = _Disclosed(_decoded(disclosures)).open(payload)
        until = _dates(found, now)
        kind = found.get("vct")
        if not isinstance(kind, str) or not kind:
            raise refused("it has no type (vct)")
        if binding:
            _bound(binding, text, payload)
        return Foreign(
            kind,
            found,
            Note(Evidence.SD_JWT, _detail(kind, found.get("iss"), key)),
            until,
            _remarks(payload, bool(binding)),
        )


@dataclass
class _Disclosed:
    """Puts disclosed values in their places, each exactly once."""

    by_digest: dict[str, list[Any]]
    used: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def open(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload as its issuer meant it; raise ``CredentialInvalid``."""
        if payload.get(_ALGORITHM, _HASH) != _HASH:
            raise refused(f"its disclosures use another hash than {_HASH}")
        body = {name: value for name, value in payload.items() if name != _ALGORITHM}
        found = self._object(body, 0, top=True)
        if self.used != set(self.by_digest):
            raise refused("a disclosure belongs to nothing that is signed")
        return found

    def _value(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise refused("it is nested too deeply")
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list):
            return self._array(value, depth)
        return value

    def _object(self, value: Mapping[str, Any], depth: int, *, top: bool = False) -> dict[str, Any]:
        if _ARRAY in value or _ALGORITHM in value:
            raise refused("a reserved name stands where it has no meaning")
        found = {
            name: self._value(inner, depth + 1) for name, inner in value.items() if name != _DIGESTS
        }
        digests = value.get(_DIGESTS, [])
        if not isinstance(digests, list):
            raise refused("its list of digests is none")
        for digest in digests:
            disclosure = self._take(digest, 3)
            if disclosure is None:
                continue
            _, name, inner = disclosure
            if not isinstance(name, str) or name in (_DIGESTS, _ARRAY, _ALGORITHM):
                raise refused("a disclosure has a reserved name")
            if name in found:
                raise refused("a disclosure repeats a name that is there already")
            if top and name in _OPEN:
                raise refused("a member that must be signed openly is disclosed")
            found[name] = self._value(inner, depth + 1)
        return found

    def _array(self, value: list[Any], depth: int) -> list[Any]:
        found = []
        for inner in value:
            if isinstance(inner, dict) and _ARRAY in inner:
                if len(inner) != 1:
                    raise refused("a reserved name stands where it has no meaning")
                disclosure = self._take(inner[_ARRAY], 2)
                if disclosure is not None:
                    found.append(self._value(disclosure[1], depth + 1))
            else:
                found.append(self._value(inner, depth + 1))
        return found

    def _take(self, digest: object, size: int) -> list[Any] | None:
        """Return what a digest stands for; None for a value that was not disclosed."""
        if not isinstance(digest, str):
            raise refused("a digest is no text")
        if digest in self.seen:
            raise refused("a digest stands in it twice")
        self.seen.add(digest)
        disclosure = self.by_digest.get(digest)
        if disclosure is None:
            return None
        if len(disclosure) != size:
            raise refused("a disclosure has another form than its place")
        self.used.add(digest)
        return disclosure


def _decoded(disclosures: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for text in disclosures:
        try:
            value = jsontext.parse(_bytes(text))
        except ValueError:
            raise refused("a disclosure cannot be read") from None
        if not isinstance(value, list) or len(value) not in (2, 3) or not isinstance(value[0], str):
            raise refused("a disclosure cannot be read")
        digest = _text(hashlib.sha256(text.encode()).digest())
        if digest in found:
            raise refused("a disclosure stands in it twice")
        found[digest] = value
    return found


def _keys(data: bytes) -> list[ECKey]:
    """Read a JWK or a JWK set; raise ``UsageFault`` unless all are public P-256 keys."""
    try:
        raw = jsontext.parse(data)
        rows = raw["keys"] if isinstance(raw, dict) and "keys" in raw else [raw]
        if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
            raise ValueError
        usable = [row for row in rows if row.get("kty") == "EC" and row.get("crv") == CURVE]
        # only the point: other members could forbid or widen what it is for, and "d" is no key
        # to have here
        if not usable or any("d" in row for row in usable):
            raise ValueError
        names = ("kty", "crv", "x", "y", "kid")
        return [ECKey.import_key({n: row[n] for n in names if n in row}) for row in usable]
    except (ValueError, TypeError, KeyError, AttributeError, JoseError):
        raise UsageFault(
            "the issuer's key is no public P-256 key as a JWK or JWK set",
            hint="issuers publish theirs under /.well-known/jwt-vc-issuer",
        ) from None


def _chosen(known: list[ECKey], kid: object) -> ECKey:
    if len(known) == 1 and (kid is None or known[0].kid in (None, kid)):
        return known[0]
    found = [key for key in known if isinstance(kid, str) and key.kid == kid]
    if len(found) != 1:
        raise refused("it names no key among those given")
    return found[0]


def _header(token: str, types: tuple[str, ...]) -> dict[str, Any]:
    """Return the header; before any signature is looked at, it must be of the kind we check."""
    try:
        header = jsontext.parse(_bytes(token.split(".")[0]))
        if not isinstance(header, dict):
            raise ValueError
    except ValueError:
        raise refused("its header cannot be read") from None
    if header.get("alg") != ALGORITHM:
        raise refused(f"it is not signed with {ALGORITHM}")
    if header.get("typ") not in types:
        raise refused(f"its type is not {types[0]}")
    if "crit" in header or "b64" in header:
        raise refused("its header demands what nobody here understands")
    return header


def _signed(token: str, key: ECKey, what: str) -> dict[str, Any]:
    try:
        raw = jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
        found = jsontext.parse(raw)
    except (JoseError, ValueError, TypeError, KeyError):
        raise refused(f"{what} does not hold") from None
    if not isinstance(found, dict):
        raise refused("what is signed is no object")
    return found


def _dates(found: Mapping[str, Any], now: float) -> datetime.date | None:
    times = {name: found[name] for name in ("iat", "nbf", "exp") if name in found}
    for value in times.values():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST:
            raise refused("one of its dates is none")
    if times.get("iat", 0) > now + TOLERANCE or times.get("nbf", 0) > now + TOLERANCE:
        raise refused("it is not good yet")
    if "exp" not in times:
        return None
    if times["exp"] <= now:
        raise refused("it has expired")
    # the last whole day: the credential that is made of it does not outlive it
    last = datetime.datetime.fromtimestamp(times["exp"], datetime.UTC)
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    return last.date() if last - midnight >= _NEARLY else last.date() - _DAY


_DAY = datetime.timedelta(days=1)
_NEARLY = datetime.timedelta(hours=23, minutes=59)


def _bound(binding: str, text: str, payload: Mapping[str, Any]) -> None:
    """Check a key binding; for whom it was made is not ours to judge."""
    _header(binding, (KEY_BINDING,))
    try:
        (key,) = _keys(jsontext.canonical(payload["cnf"]["jwk"]))
    except (UsageFault, ValueError, TypeError, KeyError):
        raise refused("it is bound to no key that could be checked") from None
    found = _signed(binding, key, "its key binding")
    shown = text.removesuffix(binding)
    if found.get("sd_hash") != _text(hashlib.sha256(shown.encode()).digest()):
        raise refused("its key binding is another's")


def _detail(kind: str, signer: object, key: ECKey) -> str:
    thumbprint = key.thumbprint()
    named = f"{kind} of {signer}" if isinstance(signer, str) else kind
    tail = f", key {thumbprint}"
    if not is_readable(named) or len((named + tail).encode()) > MAX_DETAIL:
        return f"key {thumbprint}"
    return named + tail


def _remarks(payload: Mapping[str, Any], bound: bool) -> tuple[str, ...]:
    remarks = ["the issuer's key is the one you named"]
    if "status" in payload:
        remarks.append("whether the issuer revoked it was not asked")
    if "cnf" in payload:
        how = "was signed, for somebody else" if bound else "was not shown"
        remarks.append(f"the key it is bound to {how}")
    return tuple(remarks)


def _bytes(text: str) -> bytes:
    """Read base64url without padding, in its one spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError("not base64url") from None
    if _text(data) != text:
        raise ValueError("not base64url")
    return data


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
