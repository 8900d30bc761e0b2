"""What holder and guardians say to each other, as values (protocol section 12)."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto.guardian_set import set_commitment_from, thresholds_of
from mip_cli.units import Address, Commitment


@dataclass(frozen=True)
class Passport:
    """Which passport, at which contracts of which chain; it names the leaf."""

    chain_id: int
    """EIP-155."""
    recovery: Address
    """The guardian recovery contract."""
    registry: Address
    """The passport registry."""
    identity_commitment: Commitment
    """Commits to the holder's secret."""
    anchor: Address
    """The account that enrolled."""


@dataclass(frozen=True)
class Invitation:
    """From a holder to whom he wants as guardian."""

    label: str
    """How the holder calls himself."""
    invitation: bytes
    """16 random bytes that tell cards and parts apart."""


@dataclass(frozen=True)
class Card:
    """From a guardian to the holder: what he can be made a guardian with."""

    invitation: bytes
    """The invitation that it answers."""
    leaf: int
    """His leaf in the set's tree."""
    public_key: bytes
    """X25519, for his parts."""


@dataclass(frozen=True)
class SealedShare:
    """A share, readable by one private key alone."""

    encapsulated: bytes
    """HPKE's ephemeral key, 32 bytes."""
    wrapped: bytes
    """The ciphertext."""


@dataclass(frozen=True)
class Part:
    """From the holder to a guardian: his place in the set, and his share."""

    invitation: bytes
    """The invitation that this guardian got."""
    passport: Passport
    """Whom he guards."""
    threshold: int
    """Guardians who can bring the holder back."""
    quorum: int
    """Guardians who can bring a frozen or revoked passport back."""
    guardian_commitment: Commitment
    """What the chain holds of the people secret, beside the set commitment."""
    set_salt: int
    """Salt of the set commitment."""
    siblings: tuple[int, ...]
    """Of his leaf, from the leaf upward."""
    position: int
    """His place in the set's tree."""
    number: int
    """Number of his share."""
    digests: tuple[bytes, ...]
    """Digests of all shares by number."""
    people: bytes
    """X25519 key that the shares restore; key files and backups show it in their people slot."""
    locator: str
    """Where the passport and its backup are, for a holder who lost everything."""
    sealed: SealedShare
    """The share."""

    @property
    def thresholds(self) -> int:
        """Threshold and quorum as the public signal."""
        return thresholds_of(self.threshold, self.quorum)

    def set_commitment(self, leaf: int) -> Commitment:
        """Return the commitment of the set in which a leaf has this part's place."""
        return set_commitment_from(
            leaf, self.position, self.siblings, self.thresholds, self.set_salt
        )


@dataclass(frozen=True)
class Recovery:
    """A recovery that guardians shall approve."""

    new_keys_root: Commitment
    """The keys that it puts in place."""
    guardian_epoch: int
    """The set that approves."""
    nonce: int
    """Which recovery of this passport it is."""


@dataclass(frozen=True)
class Cancellation:
    """A change of the set that guardians shall stop."""

    guardian_epoch: int
    """The set that approves."""
    changes: int
    """Which change it is."""


@dataclass(frozen=True)
class Ask:
    """From a holder, or who says so, to guardians."""

    passport: Passport
    """Which passport."""
    act: Recovery | Cancellation | None
    """What they shall approve, None for nothing."""
    people: bytes | None
    """Which shares are wanted, by the key that they restore; None for none."""
    public_key: bytes
    """X25519 key to which the shares are sealed, fresh for this ask."""
    created: int
    """Unix time in seconds."""


@dataclass(frozen=True)
class Approval:
    """A guardian's yes to one act, which anyone may bring to the chain."""

    thresholds: int
    """Public signal."""
    nullifier: int
    """Public signal; the guardian's pseudonym for this act alone."""
    proof: tuple[int, ...]
    """The 8 words of the contract call."""


@dataclass(frozen=True)
class AnsweredShare:
    """A guardian's share for who made the ask."""

    number: int
    """Number of the share."""
    sealed: SealedShare
    """Threshold and share, sealed to the key of the ask."""


@dataclass(frozen=True)
class Answer:
    """From a guardian to who made an ask."""

    ask: bytes
    """SHA-256 of the ask."""
    share: AnsweredShare | None
    """His share, where one was asked for."""
    approval: Approval | None
    """His approval, where something was to be approved."""
