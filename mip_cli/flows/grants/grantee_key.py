"""A contract that is a grantee states the key that grants are sealed to."""

from __future__ import annotations

import secrets

from mip_cli.chain.abi import selector
from mip_cli.chain.app import App
from mip_cli.chain.values import Call, Receipt
from mip_cli.config import Settings
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.errors import OTHER_NODE, ChainRefusal, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.grants.grant_terms import stated_key
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress

SETTER = "set_key(bytes32)"
"""What the example grantees have for their operators."""


def publish(settings: Settings, card: Card, purse: Purse, progress: Progress) -> Receipt | None:
    """Have a card's contract state the card's key; return None where it does already.

    Raises ``UsageFault`` for the card of an account, ``WrongChain``, ``ChainRefusal`` where the
    contract states no key or the account may not set it.
    """
    if card.kind is not GranteeKind.CONTRACT:
        raise UsageFault(
            "the grantee is an account, whose card is all that holders need",
            hint="a contract's card is made with `mip access init --contract APP`",
        )
    progress.step("asking the contract")
    with connection.connect(settings) as link:
        if card.chain_id != link.chain_id:
            raise WrongChain(
                f"the card is for chain {card.chain_id}, this is {link.chain_id}",
                hint=OTHER_NODE,
            )
        sender = sender_of(settings, link, purse)
        act = f"grantee-key:{card.address}:{card.key_hash.hex()}:"
        open_entries = connection.journal(settings).pending(link.chain_id, purse.signer.address)
        begun = [e.intent.label for e in open_entries if e.intent.label.startswith(act)]
        app, key = App(link.rpc, card.address), int.from_bytes(card.key_hash, "big")
        if not begun and stated_key(app) == key:
            return None
        progress.step("stating the key")
        # a key may be stated again after another one was: each time is a transaction of its own
        label = begun[0] if begun else act + secrets.token_hex(8)
        sent = sender.send(label, Call(card.address, selector(SETTER) + card.key_hash), progress)
        if stated_key(app) != key:
            raise ChainRefusal(
                f"{card.address} took the transaction and states another key",
                hint=f"its {SETTER} is not one that sets grantee_key()",
            )
        return sent
