"""An issuer's endpoints: OpenID4VCI 1.0 with the pre-authorised code; protocol section 22."""

from __future__ import annotations

import json
import re

from flask import Flask, Response, abort, request

from mip_cli.crypto.claims import Schema
from mip_cli.flows.kyc import credential_file
from mip_cli.flows.kyc.offers import (
    FORMAT,
    GRANT,
    PROOF_TYPE,
    TOKEN_SECONDS,
    Desk,
    Fault,
    Refused,
    configuration_id,
)
from mip_cli.http.server import Log, answer, bearer, form, make_app, members

MAX_BODY = 16 * 1024
LIST_SECONDS = 60
"""For which anybody on the way may pass the revocation list on."""
PROOF_ALGORITHM = "mip-subject-1"

_CODE, _PIN = "pre-authorized_code", "tx_code"
_SUBJECT = re.compile(r"0x[0-9a-f]{64}")
_ASKED = {"credential_configuration_id", "proofs"}
_NOT_TAKEN = {
    "credential_identifier": Fault.UNKNOWN_IDENTIFIER,
    "credential_response_encryption": Fault.INVALID_ENCRYPTION,
}
"""Members that mean something which this issuer cannot do: ignored, they would mislead."""


def issuer_app(desk: Desk, url: str, log: Log) -> Flask:
    """Return the endpoints of an issuer that is reached at an origin."""
    app = make_app("mip-issuer", url, log, max_body=MAX_BODY)

    @app.get("/.well-known/openid-credential-issuer")
    def credential_issuer() -> Response:
        return answer(
            {
                "credential_issuer": url,
                "credential_endpoint": f"{url}/credential",
                "nonce_endpoint": f"{url}/nonce",
                "mip_revocation_list": credential_file.list_address(url),
                "display": [{"name": desk.title}],
                "credential_configurations_supported": {
                    configuration_id(schema): _configuration(schema) for schema in desk.schemas()
                },
            }
        )

    @app.get("/.well-known/oauth-authorization-server")
    def authorization_server() -> Response:
        return answer(
            {
                "issuer": url,
                "token_endpoint": f"{url}/token",
                "response_types_supported": [],
                "grant_types_supported": [GRANT],
                "token_endpoint_auth_methods_supported": ["none"],
                "pre-authorized_grant_anonymous_access_supported": True,
            }
        )

    @app.get("/offer/<reference>")
    def offer(reference: str) -> Response:
        found = desk.offer(reference, url)
        return answer(found) if found is not None else abort(404)

    @app.get(credential_file.LIST_PATH)
    def revocations() -> Response:
        # no ETag: a holder who sent one back would be known again
        found = Response(desk.revocations(), mimetype="application/json")
        found.headers["Cache-Control"] = f"public, max-age={LIST_SECONDS}"
        return found

    @app.post("/token")
    def token() -> Response:
        fields = form(request)
        grant = fields.get("grant_type", "")
        if not grant:
            raise Refused(Fault.INVALID_REQUEST, "there is no grant_type")
        if grant != GRANT:
            raise Refused(Fault.UNSUPPORTED_GRANT, "only the pre-authorised code is taken")
        code, pin = fields.get(_CODE, ""), fields.get(_PIN, "")
        if not code or not pin:
            raise Refused(Fault.INVALID_REQUEST, f"{_CODE} and {_PIN} are both needed")
        access = desk.token(code, pin)
        return answer({"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    @app.post("/nonce")
    def nonce() -> Response:
        return answer({"c_nonce": desk.nonce()})

    @app.post("/credential")
    def credential() -> Response:
        access = bearer(request)
        desk.require_token(access)
        asked = members(request, Fault.INVALID_CREDENTIAL_REQUEST)
        for member, fault in _NOT_TAKEN.items():
            if member in asked:
                raise Refused(fault, f"{member} is not taken here")
        if not set(asked) >= _ASKED:  # what else it has is ignored, as section 8.2 demands
            raise Refused(
                Fault.INVALID_CREDENTIAL_REQUEST,
                "a request has credential_configuration_id and proofs",
            )
        configuration = asked["credential_configuration_id"]
        if not isinstance(configuration, str):
            raise Refused(Fault.UNKNOWN_CONFIGURATION, "the configuration is no text")
        subject, fresh = _proof(asked["proofs"])
        document = desk.credential(access, configuration, subject, fresh, url)
        return answer({"credentials": [{"credential": json.loads(document)}]})

    return app


def _configuration(schema: Schema) -> dict[str, object]:
    claims = [{"path": ["credentialSubject", "claims", c.name]} for c in schema.claims]
    proof = {"proof_signing_alg_values_supported": [PROOF_ALGORITHM]}
    return {
        "format": FORMAT,
        "cryptographic_binding_methods_supported": [PROOF_TYPE],
        "credential_signing_alg_values_supported": [credential_file.CRYPTOSUITE],
        "proof_types_supported": {PROOF_TYPE: proof},
        "credential_metadata": {
            "display": [{"name": f"{schema.name} {schema.version}"}],
            "claims": claims,
        },
    }


def _proof(proofs: object) -> tuple[int, str]:
    """Return subject and nonce of the one proof; raise ``Refused``."""
    found = proofs.get(PROOF_TYPE) if isinstance(proofs, dict) and len(proofs) == 1 else None
    if not isinstance(found, list) or len(found) != 1:
        raise Refused(Fault.INVALID_PROOF, f"proofs holds one {PROOF_TYPE}, and nothing else")
    (proof,) = found
    if not isinstance(proof, dict) or set(proof) != {"nonce", "subject"}:
        raise Refused(Fault.INVALID_PROOF, f"a {PROOF_TYPE} has nonce and subject")
    subject, nonce = proof["subject"], proof["nonce"]
    if not isinstance(nonce, str):
        raise Refused(Fault.INVALID_NONCE, "the nonce is no text")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise Refused(Fault.INVALID_PROOF, "the subject is 0x and 64 hex digits")
    return int(subject, 16), nonce
