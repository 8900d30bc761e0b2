"""From guardians' answers to the people secret, and which answer was wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from mip_cli.crypto import shamir
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.guardian_set import split_thresholds
from mip_cli.crypto.people import PeopleSecret
from mip_cli.crypto.shamir import SharesInconsistent
from mip_cli.errors import FileInvalid, ThresholdNotMet, WrongSecret
from mip_cli.flows.guardian.guardian_documents import Answer
from mip_cli.flows.guardian.guardian_files import open_share


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

    A guardian may lie about his share or its threshold, or send what nobody can open: what fits the
    public key counts. Raises ``ThresholdNotMet`` for too few, ``WrongSecret`` when they are enough
    but do not fit, ``FileInvalid`` for an answer to another ask.
    """
    given, broken = _opened(ask, private_key, answers)
    shares = list({(s.number, s.threshold, s.value): s for s in given}.values())
    for chosen in _choices(shares):
        try:
            secret = PeopleSecret(
                shamir.combine(chosen[0].threshold, {s.number: s.value for s in chosen})
            )
        except (SharesInconsistent, ThresholdNotMet, ValueError):
            continue
        if secret.keypair.public == people:
            wrong = {*_misfits(chosen, shares), *broken} - {s.number for s in chosen}
            return Restored(secret, tuple(sorted(wrong)))
    needed = _needed(shares, answers)
    found = {s.number for s in shares if s.threshold == needed}
    if needed is None or len(found) < needed:
        text = (
            "no part is here"
            if needed is None
            else f"the guardians gave {len(found)} of {needed} parts"
        )
        wrong = {*broken, *(s.number for s in shares)} - found
        if wrong:
            names = ", ".join(map(str, sorted(wrong)))
            text += f"; wrong are those with number {names}"
        raise ThresholdNotMet(text, hint="ask more of your guardians for their answers")
    raise WrongSecret(
        "there are enough parts, but they do not belong together: one of them is wrong",
        hint="ask one more guardian, then give all answers: the wrong part is found by itself",
    )


def require_sound(ask: bytes, private_key: bytes, answer: Answer) -> None:
    """Raise ``FileInvalid`` for an answer to another ask, or with a share nobody can open."""
    if answer.ask != ask:
        raise _foreign()
    if answer.share is not None:
        try:
            open_share(ask, private_key, answer.share)
        except NotAuthentic:
            raise FileInvalid(
                f"the part with number {answer.share.number} was changed, or is for somebody else",
                hint="leave this answer out, and have its guardian answer again",
            ) from None


def _opened(
    ask: bytes, private_key: bytes, answers: Sequence[Answer]
) -> tuple[list[_Share], set[int]]:
    """Return the shares that open, and the numbers of those that do not."""
    shares, broken = [], set()
    for answer in answers:
        if answer.ask != ask:
            raise _foreign()
        if answer.share is None:
            continue
        try:
            found = open_share(ask, private_key, answer.share)
        except NotAuthentic:
            broken.add(answer.share.number)
        else:
            shares.append(_Share(answer.share.number, *found))
    return shares, broken


def _needed(shares: Sequence[_Share], answers: Sequence[Answer]) -> int | None:
    """Return how many parts it takes, as far as can be told from shares that do not fit.

    An approval shows the threshold of the set in force, which counts where a share says it, too:
    the shares may be of an earlier set. One alone that was enough would have fitted.
    """
    claims = Counter(t for _, t in {(s.number, s.threshold) for s in shares} if t > 1)
    shown = Counter(
        split_thresholds(a.approval.thresholds)[0] for a in answers if a.approval is not None
    )
    for threshold, _ in shown.most_common():
        if threshold in claims or not claims:
            return threshold
    return max(claims, key=lambda t: (claims[t], t), default=None)


def _foreign() -> FileInvalid:
    return FileInvalid("an answer is for another ask", hint="send your guardians the newest ask")


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
