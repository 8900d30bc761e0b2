"""The transfer code: what opens a face slot on its way to another device (protocol section 6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from mip_cli.crypto import kdf
from mip_cli.crypto.aead import Rng, system_rng

CODE_BYTES = 20
"""160 bits: 32 characters of base32, far beyond any search."""

_PREFIX = "mip:transfer:1"
_LABEL = b"mip transfer code/1"
_CHECK_BYTES = 4


@dataclass(frozen=True, repr=False)
class TransferCode:
    """A secret that travels apart from the file it opens."""

    value: bytes
    """20 random bytes."""

    def __post_init__(self) -> None:
        if len(self.value) != CODE_BYTES:
            raise ValueError("a transfer code has 20 bytes")

    def __repr__(self) -> str:
        return "TransferCode(<redacted>)"

    @classmethod
    def random(cls, rng: Rng = system_rng) -> TransferCode:
        """Draw a code."""
        return cls(rng(CODE_BYTES))

    @classmethod
    def parse(cls, text: str) -> TransferCode:
        """Read the one line of a code's file; raise ``ValueError``, quoting nothing."""
        line = "".join(text.split())
        head, _, check = line.rpartition(":")
        prefix, _, body = head.rpartition(":")
        if prefix != _PREFIX or not hmac.compare_digest(check.encode(), _check(head).encode()):
            raise ValueError("not a transfer code, or mistyped")
        try:
            code = cls(base64.b32decode(body.upper()))
        except ValueError:
            raise ValueError("not a transfer code, or mistyped") from None
        if code.text != line:
            raise ValueError("not a transfer code, or mistyped")
        return code

    @property
    def text(self) -> str:
        """The line that is written to a code's file."""
        head = f"{_PREFIX}:{base64.b32encode(self.value).decode().lower()}"
        return f"{head}:{_check(head)}"

    @property
    def secret(self) -> bytes:
        """What stands in the place of a device secret, 32 bytes."""
        return kdf.subkey(self.value, _LABEL)


def _check(head: str) -> str:
    return hashlib.sha256(head.encode()).digest()[:_CHECK_BYTES].hex()
