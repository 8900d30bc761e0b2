"""A web service's endpoints: OpenID4VP 1.0 with DCQL and direct_post; protocol section 22."""

from __future__ import annotations

import base64
import hmac
import html
import json
from urllib.parse import quote_plus, urlencode

from flask import Flask, Response, abort, request

from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import date_text
from mip_cli.crypto.dates import date_of_day
from mip_cli.crypto.policy_document import AppPolicyText
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc.offers import FORMAT, Fault, Refused
from mip_cli.flows.kyc.web_proofs import Terms, WebAsk, WebVerified
from mip_cli.flows.kyc.web_requests import LIFE, Outcome, Requests
from mip_cli.http.server import Log, answer, bearer, form, make_app

MAX_BODY = 128 * 1024
"""A proof file, and what a form makes of its brackets."""
QUERY = "mip"
"""Name of the one credential query."""
SCHEME = "openid4vp"
AUDIENCE = "https://self-issued.me/v2"
PROOF_FORMAT = "groth16-bn254"
REQUEST_TYPE = "application/oauth-authz-req+jwt"
MAX_POLICY = 44 * 1024
"""Bytes of a policy, so that a request holds it in base64."""
MAX_CARRIED = 96 * 1024
"""Bytes of it in a form, so that an answer holds it beside four proofs."""
MAX_VALUE = 8192
"""Characters of a request that is passed on by value."""


def verifier_app(requests: Requests, url: str, key: bytes, log: Log) -> Flask:
    """Return the endpoints of a service that is reached at an origin.

    ``key`` is what the service itself shows when it begins a request.
    """
    app = make_app("mip-verifier", url, log, max_body=MAX_BODY)

    @app.post("/requests")
    def begin() -> tuple[Response, int]:
        if not hmac.compare_digest(bearer(request).encode(), key):
            raise Refused(Fault.INVALID_TOKEN, "the service's key is wrong or missing")
        made = requests.make()
        parameters = request_object(made.asked)
        link = f"{url}/request/{made.id}"
        short = {"client_id": str(parameters["client_id"]), "request_uri": link}
        whole = f"{SCHEME}://?{urlencode(_texts(parameters))}"
        found = {
            "request_uri": link,
            "authorization_request": f"{SCHEME}://?{urlencode(short)}",
            "authorization_request_by_value": whole if len(whole) <= MAX_VALUE else None,
            "result_uri": f"{url}/results/{made.result}",
            "expires_in": LIFE,
        }
        return answer(found, 201), 201

    @app.get("/request/<identifier>")
    def asked(identifier: str) -> Response:
        found = requests.asked(identifier)
        if found is None:
            abort(404)
        return Response(_unsigned(request_object(found)), mimetype=REQUEST_TYPE)

    @app.post("/response")
    def respond() -> Response:
        fields = form(request)
        state, token, error = (fields.get(name, "") for name in ("state", "vp_token", "error"))
        if not state or bool(token) == bool(error):
            raise Refused(Fault.INVALID_REQUEST, "state, and one of vp_token and error, are needed")
        if error:
            requests.decline(state)
        else:
            requests.answer(state, _presentation(token))
        return answer({})

    @app.get("/results/<secret>")
    def result(secret: str) -> Response:
        found = requests.outcome(secret)
        if found is None:
            abort(404)
        best = request.accept_mimetypes.best_match(["application/json", "text/html"])
        document = _result(requests.terms, *found)
        return answer(document) if best != "text/html" else Response(_page(document))

    return app


def require_fits(policy: AppPolicyText) -> None:
    """Raise ``UsageFault`` for a policy that no request or answer of these sizes can carry."""
    written = jsontext.canonical(policy.document).decode()
    if len(written) > MAX_POLICY or len(quote_plus(written)) > MAX_CARRIED:
        raise UsageFault(
            "the policy is too large to travel in a request and its answer",
            hint="ask for less, with shorter sets",
        )


def request_object(asked: WebAsk) -> dict[str, object]:
    """Return the authorization request of OpenID4VP."""
    terms, found = asked.terms, asked.request
    meta = {
        "policy": terms.policy.document,
        "purpose": terms.purpose,
        "chain_id": terms.chain_id,
        "gate": terms.gate,
    }
    supported = {FORMAT: {"proof_alg_values": [PROOF_FORMAT]}}
    return {
        "response_type": "vp_token",
        "response_mode": "direct_post",
        "client_id": found.client_id,
        "response_uri": found.response_uri,
        "nonce": found.nonce,
        "state": found.state,
        "dcql_query": {"credentials": [{"id": QUERY, "format": FORMAT, "meta": meta}]},
        "client_metadata": {"vp_formats_supported": supported},
    }


def _texts(parameters: dict[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in parameters.items()
    }


def _unsigned(parameters: dict[str, object]) -> str:
    header = {"alg": "none", "typ": "oauth-authz-req+jwt"}
    parts = (header, parameters | {"aud": AUDIENCE})
    return ".".join([*(_base64(json.dumps(part).encode()) for part in parts), ""])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _presentation(token: str) -> bytes:
    """Return the one proof file of a vp_token."""
    try:
        found = jsontext.parse(token.encode())
        (document,) = found[QUERY]
        if set(found) != {QUERY} or not isinstance(document, dict):
            raise ValueError("no object")
        return json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError):
        raise Refused(
            Fault.INVALID_REQUEST, f"vp_token is an object with a list of one proof, {QUERY}"
        ) from None


def _result(terms: Terms, outcome: Outcome, verified: WebVerified | None) -> dict[str, object]:
    document: dict[str, object] = {"outcome": outcome.value, "purpose": terms.purpose}
    if verified is None:
        return document
    bound = verified.file.bound
    return document | {
        "pseudonym": f"0x{bound.nullifier:064x}",
        "level": bound.level,
        "date": date_text(date_of_day(verified.file.day)),
        "policy": str(terms.policy.policy.commitment),
        "shown": list(verified.file.parts),
        "self_attested_issuers": list(verified.own_word),
        "development": verified.development,
    }


def _page(document: dict[str, object]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in document.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Result of a request</title>'
        "<style>body{font:1rem sans-serif;margin:2rem}th{text-align:left;padding-right:2rem}"
        f"td{{overflow-wrap:anywhere}}</style><h1>Result of a request</h1><table>{rows}</table>"
    )
