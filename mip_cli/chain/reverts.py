"""What contracts say when they refuse, in plain words; a test compares this with the sources."""

from __future__ import annotations

import re

from mip_cli.chain.abi import text
from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.reasons import REASONS, Reason
from mip_cli.chain.rpc import printable
from mip_cli.errors import ChainRefusal, MipError

ERROR_SELECTOR = bytes.fromhex("08c379a0")
"""``Error(string)``."""
PANIC_SELECTOR = bytes.fromhex("4e487b71")
"""``Panic(uint256)``."""
_IN_MESSAGE = re.compile(
    r"revert(?:ed)?(?: with reason string)?:? *['\"]?([a-z0-9_]+: [^'\"]+?)['\"]?$"
)


class RegistryRefusal(ChainRefusal):
    """The passport registry said no."""


class RecoveryRefusal(ChainRefusal):
    """The guardian recovery said no."""


class EpochRefusal(ChainRefusal):
    """The pseudonym epochs said no."""


class AnchorRefusal(ChainRefusal):
    """The archive anchor said no."""


class IssuerRefusal(ChainRefusal):
    """The registry of issuers said no."""


class GateRefusal(ChainRefusal):
    """The predicate gate, or the module of policies before it, said no."""


class VerifierRefusal(ChainRefusal):
    """A Groth16 verifier said no."""


class HashRefusal(ChainRefusal):
    """The Poseidon2 contract said no."""


class AppRefusal(ChainRefusal):
    """An app that gates on a passport said no."""


_CLASSES: dict[str, type[ChainRefusal]] = {
    "registry": RegistryRefusal,
    "tree": RegistryRefusal,
    "roots": RegistryRefusal,
    "signatures": RegistryRefusal,
    "recovery": RecoveryRefusal,
    "epochs": EpochRefusal,
    "archive": AnchorRefusal,
    "issuers": IssuerRefusal,
    "gate": GateRefusal,
    "policy": GateRefusal,
    "verifier": VerifierRefusal,
    "poseidon2": HashRefusal,
}


def decode_reason(data: bytes) -> str | None:
    """Return the reason string in revert data, None when there is none."""
    if data[:4] == ERROR_SELECTOR:
        try:
            return text(data[4:], limit=1024)
        except NodeUntrusted:
            return None
    return None


def refusal(reason: str) -> ChainRefusal:
    """Turn a reason string into the error a person sees."""
    module = reason.partition(":")[0]
    kind = _CLASSES.get(module, AppRefusal)
    known: Reason | None = REASONS.get(reason)
    if known is not None:
        return kind(known.words, reason=reason, hint=known.hint)
    return kind(f"the contract refuses: {printable(reason) or 'no reason given'}", reason=reason)


def is_revert(error: NodeRefused) -> bool:
    """Tell whether the node reports that a contract reverted, not that it refuses to work."""
    return error.data is not None or error.code == 3 or "revert" in error.message.lower()


def translate(error: NodeRefused) -> MipError:
    """Return the ``ChainRefusal`` behind a node's error, or the error itself."""
    if not is_revert(error):
        return error
    data = error.data or b""
    reason = decode_reason(data)
    if reason is None and (match := _IN_MESSAGE.search(error.message)):
        reason = match[1]
    if reason is not None:
        return refusal(reason)
    if data[:4] == PANIC_SELECTOR:
        return AppRefusal("the contract failed on an arithmetic or range check", reason="panic")
    return AppRefusal(
        "the contract refuses without a reason",
        reason="",
        hint="is this the right contract, and are the arguments right?",
    )
