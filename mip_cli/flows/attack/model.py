"""What a containment test is made of: routes, what an attacker holds, what came of each route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mip_cli.chain.keys import Signer
from mip_cli.config import Settings
from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_kem import KemKeys
from mip_cli.errors import CheckFailed, MipError
from mip_cli.flows.attack.hoard import Hoard, Transaction
from mip_cli.flows.attack.keyring import Keyring
from mip_cli.flows.passport.proof_file import ProofFile


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt."""

    succeeded: bool
    """Whether the attacker got what the route is after."""
    detail: str
    """What was seen, a sentence."""


@dataclass(frozen=True)
class Marks:
    """Strings that stand in records of one kind alone: who sees one has read such a record."""

    granted: tuple[bytes, ...]
    """Members of finance records that level 2 shows."""
    left_out: tuple[bytes, ...]
    """Identity members of the same records."""
    health: tuple[bytes, ...]
    """In records and files of health."""
    ungranted: tuple[bytes, ...]
    """In a category that nobody was granted."""
    registered: tuple[bytes, ...]
    """In a record of identity, beside the credentials."""
    credential: tuple[bytes, ...]
    """In a credential."""
    later: tuple[bytes, ...]
    """In finance records put after the revocation."""
    erased: tuple[bytes, ...]
    """In a record that was erased."""


@dataclass(frozen=True, repr=False)
class Grantee:
    """A grantee's own things; of those who turned thieves the attacker has them all."""

    name: str
    """As on the card."""
    account: Signer
    """Where he acts from on chain."""
    keys: KemKeys
    """What grants are sealed to."""
    pseudonym: int
    """The holder's, at this grantee."""
    category: str
    """What was granted."""
    level: int
    """How much of it."""
    bundles: tuple[bytes, ...]
    """Every bundle he was given, oldest first."""
    issued: Transaction
    """The grant on chain."""

    def __repr__(self) -> str:
        return f"Grantee({self.name!r}, <redacted>)"


@dataclass(frozen=True, repr=False)
class Credential:
    """A credential in the holder's archive, as the thieves would have it without the outer seal."""

    link: Link
    """Its block."""
    path: str
    """Its place, to which the inner seal is bound."""
    sealed: bytes
    """The content of its record: what a key to the category would show."""

    def __repr__(self) -> str:
        return "Credential(<redacted>)"


@dataclass(frozen=True)
class Victims:
    """What honest people do meanwhile; each raises what their tools raise."""

    verify: Callable[[Mapping[Link, bytes]], object]
    """The holder runs ``mip archive verify`` on a store that holds these blocks."""
    verify_older_copy: Callable[[], object]
    """The same where device and store were put back to an older copy, key file included."""
    open_clinic: Callable[[bytes], object]
    """The clinic opens a bundle that somebody sent it."""
    read_clinic: Callable[[Mapping[Link, bytes]], object]
    """The clinic opens its own bundle, from a store that holds these blocks."""
    read_older: Callable[[Mapping[Link, bytes]], object]
    """The same with the bundle that it was given first."""
    read_unseen: Callable[[Mapping[Link, bytes]], object]
    """The bank, which opened its first bundle alone, opens that one from such a store."""
    open_credential: Callable[[str, bytes], object]
    """The holder reads a credential that lies at a path of his archive."""
    check_proof: Callable[[ProofFile], object]
    """A grantee of level 0 asks the registry about a proof, for the account that it names."""


@dataclass(frozen=True)
class Theft:
    """Everything the attacker has: public bytes, and the things of grantees who turned thieves."""

    settings: Settings
    """His machine: the same chain, nothing of the holder's."""
    hoard: Hoard
    """Every block the store ever held, every transaction and log."""
    bank: Grantee
    """The attacker: finance at level 2, in force through most of the story."""
    broker: Grantee
    """A second thief: finance at level 3, revoked, then re-encrypted against."""
    clinic: Grantee
    """Not a thief: its account is named, its private key is not used by any route."""
    stranger: Grantee
    """Another passport's grant to another grantee, to tell what all grants have in common."""
    sleeper: Grantee
    """A third thief, whose grant the holder voided with all others of the pseudonym."""
    auditor: Grantee
    """A fourth thief: finance at level 1, in force to the end."""
    registrar: Grantee
    """A fifth thief: identity at level 3, where the credentials lie, in force to the end."""
    landlord: Grantee
    """A sixth: level 0, a proof and no data. His keys are tried alone."""
    credentials: tuple[Credential, ...]
    """The first was there when the registrar's view was made, the second came later."""
    anchor: Transaction
    """The holder's anchor of his archive."""
    enrolment: Transaction
    """The holder's."""
    stranger_enrolment: Transaction
    """The other passport's."""
    marks: Marks
    """What tells a record that was read."""
    twins: tuple[Link, Link]
    """Blocks of two records in one category, one much longer than the other."""
    victims: Victims = field(repr=False)
    """What the honest do."""
    rings: dict[tuple[str, ...], Keyring] = field(default_factory=dict, repr=False)
    """Every key that thieves have, by their names; filled as it is needed."""

    @property
    def thieves(self) -> tuple[Grantee, ...]:
        """All who work together."""
        return (self.bank, self.broker, self.sleeper, self.auditor, self.registrar)


@dataclass(frozen=True)
class Route:
    """One way in."""

    name: str
    """Short, unique, for machines."""
    question: str
    """What is tried, in words."""
    attempt: Callable[[Theft], Outcome]
    """Tries it."""
    limit: str | None = None
    """Set where the specification says that this way is open: what it says."""


@dataclass(frozen=True)
class Tried:
    """A route and its outcome."""

    name: str
    question: str
    succeeded: bool
    detail: str
    limit: str | None
    """The documented limit, None where the route must be closed."""
    seconds: float
    """Wall time."""

    @property
    def documented_limit(self) -> bool:
        """Whether the specification says that this way is open."""
        return self.limit is not None

    @property
    def is_breach(self) -> bool:
        """Whether the attacker got what no text says he can get."""
        return self.succeeded and self.limit is None


def honest(what: str, act: Callable[[], object]) -> None:
    """Do what the honest do by the means of an attempt: else its refusal says nothing.

    Raises ``CheckFailed`` when even that is refused.
    """
    try:
        act()
    except MipError as error:
        raise CheckFailed(
            f"{what} is refused, so that a refusal proves nothing: {error.message}"
        ) from error
