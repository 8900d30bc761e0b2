"""From guardians' answers to the people secret: enough, too few, and lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto import hpke, shamir
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, ThresholdNotMet, WrongSecret
from mip_cli.flows.guardian.guardian_documents import Answer, Approval
from mip_cli.flows.guardian.guardian_files import seal_share
from mip_cli.flows.guardian.guardian_shares import require_sound, restore

ASK = bytes(range(32))
PAIR = hpke.keypair_from(bytes(range(1, 33)))
PEOPLE = PeopleSecret(bytes(range(2, 34)))
PUBLIC = PEOPLE.keypair.public


def answers(threshold: int, *numbers: int) -> list[Answer]:
    shares = shamir.split(PEOPLE.value, threshold, 16)
    return [answer(number, threshold, shares[number]) for number in numbers]


def answer(number: int, threshold: int, share: bytes, ask: bytes = ASK) -> Answer:
    return Answer(ask, seal_share(ask, PAIR.public, number, threshold, share), None)


@pytest.mark.parametrize(("threshold", "numbers"), [(1, [4]), (2, [0, 9]), (5, [1, 3, 5, 7, 15])])
def test_restore__enough_parts__give_the_secret(threshold: int, numbers: list[int]) -> None:
    found = restore(ASK, PAIR.private, PUBLIC, answers(threshold, *numbers))
    assert found.people == PEOPLE
    assert found.wrong == ()
    assert PEOPLE.value.hex() not in repr(found)


@pytest.mark.parametrize(("threshold", "numbers"), [(2, [7]), (3, [0, 1]), (3, [])])
def test_restore__too_few_parts__are_told(threshold: int, numbers: list[int]) -> None:
    words = f"of {threshold} parts" if numbers else "no part is here"
    with pytest.raises(ThresholdNotMet, match=words):
        restore(ASK, PAIR.private, PUBLIC, answers(threshold, *numbers))


def test_restore__the_same_part_twice__counts_once() -> None:
    one = answers(2, 3)
    with pytest.raises(ThresholdNotMet, match="gave 1 of 2 parts"):
        restore(ASK, PAIR.private, PUBLIC, [*one, *one])


def test_restore__a_wrong_part__is_told_from_a_missing_one_and_named_with_one_more() -> None:
    good = answers(2, 0, 1, 2)
    lie = answer(5, 2, bytes(32))
    with pytest.raises(WrongSecret, match="one of them is wrong"):
        restore(ASK, PAIR.private, PUBLIC, [good[0], lie])
    found = restore(ASK, PAIR.private, PUBLIC, [lie, good[0], good[1]])
    assert (found.people, found.wrong) == (PEOPLE, (5,))


def test_restore__a_lie_about_the_threshold__is_named() -> None:
    good = answers(3, 0, 1, 2)
    share = shamir.split(PEOPLE.value, 3, 16)[7]
    found = restore(ASK, PAIR.private, PUBLIC, [answer(7, 1, share), *good])
    assert (found.people, found.wrong) == (PEOPLE, (7,))


def test_restore__parts_of_another_set__do_not_fit() -> None:
    other = PeopleSecret(bytes(range(3, 35)))
    shares = shamir.split(other.value, 2, 16)
    given = [answer(number, 2, shares[number]) for number in (0, 1)]
    assert restore(ASK, PAIR.private, other.keypair.public, given).people == other
    with pytest.raises(WrongSecret):
        restore(ASK, PAIR.private, PUBLIC, given)


def garbage(number: int) -> Answer:
    """What is for this ask as far as can be seen, and opens with no key."""
    return replace(answer(number, 2, bytes(32), ask=bytes(32)), ask=ASK)


def test_restore__an_answer_to_another_ask__is_refused() -> None:
    good = answers(2, 0, 1)
    assert restore(ASK, PAIR.private, PUBLIC, good)
    with pytest.raises(FileInvalid, match="another ask"):
        restore(ASK, PAIR.private, PUBLIC, [good[0], replace(good[1], ask=bytes(32))])


def test_restore__a_part_that_does_not_open__is_named_and_blocks_nothing() -> None:
    good = answers(2, 0, 1)
    found = restore(ASK, PAIR.private, PUBLIC, [garbage(7), *good])
    assert (found.people, found.wrong) == (PEOPLE, (7,))
    with pytest.raises(ThresholdNotMet, match=r"1 of 2 parts; wrong are those with number 7$"):
        restore(ASK, PAIR.private, PUBLIC, [garbage(7), good[0]])
    with pytest.raises(ThresholdNotMet, match="no part is here; wrong are those with number 0, 1"):
        restore(ASK, bytes(range(5, 37)), PUBLIC, good)


@pytest.mark.parametrize("claim", [0, 1, 5])
def test_restore__a_lie_about_the_threshold__is_no_wrong_secret(claim: int) -> None:
    """One honest part of two beside the lie: another guardian is needed, no other password."""
    shown = Approval(2 + 256 * 3, 5, (0,) * 8)
    one, two = answers(2, 3, 4)
    one, lie = replace(one, approval=shown), answer(9, claim, bytes(range(32)))
    with pytest.raises(ThresholdNotMet, match="gave 1 of 2 parts; wrong are those with number 9"):
        restore(ASK, PAIR.private, PUBLIC, [one, lie])
    with pytest.raises(ThresholdNotMet):
        restore(ASK, PAIR.private, PUBLIC, [replace(one, approval=None), lie])
    found = restore(ASK, PAIR.private, PUBLIC, [one, lie, two])
    assert (found.people, found.wrong) == (PEOPLE, (9,))


def test_require_sound__refuses_the_one_by_its_number() -> None:
    require_sound(ASK, PAIR.private, answers(2, 0)[0])
    with pytest.raises(FileInvalid, match="the part with number 7 was changed"):
        require_sound(ASK, PAIR.private, garbage(7))
    with pytest.raises(FileInvalid, match="the part with number 8 was changed"):
        require_sound(ASK, PAIR.private, answer(8, 0, bytes(32)))
    with pytest.raises(FileInvalid, match="another ask"):
        require_sound(ASK, PAIR.private, answer(7, 2, bytes(32), ask=bytes(32)))
