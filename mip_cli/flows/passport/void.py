"""Voiding what was granted under the holder's pseudonyms, above all by a thief before a recovery.

One transaction for each pseudonym, for one for all would link them; whoever pays for several does
link them to each other. The proof names the payer and never the anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.app import App
from mip_cli.chain.epochs import ADVANCED, advance_payload
from mip_cli.chain.history import leaf_history
from mip_cli.chain.logs import headers, read_logs
from mip_cli.chain.registry import GRACE
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import scope_of, word
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import AppUntrusted, Negative, UsageFault
from mip_cli.flows.passport import app_proof
from mip_cli.flows.passport.app_proof import ForApp
from mip_cli.flows.passport.holding import Holding, hold
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.sending import Purse
from mip_cli.flows.spans import duration
from mip_cli.progress import Progress
from mip_cli.store.secrets_codec import Pseudonym
from mip_cli.units import Address
from mip_cli.zk.prover import Prover


@dataclass(frozen=True)
class Voided:
    """What became of the grants under one pseudonym."""

    app: Address
    """The app's contract."""
    purpose: str
    """The purpose it states."""
    epoch: int
    """How often the holder voided them, this time included."""
    receipt: Receipt | None
    """Transaction of this run; None when it was done since the keys were last replaced."""


def void(
    settings: Settings,
    name: str,
    factors: Factors,
    purse: Purse,
    progress: Progress,
    *,
    app: Address | None = None,
    prover: Prover | None = None,
) -> list[Voided]:
    """Void the grants under every pseudonym that the key file knows, or under one app's.

    Those voided since the leaf was last replaced are left out, so that a run that was cut off goes
    on; with ``app`` it is done in any case. Raises ``Negative`` while the keys of before still
    count, two minutes at most, ``UsageFault`` without face and password.
    """
    with hold(settings, name, factors, progress, prover=prover) as holding:
        if holding.opened.probe is None or holding.opened.stretched is None:
            raise UsageFault(
                "voiding takes face and password", hint="add --image FILE and the password"
            )
        holding.record()
        run = _Run(holding, purse, prover)
        since = run.replaced_at()
        if (left := since + GRACE - holding.now()) > 0:
            raise Negative(
                f"the keys of before count for {duration(left)} more",
                hint="run this again then: what a thief grants until that time is voided too",
            )
        if app is not None:
            return [run.advance(_ask(holding, app))]
        return [run.advance(p, since=since) for p in holding.content.pseudonyms]


@dataclass(frozen=True, repr=False)
class _Run:
    holding: Holding
    purse: Purse
    prover: Prover | None

    def replaced_at(self) -> int:
        """Return the Unix time at which the passport got its present leaf."""
        holding = self.holding
        link, keys = holding.link, holding.keys
        history = leaf_history(
            link.registry,
            keys.identity,
            holding.content.anchor,
            link.deployment.block,
            holding.progress,
        )
        block = history[-1].block
        return headers(link.rpc, [block])[block].time

    def advance(self, pseudonym: Pseudonym, *, since: int | None = None) -> Voided:
        """Void the grants under one pseudonym, unless that was done long enough after ``since``."""
        holding, link = self.holding, self.holding.link
        app, purpose = Address(pseudonym.app), pseudonym.purpose
        content = holding.content
        scope = scope_of(link.chain_id, app, purpose)
        nullifier = commitments.nullifier(content.secret, content.anchor, scope)
        sender = holding.sender(self.purse)
        epoch = link.epochs.epoch_of(nullifier)
        sender.settle(_label(link.epochs.address, nullifier, epoch), holding.progress)
        epoch = link.epochs.epoch_of(nullifier)
        if since is not None and epoch and self._advanced_after(nullifier, since + GRACE):
            return Voided(app, purpose, epoch, None)
        act = ForApp(app, purpose, link.epochs.address, advance_payload(app, purpose), epoch)
        shown = app_proof.show(holding, act, self.purse.signer.address, self.prover)
        holding.progress.step(f"voiding what was granted at {app}")
        receipt = sender.send(
            _label(link.epochs.address, nullifier, epoch),
            link.epochs.advance(app, purpose, shown),
            holding.progress,
        )
        return Voided(app, purpose, epoch + 1, receipt)

    def _advanced_after(self, nullifier: int, moment: int) -> bool:
        link = self.holding.link
        topics: Sequence[Sequence[bytes]] = [(ADVANCED,), (word(nullifier),)]
        last = link.rpc.block_number()
        logs = read_logs(link.rpc, link.epochs.address, topics, link.deployment.block, last)
        times = headers(link.rpc, [block for block, _ in logs])
        return any(block.time >= moment for block in times.values())


def _label(epochs: Address, nullifier: int, epoch: int) -> str:
    return f"void:{epochs}:{nullifier:#x}:{epoch}"


def _ask(holding: Holding, app: Address) -> Pseudonym:
    purpose = App(holding.link.rpc, app).purpose()
    if not is_readable(purpose):
        raise AppUntrusted("the app states a purpose that cannot be shown as it is")
    return Pseudonym(app, purpose)
