"""The EIP-712 document of an enrolment."""

from __future__ import annotations

from typing import Any


def typed_enrollment(
    chain_id: int,
    registry: str,
    identity: int,
    keys: int,
    guardian: int,
    anchor: str,
    deadline: int,
) -> dict[str, Any]:
    """Return the EIP-712 document of an enrolment, as a wallet shows it."""
    fields = ("name", "string"), ("version", "string"), ("chainId", "uint256")
    return {
        "types": {
            "EIP712Domain": [
                *({"name": name, "type": kind} for name, kind in fields),
                {"name": "verifyingContract", "type": "address"},
            ],
            "Enroll": [
                {"name": "identityCommitment", "type": "uint256"},
                {"name": "keysRoot", "type": "uint256"},
                {"name": "guardianCommitment", "type": "uint256"},
                {"name": "anchor", "type": "address"},
                {"name": "deadline", "type": "uint256"},
            ],
        },
        "primaryType": "Enroll",
        "domain": {
            "name": "MIP PassportRegistry",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": registry,
        },
        "message": {
            "identityCommitment": identity,
            "keysRoot": keys,
            "guardianCommitment": guardian,
            "anchor": anchor,
            "deadline": deadline,
        },
    }
