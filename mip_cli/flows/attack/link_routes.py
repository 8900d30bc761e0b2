"""Ways to know a person again: whatever two grants, or grant and enrolment, have in common."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from mip_cli.chain.grants import category_id
from mip_cli.crypto.archive_blocks import Block, children
from mip_cli.crypto.cid import Link
from mip_cli.errors import CheckFailed
from mip_cli.flows.attack.hoard import Transaction
from mip_cli.flows.attack.keyring import CATEGORIES
from mip_cli.flows.attack.model import Grantee, Outcome, Route, Theft
from mip_cli.flows.attack.store_routes import views

_SMALL = 2**16  # levels, uses, sequences: anybody has such numbers


def said_of(theft: Theft, grantee: Grantee) -> set[int]:
    """Return every number that stands on chain beside a pseudonym, but for the small ones."""
    return numbers_in(theft.hoard.about(grantee.pseudonym)) | {grantee.pseudonym}


def numbers_in(transactions: Iterable[Transaction]) -> set[int]:
    found = {int.from_bytes(word, "big") for one in transactions for word in one.words}
    return {number for number in found if number >= _SMALL}


def in_common(theft: Theft, first: set[int], second: set[int]) -> set[int]:
    """Return what two have in common and a stranger's grant and enrolment have not."""
    others = said_of(theft, theft.stranger) | numbers_in([theft.stranger_enrolment])
    return (first & second) - others


def _two_grants(theft: Theft) -> Outcome:
    common = in_common(theft, said_of(theft, theft.bank), said_of(theft, theft.clinic))
    return Outcome(bool(common), f"{len(common)} numbers in common that a stranger has not")


def _enrolment(theft: Theft) -> Outcome:
    enrolled = numbers_in([theft.enrolment])
    both = (theft.bank, theft.clinic)
    common = set().union(*(in_common(theft, enrolled, said_of(theft, one)) for one in both))
    return Outcome(bool(common), f"{len(common)} numbers in common that a stranger has not")


def _bundles(theft: Theft) -> Outcome:
    """Compare the files that two grantees were given, eight bytes at a time."""
    first, second, other = (
        {data[at : at + 16] for data in one.bundles for at in range(len(data) - 15)}
        for one in (theft.bank, theft.clinic, theft.stranger)
    )
    common = {piece for piece in (first & second) - other if _is_random(piece)}
    return Outcome(bool(common), f"{len(common)} pieces of 16 hexadecimal digits in common")


def _is_random(piece: bytes) -> bool:
    digits = set(b"0123456789abcdef")
    return all(byte in digits for byte in piece) and len(set(piece)) > 4


def _payer(theft: Theft) -> Outcome:
    same = theft.bank.issued.sender == theft.broker.issued.sender
    return Outcome(same, f"two grants were paid by {'one account' if same else 'two accounts'}")


def _timing(theft: Theft) -> Outcome:
    apart = abs(theft.clinic.issued.time - theft.bank.issued.time)
    return Outcome(apart < 3600, f"the two grants were sent {apart} seconds apart")


def _views_in_common(theft: Theft) -> Outcome:
    """Follow the links, which are public, down from the views of each two of the holder's."""
    of_holder = (theft.bank, theft.broker, theft.auditor, theft.clinic, theft.registrar)
    found = [below(theft, views(one)) for one in of_holder]
    if not all(found):
        raise CheckFailed("the blocks of a view are not known, so that this proves nothing")
    shared = {link for first, second in combinations(found, 2) for link in first & second}
    return Outcome(bool(shared), f"{len(shared)} blocks serve two grantees")


def below(theft: Theft, tops: set[Link]) -> set[Link]:
    """Return blocks that some lead to, themselves among them."""
    found, todo = set[Link](), list(tops & theft.hoard.blocks.keys())
    while todo:
        link = todo.pop()
        found.add(link)
        below = children(Block(link, theft.hoard.blocks[link]))
        todo += [one for one in below if one in theft.hoard.blocks and one not in found]
    return found


def _one_archive(theft: Theft) -> Outcome:
    """Look for a block from which the views of two grantees hang."""
    both = (views(theft.bank), views(theft.clinic))
    roots = [
        link
        for link in theft.hoard.at("granted")
        if all(below(theft, {link}) & each - {link} for each in both)
    ]
    return Outcome(bool(roots), f"{len(roots)} blocks lead to the views of two grantees")


def _anchor(theft: Theft) -> Outcome:
    anchored = numbers_in([theft.anchor])
    others = (theft.bank, theft.broker, theft.auditor, theft.clinic)
    common = set().union(
        *(in_common(theft, anchored, said_of(theft, one)) for one in others),
        in_common(theft, anchored, numbers_in([theft.enrolment])),
    )
    return Outcome(bool(common), f"{len(common)} numbers in common that a stranger has not")


def _anchor_timing(theft: Theft) -> Outcome:
    apart = abs(theft.anchor.time - theft.clinic.issued.time)
    return Outcome(apart < 3600, f"an anchor came {apart} seconds from a grant")


def _category_name(theft: Theft) -> Outcome:
    on_chain = theft.clinic.issued.words
    found = [name for name in CATEGORIES if category_id(name) in on_chain]
    return Outcome(bool(found), f"the category is {', '.join(found) or 'not among the usual ones'}")


LINK_ROUTES = (
    Route(
        "link-two-grants",
        "tell from any number on chain that two grants are one person's",
        _two_grants,
    ),
    Route(
        "link-enrolment", "tell from any number on chain which passport made a grant", _enrolment
    ),
    Route("link-bundles", "tell from two bundles that they are one person's", _bundles),
    Route(
        "link-payer",
        "tell from the payer that two grants are one person's",
        _payer,
        limit="who pays for two acts links them: pay from different accounts, or let the grantee "
        "or a relayer send (docs/threat-model.md)",
    ),
    Route(
        "link-timing",
        "tell from their times that two acts are one person's",
        _timing,
        limit="acts that are sent together look as if they belong together (docs/threat-model.md)",
    ),
    Route("link-views", "tell from blocks that two views are one person's", _views_in_common),
    Route(
        "link-store",
        "tell from the store's links that two views hang under one root",
        _one_archive,
        limit="a store learns which blocks hang together, and so who has two views of one archive "
        "and all blocks (sections 14 and 16)",
    ),
    Route("link-anchor", "tell from any number on chain whose archive was anchored", _anchor),
    Route(
        "link-anchor-timing",
        "tell from its time whose archive was anchored",
        _anchor_timing,
        limit="an anchor that is sent beside a grant, or when a store changes, looks as if it "
        "belongs to it (section 14)",
    ),
    Route(
        "category-name",
        "tell what kind of data a pseudonym granted",
        _category_name,
        limit="the chain shows that a pseudonym granted a category, by the hash of its name, and "
        "to whom (section 16)",
    ),
)
