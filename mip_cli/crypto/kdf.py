"""One Argon2id run turns a password into two keys that say nothing about each other.

Source: RFC 9106 (Argon2id, second recommended option) and RFC 5869 (HKDF-SHA256);
docs/protocol.md section 7. A run costs 0.8 s and 64 MiB, so each command makes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mip_cli.crypto.field import from_bytes

SALT_BYTES = 32
KEY_BYTES = 32
_STRETCHED_BYTES = 64
_SEAL = b"mip seal/1"
_COMMITMENT = b"mip password commitment/1"


@dataclass(frozen=True)
class KdfParams:
    """What Argon2id needs beside the password; public."""

    salt: bytes
    """32 random bytes, new for every password."""
    memory_kib: int = 64 * 1024
    """Memory in KiB."""
    iterations: int = 3
    """Passes over that memory."""
    lanes: int = 4
    """Degree of parallelism."""


@dataclass(frozen=True)
class KdfLimits:
    """Which parameters are believed when they come from a file."""

    min_memory_kib: int
    """KiB below which a stolen file is guessed too cheaply."""
    max_memory_kib: int
    """KiB above which a hostile file would exhaust this machine."""
    max_iterations: int
    """Highest number of passes."""
    max_lanes: int
    """Highest degree of parallelism."""
    min_cost: int
    """Smallest product of memory and passes, in KiB."""
    max_cost: int
    """Largest product of memory and passes, in KiB: bounds the time."""


LIMITS = KdfLimits(
    min_memory_kib=64 * 1024,
    max_memory_kib=256 * 1024,
    max_iterations=10,
    max_lanes=16,
    min_cost=3 * 64 * 1024,
    max_cost=1024 * 1024,
)
"""For every real file: at least today's cost; at most 256 MiB and about 5 s (SECURITY.md)."""


@dataclass(frozen=True, repr=False)
class PasswordKeys:
    """What a password gives; both halves are secret."""

    wrapping_key: bytes
    """32 bytes that wrap a root key; never leave the process."""
    stretched: int
    """``w`` of the password commitment, a field element."""

    def __repr__(self) -> str:
        return "PasswordKeys(<redacted>)"


def check_params(params: KdfParams, limits: KdfLimits = LIMITS) -> None:
    """Raise ``ValueError`` when parameters are too weak, too expensive or malformed."""
    if len(params.salt) != SALT_BYTES:
        raise ValueError(f"the salt does not have {SALT_BYTES} bytes")
    if not 1 <= params.iterations <= limits.max_iterations:
        raise ValueError("the number of passes is out of bounds")
    if not 1 <= params.lanes <= limits.max_lanes:
        raise ValueError("the number of lanes is out of bounds")
    cost = params.memory_kib * params.iterations
    if params.memory_kib < limits.min_memory_kib or cost < limits.min_cost:
        raise ValueError("the password protection is weaker than mip accepts")
    if params.memory_kib > limits.max_memory_kib or cost > limits.max_cost:
        raise ValueError("the password protection asks for more memory or time than mip allows")


def stretch(password: bytes, params: KdfParams, *, limits: KdfLimits = LIMITS) -> PasswordKeys:
    """Derive both keys from a normalised password (``crypto.password.normalize``).

    Raises ``ValueError`` for parameters outside ``limits``. The HKDF labels keep the halves
    independent: the commitment's opening, which a prover process sees, does not open the file.
    """
    check_params(params, limits)
    master = Argon2id(
        salt=params.salt,
        length=_STRETCHED_BYTES,
        iterations=params.iterations,
        lanes=params.lanes,
        memory_cost=params.memory_kib,
    ).derive(password)
    return PasswordKeys(
        wrapping_key=subkey(master, _SEAL),
        stretched=from_bytes(subkey(master, _COMMITMENT)),
    )


def subkey(key: bytes, label: bytes) -> bytes:
    """Derive the 32-byte key of one use from a uniform key; HKDF-SHA256, empty salt."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label).derive(key)
