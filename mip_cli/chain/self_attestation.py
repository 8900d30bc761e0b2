"""The issuer whose key everybody has, on chain: section 21 of the protocol."""

from __future__ import annotations

from mip_cli.chain.contract import BoundContract
from mip_cli.crypto.babyjubjub import Point
from mip_cli.units import Address


class SelfAttestation(BoundContract):
    """Reads the contract that holds the number of self-attested credentials."""

    def number(self) -> int:
        """Return the issuer number that stands for what people say of themselves."""
        return self._words("NUMBER()", b"", 1)[0]

    def issuers(self) -> Address:
        """Return the registry of issuers it registered with."""
        return self._address("ISSUERS()")

    def key(self) -> Point:
        """Return the key it registered."""
        (x,), (y,) = self._words("KEY_X()", b"", 1), self._words("KEY_Y()", b"", 1)
        return x, y
