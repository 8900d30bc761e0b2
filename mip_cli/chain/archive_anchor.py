"""The archive anchor as Python values: section 14 of the protocol."""

from __future__ import annotations

from mip_cli.chain.abi import topic
from mip_cli.chain.contract import BoundContract
from mip_cli.crypto.binding import word
from mip_cli.units import Address

ANCHORED = topic("ArchiveAnchored(uint256,uint256,bytes32)")
SIGNATURE = "anchor(bytes32,uint256)"
"""The function that a proof is made for."""
PURPOSE = "mip: anchor my archive"
"""What the contract states; a test asks it."""


class ArchiveAnchor(BoundContract):
    """Reads what was anchored under a pseudonym."""

    def sequence_of(self, nullifier: int) -> int:
        """Return the number of the newest anchor, 0 when there is none."""
        return self._words("sequence_of(uint256)", word(nullifier), 1)[0]

    def commitment_at(self, nullifier: int, sequence: int) -> bytes:
        """Return a commitment, 32 zero bytes when there is none of that number."""
        arguments = word(nullifier) + word(sequence)
        found = self._words("commitment_at(uint256,uint256)", arguments, 1)[0]
        return word(found)

    def registry(self) -> Address:
        """Return the registry the contract was built with."""
        return self._address("REGISTRY()")
