"""The proof that a grant of level 0 gives: made for the grantee, checked on his side."""

from __future__ import annotations

from mip_cli.config import Settings
from mip_cli.crypto.binding import scope_of
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.grants import grant_terms
from mip_cli.flows.kyc import kyc_verify
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.passport import verify
from mip_cli.flows.passport.prove import DEFAULT_VALIDITY, Ask, Consent, bound_payload
from mip_cli.models import Request
from mip_cli.progress import Progress
from mip_cli.units import Address

LEVEL = 2
"""Kinds of keys that a proof for an account shows, as the holder's acts on grants do."""


def prepare(
    settings: Settings,
    card: Card,
    progress: Progress,
    *,
    validity: int = DEFAULT_VALIDITY,
    newest_root: bool = False,
) -> Consent:
    """Return what the holder would prove to an account, as its card asks.

    An account states nothing on chain: its purpose is the card's, and the proof is bound to the key
    of the card, for the account itself. Raises ``UsageFault`` for a contract, ``WrongChain``.
    """
    if card.kind is GranteeKind.CONTRACT:
        raise UsageFault(
            "the grantee is a contract, which says itself what it asks",
            hint=f"mip prove --app {card.address} --call 'name(types)'",
        )
    ask = Ask(
        app=card.address,
        beneficiary=card.address,
        payload=card.key_hash,
        validity=validity,
        newest_root=newest_root,
    )
    bound_payload(ask)
    progress.step("asking the chain about the grantee")
    with connection.connect(settings) as link:
        grant_terms.require_card(link, card)
        registry = link.registry.address
    return Consent(ask, _asked(card.chain_id, card.address, card.purpose, card.key_hash), registry)


def verified(settings: Settings, bundle: Bundle, progress: Progress) -> verify.Verified | None:
    """Return what holds for the proof in a bundle, None where it has none.

    Raises ``FileInvalid`` for a proof that is not the grant's, ``ProofInvalid``, ``WrongChain``,
    ``ChainRefusal`` with the registry's or the gate's reason.
    """
    if bundle.proof is None:
        return None
    r, shown = bundle.receipt, grant_terms.decode_proof(bundle.proof)
    bound = grant_terms.bound_of(shown)
    if (bound.app, bound.purpose, bound.nullifier) != (r.grantee, r.purpose, r.pseudonym):
        raise FileInvalid("the proof in the bundle is of another pseudonym, app or purpose")
    if isinstance(shown, PolicyFile):
        found = kyc_verify.verify_on_chain(settings, shown, progress)
        return verify.Verified(bound, found.development, found.seconds_left, on_chain=True)
    asked = None
    if r.grantee_kind is GranteeKind.ACCOUNT:
        asked = _asked(r.chain_id, r.grantee, r.purpose, r.key_hash)
    return verify.verify_on_chain(settings, bound, progress, asked=asked)


def _asked(chain_id: int, account: Address, purpose: str, key_hash: bytes) -> Request:
    scope = scope_of(chain_id, account, purpose)
    return Request(chain_id, account, purpose, key_hash, LEVEL, scope)
