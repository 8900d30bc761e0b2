"""The people secret: what guardians restore together (protocol sections 2 and 12)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mip_cli.crypto import kdf
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.crypto.field import from_bytes
from mip_cli.crypto.hpke import KeyPair, keypair_from
from mip_cli.units import Commitment

SECRET_BYTES = 32
_COMMITMENT = b"mip people commitment/1"
_SEAL = b"mip people seal/1"


@dataclass(frozen=True, repr=False)
class PeopleSecret:
    """``P`` and what follows from it; nobody keeps it, ``ValueError`` unless of 32 bytes."""

    value: bytes
    """32 bytes, shared over the guardians."""

    def __post_init__(self) -> None:
        if len(self.value) != SECRET_BYTES:
            raise ValueError(f"a people secret has {SECRET_BYTES} bytes")

    def __repr__(self) -> str:
        return "PeopleSecret(<redacted>)"

    @classmethod
    def random(cls, rng: Rng = system_rng) -> PeopleSecret:
        """Draw one."""
        return cls(rng(SECRET_BYTES))

    @cached_property
    def people_key(self) -> int:
        """``g``: opens the guardian commitment; a field element."""
        return from_bytes(kdf.subkey(self.value, _COMMITMENT))

    @property
    def commitment(self) -> Commitment:
        """The guardian commitment."""
        return guardian_commitment(self.people_key)

    @cached_property
    def keypair(self) -> KeyPair:
        """Opens the people slot of a key file."""
        return keypair_from(kdf.subkey(self.value, _SEAL))
