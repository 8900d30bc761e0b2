"""circomlib's Poseidon over BN254, for one to sixteen inputs.

Source: circomlib 2.0.5 ``circuits/poseidon.circom`` (x^5, eight full rounds, output = state[0],
initial state 0); constants by the Grain LFSR of the Poseidon paper, so none are stored here.
"""

from __future__ import annotations

from functools import cache
from itertools import islice

from mip_cli.crypto._grain import field_stream
from mip_cli.crypto.field import R, require_canonical

FULL_ROUNDS = 8
PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
"""Partial rounds by number of inputs minus one."""


@cache
def _parameters(width: int) -> tuple[list[list[int]], list[list[int]]]:
    rounds = FULL_ROUNDS + PARTIAL_ROUNDS[width - 2]
    stream = field_stream(width, FULL_ROUNDS, PARTIAL_ROUNDS[width - 2])
    flat = list(islice((x for x in stream if x < R), rounds * width))
    constants = [flat[i * width : (i + 1) * width] for i in range(rounds)]
    points = [x % R for x in islice(stream, 2 * width)]
    matrix = [[pow(x + y, -1, R) for y in points[width:]] for x in points[:width]]
    return constants, matrix


def poseidon(*inputs: int) -> int:
    """Hash 1 to 16 canonical field elements into one; raise ``ValueError`` on any other input."""
    if not 1 <= len(inputs) <= len(PARTIAL_ROUNDS):
        raise ValueError("poseidon takes 1 to 16 inputs")
    width = len(inputs) + 1
    constants, matrix = _parameters(width)
    state = [0, *(require_canonical(x, "poseidon input") for x in inputs)]
    half = FULL_ROUNDS // 2
    last_partial = len(constants) - half
    for number, row in enumerate(constants):
        state = [s + c for s, c in zip(state, row, strict=True)]
        lanes = 1 if half <= number < last_partial else width
        state[:lanes] = [pow(s, 5, R) for s in state[:lanes]]
        state = [sum(m * s for m, s in zip(line, state, strict=True)) % R for line in matrix]
    return state[0]
