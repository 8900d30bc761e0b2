"""Offers of an issuer: made by its operator, fetched once by whoever has code and PIN.

Protocol section 22, without HTTP: what an endpoint asks of the issuer, and what it may answer.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote

from mip_cli.config import Settings
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.claims import ClaimValue, Schema
from mip_cli.crypto.field import is_canonical
from mip_cli.errors import KeyLocked, Negative, UsageFault
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc.credential_file import Request, Revocations
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Opened
from mip_cli.store.offers import (
    CODE_BYTES,
    ID_BYTES,
    MAX_WRONG,
    PIN_DIGITS,
    REFERENCE_BYTES,
    Offer,
    OfferBook,
)
from mip_cli.store.revocation_cache import MAX_LIST

GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
SCHEME = "openid-credential-offer"
FORMAT = "mip_vc"
PROOF_TYPE = "mip_subject"
TOKEN_SECONDS = 600
NONCE_SECONDS = 300
DEFAULT_HOURS = 24
MAX_HOURS = 30 * 24
"""Hours that an offer waits at most."""

_MAC_BYTES = 16
_RANDOM_BYTES = 16
_ATTEMPTS = 5
"""How often the issuer's file is read anew when another process changes it."""

Clock = Callable[[], float]


class Fault(StrEnum):
    """Why an endpoint refuses, in the words of the OpenID texts."""

    INVALID_REQUEST = "invalid_request"
    INVALID_GRANT = "invalid_grant"
    UNSUPPORTED_GRANT = "unsupported_grant_type"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - the name of a fault
    INVALID_NONCE = "invalid_nonce"
    INVALID_PROOF = "invalid_proof"
    UNKNOWN_CONFIGURATION = "unknown_credential_configuration"
    UNKNOWN_IDENTIFIER = "unknown_credential_identifier"
    INVALID_ENCRYPTION = "invalid_encryption_parameters"
    INVALID_CREDENTIAL_REQUEST = "invalid_credential_request"
    SERVER_ERROR = "server_error"
    BUSY = "temporarily_unavailable"


