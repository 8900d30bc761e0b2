"""Who pays for transactions, and rehearsals that send none."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Call, Quote, Receipt
from mip_cli.config import Settings
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.progress import Progress


@dataclass(frozen=True, repr=False)
class Purse:
    """What pays for the transactions of a command."""

    signer: Signer
    """The account."""
    fee_cap: int = DEFAULT_FEE_CAP
    """Wei that one transaction may cost at most."""
    rehearse: bool = False
    """Whether to stop where the first transaction would be signed."""

    def __repr__(self) -> str:
        return f"Purse({self.signer.address}, <redacted>)"


class Rehearsed(Exception):  # noqa: N818 - not an error: what a rehearsal ends with
    """A transaction would be signed and sent now; nothing was."""

    def __init__(self, label: str, call: Call, quote: Quote) -> None:
        super().__init__(label)
        self.label = label
        self.call = call
        self.quote = quote


class Rehearsal(Sender):
    """Asks the node what a transaction would cost, and whether it would revert; sends nothing."""

    def send(self, label: str, call: Call, progress: Progress | None = None) -> Receipt:
        """Raise ``Rehearsed``, or ``ChainRefusal`` when the contract would refuse."""
        raise Rehearsed(label, call, self.quote(call))

    def settle(self, label: str, progress: Progress | None = None) -> None:
        """Leave open transactions alone."""


def sender_of(settings: Settings, link: Connection, purse: Purse) -> Sender:
    """Return what sends transactions through this device's journal."""
    kind = Rehearsal if purse.rehearse else Sender
    journal = connection.journal(settings)
    return kind(link.rpc, purse.signer, journal, link.chain_id, fee_cap=purse.fee_cap)
