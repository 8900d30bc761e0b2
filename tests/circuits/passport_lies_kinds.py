"""Lies about the kinds of keys in use, and about what their commitments hold."""

from __future__ import annotations

from collections.abc import Callable

from holders import Holder, Inputs

from mip_cli.crypto import commitments
from mip_cli.crypto.commitments import TAG_GUARDIAN, TAG_PASSWORD, TAG_TWIN
from mip_cli.crypto.field import R
from mip_cli.crypto.poseidon import poseidon

Flags = tuple[int, int, int]
"""useFace, usePassword, usePeople."""


def flags(*use: int) -> Callable[[Holder], Inputs]:
    return claim((use[0], use[1], use[2]))


def claim(use: Flags, **enrolled_as: Callable[[Holder], int]) -> Callable[[Holder], Inputs]:
    """Enrol with other commitments, then use kinds with the holder's own openings."""

    def build(holder: Holder) -> Inputs:
        values = {name: make(holder) % R for name, make in enrolled_as.items()}
        kind = "P" if "face_commitment" in values else "F"  # one that opens for this leaf
        witness = holder.deep(holder.witness(kind, **values))
        chosen = dict(zip(("useFace", "usePassword", "usePeople"), use, strict=True))
        return holder.inputs(witness) | holder.openings() | chosen

    return build


def blended(share: int) -> Callable[[Holder], int]:
    """Return the guardian commitment that ``usePeople = share`` opens, were it not boolean."""

    def make(holder: Holder) -> int:
        tag = TAG_PASSWORD + share * (TAG_GUARDIAN - TAG_PASSWORD)
        opening = holder.stretched + share * (holder.people_key - holder.stretched)
        return poseidon(tag % R, opening % R)

    return make


def twin_with(*rest: int) -> Callable[[Holder], int]:
    """Return a twin whose last places are not empty, or whose shape is another."""

    def make(holder: Holder) -> int:
        arity = commitments.twin_arity(holder.parameters.dimension)
        places = [0] * (arity - 2 - len(rest)) + list(rest)
        if not rest:
            places = [0] * (arity - 1)
        return poseidon(TAG_TWIN, holder.stretched, *places)

    return make


def twin_of_people(holder: Holder) -> int:
    arity = commitments.twin_arity(holder.parameters.dimension)
    return commitments.twin_commitment(holder.people_key, arity)


HALF = pow(2, -1, R)


def tagged(tag: int, opening: str) -> Callable[[Holder], int]:
    """Return a commitment to one of the holder's openings under a tag of choice."""
    return lambda holder: poseidon(tag, getattr(holder, opening))


def other_spec(holder: Holder) -> int:
    spec_id = holder.parameters.spec_id ^ 1
    return commitments.face_commitment(holder.template, holder.face_salt, spec_id)
