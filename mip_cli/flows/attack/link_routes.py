"""Ways to know a person again: whatever two grants, or grant and enrolment, have in common."""

from __future__ import annotations

from collections.abc import Iterable

from mip_cli.chain.grants import category_id
from mip_cli.flows.attack.hoard import Transaction
from mip_cli.flows.attack.keyring import CATEGORIES
from mip_cli.flows.attack.model import Grantee, Outcome, Route, Theft

_SMALL = 2**16  # levels, uses, sequences: anybody has such numbers


def _said_of(theft: Theft, grantee: Grantee) -> set[int]:
    """Return every number that stands on chain beside a pseudonym, but for the small ones."""
    return _numbers(theft.hoard.about(grantee.pseudonym)) | {grantee.pseudonym}


def _numbers(transactions: Iterable[Transaction]) -> set[int]:
    found = {int.from_bytes(word, "big") for one in transactions for word in one.words}
    return {number for number in found if number >= _SMALL}


def _common(theft: Theft, first: set[int], second: set[int]) -> set[int]:
    """Return what two have in common and a stranger's grant and enrolment have not."""
    others = _said_of(theft, theft.stranger) | _numbers([theft.stranger_enrolment])
    return (first & second) - others


def _two_grants(theft: Theft) -> Outcome:
    common = _common(theft, _said_of(theft, theft.bank), _said_of(theft, theft.clinic))
    return Outcome(bool(common), f"{len(common)} numbers in common that a stranger has not")


def _enrolment(theft: Theft) -> Outcome:
    enrolled = _numbers([theft.enrolment])
    both = (theft.bank, theft.clinic)
    common = set().union(*(_common(theft, enrolled, _said_of(theft, one)) for one in both))
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
    Route(
        "category-name",
        "tell what kind of data a pseudonym granted",
        _category_name,
        limit="the chain shows that a pseudonym granted a category, by the hash of its name, and "
        "to whom (section 16)",
    ),
)
