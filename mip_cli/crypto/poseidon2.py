"""Poseidon2 over BN254 as a fixed-width compression function: the hash of tree and leaf.

Source: Grassi, Khovratovich, Schofnegger, "Poseidon2" (eprint 2023/323): x^5, 8 full and 56
partial rounds, constants by ``poseidon2_rust_params.sage``. Compression is the paper's
feed-forward mode truncated to one element: ``perm(x)[0] + x[0]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import islice

from mip_cli.crypto._grain import field_stream
from mip_cli.crypto.field import R, require_canonical

FULL_ROUNDS = 8
PARTIAL_ROUNDS = 56
WIDTHS = (2, 3, 4)
"""Widths with published instances; the protocol uses 2 (tree) and 4 (leaf, keys root)."""

_REFUSED_DRAWS = 16
"""The script takes its fifth width-4 diagonal: four fail its minimal-polynomial test."""


@dataclass(frozen=True)
class Parameters:
    """Constants of one width."""

    width: int
    """Number of field elements in the state."""
    full: tuple[tuple[int, ...], ...]
    """Round constants of the 8 full rounds, ``width`` each."""
    partial: tuple[int, ...]
    """Round constants of the 56 partial rounds, for lane 0."""
    diagonal: tuple[int, ...]
    """Internal matrix is all-ones plus this diagonal."""


@cache
def parameters(width: int) -> Parameters:
    """Derive the constants of a width in ``WIDTHS``; raise ``ValueError`` on another."""
    if width not in WIDTHS:
        raise ValueError("poseidon2 widths are 2, 3 and 4")
    stream = field_stream(width, FULL_ROUNDS, PARTIAL_ROUNDS)
    half = FULL_ROUNDS // 2
    reduced = (x for x in stream if x < R)
    first = [tuple(islice(reduced, width)) for _ in range(half)]
    partial = tuple(islice(reduced, PARTIAL_ROUNDS))
    last = [tuple(islice(reduced, width)) for _ in range(half)]
    if width == 2:
        diagonal: tuple[int, ...] = (1, 2)
    elif width == 3:
        diagonal = (1, 1, 2)
    else:
        draws = islice(stream, _REFUSED_DRAWS, _REFUSED_DRAWS + width)
        diagonal = tuple((x - 1) % R for x in draws)
    return Parameters(width, tuple(first + last), partial, diagonal)


def _external(state: list[int]) -> list[int]:
    if len(state) < 4:
        total = sum(state)
        return [(total + s) % R for s in state]
    a, b, c, d = state  # rows of M4 in the paper, section 5.1
    return [
        (5 * a + 7 * b + c + 3 * d) % R,
        (4 * a + 6 * b + c + d) % R,
        (a + 3 * b + 5 * c + 7 * d) % R,
        (a + b + 4 * c + 6 * d) % R,
    ]


def permute(state: list[int]) -> list[int]:
    """Apply the Poseidon2 permutation to ``len(state)`` canonical elements."""
    p = parameters(len(state))
    half = FULL_ROUNDS // 2
    state = _external([require_canonical(x, "poseidon2 input") for x in state])
    for row in p.full[:half]:
        state = _external([pow(s + c, 5, R) for s, c in zip(state, row, strict=True)])
    for constant in p.partial:
        state[0] = pow(state[0] + constant, 5, R)
        total = sum(state)
        state = [(d * s + total) % R for d, s in zip(p.diagonal, state, strict=True)]
    for row in p.full[half:]:
        state = _external([pow(s + c, 5, R) for s, c in zip(state, row, strict=True)])
    return state


def compress(*inputs: int) -> int:
    """Compress 2, 3 or 4 canonical elements into one: ``perm(x)[0] + x[0]``."""
    return (permute(list(inputs))[0] + inputs[0]) % R
