"""A replacement of the keys that was begun: the staged key file and what the chain says of it.

The new key file is durable before anything is signed, and the signed transaction is durable before
anything is sent. So a staged file without an open transaction was never sent, and one whose leaf
the registry holds has taken effect. Whoever opens the passport in between settles this first.
"""

from __future__ import annotations

from dataclasses import replace

from mip_cli.config import Settings
from mip_cli.errors import FaceMismatch, KeyLocked, SecretFault
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import guardian_change
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.models import TransactionState
from mip_cli.progress import Progress
from mip_cli.store import keyfile
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus


def label_of(link: Connection, content: PassportSecrets, epoch: int) -> str:
    """Name the replacement that ends an epoch of a passport, the same in every attempt."""
    return f"update:{link.registry.address}:{keys_of(content).identity:#x}:{epoch}"


def state_of(
    settings: Settings, link: Connection, content: PassportSecrets, epoch: int
) -> TransactionState | None:
    """Return how far the transaction of a replacement has come; None when none was signed."""
    entry = connection.journal(settings).find(label_of(link, content, epoch))
    return None if entry is None else entry.state


def settle(
    settings: Settings, link: Connection, opened: Opened, factors: Factors, progress: Progress
) -> Opened:
    """Return the passport as the registry holds it, when something was begun that changes its leaf.

    Puts the new key file in the old one's place once its leaf is final on chain, and deletes it
    when it was never sent. Raises ``KeyLocked`` while it is on its way, and what an opening raises
    when the given keys are the old ones and the new ones are in force.
    """
    opened = guardian_change.settle(settings, link, opened)
    base = keyfile.base_path(opened.unlocked.path)
    content = opened.unlocked.secrets
    if keyfile.staged(base) is None or content.status is not PassportStatus.ENROLLED:
        return opened
    tree = connection.tree(settings, link, progress)
    keys = keys_of(content)
    epoch = link.registry.passport(keys.identity, content.anchor).epoch
    if opened.unlocked.path == base:
        if tree.find(keys.leaf) is not None:
            if state_of(settings, link, content, epoch) in (None, TransactionState.FAILED):
                keyfile.discard(base)
                return opened
            raise on_its_way(content.name)
        opened = _open_next(settings, opened, factors, progress)
        opened = guardian_change.settle(settings, link, opened)
        keys = keys_of(opened.unlocked.secrets)
    if tree.find(keys.leaf) is None:
        raise on_its_way(content.name)
    return finish(settings, link, opened, epoch)


def finish(settings: Settings, link: Connection, opened: Opened, epoch: int) -> Opened:
    """Put a staged key file whose leaf the registry holds in its place, once that is final."""
    content = opened.unlocked.secrets
    if state_of(settings, link, content, epoch - 1) is not TransactionState.CONFIRMED:
        return opened  # a re-org may still bring the old leaf back: keep both files
    base = keyfile.base_path(opened.unlocked.path)
    return replace(opened, unlocked=keyfile.promote(base, opened.unlocked))


def on_its_way(name: str) -> KeyLocked:
    """Return the refusal of everything but going on with the replacement."""
    return KeyLocked(
        f"a replacement of the keys of {name} is on its way",
        hint="finish it: run `mip passport rotate` again, the same way it was begun",
    )


def _open_next(settings: Settings, opened: Opened, factors: Factors, progress: Progress) -> Opened:
    path = keyfile.staged_path(opened.unlocked.path)
    try:
        return passport_file.open_passport(settings, path, factors, progress)
    except (SecretFault, FaceMismatch) as error:
        error.hint = "the keys of this passport were replaced: use the new password and face"
        raise
