"""Issuers, policies and those who present themselves to the predicate gate."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from typing import Any

import boa
from deployment import Deployment, account, load, now, payload_of
from groth16_simulator import Trapdoor

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.crypto.claims import date_number
from mip_cli.crypto.credential import ISSUER_LEVELS, issuer_leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_app import AppPolicy
from mip_cli.crypto.quad_tree import QuadTree

DAY = 24 * 60 * 60
AGE_PURPOSE = "enter as an adult"
POLICY = 10**70 + 5
LEVEL = 2
ADULTS = AppPolicy(LEVEL, False, 1, (POLICY,))
"""What the age gate asks."""


def policy_abi(policy: AppPolicy) -> tuple[object, ...]:
    """Return a policy as the ABI encoder takes it."""
    return (policy.level, policy.strict, policy.required, list(policy.parts))


def key_of(number: int) -> curve.Point:
    """Return the key of issuer ``number``."""
    return curve.multiply_base(number + 1)


@dataclass(frozen=True)
class PredicatePresentation:
    """The calldata struct of the same name."""

    root: int
    level: int
    nullifier: int
    beneficiary: str
    nonce: int
    deadline: int
    issuers_root: int
    day: int
    proof: tuple[int, ...] = ()

    def abi(self) -> tuple[object, ...]:
        """Return the struct as the ABI encoder takes it."""
        return (*self._head, list(self.proof))

    def shown(self, *parts: tuple[int, tuple[int, ...]]) -> tuple[object, ...]:
        """Return a PolicyPresentation that shows some parts, or the first alone."""
        listed = parts or ((0, self.proof),)
        return (*self._head, [(part, list(proof)) for part, proof in listed])

    @property
    def _head(self) -> list[object]:
        return [getattr(self, name) for name in self.__dataclass_fields__ if name != "proof"]


@dataclass
class Issuers:
    """The contracts of credentials, beside the suite."""

    suite: Deployment
    trapdoor: Trapdoor = field(init=False)
    registry: Any = field(init=False)
    verifier: Any = field(init=False)
    gate: Any = field(init=False)
    age: Any = field(init=False)

    def __post_init__(self) -> None:
        self.trapdoor = Trapdoor.from_seed(3, 6)
        self.registry = load("IssuerRegistry.vy").deploy(self.suite.hasher)
        self.verifier = load("Groth16Verifier.vy").deploy(*self.trapdoor.key, True)
        self.gate = load("PredicateGate.vy").deploy(
            self.suite.registry.address, self.registry.address, self.verifier.address
        )
        self.age = load("examples/AgeGate.vy").deploy(self.gate.address, policy_abi(ADULTS))
        self.tree = QuadTree(ISSUER_LEVELS)

    def register(self, number: int = 0) -> str:
        """Register the next issuer with the key of a number; return its controller."""
        controller = account(500 + number)
        place = self.registry.register(*key_of(number), f"issuer {number}", sender=controller)
        self.tree.update({place: issuer_leaf(key_of(number), 0)})
        return controller

    def presentation(self, **changes: Any) -> PredicatePresentation:
        """Make a valid presentation for the age gate; ``changes`` are made before it is proved."""
        bare = PredicatePresentation(
            root=self.suite.registry.root(),
            level=LEVEL,
            nullifier=10**70,
            beneficiary=account(77),
            nonce=7,
            deadline=now() + 1800,
            issuers_root=self.registry.root(),
            day=now() // DAY,
        )
        return self.prove(replace(bare, **changes))

    def prove(
        self,
        bare: PredicatePresentation,
        *,
        asker: str | None = None,
        purpose: str = AGE_PURPOSE,
        payload: bytes | None = None,
        policy: int = POLICY,
        date: int | None = None,
        chain_id: int | None = None,
        seed: int = 1,
    ) -> PredicatePresentation:
        """Add a valid proof of what is told, which need not be what is asked."""
        chain_id = chain_id or boa.env.evm.patch.chain_id
        asker = asker or self.age.address
        message = message_of(
            chain_id,
            asker,
            beneficiary=bare.beneficiary,
            payload=ADULTS.bind(payload_of("enter()")) if payload is None else payload,
            nonce=bare.nonce,
            deadline=bare.deadline,
        )
        signals = [
            (bare.root + bare.level) % R,
            bare.nullifier,
            (policy + (date_of(bare.day) if date is None else date)) % R,
            bare.issuers_root,
            scope_of(chain_id, asker, purpose),
            message,
        ]
        return replace(bare, proof=tuple(self.trapdoor.prove(signals, seed)))


def date_of(day: int) -> int:
    """Return the date of a day since 1970."""
    return date_number(datetime.date(1970, 1, 1) + datetime.timedelta(days=day))
