"""Lies about a face: another one, coordinates out of range, distances and norms that wrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from holders import Holder, Inputs, enrolled, with_fold_norm

from mip_cli.crypto.field import R


def other_face(kinds: str) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        impostor = [(value + 50) % R for value in inputs["coordinates"]]
        impostor = [value if value < 128 or value > R - 129 else 100 for value in impostor]
        return inputs | {"coordinates": impostor, "probe": impostor}

    return build


def alias(first: int, carry: int) -> Callable[[Holder], Inputs]:
    """Open a commitment by other coordinates that pack to the same elements."""

    def build(holder: Holder) -> Inputs:
        true = [first + 256 * carry, *holder.template[1:]]
        inputs = holder.inputs(enrolled(holder, true))
        opened = [first % R, (true[1] + carry) % R, *inputs["coordinates"][2:]]
        return inputs | {"coordinates": opened, "probe": opened}

    return build


def moved_probe(differences: list[int]) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs()
        padded = differences + [0] * (len(holder.template) - len(differences))
        probe = [(a - d) % R for a, d in zip(holder.template, padded, strict=True)]
        return inputs | {"probe": probe}

    return build


def square_root(value: int) -> int | None:
    """Find a square root modulo R (Tonelli-Shanks), or None."""
    if pow(value, (R - 1) // 2, R) != 1:
        return None
    odd, twos = R - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    z = next(x for x in range(2, 100) if pow(x, (R - 1) // 2, R) == R - 1)
    m, c, t, root = twos, pow(z, odd, R), pow(value, odd, R), pow(value, (odd + 1) // 2, R)
    while t != 1:
        i, probe = 0, t
        while probe != 1:
            probe, i = probe * probe % R, i + 1
        b = pow(c, 1 << (m - i - 1), R)
        m, c, t, root = i, b * b % R, t * b * b % R, root * b % R
    return root


def wrapped_distance(holder: Holder) -> Inputs:
    """Make the squares of far differences sum to a small number modulo R."""
    far = [10**6 + i for i in range(len(holder.template) - 1)]
    rest = sum(d * d for d in far)
    last = next(x for s in range(100) if (x := square_root((s - rest) % R)) is not None)
    return moved_probe([*far, last])(holder)


def below_floor(norm: Callable[[int], int]) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        witness = with_fold_norm(holder, norm(holder.parameters.fold_floor))
        template = witness.face.template if witness.face else ()
        inputs = holder.inputs(replace(witness, face=None))
        coordinates = [value % R for value in template]
        return inputs | {
            "useFace": 1,
            "coordinates": coordinates,
            "probe": coordinates,
            "faceSalt": holder.face_salt,
        }

    return build
