"""A Groth16 key in two halves, so that two processes make one proof at the same time.

The three points of a proof are sums over the key's points: with no blinding,
``A = alpha + sum w_i A_i``, ``B = beta + sum w_i B_i``, ``C = sum w_i C_i + sum h_j H_j``
(Groth 2016, section 3.2, r = s = 0). A key whose other points are at infinity makes a prover that
knows nothing of this compute A and B alone, or C alone; at infinity is delta as well, which takes
the prover's own blinding out of them. A and B need no quotient polynomial, so their half has the
smallest domain there is.

**A proof joined from halves is not blinded**: it is a function of the witness, and whoever guesses
the witness can check the guess. ``prover.make_proof`` re-randomises every proof, which blinds it
perfectly: the result is uniform among all proofs of the statement.
"""

from __future__ import annotations

import struct

from mip_cli.errors import FileInvalid
from mip_cli.zk import binfile
from mip_cli.zk.proof import Proof

_ALPHA1, _BETA1, _BETA2, _DELTA1, _DELTA2 = (
    (84, 64),
    (148, 64),
    (212, 128),
    (468, 64),
    (532, 128),
)
"""Where the points are in section 2, and their bytes; gamma lies between."""
_HEADER_SIZE = 660
_DOMAIN = 80
_ORDER = (1, 2, 4, 3, 9, 8, 5, 6, 7, 10)
"""Sections of a .zkey file in the order in which snarkjs writes them."""
_COEFFICIENTS, _A, _B1, _B2, _C, _H = 4, 5, 6, 7, 8, 9


def split(zkey: bytes) -> tuple[bytes, bytes]:
    """Return the .zkey files that give A and B, and C.

    Raises ``FileInvalid`` for a file that is no Groth16 key.
    """
    sections = binfile.parse(zkey, b"zkey", 1)
    header = binfile.section(sections, 2)
    if len(header) != _HEADER_SIZE:
        raise FileInvalid("broken header of the .zkey file")
    (public,) = struct.unpack_from("<I", header, _DOMAIN - 4)
    first, second = dict(sections), dict(sections)
    for half, gone in ((first, (_B1, _C)), (second, (_A, _B1, _B2))):
        for number in gone:
            half[number] = memoryview(bytes(len(binfile.section(sections, number))))
    # as many rows as public signals and one more: a reader takes the signals' rows from them
    domain = 1 << (public + 1).bit_length()
    rows = [struct.pack("<III32x", m, row, 0) for m in (0, 1) for row in range(domain)]
    first[_COEFFICIENTS] = memoryview(struct.pack("<I", len(rows)) + b"".join(rows))
    first[_H] = memoryview(bytes(64 * domain))
    first[2] = _without(header, _BETA1, _DELTA1, _DELTA2)
    struct.pack_into("<I", first[2], _DOMAIN, domain)
    second[2] = _without(header, _ALPHA1, _BETA1, _BETA2, _DELTA1, _DELTA2)
    return _file(first), _file(second)


def join(first: Proof, second: Proof) -> Proof:
    """Return the proof, not blinded, whose A and B are of one half and whose C of the other."""
    return Proof(first.a, first.b, second.c)


def _without(header: memoryview, *points: tuple[int, int]) -> memoryview:
    changed = bytearray(header)
    for at, size in points:
        changed[at : at + size] = bytes(size)
    return memoryview(changed)


def _file(sections: dict[int, memoryview]) -> bytes:
    return binfile.build(
        b"zkey", 1, [(number, binfile.section(sections, number)) for number in _ORDER]
    )
