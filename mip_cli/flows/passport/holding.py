"""An opened passport beside its chain: what every act on it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mip_cli.chain.presentations import LeafOpening
from mip_cli.chain.recovery import RecoveryState
from mip_cli.chain.registry import PassportRecord
from mip_cli.chain.tx import Sender
from mip_cli.config import Settings
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import guardian_change
from mip_cli.flows.guardian.guardian_documents import Passport
from mip_cli.flows.passport import leaf_proof, membership, passport_file, replacement
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.leaf_proof import Act
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import PublicKeys, keys_of
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.models import Presentation
from mip_cli.progress import Progress
from mip_cli.store import keyfile
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.zk.prover import Prover


@dataclass(frozen=True, repr=False)
class Holding:
    """A passport that was opened, settled and found at home on the chain."""

    settings: Settings
    link: Connection
    opened: Opened
    progress: Progress
    prover: Prover | None = None
    clock: Callable[[], float] | None = None

    @property
    def content(self) -> PassportSecrets:
        """What the key file holds."""
        return self.opened.unlocked.secrets

    @property
    def keys(self) -> PublicKeys:
        """Its commitments."""
        return keys_of(self.content)

    @property
    def leaf(self) -> LeafOpening:
        """The opening of its leaf."""
        return leaf_proof.opening_of(self.content)

    @property
    def passport(self) -> Passport:
        """Which passport it is, to others."""
        return passport_of(self.link, self.content)

    def now(self) -> int:
        """Return the Unix time to judge delays by."""
        return int((self.clock or self.link.clock)())

    def state(self) -> RecoveryState:
        """Return what the recovery contract knows of it now."""
        return guardian_change.state_of(self.link, self.content)

    def record(self) -> PassportRecord:
        """Return what the registry knows of it now; raise ``UsageFault`` unless it is active."""
        record = self.link.registry.passport(self.keys.identity, self.content.anchor)
        membership.require_active(record, self.content.name)
        return record

    def siblings(self) -> list[int]:
        """Return the path that acts on the leaf take; raise ``UsageFault`` for a foreign leaf."""
        tree = connection.tree(self.settings, self.link, self.progress)
        return tree.update_siblings(membership.require_member(tree, self.keys.leaf))

    def show(self, purpose: str, payload: bytes, nonce: int = 0) -> Presentation:
        """Make the leaf proof of an act that the recovery contract asks for."""
        self.progress.step("proving")
        act = Act(self.link.recovery.address, purpose, payload, nonce)
        return leaf_proof.make(
            self.settings,
            self.link.chain_id,
            self.opened,
            act,
            clock=self.clock or self.link.clock,
            prover=self.prover,
        )

    def sender(self, purse: Purse) -> Sender:
        """Return what sends transactions of the paying account."""
        return sender_of(self.settings, self.link, purse)

    def write(self, secrets: PassportSecrets) -> Holding:
        """Write other secrets into the key file, durable on return."""
        unlocked = keyfile.update(self.opened.unlocked, secrets)
        return replace(self, opened=replace(self.opened, unlocked=unlocked))


@contextmanager
def hold(
    settings: Settings,
    name: str,
    factors: Factors,
    progress: Progress,
    *,
    prover: Prover | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Holding]:
    """Open a passport and settle what an earlier act left; raises what these raise."""
    with connection.connect(settings) as link:
        opened = passport_file.unlock(settings, name, factors, progress)
        require_home(opened.unlocked.secrets, link)
        opened = replacement.settle(settings, link, opened, factors, progress)
        yield Holding(settings, link, opened, progress, prover, clock)


def passport_of(link: Connection, content: PassportSecrets) -> Passport:
    """Return which passport an opened key file is about."""
    return Passport(
        link.chain_id,
        link.recovery.address,
        link.registry.address,
        keys_of(content).identity,
        content.anchor,
    )
