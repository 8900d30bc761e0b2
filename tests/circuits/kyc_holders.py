"""Holders of passports with a credential, and what they can truly say."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from holders import ANCHOR, Holder, Inputs

from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa
from mip_cli.crypto.claims import VALUE_BITS, ClaimKind
from mip_cli.crypto.credential import SignedStatement, Statement, Terms
from mip_cli.crypto.eddsa import SigningKey
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval, Policy, Predicate, gaps
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.zk.predicate_inputs import PredicateParameters, PredicateWitness, circuit_inputs

TODAY = 20260228
BIRTH = 20080228
TEXT = ClaimKind.TEXT.number
DATE = ClaimKind.DATE.number
NUMBER = ClaimKind.NUMBER.number
SCHEMA = 7
MAX = (1 << VALUE_BITS) - 1
AGE_18 = (Interval(180_000, MAX),)


def typed(kind: int, value: int) -> int:
    return value + (kind << VALUE_BITS)


def claims(**slots: int) -> tuple[int, ...]:
    """Return twelve claims; ``s3=`` is the claim in slot 3."""
    return tuple(slots.get(f"s{i}", 0) for i in range(12))


@dataclass
class KycHolder:
    """A holder, an issuer among others, and a policy that the holder meets."""

    parameters: PredicateParameters
    seed: int = 1
    today: int = TODAY
    claims: tuple[int, ...] = claims(
        s0=typed(DATE, BIRTH), s1=typed(TEXT, 500), s2=typed(NUMBER, 9)
    )
    issued_on: int = 20250101
    expires_on: int = 20270101
    nonce: int = 2
    place: int = 1
    revoked: tuple[int, ...] = (1, 3)
    issuers: tuple[int, ...] = (1, 0)
    required: int = 2
    schema: int = SCHEMA
    predicates: tuple[Predicate, ...] = ()
    key: SigningKey = field(init=False)
    base: Holder = field(init=False)

    def __post_init__(self) -> None:
        self.base = Holder(self.parameters.passport)
        self.rng = random.Random(self.seed + 1000)
        self.key = eddsa.new_key(self.rng.randbytes)
        self.blinding = self.rng.getrandbits(248)
        if not self.predicates:
            self.predicates = (
                self.predicate(0, DATE, AGE_18, relative=True),
                self.predicate(1, TEXT, tuple(Interval(m, m) for m in (3, 500, 700))),
                self.predicate(1, TEXT, gaps((600, 400))),
            )

    def predicate(
        self, slot: int, kind: int, intervals: tuple[Interval, ...], *, relative: bool = False
    ) -> Predicate:
        return Predicate(slot, kind, relative, intervals, self.parameters.set_levels)

    @property
    def statement(self) -> Statement:
        own = credentials.subject(self.base.secret, ANCHOR, self.blinding)
        terms = Terms(self.issued_on, self.expires_on, self.nonce)
        return Statement(self.claims, own, self.schema, terms)

    @property
    def credential(self) -> SignedStatement:
        statement, public = self.statement, self.key.public
        return SignedStatement(statement, public, eddsa.sign(self.key, public, statement.digest))

    @property
    def revocations(self) -> QuadTree:
        return credentials.revocation_tree(self.revoked, self.parameters.revocation_levels)

    @property
    def tree(self) -> QuadTree:
        """The issuers tree, with a stranger in each other of the first three places."""
        leaves = {i: self.rng.randrange(1, R) for i in range(3)}
        leaves[self.place] = credentials.issuer_leaf(self.key.public, self.revocations.root)
        return QuadTree(self.parameters.issuer_levels, leaves)

    @property
    def policy(self) -> Policy:
        return Policy(self.schema, self.predicates, self.required, self.issuers)

    def witness(self, kinds: str = "FP") -> PredicateWitness:
        return PredicateWitness(
            passport=self.base.deep(self.base.witness(kinds)),
            blinding=self.blinding,
            credential=self.credential,
            policy=self.policy,
            today=self.today,
            issuers=self.tree.path(self.place),
            revocations=self.revocations.path(self.nonce),
        )

    def inputs(self, witness: PredicateWitness | None = None) -> Inputs:
        return dict(circuit_inputs(witness or self.witness(), self.parameters))

    def but(self, **changes: object) -> KycHolder:
        """Return the same holder with other circumstances."""
        other = replace(self, **changes)  # type: ignore[arg-type]
        other.key, other.blinding = self.key, self.blinding
        return other
