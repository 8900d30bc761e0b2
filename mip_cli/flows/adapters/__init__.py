"""Credentials in formats of others; protocol section 23.

An adapter reads one format: it checks a document on this machine and returns what it says. It asks
no network, and what it found is for the holder: the credential that is made of it is the holder's
own word (section 21). To add a format, write a module with a class that satisfies ``Adapter``, and
a value of ``Evidence`` that names how it checks.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mip_cli.crypto.self_attestation import Note
from mip_cli.errors import CredentialInvalid

MAX_DOCUMENT = 64 * 1024
"""Bytes of a foreign credential."""


@dataclass(frozen=True)
class Foreign:
    """What a foreign credential says, once it was checked."""

    kind: str
    """Its type, in the words of its format."""
    claims: Mapping[str, Any]
    """All it says, as JSON values."""
    note: Note
    """How it was checked, kept beside the claims."""
    until: datetime.date | None
    """The last day on which it is good, if it names one."""
    remarks: tuple[str, ...]
    """What was not checked, in words."""


class Adapter(Protocol):
    """Reads credentials of one format."""

    def verify(self, document: bytes, keys: bytes, now: float) -> Foreign:
        """Check a document against keys that the holder names, at a Unix time.

        Raises ``CredentialInvalid`` when it does not hold, ``UsageFault`` for keys that are none;
        no message quotes a claim.
        """


def refused(words: str) -> CredentialInvalid:
    """Return the refusal of a foreign credential."""
    return CredentialInvalid(f"the credential does not hold: {words}")
