"""The Grain LFSR from which Poseidon and Poseidon2 take their constants.

Source: Grassi et al., "Poseidon" (USENIX Security 2021), appendix F; the reference scripts
``generate_parameters_grain.sage`` and ``poseidon2_rust_params.sage`` draw from the same stream.
"""

from __future__ import annotations

from collections.abc import Iterator

FIELD_BITS = 254
_STATE = 80
_TAPS = (0, 13, 23, 38, 51, 62)
_STEP = 18  # the highest tap is 62 of 80, so 18 new bits depend on known bits alone
_DISCARDED = _STATE + 160
"""Bits of the register's first state and of its warm-up, which the stream leaves out."""
_STRIDE = 256
"""A square of the feedback polynomial has its taps twice as far apart, over GF(2); so 18 * 256
bits come in one step, once 80 * 256 are known."""
_KEPT = tuple(
    "".join(str(byte >> (i + 1) & 1) for i in (0, 2, 4, 6) if byte >> i & 1) for byte in range(256)
)
"""What self-shrinking keeps of eight bits, the first least significant: from each pair the second
bit if the first is 1."""


def _raw_bytes(width: int, full_rounds: int, partial_rounds: int) -> Iterator[bytes]:
    seed = (
        f"{1:02b}{0:04b}{FIELD_BITS:012b}{width:012b}{full_rounds:010b}{partial_rounds:010b}"
        + "1" * 30
    )
    known = int(seed[::-1], 2)  # bit i of the integer is element i of the stream
    count, stride = _STATE, 1
    while stride < _STRIDE:
        while count < 2 * _STATE * stride:
            known |= _fresh(known >> (count - _STATE * stride), stride) << count
            count += _STEP * stride
        count = 2 * _STATE * stride
        known &= (1 << count) - 1
        stride *= 2
    yield known.to_bytes(count // 8, "little")[_DISCARDED // 8 :]
    while True:
        fresh = _fresh(known, stride)
        known = known >> (_STEP * stride) | fresh << ((_STATE - _STEP) * stride)
        yield fresh.to_bytes(_STEP * stride // 8, "little")


def _fresh(state: int, stride: int) -> int:
    """Return the bits that follow ``80 * stride`` known ones."""
    result = 0
    for tap in _TAPS:
        result ^= state >> (tap * stride)
    return result & ((1 << (_STEP * stride)) - 1)


def field_stream(width: int, full_rounds: int, partial_rounds: int) -> Iterator[int]:
    """Yield the 254-bit integers of the self-shrinking Grain stream, unreduced."""
    bits = ""
    for chunk in _raw_bytes(width, full_rounds, partial_rounds):
        bits += "".join(map(_KEPT.__getitem__, chunk))
        whole = len(bits) - len(bits) % FIELD_BITS
        for start in range(0, whole, FIELD_BITS):
            yield int(bits[start : start + FIELD_BITS], 2)
        bits = bits[whole:]
