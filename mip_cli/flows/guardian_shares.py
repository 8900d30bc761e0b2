"""From guardians' answers to the people secret, and which answer was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from mip_cli.crypto import shamir
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.people import PeopleSecret
from mip_cli.crypto.shamir import SharesInconsistent
from mip_cli.errors import FileInvalid, ThresholdNotMet, WrongSecret
from mip_cli.flows.guardian_documents import Answer
from mip_cli.flows.guardian_files import open_share


@dataclass(frozen=True, repr=False)
class Restored:
    """What enough guardians gave."""

    people: PeopleSecret
    """The people secret."""
    wrong: tuple[int, ...]
    """Numbers of shares that were given and do not belong to it."""

    def __repr__(self) -> str:
        return f"Restored(wrong={self.wrong}, <redacted>)"


@dataclass(frozen=True, repr=False)
class _Share:
    number: int
    threshold: int
    value: bytes


def restore(ask: bytes, private_key: bytes, people: bytes, answers: Sequence[Answer]) -> Restored:
    """Restore the secret behind the public key ``people`` from the answers to an ask (its hash).

    A guardian may lie about his share or its threshold: what fits the public key counts. Raises
    ``ThresholdNotMet`` for too few, ``WrongSecret`` when they are enough but do not fit,
    ``FileInvalid`` for an answer to another ask or one that was changed.
    """
    given = [_open(ask, private_key, answer) for answer in answers if answer.share is not None]
    shares = list({(s.number, s.threshold, s.value): s for s in given}.values())
    for chosen in _choices(shares):
        try:
            secret = PeopleSecret(
                shamir.combine(chosen[0].threshold, {s.number: s.value for s in chosen})
            )
        except (SharesInconsistent, ThresholdNotMet, ValueError):
            continue
        if secret.keypair.public == people:
            return Restored(secret, _misfits(chosen, shares))
    needed = min((s.threshold for s in shares), default=0)
    if not shares or len({s.number for s in shares}) < needed:
        text = (
            f"the guardians gave {len(shares)} of {needed} parts" if shares else "no part is here"
        )
        raise ThresholdNotMet(text, hint="ask more of your guardians for their answers")
    raise WrongSecret(
        "there are enough parts, but they do not belong together: one of them is wrong",
        hint="ask one more guardian, then give all answers: the wrong part is found by itself",
    )


def _open(ask: bytes, private_key: bytes, answer: Answer) -> _Share:
    if answer.ask != ask or answer.share is None:
        raise FileInvalid("an answer is for another ask", hint="send your guardians the newest ask")
    try:
        threshold, value = open_share(ask, private_key, answer.share)
    except NotAuthentic:
        raise FileInvalid(
            "the part in an answer was changed, or is for somebody else",
            hint="have this guardian answer again",
        ) from None
    return _Share(answer.share.number, threshold, value)


def _choices(shares: Sequence[_Share]) -> Iterator[tuple[_Share, ...]]:
    for threshold in sorted({s.threshold for s in shares}):
        pool = [s for s in shares if s.threshold == threshold]
        for chosen in combinations(pool, threshold):
            if chosen and len({s.number for s in chosen}) == threshold:
                yield chosen


def _misfits(chosen: Sequence[_Share], shares: Sequence[_Share]) -> tuple[int, ...]:
    points = {s.number: s.value for s in chosen}
    threshold = chosen[0].threshold
    return tuple(
        sorted(
            {
                s.number
                for s in shares
                if s.threshold != threshold
                or (shamir.share_at(points, s.number) if threshold > 1 else chosen[0].value)
                != s.value
            }
        )
    )
