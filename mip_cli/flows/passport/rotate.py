"""Replacing the holder's own keys: a new password, a new photo, or fresh salts alone.

Face and password together do it at once. The order makes a kill at any moment harmless: the new
key file is durable before anything is signed, the signed transaction before anything is sent, and
the old key file goes only when the new leaf is final on chain. The next run goes on from there.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.chain.index import TreeIndex
from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import (
    UPDATE_PURPOSE,
    PassportRecord,
    update_payload,
)
from mip_cli.chain.reverts import RegistryRefusal
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto.kdf import SALT_BYTES, KdfParams
from mip_cli.errors import FaceMismatch, UsageFault, WrongChain, WrongSecret
from mip_cli.face.spec import FaceTemplate
from mip_cli.flows import connection, face
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import guardian_change
from mip_cli.flows.passport import leaf_proof, membership, passport_file, replacement
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.leaf_proof import Act
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import keys_of, own_keys, require_provable, spec_of
from mip_cli.models import TransactionState
from mip_cli.progress import Progress
from mip_cli.store import keyfile, passports
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.store.slots import Lock, PeopleLock
from mip_cli.units import Address, Epoch
from mip_cli.zk.prover import Prover

COOLDOWN = 600
"""Seconds between two replacements of one passport's keys (a test asks the contract)."""

Clock = Callable[[], float]


@dataclass(frozen=True, repr=False)
class RotateRequest:
    """What a holder brings to replace his keys."""

    name: str
    """Name of the passport on this device."""
    password: bytes
    """Normalised; the present one."""
    image: Path
    """Fresh photo; matches the enrolled face."""
    new_password: bytes | None = None
    """Normalised; None keeps the present one, under a fresh salt."""
    new_image: Path | None = None
    """Photo to enrol in the place of the old one; None keeps the template, under a fresh salt."""

    def __repr__(self) -> str:
        return f"RotateRequest(name={self.name!r}, <redacted>)"

    @property
    def factors(self) -> Factors:
        """What opens the key file in force."""
        return Factors(self.password, self.image)

    @property
    def new_factors(self) -> Factors:
        """What opens the key file to be."""
        return Factors(self.new_password or self.password, self.new_image or self.image)


@dataclass(frozen=True)
class Rotated:
    """A passport under new keys; nothing here is secret."""

    name: str
    """Name on this device."""
    path: Path
    """The sealed key file."""
    registry: Address
    """Registry that holds the leaf."""
    anchor: Address
    """Address that enrolled; it stays."""
    epoch: int
    """How often the keys were replaced, this time included."""
    tx_hash: bytes | None
    """Transaction of this run; None when an earlier run's had taken effect."""
    gas_used: int | None
    """Gas of that transaction."""
    resumed: bool
    """Whether an earlier run had begun."""


def rotate(
    settings: Settings,
    request: RotateRequest,
    payer: Signer,
    progress: Progress,
    *,
    prover: Prover | None = None,
    fee_cap: int = DEFAULT_FEE_CAP,
    clock: Clock | None = None,
) -> Rotated:
    """Replace the keys of a passport, or finish replacing them.

    Identity, anchor and guardians stay, and so every pseudonym. Raises ``FaceMismatch`` and
    ``WrongSecret`` for the present keys, ``FaceMismatch`` for a new photo of somebody else,
    ``UsageFault`` before enrolment, ``RegistryRefusal`` within the cool-down, before anything is
    signed.
    """
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        run = _Run(settings, link, request, payer, progress, fee_cap, prover, clock or link.clock)
        return run.go()


