"""An issuer's own file, ``<data>/issuers/<name>.mip``: its key and what it gave out and revoked.

Sealed under a password of its own: the role has nothing to do with a passport (protocol section
20).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.crypto import eddsa, jsontext
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.babyjubjub import ORDER
from mip_cli.crypto.credential import MAX_ISSUER, MAX_NONCE
from mip_cli.crypto.eddsa import SigningKey
from mip_cli.crypto.forms import Members, element, hexed
from mip_cli.errors import EnvironmentFault, FileInvalid, UsageFault
from mip_cli.store import files
from mip_cli.store.password_box import BoxForm, OpenBox
from mip_cli.units import Address

NAME = re.compile(r"[a-z0-9_-]{1,32}")
SUFFIX = ".mip"
LIST_SUFFIX = ".list"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
MAX_REVOKED = 35_000
"""Revocations that fit into the file."""

FORM = BoxForm("mip.issuer/2", "issuer file")
_NAMES = ("title", "scalar", "prefix", "next_key", "home", "next_nonce", "revoked")
_NONCE_BYTES = 3


@dataclass(frozen=True)
class Home:
    """Where an issuer is registered."""

    chain_id: int
    """EIP-155 chain id."""
    registry: Address
    """The IssuerRegistry."""
    number: int
    """Its number there."""


@dataclass(frozen=True, repr=False)
class Issuer:
    """What an issuer keeps."""

    title: str
    """What it calls itself."""
    key: SigningKey
    home: Home | None
    """None until it is registered."""
    next_nonce: int
    """Number of the next credential."""
    revoked: tuple[int, ...]
    """Numbers of revoked credentials, sorted; they count on when the key is changed."""
    next_key: SigningKey | None = None
    """What the key shall be changed to, once the registry has it."""

    def __repr__(self) -> str:
        return f"Issuer({self.title!r}, <redacted>)"


@dataclass(frozen=True, repr=False)
class Opened:
    """An opened issuer file."""

    name: str
    content: Issuer
    box: OpenBox

    def __repr__(self) -> str:
        return f"Opened({self.name!r}, <redacted>)"


def path_of(data_dir: Path, name: str) -> Path:
    """Return where an issuer's file lies; raise ``UsageFault`` for an impossible name."""
    if not NAME.fullmatch(name):
        raise UsageFault("the name of an issuer has 1 to 32 of a-z 0-9 _ -")
    return data_dir / "issuers" / f"{name}{SUFFIX}"


def require(data_dir: Path, name: str) -> Path:
    """Return the path of an existing issuer; raise ``UsageFault`` when there is none."""
    path = path_of(data_dir, name)
    if not (path.exists() or path.is_symlink()):
        raise UsageFault(f"there is no issuer named {name}", hint="make one: mip kyc issuer init")
    return path


def put_list(data_dir: Path, name: str, document: bytes) -> None:
    """Keep the list whose root was published last, for the issuer's server; durable on return."""
    files.atomic_write(path_of(data_dir, name).with_suffix(LIST_SUFFIX), document)


def get_list(data_dir: Path, name: str, limit: int) -> bytes | None:
    """Return the list that was published last; None before any was."""
    path = path_of(data_dir, name).with_suffix(LIST_SUFFIX)
    if not path.exists():
        return None
    return files.read_bounded(path, limit, what="revocation list", follow_symlinks=False)


def list_names(data_dir: Path) -> list[str]:
    """Return the names of all issuers, sorted; an absent folder holds none."""
    folder = data_dir / "issuers"
    try:
        found = [path for path in folder.iterdir() if path.suffix == SUFFIX]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot list {folder}: {reason}") from error
    return sorted(path.stem for path in found if NAME.fullmatch(path.stem))


def create(
    data_dir: Path, name: str, title: str, password: bytes, *, rng: Rng = system_rng
) -> Opened:
    """Draw an issuer's key and seal it, durable on return; ``UsageFault`` if it exists."""
    content = Issuer(title, eddsa.new_key(rng), None, 0, ())
    box = FORM.create(path_of(data_dir, name), _encode(content), password, rng=rng)
    return Opened(name, content, box)


def open_with_password(data_dir: Path, name: str, password: bytes) -> Opened:
    """Open an issuer with its normalised password; raise ``WrongSecret``, ``FileInvalid``."""
    return _read(name, FORM.open(require(data_dir, name), password))


def reread(opened: Opened) -> Opened:
    """Read an opened issuer's file again, which another process may have changed."""
    return _read(opened.name, FORM.reread(opened.box))


