"""Names for integers that must not be mixed up, and constants with their units."""

from __future__ import annotations

from typing import NewType

Commitment = NewType("Commitment", int)
"""A hiding, binding digest; a field element."""
Nullifier = NewType("Nullifier", int)
"""A holder's pseudonym in one scope; a field element."""
Scope = NewType("Scope", int)
"""The context of a nullifier; 248 bits."""
Message = NewType("Message", int)
"""What a proof is bound to; 248 bits."""
Epoch = NewType("Epoch", int)
"""How often a passport's keys were replaced."""
Address = NewType("Address", str)
"""An EIP-55 checksummed address."""

TREE_DEPTH = 20
"""Levels of the passport tree."""
MAX_DEADLINE = 3600
"""Seconds a proof's deadline may lie ahead."""
