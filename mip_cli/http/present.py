"""The holder's side of OpenID4VP: what a service asks, checked, and the answer brought there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mip_cli.chain.abi import parse_address
from mip_cli.crypto import jsontext
from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.errors import MipError, UsageFault
from mip_cli.flows.kyc import policy_file
from mip_cli.flows.kyc.offers import FORMAT
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.kyc.web_app import CLIENT_PREFIX, WebRequest
from mip_cli.flows.kyc.web_proofs import Terms, WebAsk
from mip_cli.http.client import Web, checked, printable

WHAT = "the service"
SCHEME = "openid4vp"
MAX_REQUEST = 64 * 1024
"""Bytes of a request."""
REQUEST_TYPE = "application/oauth-authz-req+jwt"

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
_QUERY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORBIDDEN = ("transaction_data", "scope", "presentation_definition", "redirect_uri")
_HOLDER = "require_cryptographic_holder_binding"
_META = {"policy", "purpose", "chain_id", "gate"}


@dataclass(frozen=True)
class Asked:
    """A request that was read and makes sense."""

    ask: WebAsk
    query: str
    """What the service calls its one credential query."""


def look(text: str) -> Asked:
    """Read a request from its URI, or from the link in it.

    Raises ``UsageFault`` for one that asks for what we cannot show or say, ``ServerUntrusted``.
    """
    parameters, link = _parameters(text)
    try:
        found = _read(parameters)
    except (ValueError, TypeError, KeyError, MipError) as error:
        plain = type(error) is ValueError or isinstance(error, MipError)
        reason = str(error) if plain else "it is malformed"
        raise UsageFault(
            f"the request cannot be answered: {printable(reason)}",
            hint="tell the service's makers; nothing was sent",
        ) from None
    if link is not None:
        _require_own(link, found.ask.request.client_id)
    return found


def bring(asked: Asked, file: PolicyFile) -> str | None:
    """Send the answer; return where the service wants the holder to go on, if anywhere.

    Raises ``ServerRefused`` with the service's words.
    """
    request = asked.ask.request
    web = Web(request.response_uri, WHAT)
    proof = json.loads(policy_file.encode(file))
    token = jsontext.canonical({asked.query: [proof]}).decode()
    fields = {"vp_token": token, "state": request.state}
    answer = web.members(web.post_form(request.response_uri, fields))
    follow = answer.get("redirect_uri")
    # shown, not opened: a link to elsewhere is worth nothing to the holder
    return follow if isinstance(follow, str) and len(follow) < 2048 and web.holds(follow) else None


def _parameters(text: str) -> tuple[dict[str, Any], str | None]:
    if len(text) > MAX_REQUEST:
        raise UsageFault(f"a request has at most {MAX_REQUEST} bytes")
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise UsageFault("the request is no address") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UsageFault("the request says something twice")
    if parts.scheme != SCHEME and "client_id" not in fields:
        return _fetched(text, None), text
    link = fields.get("request_uri")
    if link is not None:
        # before a byte leaves: a link to elsewhere would have us ask whom its maker likes
        _require_own(link, fields.get("client_id", ""))
        return _fetched(link, fields["client_id"]), link
    for name in ("dcql_query", "client_metadata"):
        if name in fields:
            try:
                fields[name] = jsontext.parse(fields[name].encode())
            except ValueError:
                raise UsageFault(f"the request's {name} is no sound JSON") from None
    return fields, None


def _require_own(link: str, client_id: str) -> None:
    """Raise ``UsageFault`` unless a request lies at the origin of who asks."""
    if not client_id.startswith(CLIENT_PREFIX):
        raise UsageFault("the request does not say who asks by where the answer goes")
    web = Web(client_id.removeprefix(CLIENT_PREFIX), WHAT)
    if not web.holds(link):
        raise UsageFault(
            f"the request lies at {Web(link, WHAT).origin}, and its answer would go to {web.origin}"
        )


def _fetched(link: str, client_id: str | None) -> dict[str, Any]:
    checked(link, WHAT)
    web = Web(link, WHAT)
    answer = web.get(link, accept=REQUEST_TYPE)
    if answer.status != 200:
        raise web.refusal(answer)
    found = _unsigned(answer.body) if answer.content_type == REQUEST_TYPE else None
    if found is None:
        raise web.untrusted("is no request")
    if client_id is not None and found.get("client_id") != client_id:
        raise web.untrusted("is another's request than the link says")
    return found


def _unsigned(body: bytes) -> dict[str, Any] | None:
    """Return what an unsigned request object says; None for anything else.

    A client id of this kind forbids a signature: there is no key that it could be checked with.
    """
    try:
        head, payload, signature = body.decode("ascii").strip().split(".")
        header, found = (jsontext.parse(_bytes(part)) for part in (head, payload))
        good = header["alg"] == "none" and header["typ"] == "oauth-authz-req+jwt"
    except (ValueError, TypeError, KeyError):
        return None
    return found if good and not signature and isinstance(found, dict) else None


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _read(parameters: Mapping[str, Any]) -> Asked:
    if parameters.get("response_type") != "vp_token":
        raise ValueError("it asks for something else than a proof")
    if parameters.get("response_mode") != "direct_post":
        raise ValueError("it wants its answer on a way we do not go")
    if any(name in parameters for name in _FORBIDDEN):
        raise ValueError("it asks for more than a proof of a policy")
    target = parameters["response_uri"]
    if not isinstance(target, str) or parameters["client_id"] != CLIENT_PREFIX + target:
        raise ValueError("it does not say who asks by where the answer goes")
    checked(target, WHAT)
    nonce, state = parameters["nonce"], parameters["state"]
    if not all(isinstance(text, str) and _TOKEN.fullmatch(text) for text in (nonce, state)):
        raise ValueError("its nonce or state are missing, short or long")
    query = parameters["dcql_query"]
    if set(query) != {"credentials"} or len(query["credentials"]) != 1:
        raise ValueError("it has several queries; one policy asks for several credentials")
    credential = query["credentials"][0]
    if not set(credential) <= {"id", "format", "meta", "multiple", _HOLDER}:
        raise ValueError("it asks for single claims, which we do not show")
    if credential["format"] != FORMAT or credential.get("multiple", False) is not False:
        raise ValueError("it asks for another kind of credential")
    if credential.get(_HOLDER, True) is not True or not _QUERY.fullmatch(credential["id"]):
        raise ValueError("its query makes no sense")
    terms = _terms(credential["meta"])
    return Asked(WebAsk(terms, WebRequest(target, nonce, state)), credential["id"])


def _terms(meta: Mapping[str, Any]) -> Terms:
    if set(meta) != _META:
        raise ValueError("its terms have other members than policy, purpose, chain and gate")
    chain_id, purpose = meta["chain_id"], meta["purpose"]
    if type(chain_id) is not int or chain_id < 1 or not isinstance(purpose, str):
        raise ValueError("its chain is a number and its purpose a text")
    if not isinstance(meta["gate"], str):
        raise ValueError("its gate is an address")
    gate = parse_address(meta["gate"])
    return Terms(parse_app_policy(meta["policy"]), purpose, chain_id, gate)