def _read(name: str, box: OpenBox) -> Opened:
    try:
        content = _decode(box.content)
    except (ValueError, TypeError, KeyError):
        # from None: the cause may quote what it could not read
        raise FileInvalid(f"the issuer {name} has another version", hint="update mip") from None
    return Opened(name, content, box)


def settle(opened: Opened, home: Home) -> Opened:
    """Note where the issuer is registered, durable on return."""
    return _update(opened, replace(opened.content, home=home))


def take_nonces(opened: Opened, count: int) -> tuple[Opened, range]:
    """Reserve numbers for credentials, durable on return: no number is ever given twice."""
    first = opened.content.next_nonce
    if first + count > MAX_NONCE + 1:
        raise UsageFault("the issuer's key has no numbers left", hint="begin with another key")
    after = _update(opened, replace(opened.content, next_nonce=first + count))
    return after, range(first, first + count)


def revoke(opened: Opened, nonces: tuple[int, ...]) -> Opened:
    """Note revocations, durable on return; raise ``UsageFault`` for numbers never given."""
    return _update(opened, replace(opened.content, revoked=revoked_with(opened, nonces)))


def revoked_with(opened: Opened, nonces: tuple[int, ...]) -> tuple[int, ...]:
    """Return what ``revoke`` would leave revoked, noting nothing."""
    content = opened.content
    if any(not 0 <= nonce < content.next_nonce for nonce in nonces):
        raise UsageFault("the issuer gave no credential of that number")
    revoked = tuple(sorted({*content.revoked, *nonces}))
    if len(revoked) > MAX_REVOKED:
        raise UsageFault(
            f"an issuer's file holds {MAX_REVOKED} revocations", hint="begin with another key"
        )
    return revoked


def draw_next_key(opened: Opened, *, rng: Rng = system_rng) -> Opened:
    """Draw the key to change to, durable on return: before the registry hears of it."""
    return _update(opened, replace(opened.content, next_key=eddsa.new_key(rng)))


def drop_next_key(opened: Opened) -> Opened:
    """Forget the key to change to."""
    return _update(opened, replace(opened.content, next_key=None))


def adopt_next_key(opened: Opened) -> Opened:
    """Sign with the next key from now on; the old one is forgotten."""
    if opened.content.next_key is None:
        raise ValueError("there is no next key")
    after = replace(opened.content, key=opened.content.next_key, next_key=None)
    return _update(opened, after)


def _update(opened: Opened, content: Issuer) -> Opened:
    return replace(opened, content=content, box=FORM.update(opened.box, _encode(content)))


def _encode(content: Issuer) -> bytes:
    home = content.home
    nonces = b"".join(nonce.to_bytes(_NONCE_BYTES, "big") for nonce in content.revoked)
    return jsontext.canonical(
        {
            "title": content.title,
            **_key_members(content.key),
            "next_key": content.next_key and _key_members(content.next_key),
            "home": home
            and {"chain_id": home.chain_id, "registry": home.registry, "number": home.number},
            "next_nonce": content.next_nonce,
            "revoked": hexed(nonces),
        }
    )


def _decode(data: bytes) -> Issuer:
    m = Members(jsontext.parse(data), *_NAMES)
    home = None
    if not m.absent("home"):
        h = m.members("home", "chain_id", "registry", "number")
        registry = h.text("registry", 42)
        if not _ADDRESS.fullmatch(registry):
            raise ValueError("the registry is no address")
        number = h.integer("number", MAX_ISSUER)
        home = Home(h.integer("chain_id"), Address(registry), number)
    size = (len(m.text("revoked", 6 * MAX_REVOKED + 2)) - 2) // 2
    raw = m.data("revoked", size)
    steps = range(0, size, _NONCE_BYTES)
    following = None if m.absent("next_key") else m.members("next_key", "scalar", "prefix")
    return Issuer(
        m.text("title", 96),
        _read_key(m),
        home,
        m.integer("next_nonce", MAX_NONCE + 1),
        tuple(int.from_bytes(raw[i : i + _NONCE_BYTES], "big") for i in steps),
        None if following is None else _read_key(following),
    )


def _key_members(key: SigningKey) -> dict[str, object]:
    return {"scalar": element(key.scalar), "prefix": hexed(key.prefix)}


def _read_key(m: Members) -> SigningKey:
    scalar = m.element("scalar")
    if not 0 < scalar < ORDER:
        raise ValueError("the key is out of range")
    return SigningKey(scalar, m.data("prefix", eddsa.PREFIX_BYTES))