class Refused(Negative):
    """An endpoint's refusal; the message quotes nothing of what was sent."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, repr=False)
class Prepared:
    """An offer as its operator passes it on."""

    id: str
    by_value: str
    """URI with the whole offer."""
    by_reference: str
    """URI with a link to it, for a QR code."""
    tx_code: str
    """To be told on another way."""
    expires: int
    """Unix time."""

    def __repr__(self) -> str:
        return f"Prepared({self.id}, <redacted>)"


def configuration_id(schema: Schema) -> str:
    """Return what a schema is called in metadata and offers."""
    return f"mip-{schema.id:064x}"


def prepare(
    settings: Settings,
    opened: Opened,
    schema: Schema,
    claims: Mapping[str, ClaimValue],
    *,
    days: int,
    hours: int,
    url: str,
    clock: Clock = time.time,
    rng: Rng = system_rng,
) -> Prepared:
    """Make an offer, durable on return; ``url`` is the origin that the server is reached at.

    Raises ``UsageFault`` before registration and for claims that the schema does not have.
    """
    kyc_issuer.home_of(opened)
    if not 1 <= days <= kyc_issuer.MAX_DAYS or not 1 <= hours <= MAX_HOURS:
        raise UsageFault(
            f"a credential is good for 1 to {kyc_issuer.MAX_DAYS} days, "
            f"an offer for 1 to {MAX_HOURS} hours"
        )
    try:
        schema.encode(claims)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    now = int(clock())
    offer = Offer(
        rng(ID_BYTES).hex(),
        rng(CODE_BYTES),
        rng(REFERENCE_BYTES),
        f"{int.from_bytes(rng(16), 'big') % 10**PIN_DIGITS:0{PIN_DIGITS}}",
        now,
        now + hours * 3600,
        days,
        schema,
        dict(claims),
    )
    OfferBook(settings.data_dir, opened).put(offer, rng=rng)
    document = json.dumps(offer_document(offer, url), separators=(",", ":"))
    link = f"{url}/offer/{_named(offer.id, offer.reference)}"
    return Prepared(
        offer.id,
        f"{SCHEME}://?credential_offer={quote(document, safe='')}",
        f"{SCHEME}://?credential_offer_uri={quote(link, safe='')}",
        offer.pin,
        offer.expires,
    )


def offer_document(offer: Offer, url: str) -> dict[str, object]:
    """Return the credential offer of OpenID4VCI."""
    grant = {
        "pre-authorized_code": _named(offer.id, offer.code),
        "tx_code": {
            "input_mode": "numeric",
            "length": PIN_DIGITS,
            "description": "the issuer told you these digits on another way",
        },
    }
    return {
        "credential_issuer": url,
        "credential_configuration_ids": [configuration_id(offer.schema)],
        "grants": {GRANT: grant},
    }


def list_offers(settings: Settings, opened: Opened, *, clock: Clock = time.time) -> list[Offer]:
    """Return what waits, and what was fetched with the numbers of the credentials."""
    book = OfferBook(settings.data_dir, opened)
    book.tidy(clock())
    return book.all()


class Desk:
    """An opened issuer behind its endpoints; may be used by several threads."""

    def __init__(
        self, settings: Settings, opened: Opened, *, clock: Clock = time.time, rng: Rng = system_rng
    ) -> None:
        home = kyc_issuer.home_of(opened)
        self._opened = opened
        self._home = home
        self._data_dir = settings.data_dir
        self._book = OfferBook(settings.data_dir, opened)
        self._clock = clock
        self._rng = rng
        self._nonces = Nonces(clock, rng)
        self._issuing = threading.Lock()
        self._book.tidy(clock())

    @property
    def title(self) -> str:
        """What the issuer calls itself."""
        return self._opened.content.title

    def schemas(self) -> list[Schema]:
        """Return the schemas of all offers that can still be fetched."""
        now = self._clock()
        found = {o.schema.id: o.schema for o in self._book.all() if not o.is_over(now)}
        return [found[key] for key in sorted(found)]

    def offer(self, reference: str, url: str) -> dict[str, object] | None:
        """Return the offer that a link names; None unless its code can be used."""
        identifier, secret = _parts(reference)
        offer = self._book.get(identifier)
        if offer is None or not hmac.compare_digest(secret, offer.reference):
            return None
        return offer_document(offer, url) if offer.is_open(self._clock()) else None

    def token(self, code: str, tx_code: str) -> str:
        """Spend a code, durably, for an access token; raise ``Refused``, alike for every reason."""
        identifier, secret = _parts(code)
        with self._book.locked(identifier) as offer:
            if offer is None or not hmac.compare_digest(secret, offer.code):
                raise _wrong_grant()
            right = hmac.compare_digest(tx_code.encode(), offer.pin.encode())
            if not offer.is_open(self._clock()):
                if right and offer.is_spent and not offer.subject:
                    # two have code and PIN: nobody can tell which is the holder
                    self._book.put(replace(offer, token_until=0))
                raise _wrong_grant()
            if not right:
                self._book.put(replace(offer, wrong=offer.wrong + 1))
                raise _wrong_grant()
            raw = self._rng(CODE_BYTES)
            until = int(self._clock()) + TOKEN_SECONDS
            self._book.put(replace(offer, token=_digest(raw), token_until=until))
        return _named(identifier, raw)

    def nonce(self) -> str:
        """Return a fresh ``c_nonce``."""
        return self._nonces.make()

    def revocations(self) -> bytes:
        """Return the list whose root the issuer published last; an empty one before any was."""
        found = store.get_list(self._data_dir, self._opened.name, MAX_LIST)
        return found or credential_file.REVOCATIONS.encode(Revocations(self._home, 0, ()))

    def credential(
        self, token: str, configuration: str, subject: int, nonce: str, server: str = ""
    ) -> bytes:
        """Sign the credential of a token for a subject; the same again for the same subject.

        ``server`` is the origin that the credential names for the list. Raises ``Refused``.
        """
        identifier, secret = _parts(token)
        with self._book.locked(identifier) as offer:
            self._require_token(offer, secret)
            if offer is None or configuration != configuration_id(offer.schema):
                raise Refused(Fault.UNKNOWN_CONFIGURATION, "the token is for another credential")
            if not is_canonical(subject) or subject == 0:
                raise Refused(Fault.INVALID_PROOF, "the subject is no number of a passport")
            if not self._nonces.spend(nonce):
                raise Refused(Fault.INVALID_NONCE, "the c_nonce is unknown, used or too old")
            if offer.subject not in (0, subject):
                raise Refused(
                    Fault.INVALID_CREDENTIAL_REQUEST, "the credential went to another subject"
                )
            if not offer.document:
                offer = self._sign(offer, subject, server)
            return offer.document

    def require_token(self, token: str) -> None:
        """Raise ``Refused`` unless a token is in force, before anything else is read."""
        identifier, secret = _parts(token)
        self._require_token(self._book.get(identifier), secret)

    def _require_token(self, offer: Offer | None, secret: bytes) -> None:
        good = offer is not None and hmac.compare_digest(_digest(secret), offer.token)
        if offer is None or not good or self._clock() >= offer.token_until:
            raise Refused(Fault.INVALID_TOKEN, "the access token is wrong or ended")

    def _sign(self, offer: Offer, subject: int, server: str) -> Offer:
        asked = [(Request(subject, int(self._clock())), offer.claims)]
        issued = self._issue(offer.schema, asked, offer.days, server)
        number = issued.credential.terms.nonce
        # the document is kept for a holder whose line broke; the claims are in it
        signed = replace(offer, claims={}, subject=subject, number=number, document=issued.document)
        self._book.put(signed)
        return signed

    def _issue(
        self,
        schema: Schema,
        asked: Sequence[tuple[Request, Mapping[str, ClaimValue]]],
        days: int,
        server: str,
    ) -> kyc_issuer.Issued:
        with self._issuing:
            for attempt in range(_ATTEMPTS):
                try:
                    self._opened = store.reread(self._opened)
                    self._opened, (issued,) = kyc_issuer.issue(
                        self._opened, schema, asked, days, today=self._today, server=server
                    )
                except KeyLocked:  # the operator issues or revokes meanwhile
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return issued
        raise AssertionError("the last attempt raises")

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date()


class Nonces:
    """Nonces that are good once and for a time, without a list of those that are out."""

    def __init__(self, clock: Clock = time.time, rng: Rng = system_rng) -> None:
        self._clock = clock
        self._rng = rng
        self._key = rng(32)
        self._used: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def make(self) -> str:
        """Return a nonce."""
        body = int(self._clock()).to_bytes(8, "big") + self._rng(_RANDOM_BYTES)
        return _text(body + self._mac(body))

    def spend(self, nonce: str) -> bool:
        """Tell whether a nonce is good, and make it worthless."""
        raw = _bytes(nonce)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        now = self._clock()
        if len(body) != 8 + _RANDOM_BYTES or not hmac.compare_digest(mac, self._mac(body)):
            return False
        ends = int.from_bytes(body[:8], "big") + NONCE_SECONDS
        with self._lock:
            self._used = {seen: end for seen, end in self._used.items() if end > now}
            if now >= ends or body in self._used:
                return False
            self._used[body] = ends
        return True

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]


def fresh_secret(size: int = CODE_BYTES) -> str:
    """Draw a secret for a URL."""
    return _text(secrets.token_bytes(size))


def _wrong_grant() -> Refused:
    # one answer for all reasons, so that nobody learns which half was right
    return Refused(
        Fault.INVALID_GRANT,
        f"code or transaction code are wrong, used or ended; {MAX_WRONG} wrong ones end an offer",
    )


def _named(identifier: str, secret: bytes) -> str:
    return f"{identifier}.{_text(secret)}"


def _parts(text: str) -> tuple[str, bytes]:
    identifier, _, secret = text.partition(".")
    return identifier, _bytes(secret)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Read base64url in its one spelling; anything else is no bytes."""
    if not text.isascii() or len(text) > 128:
        return b""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return data if _text(data) == text else b""


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
