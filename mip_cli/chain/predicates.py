"""The predicate gate and apps that ask it: section 20 of the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import address_word, encode, pack_words, selector, words
from mip_cli.chain.app import Invocation
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.presentations import purpose_hash
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import word
from mip_cli.models import Presentation
from mip_cli.units import Address, Nullifier

PREDICATE_PRESENTATION = (
    "(uint256,uint256,uint256,address,uint256,uint256,uint256,uint256,uint256[8])"
)
"""ABI type of a presentation with a credential."""
POLICY_PRESENTATION = (
    "(uint256,uint256,uint256,address,uint256,uint256,uint256,uint256,(uint256,uint256[8])[])"
)
"""ABI type of a presentation to an app with a policy."""


@dataclass(frozen=True)
class PredicatePresentation:
    """What a holder hands to an app that asks for a credential."""

    passport: Presentation
    """The same values as without one; its proof is of the predicate circuit."""
    issuers_root: int
    """A root of the issuers tree."""
    day: int
    """Days since 1970."""


def encode_presentation(presentation: PredicatePresentation) -> bytes:
    """Encode a presentation, a static tuple of 16 words."""
    p = presentation.passport
    return (
        pack_words([p.root, p.level, p.nullifier])
        + address_word(p.beneficiary)
        + pack_words([p.nonce, p.deadline, presentation.issuers_root, presentation.day, *p.proof])
    )


@dataclass(frozen=True)
class PolicyPresentation:
    """What a holder hands to an app with a policy: proofs of some of its parts."""

    first: PredicatePresentation
    """What all share, and the proof of the first part shown."""
    parts: tuple[int, ...]
    """Numbers of the parts shown, ascending."""
    more: tuple[tuple[int, ...], ...]
    """Proofs of the others."""


def encode_policy_presentation(presentation: PolicyPresentation) -> bytes:
    """Encode it as a dynamic tuple, from its own first word on."""
    p = presentation.first.passport
    proofs = (p.proof, *presentation.more)
    shown = b"".join(
        pack_words([part, *proof]) for part, proof in zip(presentation.parts, proofs, strict=True)
    )
    return (
        pack_words([p.root, p.level, p.nullifier])
        + address_word(p.beneficiary)
        + pack_words([p.nonce, p.deadline, presentation.first.issuers_root])
        + pack_words([presentation.first.day, 9 * 32, len(proofs)])
        + shown
    )


def policy_call(app: Address, invocation: Invocation, presentation: PolicyPresentation) -> Call:
    """Build the call of an app's function with a presentation as its last argument."""
    types = (*invocation.types, POLICY_PRESENTATION)
    name = f"{invocation.name}({','.join(types)})"
    if any(kind in ("bytes", "string") or "[" in kind for kind in invocation.types):
        p = presentation.first.passport
        proofs = (p.proof, *presentation.more)
        head = (p.root, p.level, p.nullifier, p.beneficiary, p.nonce, p.deadline)
        listed = list(zip(presentation.parts, proofs, strict=True))
        given = (*head, presentation.first.issuers_root, presentation.first.day, listed)
        body = encode(types, (*invocation.values, given))
    else:
        body = encode(invocation.types, invocation.values)
        body += word(len(body) + 32) + encode_policy_presentation(presentation)
    return Call(app, selector(name) + body)


def gated_call(app: Address, invocation: Invocation, presentation: PredicatePresentation) -> Call:
    """Build the call of an app's function with a presentation as its last argument."""
    types = (*invocation.types, PREDICATE_PRESENTATION)
    name = f"{invocation.name}({','.join(types)})"
    if any(kind in ("bytes", "string") or "[" in kind for kind in invocation.types):
        p = presentation.passport
        head = (p.root, p.level, p.nullifier, p.beneficiary, p.nonce, p.deadline)
        proof = (*head, presentation.issuers_root, presentation.day, p.proof)
        body = encode(types, (*invocation.values, proof))
    else:
        body = encode(invocation.types, invocation.values) + encode_presentation(presentation)
    return Call(app, selector(name) + body)


class PolicyApp(BoundContract):
    """What an app with a policy states beside its purpose and level."""

    def policy(self) -> int:
        """Return the commitment to its policy."""
        return self._words("policy_commitment()", b"", 1)[0]

    def gate(self) -> Address:
        """Return the gate it asks."""
        return self._address("GATE()")


class PredicateGate(BoundContract):
    """Reads the gate."""

    def passports(self) -> Address:
        """Return the passport registry it asks."""
        return self._address("PASSPORTS()")

    def issuers(self) -> Address:
        """Return the registry of issuers it asks."""
        return self._address("ISSUERS()")

    def verifier(self) -> Address:
        """Return the verifier it asks."""
        return self._address("VERIFIER()")

    def check(
        self,
        app: Address,
        purpose: str,
        payload: bytes,
        min_level: int,
        policy: int,
        presentation: PredicatePresentation,
    ) -> Nullifier:
        """Return what the gate answers an app now; raise ``ChainRefusal`` with its reason."""
        signature = f"check(bytes32,bytes32,uint256,uint256,{PREDICATE_PRESENTATION})"
        data = purpose_hash(purpose) + payload + word(min_level) + word(policy)
        answer = self._read(signature, data + encode_presentation(presentation), sender=app)
        return Nullifier(words(answer, 1)[0])
