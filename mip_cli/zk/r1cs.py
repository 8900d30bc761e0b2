"""Reader of circom's .r1cs files (github.com/iden3/r1csfile, version 1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mip_cli.crypto.field import R
from mip_cli.errors import FileInvalid
from mip_cli.zk import binfile

Combination = list[tuple[int, bytes]]
"""Linear combination: (wire, coefficient as 32 little-endian bytes)."""


@dataclass(frozen=True)
class R1cs:
    """Rank-1 constraints of one circuit."""

    wires: int
    """Number of wires, the constant one included."""
    outputs: int
    public_inputs: int
    private_inputs: int
    constraints: int
    body: bytes
    """Section 2 as it is in the file."""

    @property
    def public(self) -> int:
        """Number of public signals, outputs first; they are wires 1 to this."""
        return self.outputs + self.public_inputs

    @property
    def domain_power(self) -> int:
        """Binary logarithm of the Groth16 domain: one row per constraint and public wire."""
        return (self.constraints + self.public).bit_length()

    def rows(self) -> Iterator[tuple[Combination, Combination, Combination]]:
        """Iterate over the constraints A * B = C; raises ``FileInvalid`` on a broken file."""
        position = 0
        try:
            for _ in range(self.constraints):
                a, position = self._combination(position)
                b, position = self._combination(position)
                c, position = self._combination(position)
                yield a, b, c
        except struct.error as error:
            raise FileInvalid("truncated constraints in the .r1cs file") from error
        if position != len(self.body):
            raise FileInvalid("excess bytes after the constraints of the .r1cs file")

    def _combination(self, position: int) -> tuple[Combination, int]:
        (count,) = struct.unpack_from("<I", self.body, position)
        position += 4
        terms: Combination = []
        for wire, coefficient in _TERM.iter_unpack(self.body[position : position + 36 * count]):
            if wire >= self.wires:
                raise FileInvalid("a constraint names a wire that does not exist")
            terms.append((wire, coefficient))
        if len(terms) != count:
            raise FileInvalid("truncated constraints in the .r1cs file")
        return terms, position + 36 * count


_TERM = struct.Struct("<I32s")


def read(data: bytes) -> R1cs:
    """Parse a .r1cs file over the BN254 scalar field; raises ``FileInvalid``."""
    sections = binfile.parse(data, b"r1cs", 1)
    header = binfile.section(sections, 1)
    if len(header) != 64 or struct.unpack_from("<I", header)[0] != 32:
        raise FileInvalid("broken header of the .r1cs file")
    if int.from_bytes(header[4:36], "little") != R:
        raise FileInvalid("the .r1cs file is over another field")
    numbers = struct.unpack_from("<IIIIQI", header, 36)
    wires, outputs, public_inputs, private_inputs, _, constraints = numbers
    if outputs + public_inputs >= wires:
        raise FileInvalid("broken header of the .r1cs file")
    body = bytes(binfile.section(sections, 2))
    return R1cs(wires, outputs, public_inputs, private_inputs, constraints, body)
