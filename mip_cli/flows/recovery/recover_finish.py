"""The end of a recovery: the new keys in force on chain, the key file in its place.

The key file gets a new root key: shares in earlier copies of it open nothing here. People are
sealed in again by their public key; none of them is needed for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.recovery import Phase
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.errors import MipError, Negative, WrongChain
from mip_cli.face.spec import FaceTemplate
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import approvals
from mip_cli.flows.passport import leaf_proof, passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import spec_of
from mip_cli.flows.recovery import recover, recover_status
from mip_cli.flows.recovery.recover import InProgress
from mip_cli.flows.recovery.recover_status import Standing, Step
from mip_cli.flows.recovery.recover_steps import new_secrets
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.flows.spans import duration
from mip_cli.progress import Progress
from mip_cli.store import container, files, keyfile, passports, recoveries
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.store.slots import Lock, PeopleLock


@dataclass(frozen=True)
class Recovered:
    """A passport that came back; nothing here is secret."""

    name: str
    """Name on this device."""
    path: Path
    """The sealed key file."""
    epoch: int
    """How often its leaf was replaced."""
    receipt: Receipt | None
    """Transaction of this run; None when somebody else carried the recovery out."""
    people: bool
    """Whether the guardians open the new key file; else a new set is needed."""
    replaced: tuple[Path, ...]
    """Where foreign files lie now that were in its place; the file of before is not kept."""
    apps: int
    """Pseudonyms under which something may have been granted by a thief."""


def finish(
    settings: Settings,
    name: str,
    password: bytes,
    image: Path,
    purse: Purse,
    progress: Progress,
) -> Recovered:
    """Carry the recovery out and put the key file in its place.

    Raises ``Negative`` while something else is needed first, ``WrongSecret`` and ``FaceMismatch``
    for the new keys, ``ChainRefusal``.
    """
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        found = recover.open_progress(settings, name, password, image, progress)
        where = recover_status.standing(link, name, found.folder, found.content.ask)
        receipt = None
        if where.phase is not Phase.EXECUTED:
            _require_ready(where)
            receipt = _execute(settings, link, found, where.request, purse, progress)
        _require_final(link, where.request)
        secrets = new_secrets(found, link)
        tree = connection.tree(settings, link, progress)
        if tree.find(leaf_proof.opening_of(secrets).leaf) is None:
            raise WrongChain(
                "the registry does not hold the new keys",
                hint="run the same command again; if it stays so, look for a newer change with "
                "`mip recover status`",
            )
        return _put_in_place(settings, found, secrets, password, image, progress, receipt)


def _execute(
    settings: Settings,
    link: Connection,
    found: InProgress,
    request: int,
    purse: Purse,
    progress: Progress,
) -> Receipt | None:
    where = found.ask.passport
    label = f"recover-execute:{link.recovery.address}:{request:#x}"
    sender = sender_of(settings, link, purse)
    sender.settle(label, progress)
    state = approvals.state_at(where, link)
    if link.recovery.request(request).phase(state, 0) is Phase.EXECUTED:
        return None
    # a thief may have put the leaf there that stands in the tree now
    identity, anchor = where.identity_commitment, where.anchor
    leaf = connection.leaf_on_chain(link, identity, anchor, progress)
    if leaf is None:
        raise WrongChain("the registry holds no leaf of this passport")
    tree = connection.tree(settings, link, progress)
    index = link.registry.passport(identity, anchor).index
    call = link.recovery.execute(where.registry, leaf, request, tree.update_siblings(index))
    progress.step("putting the new keys in force")
    return sender.send(label, call, progress)


def _put_in_place(
    settings: Settings,
    found: InProgress,
    secrets: PassportSecrets,
    password: bytes,
    image: Path,
    progress: Progress,
    receipt: Receipt | None,
) -> Recovered:
    path = passports.passport_path(settings.data_dir, secrets.name)
    active = secrets.guardians.active if secrets.guardians else None
    people = active.people_public if active else None
    aside: list[Path] = []
    if not _is_there(settings, path, secrets, password, image, progress):
        progress.step("sealing the key file")
        lock, _ = keyfile.password_lock(password, secrets.password_kdf)
        template = FaceTemplate(spec_of(secrets), secrets.template)
        locks: list[Lock] = [lock, passport_file.face_lock(settings, template)]
        if people is not None:
            locks.append(PeopleLock(people))
        files.ensure_private_dir(path.parent)
        aside = _set_aside(path, found.folder)
        keyfile.create(path, secrets, locks, overwrite=True)
    if keyfile.staged(path) is not None:
        keyfile.discard(path)  # a replacement of keys that are in force no more
    recoveries.remove(found.folder)
    return Recovered(
        name=secrets.name,
        path=path,
        epoch=secrets.epoch,
        receipt=receipt,
        people=people is not None,
        replaced=tuple(aside),
        apps=len(secrets.pseudonyms),
    )


def _set_aside(path: Path, folder: Path) -> list[Path]:
    """Keep what lies in the passport's place, unless it is the very file that comes back."""
    with files.lock(path, what=f"the key file {path}"):
        if not (path.exists() or path.is_symlink()):
            return []
        there = _read(path)
        if there == _read(folder / recoveries.SOURCE):
            return []
        aside = [passports.set_aside(path, there)]
        if (staged := keyfile.staged(path)) is not None:
            aside.append(passports.set_aside(path, _read(staged)))
        return aside


def _read(path: Path) -> bytes:
    return files.read_bounded(path, container.MAX_BYTES, what="key file", follow_symlinks=False)


def _is_there(
    settings: Settings,
    path: Path,
    secrets: PassportSecrets,
    password: bytes,
    image: Path,
    progress: Progress,
) -> bool:
    """Tell whether an earlier run had put the key file in its place."""
    if not passports.exists(settings.data_dir, secrets.name):
        return False
    try:
        opened = passport_file.open_passport(settings, path, Factors(password, image), progress)
    except MipError:
        return False  # the file of before, whose keys are in force no more
    there = leaf_proof.opening_of(opened.unlocked.secrets)
    return there == leaf_proof.opening_of(secrets)


def _require_ready(where: Standing) -> None:
    if where.step is Step.FINISH:
        return
    if where.step is Step.WAIT and where.ready_at is not None:
        raise Negative(
            f"the recovery has to wait {duration(where.ready_at - where.now)} more",
            hint="until then whoever holds the present keys can say no; run this again afterwards",
        )
    if where.step is Step.APPROVALS:
        raise Negative(
            f"{where.approvals} guardians approved, and more have to",
            hint="collect answers, then run `mip recover continue --answers FILE ...`",
        )
    raise Negative(
        "the recovery is not approved on chain",
        hint="see `mip recover status`, then go on with `mip recover continue`",
    )


def _require_final(link: Connection, request: int) -> None:
    """Raise ``Negative`` while a re-org may still undo the recovery."""
    if link.recovery.request(request, hex(link.final_block())).status.name != "EXECUTED":
        raise Negative(
            "the recovery was carried out a moment ago", hint="run this again in a minute"
        )
