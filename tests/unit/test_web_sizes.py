"""What a service asks fits into a request that a wallet reads, and into the answer it sends."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.crypto import jsontext
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, AppPolicyText, parse_app_policy
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc.web_app import WebRequest
from mip_cli.flows.kyc.web_proofs import Terms, WebAsk
from mip_cli.http import verifier
from mip_cli.http.client import MAX_ANSWER

PROOF = {"mip": "1" * 3000, "more": ["1" * 1000] * 3}
"""About what four proofs and their bindings take."""


def policy(size: int) -> AppPolicyText:
    """Return a policy with four parts of long sets."""
    part: dict[str, Any] = EXAMPLE_APP_POLICY["parts"][0]
    parts = []
    for number in range(4):
        members = [f"{number}-{member:02}-{'x' * size}" for member in range(64)]
        names = ("given_name", "family_name")
        predicates = [{"claim": name, "op": "in", "members": members} for name in names]
        parts.append(part | {"predicates": predicates})
    return parse_app_policy(EXAMPLE_APP_POLICY | {"parts": parts})


def test_policy__that_fits__travels() -> None:
    large = policy(60)
    assert len(jsontext.canonical(large.document)) > 30_000
    verifier.require_fits(large)
    terms = Terms(large, "Enter", 31337, checksum(5))
    request = WebRequest("https://shop.example/response", "n" * 43, "s" * 22)
    asked = verifier.request_object(WebAsk(terms, request))
    assert len(verifier._unsigned(asked)) <= MAX_ANSWER
    token = jsontext.canonical({"mip": [PROOF | {"policy": large.document}]}).decode()
    assert len(urlencode({"vp_token": token, "state": "s" * 22})) <= verifier.MAX_BODY


@pytest.mark.thorough
def test_policy__that_does_not__is_refused_before_anybody_is_asked() -> None:
    for size in (90, 120):
        found = policy(size)
        assert len(json.dumps(found.document)) < 64 * 1024 * 2
        with pytest.raises(UsageFault, match="too large to travel"):
            verifier.require_fits(found)
