"""Holders of passports, and what they can truly say about themselves."""

from __future__ import annotations

import random
from dataclasses import replace
from math import isqrt
from typing import Any

from mip_cli.crypto import commitments
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree, MerklePath
from mip_cli.crypto.poseidon2 import compress
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
)

Inputs = dict[str, Any]

ANCHOR = "0x" + "a1" * 20


class Holder:
    """A holder with a face, a password and people, for one circuit."""

    def __init__(self, parameters: PassportParameters, seed: int = 1) -> None:
        self.parameters = parameters
        rng = random.Random(seed)
        self.rng = rng
        self.secret = rng.randrange(1, R)
        self.template = tuple(rng.randint(-90, 90) for _ in range(parameters.dimension))
        self.face_salt, self.keys_salt = rng.getrandbits(248), rng.getrandbits(248)
        self.stretched = rng.randrange(R)
        self.face = commitments.face_commitment(self.template, self.face_salt, parameters.spec_id)
        self.password = commitments.password_commitment(self.stretched)
        arity = commitments.twin_arity(parameters.dimension)
        self.twin = commitments.twin_commitment(self.stretched, arity)
        self.people_key = rng.randrange(R)
        self.guardian = commitments.guardian_commitment(self.people_key)
        self.scope, self.message = rng.getrandbits(248), rng.getrandbits(248)
        step = 3
        self.probe = tuple(a - rng.randint(-step, step) for a in self.template)

    def opening(self, **changes: object) -> FaceOpening:
        known = {"template": self.template, "salt": self.face_salt, "probe": self.probe}
        return FaceOpening(**(known | changes))  # type: ignore[arg-type]

    def openings(self) -> Inputs:
        """Return the inputs that open each of the holder's commitments."""
        return {
            "coordinates": [a % R for a in self.template],
            "faceSalt": self.face_salt,
            "probe": [b % R for b in self.probe],
            "stretched": self.stretched,
            "peopleKey": self.people_key,
        }

    def witness(self, kinds: str = "FP", **changes: object) -> PassportWitness:
        """Return the holder's witness for a leaf proof with face, password, guardians (F, P, G)."""
        known: dict[str, object] = {
            "secret": self.secret,
            "anchor": ANCHOR,
            "face_commitment": self.face,
            "password_commitment": self.password,
            "twin_commitment": self.twin,
            "guardian_commitment": self.guardian,
            "keys_salt": self.keys_salt,
            "scope": self.scope,
            "message": self.message,
            "face": self.opening() if "F" in kinds else None,
            "stretched": self.stretched if "P" in kinds else None,
            "people_key": self.people_key if "G" in kinds else None,
        }
        return PassportWitness(**(known | changes))  # type: ignore[arg-type]

    def in_tree(self, witness: PassportWitness, members: int, index: int) -> PassportWitness:
        """Put the leaf into a tree of others and take its path."""
        leaves = [self.rng.randrange(1, R) for _ in range(members)]
        leaves[index] = witness.leaf
        return replace(witness, path=LeanTree(leaves).path(index))

    def deep(self, witness: PassportWitness, depth: int | None = None) -> PassportWitness:
        """Hang the leaf under ``depth`` siblings, the circuit's depth by default."""
        depth = self.parameters.depth if depth is None else depth
        siblings = tuple(self.rng.randrange(R) for _ in range(depth))
        sides = tuple(self.rng.random() < 0.5 for _ in range(depth))
        node = witness.leaf
        for sibling, right in zip(siblings, sides, strict=True):
            node = compress(sibling, node) if right else compress(node, sibling)
        return replace(witness, path=MerklePath(witness.leaf, node, siblings, sides))

    def inputs(self, witness: PassportWitness | None = None) -> Inputs:
        """Build inputs of a proof at full depth with face and password, or of a witness."""
        if witness is None:
            witness = self.deep(self.witness())
        return circuit_inputs(witness, self.parameters)


def squares(total: int, count: int) -> list[int] | None:
    """Write an integer as ``count`` squares of coordinates, largest first."""
    if count == 1:
        return [isqrt(total)] if isqrt(total) ** 2 == total <= 127**2 else None
    for root in range(min(isqrt(total), 127), -1, -1):
        if (rest := squares(total - root * root, count - 1)) is not None:
            return [root, *rest]
    return None


def with_distance(holder: Holder, differences: list[int]) -> PassportWitness:
    """Return a witness whose probe differs from the template by the given first coordinates."""
    padded = differences + [0] * (len(holder.template) - len(differences))
    probe = tuple(a - d for a, d in zip(holder.template, padded, strict=True))
    return holder.deep(holder.witness(face=holder.opening(probe=probe)))


def enrolled(holder: Holder, template: list[int]) -> PassportWitness:
    """Return a witness of a passport enrolled with another template."""
    values = tuple(template)
    spec_id = holder.parameters.spec_id
    face = commitments.face_commitment(values, holder.face_salt, spec_id)
    opening = holder.opening(template=values, probe=values)
    return holder.deep(holder.witness(face_commitment=face, face=opening))


def with_fold_norm(holder: Holder, norm: int) -> PassportWitness:
    """Return a witness of a template whose folded sums of squares are exactly ``norm``."""
    p = holder.parameters
    roots = squares(norm, min(4, p.dimension // p.fold))
    assert roots is not None
    template = [0] * p.dimension
    for j, root in enumerate(roots):
        template[p.fold * j : p.fold * j + p.fold] = [root, 0, 0, 0]
    return enrolled(holder, template)
