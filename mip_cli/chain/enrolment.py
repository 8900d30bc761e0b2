"""Signed wishes to enrol: EIP-712, section 4 of the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import address_word, pack_words
from mip_cli.chain.keys import Signer
from mip_cli.crypto.binding import keccak256, word
from mip_cli.units import Address, Commitment

MAX_SIGNATURE = 2048
"""Bytes of an ERC-1271 signature."""
ECDSA_SIGNATURE = 65
"""Bytes of a signature in a batch."""

_DOMAIN = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_NAME = keccak256(b"MIP PassportRegistry")
_DOMAIN_VERSION = keccak256(b"1")
_ENROLL = keccak256(
    b"Enroll(uint256 identityCommitment,uint256 keysRoot,uint256 guardianCommitment,"
    b"address anchor,uint256 deadline)"
)


@dataclass(frozen=True)
class Enrollment:
    """A signed wish to enrol, which anybody may bring to the registry."""

    identity_commitment: Commitment
    """Commits to the holder's secret."""
    keys_root: Commitment
    """Commits to the holder's own keys."""
    guardian_commitment: Commitment
    """Commits to what guardians share; random while there are none."""
    anchor: Address
    """The account that signs."""
    deadline: int
    """Unix time after which the signature is void."""
    signature: bytes
    """r, s, v of the anchor; longer for a contract account."""

    def encode(self) -> bytes:
        """Encode all of it as the registry's functions take it."""
        if len(self.signature) > MAX_SIGNATURE:
            raise ValueError(f"a signature has at most {MAX_SIGNATURE} bytes")
        head = pack_words([self.identity_commitment, self.keys_root, self.guardian_commitment])
        head += address_word(self.anchor) + pack_words([self.deadline, 6 * 32])
        padding = bytes(-len(self.signature) % 32)
        return head + word(len(self.signature)) + self.signature + padding


def enroll_digest(
    chain_id: int,
    registry: str,
    identity_commitment: int,
    keys_root: int,
    guardian_commitment: int,
    anchor: str,
    deadline: int,
) -> bytes:
    """Compute the EIP-712 digest that an anchor signs to enrol through a relayer."""
    domain = keccak256(
        _DOMAIN + _DOMAIN_NAME + _DOMAIN_VERSION + word(chain_id) + address_word(registry)
    )
    struct = keccak256(
        _ENROLL
        + pack_words([identity_commitment, keys_root, guardian_commitment])
        + address_word(anchor)
        + word(deadline)
    )
    return keccak256(b"\x19\x01" + domain + struct)


def sign_enrollment(
    signer: Signer,
    chain_id: int,
    registry: str,
    identity_commitment: Commitment,
    keys_root: Commitment,
    guardian_commitment: Commitment,
    deadline: int,
) -> Enrollment:
    """Sign an enrolment for the signer's own address as anchor."""
    commitments = (identity_commitment, keys_root, guardian_commitment)
    digest = enroll_digest(chain_id, registry, *commitments, signer.address, deadline)
    return Enrollment(*commitments, signer.address, deadline, signer.sign_digest(digest))
