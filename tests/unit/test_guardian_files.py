"""The documents that holder and guardians send each other: one spelling, nothing unsaid."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mip_cli.crypto import hpke, jsontext
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.check_words import check_words
from mip_cli.crypto.field import P, R
from mip_cli.crypto.forms import MAX_BYTES, Form
from mip_cli.crypto.guardian_set import GuardianSet, guardian_leaf
from mip_cli.errors import FileInvalid
from mip_cli.flows.guardian import guardian_files as files
from mip_cli.flows.guardian.guardian_documents import (
    Answer,
    AnsweredShare,
    Approval,
    Ask,
    Cancellation,
    Card,
    Invitation,
    Part,
    Passport,
    Recovery,
    SealedShare,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, CARD, INVITATION, PART

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
RECOVERY = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
ANCHOR = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
PASSPORT = Passport(31337, RECOVERY, REGISTRY, 12345, ANCHOR)
GUARDIAN = hpke.keypair_from(bytes(range(32)))
ASKER = hpke.keypair_from(bytes(range(1, 33)))
SHARE = bytes(range(100, 132))
EMPTY = SealedShare(bytes(32), bytes(48))


def part() -> Part:
    leaves = (guardian_leaf(7, 8), *range(1, 16))
    group = GuardianSet(leaves, 2, 3, 99)
    bare = Part(
        invitation=bytes(16),
        passport=PASSPORT,
        threshold=2,
        quorum=3,
        guardian_commitment=4,
        set_salt=99,
        siblings=group.path(0),
        position=0,
        number=1,
        digests=(bytes(32), files.share_digest(1, SHARE), bytes(32)),
        people=bytes(32),
        locator=f"mip:1:31337:{REGISTRY}:{RECOVERY}:3039:{ANCHOR}:",
        sealed=EMPTY,
    )
    return files.seal_part(bare, GUARDIAN.public, SHARE)


def ask(**changes: object) -> Ask:
    made = Ask(PASSPORT, Recovery(77, 1, 2), bytes(32), ASKER.public, 1_700_000_000)
    return replace(made, **changes)  # type: ignore[arg-type]


def answer() -> Answer:
    data = ASK.encode(ask())
    share = files.seal_share(files.ask_hash(data), ASKER.public, 1, 2, SHARE)
    return Answer(files.ask_hash(data), share, Approval(2 + 3 * 256, 5, tuple(range(8))))


DOCUMENTS: dict[str, tuple[Form, object]] = {
    "invitation": (INVITATION, Invitation("Grüße von Ada", bytes(16))),
    "card": (CARD, Card(bytes(16), guardian_leaf(7, 8), GUARDIAN.public)),
    "part": (PART, part()),
    "ask to recover": (ASK, ask()),
    "ask to cancel": (ASK, ask(act=Cancellation(1, 3), people=None)),
    "ask for parts": (ASK, ask(act=None)),
    "answer": (ANSWER, answer()),
    "answer without share": (ANSWER, replace(answer(), share=None)),
    "answer without approval": (ANSWER, replace(answer(), approval=None)),
}
every = pytest.mark.parametrize("name", DOCUMENTS)


@every
def test_decode__gives_what_was_encoded(name: str) -> None:
    form, value = DOCUMENTS[name]
    data = form.encode(value)
    assert form.decode(data) == value
    assert len(data) <= MAX_BYTES
    assert data.endswith(b"}\n")
    assert data.isascii()


@pytest.mark.thorough
@every
def test_decode__a_changed_byte__is_refused(name: str) -> None:
    form, value = DOCUMENTS[name]
    data = form.encode(value)
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(FileInvalid):
            form.decode(changed)


@every
def test_decode__another_spelling__is_refused(name: str) -> None:
    form, value = DOCUMENTS[name]
    data = form.encode(value)
    document = json.loads(data)
    for other in (
        data.rstrip(b"\n"),
        data + b"\n",
        b"\xef\xbb\xbf" + data,
        data.replace(b"\n", b"\r\n"),
        json.dumps(document, indent=4).encode() + b"\n",
        json.dumps(dict(reversed(document.items())), indent=2).encode() + b"\n",
        data.replace(b"0x", b"0X", 1),
    ):
        with pytest.raises(FileInvalid):
            form.decode(other)


def respelt(form: Form, value: object, change) -> bytes:
    """A document changed by somebody who mends checksum and spelling."""
    import hashlib

    document = json.loads(form.encode(value))
    del document["checksum"]
    change(document)
    digest = hashlib.sha256(jsontext.canonical(document)).hexdigest()
    return json.dumps({**document, "checksum": f"0x{digest}"}, indent=2).encode() + b"\n"


@every
def test_decode__unknown_or_missing_members__are_refused(name: str) -> None:
    form, value = DOCUMENTS[name]
    assert form.decode(respelt(form, value, lambda d: None)) == value
    with pytest.raises(FileInvalid, match="other members"):
        form.decode(respelt(form, value, lambda d: d.update(more=1)))
    with pytest.raises(FileInvalid, match="other members"):
        form.decode(respelt(form, value, lambda d: d.pop(form.names[0])))


@every
def test_decode__another_file_or_version__is_told(name: str) -> None:
    form, value = DOCUMENTS[name]
    with pytest.raises(FileInvalid, match="another version"):
        form.decode(respelt(form, value, lambda d: d.update(format=form.format[:-1] + "9")))
    with pytest.raises(FileInvalid, match="another file of mip"):
        form.decode(respelt(form, value, lambda d: d.update(format="mip.proof/1")))
    for junk in (b"", b"{}", b"[]", b"null", b"\xff", b"{" * 500, b'{"format": 1}'):
        with pytest.raises(FileInvalid, match=f"the {form.what} cannot be read"):
            form.decode(junk)


@every
def test_decode__too_large__is_refused_unread(name: str) -> None:
    form, _ = DOCUMENTS[name]
    with pytest.raises(FileInvalid, match="larger than"):
        form.decode(b" " * (MAX_BYTES + 1))


def field(*path: str | int, value: object):
    def change(document: dict) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


LARGE = f"0x{R:064x}"
BAD = [
    ("invitation", field("label", value="a\u202eb"), "label"),
    ("invitation", field("label", value="a" * 65), "label"),
    ("invitation", field("label", value=""), "label"),
    ("invitation", field("invitation", value="0x00"), "invitation"),
    ("card", field("leaf", value=LARGE), "leaf"),
    ("card", field("leaf", value="0x" + "00" * 32), "leaf"),
    ("card", field("public_key", value=5), "public_key"),
    *(
        (name, field("public_key", value=f"0x{point}"), "nothing can be sealed")
        for name in ("card", "ask to recover", "ask for parts")
        for point in ("00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f")
    ),
    ("part", field("threshold", value=4), "threshold"),
    ("part", field("threshold", value=0), "threshold"),
    ("part", field("threshold", value=True), "threshold"),
    ("part", field("quorum", value=17), "quorum"),
    ("part", field("guardian_commitment", value=LARGE), "guardian_commitment"),
    ("part", field("position", value=16), "position"),
    ("part", field("number", value=3), "place"),
    ("part", field("siblings", value=["0x" + "00" * 32] * 3), "place"),
    ("part", field("siblings", 0, value=LARGE), "siblings"),
    ("part", field("digests", value=["0x" + "00" * 32] * 17), "digests"),
    ("part", field("locator", value="mip:1:\n"), "locator"),
    ("part", field("sealed", "wrapped", value="0x" + "00" * 47), "wrapped"),
    ("part", field("passport", "anchor", value=ANCHOR[:-1]), "anchor"),
    ("part", field("passport", "chain_id", value=1 << 53), "chain_id"),
    ("ask to recover", field("act", "kind", value="else"), "unknown"),
    ("ask to recover", field("act", "nonce", value=1 << 32), "nonce"),
    ("ask to recover", field("act", "more", value=0), "other members"),
    ("ask for parts", field("people", value=None), "asks for nothing"),
    ("ask to recover", field("act", value="recover"), "unknown"),
    ("answer", field("approval", "thresholds", value=3 + 2 * 256), "threshold"),
    ("answer", field("approval", "proof", 0, value=f"0x{P:064x}"), "proof"),
    ("answer", field("approval", "proof", value=["0x" + "00" * 32] * 7), "proof"),
    ("answer", field("approval", "nullifier", value=LARGE), "nullifier"),
    ("answer without share", field("approval", value=None), "says nothing"),
    ("answer", field("share", "number", value=16), "number"),
]


@pytest.mark.parametrize(("name", "change", "words"), BAD)
def test_decode__values_out_of_range__are_refused_by_name(name: str, change, words: str) -> None:
    form, value = DOCUMENTS[name]
    with pytest.raises(FileInvalid, match=words):
        form.decode(respelt(form, value, change))


def test_encode__what_no_reader_takes__is_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        INVITATION.encode(Invitation("a\u200bb", bytes(16)))
    with pytest.raises(ValueError, match="asks for nothing"):
        ASK.encode(ask(act=None, people=None))


def test_addresses__come_back_with_their_checksum() -> None:
    data = ASK.encode(ask())
    assert ANCHOR.lower().encode() in data
    assert ASK.decode(data).passport.anchor == ANCHOR


def test_open_part__needs_its_key_and_every_member() -> None:
    made = part()
    assert files.open_part(made, GUARDIAN.private) == SHARE
    with pytest.raises(NotAuthentic):
        files.open_part(made, ASKER.private)
    for changed in (
        replace(made, invitation=bytes([1]) * 16),
        replace(made, passport=replace(PASSPORT, chain_id=1)),
        replace(made, threshold=1),
        replace(made, quorum=2),
        replace(made, guardian_commitment=5),
        replace(made, set_salt=100),
        replace(made, position=1),
        replace(made, number=2),
        replace(made, digests=(*made.digests[:2], bytes([1]) * 32)),
        replace(made, people=bytes([1]) * 32),
        replace(made, locator=made.locator + "x"),
        replace(made, siblings=made.siblings[::-1]),
    ):
        with pytest.raises(NotAuthentic):
            files.open_part(changed, GUARDIAN.private)


def test_open_part__of_a_holder_who_lists_another_digest__is_refused() -> None:
    made = part()
    lying = replace(made, digests=(bytes(32),) * 3)
    with pytest.raises(NotAuthentic):
        files.open_part(files.seal_part(lying, GUARDIAN.public, SHARE), GUARDIAN.private)


def test_set_commitment__is_the_set_s() -> None:
    leaves = (guardian_leaf(7, 8), *range(1, 16))
    assert part().set_commitment(leaves[0]) == GuardianSet(leaves, 2, 3, 99).commitment
    assert part().set_commitment(leaves[1]) != GuardianSet(leaves, 2, 3, 99).commitment


def test_open_share__serves_one_ask_and_one_number() -> None:
    data = files.ask_hash(ASK.encode(ask()))
    other = files.ask_hash(ASK.encode(ask(created=1_700_000_001)))
    sealed = files.seal_share(data, ASKER.public, 1, 2, SHARE)
    assert files.open_share(data, ASKER.private, sealed) == (2, SHARE)
    for document, key, share in (
        (other, ASKER.private, sealed),
        (data, GUARDIAN.private, sealed),
        (data, ASKER.private, AnsweredShare(2, sealed.sealed)),
    ):
        with pytest.raises(NotAuthentic):
            files.open_share(document, key, share)


def test_share_digest__is_bound_to_the_number() -> None:
    assert files.share_digest(0, SHARE) != files.share_digest(1, SHARE)


@pytest.mark.thorough
def test_check_words__follow_from_every_byte() -> None:
    data = ASK.encode(ask())
    words = check_words(data)
    assert words == check_words(data)
    assert words != check_words(ASK.encode(ask(created=1_700_000_001)))
    assert [len(word) for word in words.split()] == [4] * 5


@pytest.mark.thorough
def test_labels_and_reprs__show_no_share() -> None:
    shown = repr(part()) + repr(answer()) + PART.encode(part()).decode()
    assert SHARE.hex() not in shown
