"""The holder's side of OpenID4VCI: an offer and its transaction code become a kept credential."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mip_cli.config import Settings
from mip_cli.crypto import jsontext
from mip_cli.crypto.forms import element
from mip_cli.errors import CredentialInvalid, UsageFault
from mip_cli.flows.kyc import credential_file
from mip_cli.flows.kyc import kyc_held as kyc
from mip_cli.flows.kyc.credential_file import REQUEST
from mip_cli.flows.kyc.kyc_held import HeldView
from mip_cli.flows.kyc.offers import FORMAT, GRANT, PROOF_TYPE, SCHEME, Fault, configuration_id
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.http.client import ServerRefused, Web, printable
from mip_cli.progress import Progress
from mip_cli.store.fetches import Fetch, Fetches

WHAT = "the issuer's server"
MAX_OFFER = 16 * 1024
"""Bytes of an offer."""

_CONFIGURATION = re.compile(r"mip-[0-9a-f]{64}")
_PIN = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, repr=False)
class Offered:
    """What an offer promises, as its server describes it."""

    issuer: str
    """Origin of the server."""
    title: str
    """What the issuer calls itself; nobody checked that."""
    schema: str
    """What it calls the credential."""
    configuration: str
    code: str
    needs_pin: bool
    endpoints: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Offered({self.issuer!r}, <redacted>)"


Ask = Callable[[Offered], str]
"""Shows what is offered and returns the transaction code, empty when none is needed."""


def fetch(
    settings: Settings, opened: Opened, text: str, ask: Ask, progress: Progress
) -> tuple[HeldView, bool]:
    """Fetch the credential of an offer and keep it, as ``kyc.keep`` does.

    Run again with the same offer after a crash, it goes on where it stopped. Raises
    ``ServerRefused`` with the server's words, ``ServerUntrusted``, ``NetworkDown``,
    ``CredentialInvalid`` when what came does not hold.
    """
    content = opened.unlocked.secrets
    notes = Fetches(settings.data_dir, content.name, content.secret)
    under_way = notes.find(text)
    if under_way is None:
        progress.step("reading the offer")
        offered = look(text)
        pin = ask(offered)
        web = Web(offered.issuer, WHAT)
        token = _token(web, offered, pin, progress)
        # blinding and token are durable before the issuer sees the subject
        _, request = kyc.request(settings, opened)
        subject = REQUEST.decode(request).subject
        under_way = Fetch(offered.issuer, offered.configuration, token, subject)
        notes.put(text, under_way)
    progress.step("fetching the credential")
    try:
        document = _credential(under_way)
    except ServerRefused as error:
        if error.fault != Fault.INVALID_TOKEN:
            raise
        notes.remove(text)
        raise ServerRefused(
            "the offer was begun, and its time has passed",
            fault=error.fault,
            hint="ask the issuer for a new offer",
        ) from None
    kept = kyc.keep(settings, opened, document, progress)
    notes.remove(text)
    return kept


def look(text: str) -> Offered:
    """Read an offer, and what its server says of it; raise ``UsageFault``, ``ServerUntrusted``."""
    document = _offer(text)
    try:
        issuer, code, needs_pin = _grant(document)
        (configuration,) = document["credential_configuration_ids"]
        if not isinstance(configuration, str) or not _CONFIGURATION.fullmatch(configuration):
            raise ValueError("it is for another kind of wallet")
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error) if type(error) is ValueError else "it is malformed"
        raise UsageFault(f"the offer cannot be used: {reason}") from None
    web = Web(issuer, WHAT)
    if web.origin != issuer:
        raise UsageFault("the offer's issuer is no origin, such as https://example.org")
    metadata = web.members(web.get(f"{issuer}/.well-known/openid-credential-issuer"))
    oauth = web.members(web.get(f"{issuer}/.well-known/oauth-authorization-server"))
    if metadata.get("credential_issuer") != issuer or oauth.get("issuer") != issuer:
        raise web.untrusted("speaks for another issuer")
    endpoints = {
        "token": oauth.get("token_endpoint"),
        "nonce": metadata.get("nonce_endpoint"),
        "credential": metadata.get("credential_endpoint"),
    }
    texts = {name: url for name, url in endpoints.items() if isinstance(url, str)}
    if len(texts) != len(endpoints) or not all(web.holds(url) for url in texts.values()):
        raise web.untrusted("names endpoints of another origin, or none")
    schema = _described(metadata, configuration)
    if schema is None:
        raise web.untrusted("knows nothing of what was offered")
    title = printable(_first_name(metadata))
    return Offered(issuer, title, schema, configuration, code, needs_pin, texts)


def _offer(text: str) -> dict[str, Any]:
    if len(text) > MAX_OFFER:
        raise UsageFault(f"an offer has at most {MAX_OFFER} bytes")
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise UsageFault("the offer is no address") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UsageFault("the offer says something twice")
    value, link = fields.get("credential_offer"), fields.get("credential_offer_uri")
    if parts.scheme == SCHEME and (value is None) == (link is None):
        raise UsageFault("the offer holds neither an offer nor a link, or both")
    if parts.scheme != SCHEME and value is None and link is None:
        link = text
    if link is not None:
        web = Web(link, WHAT)
        found = web.members(web.get(link))
        if found.get("credential_issuer") != web.origin:
            raise web.untrusted("offers something of another issuer")
        return found
    try:
        document = jsontext.parse((value or "").encode())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UsageFault("the offer holds no sound JSON object")
    return document


def _grant(document: Mapping[str, Any]) -> tuple[str, str, bool]:
    issuer = document["credential_issuer"]
    grant = document["grants"][GRANT]
    code, pin = grant["pre-authorized_code"], grant.get("tx_code")
    if not isinstance(issuer, str) or not isinstance(code, str) or not 1 <= len(code) <= 1024:
        raise ValueError("it names no issuer or no code")
    return issuer, code, pin is not None


def _described(metadata: Mapping[str, Any], configuration: str) -> str | None:
    found = metadata.get("credential_configurations_supported")
    entry = found.get(configuration) if isinstance(found, dict) else None
    if not isinstance(entry, dict) or entry.get("format") != FORMAT:
        return None
    inner = entry.get("credential_metadata")
    return printable(_first_name(inner if isinstance(inner, dict) else {})) or "without a name"


def _first_name(metadata: Mapping[str, Any]) -> object:
    display = metadata.get("display")
    first = display[0] if isinstance(display, list) and display else None
    return first.get("name") if isinstance(first, dict) else None


def _token(web: Web, offered: Offered, pin: str, progress: Progress) -> str:
    fields = {"grant_type": GRANT, "pre-authorized_code": offered.code}
    if offered.needs_pin:
        if not _PIN.fullmatch(pin):
            raise UsageFault("a transaction code has 1 to 64 digits or letters")
        fields["tx_code"] = pin
    progress.step("showing code and transaction code")
    found = web.members(web.post_form(offered.endpoints["token"], fields))
    token, kind = found.get("access_token"), found.get("token_type")
    if not isinstance(token, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise web.untrusted("holds no token")
    if not 1 <= len(token) <= 1024 or not token.isascii() or not token.isprintable():
        raise web.untrusted("holds no token")
    return token


def _credential(fetch: Fetch) -> bytes:
    web = Web(fetch.issuer, WHAT)
    metadata = web.members(web.get(f"{fetch.issuer}/.well-known/openid-credential-issuer"))
    endpoint, nonces = metadata.get("credential_endpoint"), metadata.get("nonce_endpoint")
    if not isinstance(endpoint, str) or not isinstance(nonces, str):
        raise web.untrusted("names no endpoints")
    nonce = web.members(web.post_json(nonces, None)).get("c_nonce")
    if not isinstance(nonce, str) or len(nonce) > 1024:
        raise web.untrusted("holds no nonce")
    asked = {
        "credential_configuration_id": fetch.configuration,
        "proofs": {PROOF_TYPE: [{"nonce": nonce, "subject": element(fetch.subject)}]},
    }
    answer = web.members(web.post_json(endpoint, asked, bearer=fetch.token))
    try:
        (entry,) = answer["credentials"]
        document = jsontext.canonical(entry["credential"])
    except (ValueError, TypeError, KeyError):
        raise web.untrusted("holds no credential") from None
    found = credential_file.decode(document)
    if configuration_id(found.schema) != fetch.configuration:
        raise CredentialInvalid("the credential has another schema than was offered")
    if found.signed.statement.subject != fetch.subject:
        raise CredentialInvalid("the credential is for another request")
    if found.server not in ("", fetch.issuer):
        raise CredentialInvalid("the credential would have its list fetched from somebody else")
    if found.is_self_attested:
        raise CredentialInvalid("the server's credential is under the key that everybody has")
    return credential_file.encode(found)