@dataclass(frozen=True, repr=False)
class _Run:
    """One run of a replacement: what it works with, and its steps."""

    settings: Settings
    link: Connection
    request: RotateRequest
    payer: Signer
    progress: Progress
    fee_cap: int
    prover: Prover | None
    clock: Clock

    def go(self) -> Rotated:
        base = passports.require_passport(self.settings.data_dir, self.request.name)
        opened = self._open(base)
        if opened is None:  # killed at the very end: the new keys are in force
            return self._done(self._open_new(base), None, resumed=True)
        content, keys = opened.unlocked.secrets, keys_of(opened.unlocked.secrets)
        require_home(content, self.link)
        opened = guardian_change.settle(self.settings, self.link, opened)
        content, keys = opened.unlocked.secrets, keys_of(opened.unlocked.secrets)
        record = self.link.registry.passport(keys.identity, content.anchor)
        if self._find(content) is None and keyfile.staged(base) is not None:
            # the new leaf is in force: what is left is to wait until it is final
            following = self._open_new(keyfile.staged_path(base))
            self._sender().settle(
                replacement.label_of(self.link, content, record.epoch - 1), self.progress
            )
            return self._done(self._promote(base, following), None, resumed=True)
        membership.require_active(record, content.name)
        membership.require_member(self._tree(), keys.leaf)
        staged = self._staged_before(base, content, record)
        following = staged or self._stage(opened, record)
        receipt = self._replace(opened, following, record)
        return self._done(self._promote(base, following), receipt, resumed=staged is not None)

    def _open(self, base: Path) -> Opened | None:
        """Open the key file in force; None when the new keys are those in force."""
        try:
            return passport_file.open_passport(
                self.settings, base, self.request.factors, self.progress
            )
        except (WrongSecret, FaceMismatch):
            if self.request.factors == self.request.new_factors:
                raise
            try:
                self._open_new(base)
            except (WrongSecret, FaceMismatch):
                pass
            else:
                return None
            raise

    def _open_new(self, path: Path) -> Unlocked:
        opened = passport_file.open_passport(
            self.settings, path, self.request.new_factors, self.progress
        )
        return guardian_change.settle(self.settings, self.link, opened).unlocked

    def _staged_before(
        self, base: Path, content: PassportSecrets, record: PassportRecord
    ) -> Unlocked | None:
        """Return what an earlier run staged, if it is what this one wants; else drop it."""
        if keyfile.staged(base) is None:
            return None
        label = replacement.label_of(self.link, content, record.epoch)
        entry = connection.journal(self.settings).find(label)
        signed = entry is not None and entry.state is not TransactionState.FAILED
        if entry is not None and signed and entry.intent.sender != self.payer.address:
            raise UsageFault(
                f"the replacement was begun with the account {entry.intent.sender}",
                hint="pay from the same account: its transaction is on the way",
            )
        try:
            return self._open_new(keyfile.staged_path(base))
        except (WrongSecret, FaceMismatch) as error:
            if signed:
                error.hint = (
                    "an earlier run began with another new password or photo: use those again"
                )
                raise
        keyfile.discard(base)
        return None

    def _stage(self, opened: Opened, record: PassportRecord) -> Unlocked:
        """Make the new keys and write them down, durably, before anything is signed."""
        _require_cooled_down(record, self.clock())
        content = opened.unlocked.secrets
        template = self._new_template(opened)
        self.progress.step("sealing the new keys")
        params = KdfParams(salt=system.token_bytes(SALT_BYTES))
        password = self.request.new_password or self.request.password
        lock, stretched = keyfile.password_lock(password, params)
        after = replace(
            content,
            epoch=Epoch(record.epoch + 1),
            **own_keys(template, stretched.stretched, params),
        )
        locks: list[Lock] = [lock, passport_file.face_lock(self.settings, template)]
        people = opened.unlocked.sealed.envelope.people
        if people is not None:
            locks.append(PeopleLock(people.public_key))
        base = opened.unlocked.path
        return keyfile.stage(keyfile.seal(base, after, locks))

    def _new_template(self, opened: Opened) -> FaceTemplate:
        content = opened.unlocked.secrets
        if self.request.new_image is None:
            return FaceTemplate(spec_of(content), content.template)
        self.progress.step("finding the new face")
        template = face.enrolment_template(self.request.new_image, self.settings, self.progress)
        require_provable(self.settings, template.spec)
        probe = opened.probe
        if probe is None or probe.spec != template.spec:
            probe = face.probe(
                self.request.image, self.settings, self.progress, template.spec.backend
            )
        verdict = face.match(template, probe)
        if not verdict.match:
            raise FaceMismatch(
                f"the new photo shows somebody else than {self.request.image}: {verdict.reason}",
                hint="take both photos today; a passport stays with its holder",
            )
        return template

    def _replace(self, opened: Opened, following: Unlocked, record: PassportRecord) -> Receipt:
        content = opened.unlocked.secrets
        leaf, new_root = leaf_proof.opening_of(content), keys_of(following.secrets).root
        label = replacement.label_of(self.link, content, record.epoch)
        state = replacement.state_of(self.settings, self.link, content, record.epoch)
        if state in (None, TransactionState.FAILED):
            _require_cooled_down(record, self.clock())
        self.progress.step("proving")
        registry = self.link.registry
        payload = update_payload(leaf.identity_commitment, leaf.anchor, new_root)
        act = Act(registry.address, UPDATE_PURPOSE, payload, record.epoch)
        shown = leaf_proof.make(
            self.settings,
            self.link.chain_id,
            opened,
            act,
            clock=self.clock,
            prover=self.prover,
        )
        siblings = self._tree().update_siblings(record.index)
        self.progress.step("replacing the keys on chain")
        call = registry.update(leaf, new_root, siblings, shown)
        return self._sender().send(label, call, self.progress)

    def _promote(self, base: Path, following: Unlocked) -> Unlocked:
        if self._find(following.secrets) is None:  # perhaps the guardians changed meanwhile
            opened = Opened(following, None, None, None)
            following = guardian_change.settle(self.settings, self.link, opened).unlocked
        if self._find(following.secrets) is None:
            raise WrongChain(
                f"the registry {self.link.registry.address} does not hold the new keys",
                hint="run the same command again; if it stays so, somebody else replaced your "
                "keys (`mip recover`), or the node is not to be trusted",
            )
        return keyfile.promote(base, following)

    def _done(self, unlocked: Unlocked, receipt: Receipt | None, *, resumed: bool) -> Rotated:
        content = unlocked.secrets
        if self._find(content) is None:
            raise UsageFault(
                "the keys given do not open the passport as the registry holds it",
                hint="give the keys in force; see `mip passport show`",
            )
        return Rotated(
            name=content.name,
            path=unlocked.path,
            registry=self.link.registry.address,
            anchor=content.anchor,
            epoch=content.epoch,
            tx_hash=receipt.tx_hash if receipt else None,
            gas_used=receipt.gas_used if receipt else None,
            resumed=resumed,
        )

    def _find(self, content: PassportSecrets) -> int | None:
        return self._tree().find(keys_of(content).leaf)

    def _tree(self) -> TreeIndex:
        return connection.tree(self.settings, self.link, self.progress)

    def _sender(self) -> Sender:
        journal = connection.journal(self.settings)
        link = self.link
        return Sender(link.rpc, self.payer, journal, link.chain_id, fee_cap=self.fee_cap)


def _require_cooled_down(record: PassportRecord, now: float) -> None:
    left = record.updated_at + COOLDOWN - int(now) if record.updated_at else 0
    if left > 0:
        reason = "registry: keys were replaced less than COOLDOWN ago"
        raise RegistryRefusal(
            "the keys of this passport were replaced a moment ago",
            reason=reason,
            hint=f"try again in {-(-left // 60)} minutes",
        )
