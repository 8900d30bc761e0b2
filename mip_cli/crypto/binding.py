"""What ties a proof to one contract and one act: sections 2 and 10 of the protocol.

Contracts compute the same values; ``tests/vectors/`` and the integration tests hold both together.
"""

from __future__ import annotations

from mip_cli.units import Message, Scope

SCOPE_TYPE = "Scope(uint256 chainId,address contract,bytes32 purpose)"
ACTION_TYPE = (
    "Action(uint256 chainId,address contract,address beneficiary,"
    "bytes32 payload,uint256 nonce,uint256 deadline)"
)
RECOVERY_TYPE = (
    "Recovery(uint256 chainId,address contract,address registry,uint256 identityCommitment,"
    "address anchor,uint256 guardianEpoch,uint256 nonce,uint256 newKeysRoot)"
)
CANCEL_TYPE = (
    "CancelChange(uint256 chainId,address contract,address registry,uint256 identityCommitment,"
    "address anchor,uint256 guardianEpoch,uint256 changes)"
)
REVOKED_TEXT = "mip.revoked/1"
"""What a revoked leaf is the hash of."""
FROZEN_TEXT = "mip.frozen/1"
"""What a frozen leaf is the hash of."""


def keccak256(data: bytes) -> bytes:
    """Hash bytes as the EVM does."""
    from eth_hash.auto import keccak  # loads a native backend on first use

    return bytes(keccak(data))


def keccak248(data: bytes) -> int:
    """Hash bytes to 248 bits, always a field element."""
    return int.from_bytes(keccak256(data), "big") >> 8


def word(value: int) -> bytes:
    """Encode an unsigned integer as one ABI word; raise ``ValueError`` outside 256 bits."""
    if not 0 <= value < 1 << 256:
        raise ValueError("value does not fit in 256 bits")
    return value.to_bytes(32, "big")


def scope_of(chain_id: int, contract: str, purpose: str) -> Scope:
    """Compute the scope a contract asks proofs for."""
    return Scope(
        keccak248(
            keccak256(SCOPE_TYPE.encode())
            + word(chain_id)
            + _address_word(contract)
            + keccak256(purpose.encode())
        )
    )


def message_of(
    chain_id: int,
    contract: str,
    *,
    beneficiary: str,
    payload: bytes,
    nonce: int,
    deadline: int,
) -> Message:
    """Compute the message that binds a proof to one act; ``payload`` has 32 bytes."""
    if len(payload) != 32:
        raise ValueError("a payload has 32 bytes")
    return Message(
        keccak248(
            keccak256(ACTION_TYPE.encode())
            + word(chain_id)
            + _address_word(contract)
            + _address_word(beneficiary)
            + payload
            + word(nonce)
            + word(deadline)
        )
    )


def recovery_request(
    chain_id: int,
    recovery: str,
    registry: str,
    identity: int,
    anchor: str,
    guardian_epoch: int,
    nonce: int,
    new_keys_root: int,
) -> int:
    """Compute the request that guardians approve to give a passport a new keys root."""
    passport = _passport_words(chain_id, recovery, registry, identity, anchor)
    words = word(guardian_epoch) + word(nonce) + word(new_keys_root)
    return keccak248(keccak256(RECOVERY_TYPE.encode()) + passport + words)


def cancel_request(
    chain_id: int,
    recovery: str,
    registry: str,
    identity: int,
    anchor: str,
    guardian_epoch: int,
    changes: int,
) -> int:
    """Compute the request that guardians approve to stop a change of their set."""
    passport = _passport_words(chain_id, recovery, registry, identity, anchor)
    return keccak248(
        keccak256(CANCEL_TYPE.encode()) + passport + word(guardian_epoch) + word(changes)
    )


def _passport_words(
    chain_id: int, recovery: str, registry: str, identity: int, anchor: str
) -> bytes:
    return (
        word(chain_id)
        + _address_word(recovery)
        + _address_word(registry)
        + word(identity)
        + _address_word(anchor)
    )


def revoked_leaf() -> int:
    """Return the leaf that stands where a passport was revoked; nobody can open it."""
    return keccak248(REVOKED_TEXT.encode())


def frozen_leaf() -> int:
    """Return the leaf that stands where a passport was frozen; nobody can open it."""
    return keccak248(FROZEN_TEXT.encode())


def _address_word(address: str) -> bytes:
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError("an address is 0x and 40 hex digits")
    return bytes(12) + bytes.fromhex(address[2:])
