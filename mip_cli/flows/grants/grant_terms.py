"""Before a grant: what a grantee's card is worth, and what the holder would consent to."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import words
from mip_cli.chain.app import App
from mip_cli.chain.deployments import GRANTS
from mip_cli.chain.grants import MAX_LIFETIME, MAX_USES, PermissionGrants
from mip_cli.chain.signatures import signer_of
from mip_cli.config import Settings
from mip_cli.crypto import grant_card
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_consent import MAX_LEVEL
from mip_cli.errors import OTHER_NODE, AppUntrusted, ChainRefusal, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.kyc import policy_file
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.progress import Progress
from mip_cli.store.archive.grants import NAME
from mip_cli.store.archive.manifest import require_category
from mip_cli.units import Address

MIN_LIFETIME = 60
"""Seconds; what ends sooner is over before it is on chain."""


@dataclass(frozen=True)
class Wish:
    """What a holder wants to grant."""

    card: Card
    """To whom."""
    category: str
    """What of."""
    level: int
    """How much."""
    lifetime: int
    """Seconds until it ends."""
    uses: int
    """How often it can be used."""
    name: str
    """What the holder calls the grant."""
    store: str | None = None
    """Where the grantee is told to get the blocks."""
    proof: str | None = None
    """A proof file for the grantee, at level 0."""


@dataclass(frozen=True)
class Consent:
    """What the holder was shown; ``grant.issue`` grants this and nothing else."""

    wish: Wish
    """What he wants."""
    chain_id: int
    """On which chain."""
    contract: Address
    """By which contract."""


def read_card(data: bytes) -> Card:
    """Read a card; raise ``FileInvalid``, ``AppUntrusted`` for an account that did not sign it."""
    card = grant_card.FORM.decode(data)
    if card.signature is not None and signer_of(card.digest, card.signature) != card.address:
        raise AppUntrusted(
            "the card is not signed by the account that it names",
            hint="ask the grantee for his card again; do not grant anything to this one",
        )
    return card


def prepare(settings: Settings, wish: Wish, progress: Progress) -> Consent:
    """Hold the card against the chain and return what to show before anything is granted.

    Raises ``UsageFault`` for terms that the contract refuses, ``AppUntrusted`` for a card that the
    grantee's contract does not own up to, ``WrongChain``.
    """
    _require_terms(wish)
    progress.step("asking the chain about the grantee")
    with connection.connect(settings) as link:
        require_card(link, wish.card)
        return Consent(wish, link.chain_id, grants_of(link).address)


def stated_key(app: App) -> int:
    """Return the key hash that a contract states for grants, as a number; 0 while it has none."""
    return words(app.ask("grantee_key()"), 1)[0]


def require_card(link: Connection, card: Card) -> None:
    """Raise unless the address on a card stands to key and purpose."""
    if card.chain_id != link.chain_id:
        raise WrongChain(
            f"the card is for chain {card.chain_id}, this is {link.chain_id}",
            hint=OTHER_NODE,
        )
    if card.kind is GranteeKind.ACCOUNT:
        return  # ``read_card`` has checked the signature
    app = App(link.rpc, card.address)
    if not link.rpc.code(card.address):
        raise AppUntrusted(f"there is no contract at {card.address}, which the card names")
    try:
        stated = stated_key(app)
        purpose = app.purpose()
    except ChainRefusal:
        raise AppUntrusted(
            f"the contract {card.address} states no key for grants",
            hint="its owner has to state one: mip access publish",
        ) from None
    if stated != int.from_bytes(card.key_hash, "big"):
        raise AppUntrusted(
            "the contract states another key than the card",
            hint="do not grant anything: whoever made the card may not be the grantee",
        )
    if purpose != card.purpose:
        raise AppUntrusted(
            "the contract states another purpose than the card",
            hint="ask the grantee for a card with the contract's own purpose",
        )


def grants_of(link: Connection) -> PermissionGrants:
    """Return the contract that keeps grants."""
    return PermissionGrants(link.rpc, link.deployment.address(GRANTS))


def _require_terms(wish: Wish) -> None:
    require_category(wish.category)
    if not NAME.fullmatch(wish.name):
        raise UsageFault("the name of a grant has 1 to 32 of a-z 0-9 _ -")
    if not 0 <= wish.level <= MAX_LEVEL:
        raise UsageFault(f"a level is 0 to {MAX_LEVEL}")
    if not MIN_LIFETIME <= wish.lifetime <= MAX_LIFETIME:
        raise UsageFault("a grant lasts a minute to 366 days")
    if not 1 <= wish.uses <= MAX_USES:
        raise UsageFault(f"a grant can be used 1 to {MAX_USES} times")
    if (wish.proof is None) != (wish.level > 0):
        raise UsageFault(
            "a grant of level 0 is a proof, and only such a grant has one",
            hint="make it with mip prove --app or --grantee, then add --proof FILE",
        )
    if wish.proof is not None:
        require_proof(wish.card, wish.proof)


def require_proof(card: Card, text: str) -> None:
    """Raise unless a proof is made for the grantee of a card; it is not verified here."""
    bound = bound_of(decode_proof(text))
    if (bound.chain_id, bound.app) != (card.chain_id, card.address):
        raise UsageFault(
            "the proof is for another app than the grantee",
            hint="make one for it: mip prove --grantee CARD, or --app where it is a contract",
        )
    if bound.purpose != card.purpose:
        raise UsageFault(
            "the proof is for another purpose than the grantee's",
            hint="make a new one with the card or the contract as it is now",
        )
    if card.kind is GranteeKind.ACCOUNT and bound.payload != card.key_hash:
        raise UsageFault(
            "the proof is not bound to the grantee's key",
            hint="make it with mip prove --grantee CARD",
        )


def decode_proof(text: str) -> ProofFile | PolicyFile:
    """Read a proof of ``mip prove``, with credentials or without; raise ``FileInvalid``."""
    data = text.encode()
    return policy_file.decode(data) if b'"credential"' in data else proof_file.decode(data)


def bound_of(shown: ProofFile | PolicyFile) -> ProofFile:
    """Return the values that a proof of either kind is bound to."""
    return shown.bound if isinstance(shown, PolicyFile) else shown
