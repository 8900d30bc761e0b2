"""The Grain LFSR from which Poseidon and Poseidon2 take their constants.

Source: Grassi et al., "Poseidon" (USENIX Security 2021), appendix F; the reference scripts
``generate_parameters_grain.sage`` and ``poseidon2_rust_params.sage`` draw from the same stream.
"""

from __future__ import annotations

from collections.abc import Iterator

FIELD_BITS = 254
_STEP = 18  # the highest tap is 62 of 80, so 18 new bits depend on known bits alone
_MASK = (1 << _STEP) - 1


def _raw_bits(width: int, full_rounds: int, partial_rounds: int) -> Iterator[str]:
    seed = (
        f"{1:02b}{0:04b}{FIELD_BITS:012b}{width:012b}{full_rounds:010b}{partial_rounds:010b}"
        + "1" * 30
    )
    state = int(seed[::-1], 2)  # bit i of the integer is element i of the register
    produced = 0
    while True:
        fresh = (
            (state >> 62) ^ (state >> 51) ^ (state >> 38) ^ (state >> 23) ^ (state >> 13) ^ state
        ) & _MASK
        state = (state >> _STEP) | (fresh << (80 - _STEP))
        chunk = f"{fresh:018b}"[::-1]
        if produced < 160:  # the first 160 bits are discarded
            produced += _STEP
            if produced > 160:
                yield chunk[160 - produced :]
            continue
        yield chunk


def field_stream(width: int, full_rounds: int, partial_rounds: int) -> Iterator[int]:
    """Yield the 254-bit integers of the self-shrinking Grain stream, unreduced."""
    kept: list[str] = []
    pending = ""
    count = 0
    for chunk in _raw_bits(width, full_rounds, partial_rounds):
        pending += chunk
        even = len(pending) - len(pending) % 2
        selected = "".join(pending[i + 1] for i in range(0, even, 2) if pending[i] == "1")
        pending = pending[even:]
        kept.append(selected)
        count += len(selected)
        if count >= FIELD_BITS:
            bits = "".join(kept)
            yield int(bits[:FIELD_BITS], 2)
            kept = [bits[FIELD_BITS:]]
            count -= FIELD_BITS
