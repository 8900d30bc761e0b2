"""One lie about a credential, and the tools that lies are made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holders import Inputs
from kyc_holders import KycHolder

from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.field import R

SIGNATURE = "signature x, signature y"
TORSION: Point = (0, R - 1)
"""The point of order 2."""


@dataclass(frozen=True)
class Lie:
    """One false statement."""

    rule: str
    """The rules that it breaks, and no others."""
    inputs: Callable[[KycHolder], Inputs]


def put(inputs: Inputs, **places: dict[int, int]) -> Inputs:
    """Change members of lists."""
    changed = {}
    for name, values in places.items():
        row = list(inputs[name])
        for place, value in values.items():
            row[place] = value % R
        changed[name] = row
    return inputs | changed


def changed(**values: Callable[[int], int]) -> Callable[[KycHolder], Inputs]:
    """Change single inputs of a true statement."""

    def build(holder: KycHolder) -> Inputs:
        inputs = holder.inputs()
        return inputs | {name: change(inputs[name]) % R for name, change in values.items()}

    return build


def changed_claim(slot: int, claim: int) -> Callable[[KycHolder], Inputs]:
    """Write another claim into the credential, in a slot that no predicate shown is about."""
    return lambda holder: put(holder.inputs(), claim={slot: claim})
