"""Failures that only a chain can cause."""

from __future__ import annotations

from mip_cli.errors import EnvironmentFault, NetworkDown


class NodeRefused(EnvironmentFault):
    """The node answered a request with a JSON-RPC error."""

    def __init__(
        self, message: str, *, code: int = 0, data: bytes | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        """JSON-RPC error code."""
        self.data = data
        """Revert data, None when the node gave none."""


class NodeUntrusted(EnvironmentFault):
    """The node contradicts itself or what this machine computed."""


class FeeTooHigh(EnvironmentFault):
    """The transaction would cost more than the cap allows; nothing was signed."""


class FundsMissing(EnvironmentFault):
    """The account cannot pay for the transaction; nothing was signed."""


class TransactionPending(NetworkDown):
    """The transaction is journalled and sent, but not yet final."""


class TransactionDead(EnvironmentFault):
    """Another transaction took the nonce; this one can never be mined."""
