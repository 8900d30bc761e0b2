"""One lie about a passport, and the change of a single input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holders import Holder, Inputs

from mip_cli.crypto.field import R


@dataclass(frozen=True)
class Lie:
    """One false statement."""

    rule: str
    inputs: Callable[[Holder], Inputs]


def changed(
    name: str, change: Callable[[int], int], kinds: str = "FP"
) -> Callable[[Holder], Inputs]:
    """Change one input of a true statement; the path stays that of the true leaf."""

    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        return inputs | {name: change(inputs[name]) % R}

    return build
