"""Presentations and openings of leaves as calldata; all of them static but the siblings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.abi import address_word, pack_words
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import keccak256, word
from mip_cli.crypto.field import R
from mip_cli.models import Presentation
from mip_cli.units import TREE_DEPTH, Address, Commitment

PRESENTATION = "(uint256,uint256,uint256,address,uint256,uint256,uint256[8])"
"""ABI type of a presentation, for signatures of functions."""
LEAF = "(uint256,address,uint256,uint256)"
"""ABI type of the opening of a leaf."""
PRESENTATION_WORDS = 14
LEAF_WORDS = 4


@dataclass(frozen=True)
class LeafOpening:
    """What a leaf of the passport tree hashes; public."""

    identity_commitment: Commitment
    """Commits to the holder's secret."""
    anchor: Address
    """The account that enrolled."""
    keys_root: Commitment
    """Commits to the holder's own keys."""
    guardian_commitment: Commitment
    """Commits to what the guardians share."""

    @property
    def leaf(self) -> int:
        """The leaf itself."""
        return commitments.leaf(
            self.identity_commitment, self.anchor, self.keys_root, self.guardian_commitment
        )


def encode_presentation(presentation: Presentation) -> bytes:
    """Encode a presentation, a static tuple of 14 words."""
    p = presentation
    return (
        pack_words([p.root, p.level, p.nullifier])
        + address_word(p.beneficiary)
        + pack_words([p.nonce, p.deadline, *p.proof])
    )


def encode_leaf(opening: LeafOpening) -> bytes:
    """Encode the opening of a leaf, a static tuple of 4 words."""
    return (
        word(opening.identity_commitment)
        + address_word(opening.anchor)
        + pack_words([opening.keys_root, opening.guardian_commitment])
    )


def encode_with_siblings(before: bytes, siblings: Sequence[int], after: bytes = b"") -> bytes:
    """Encode arguments of which the siblings alone are dynamic, in their place among the rest."""
    if len(siblings) > TREE_DEPTH or any(not 0 <= v < R for v in siblings):
        raise ValueError(f"a path has at most {TREE_DEPTH} field elements")
    offset = len(before) + 32 + len(after)
    return before + word(offset) + after + pack_words([len(siblings), *siblings])


def passport_words(identity_commitment: int, anchor: str) -> bytes:
    """Encode what names a passport within its registry."""
    return word(identity_commitment) + address_word(anchor)


def purpose_hash(purpose: str) -> bytes:
    """Return what contracts take for a purpose."""
    return keccak256(purpose.encode())
