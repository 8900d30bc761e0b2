"""The locator: one spelling, and every slip of the pen shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.chain.abi import checksum
from mip_cli.crypto.cid import cid_of
from mip_cli.crypto.field import R
from mip_cli.errors import UsageFault
from mip_cli.flows.recovery.locator import Locator, format_locator, parse_locator
from mip_cli.units import Address, Commitment

LOCATOR = Locator(
    chain_id=31337,
    registry=Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    recovery=Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
    identity_commitment=Commitment(0x1234),
    anchor=Address("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"),
    cid=cid_of(b"a backup"),
)
TEXT = (
    "mip:1:31337:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed:"
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359:"
    "0x0000000000000000000000000000000000000000000000000000000000001234:"
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB:"
)
addresses = st.binary(min_size=20, max_size=20).map(checksum)
locators = st.builds(
    Locator,
    chain_id=st.integers(1, 2**64 - 1),
    registry=addresses,
    recovery=addresses,
    identity_commitment=st.integers(1, R - 1).map(Commitment),
    anchor=addresses,
    cid=st.none() | st.binary(max_size=8).map(cid_of),
)


@given(locators)
def test_locator__reads_what_it_writes(locator: Locator) -> None:
    assert parse_locator(format_locator(locator)) == locator


def test_locator__spelling() -> None:
    text = format_locator(LOCATOR)
    assert text.startswith(TEXT)
    assert text[len(TEXT) :] == f"{LOCATOR.cid}:cdc6dd13"
    assert format_locator(replace(LOCATOR, cid=None)) == f"{TEXT}:ba28a363"


def test_locator__paper_breaks_lines() -> None:
    text = format_locator(LOCATOR)
    broken = "\n".join(text[i : i + 40] + " " for i in range(0, len(text), 40))
    assert parse_locator(f"  {broken}\r\n") == LOCATOR


@given(st.data())
def test_locator__refuses_every_slip(data: st.DataObject) -> None:
    text = format_locator(LOCATOR)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(
        st.sampled_from("0123456789abcdefABCDEFxo:").filter(lambda c: c != text[place])
    )
    with pytest.raises(UsageFault, match=r"locator"):
        parse_locator(text[:place] + other + text[place + 1 :])


@given(st.data())
def test_locator__refuses_missing_and_swapped_characters(data: st.DataObject) -> None:
    text = format_locator(LOCATOR)
    place = data.draw(st.integers(0, len(text) - 2).filter(lambda i: text[i] != text[i + 1]))
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    for wrong in (swapped, text[:place] + text[place + 1 :]):
        with pytest.raises(UsageFault, match=r"locator"):
            parse_locator(wrong)


def with_check(body: str) -> str:
    return f"{body}:{hashlib.sha256(body.encode()).hexdigest()[:8]}"


BODY = format_locator(LOCATOR).rpartition(":")[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BODY.replace(LOCATOR.anchor, LOCATOR.anchor.lower()), "address without its checksum"),
        (BODY.replace(f"{0x1234:#066x}", f"{R:#066x}"), "out of range"),
        (BODY.replace(f"{0x1234:#066x}", f"{0:#066x}"), "out of range"),
        (BODY.replace("31337", "99999999999999999999"), "out of range"),
        (BODY.replace("31337", "031337"), "incomplete or mistyped"),
        (BODY.replace("mip:1", "mip:2"), "another version"),
        (BODY.replace("bafkrei", "bafybei"), "content id"),
        (BODY + ":more", "incomplete or mistyped"),
        (BODY + " " * 400, "too long"),
        ("hello", "no locator"),
    ],
)
def test_locator__refuses_other_forms_under_a_good_check(body: str, reason: str) -> None:
    assert parse_locator(with_check(BODY)) == LOCATOR
    with pytest.raises(UsageFault, match=reason):
        parse_locator(with_check(body))


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 0},
        {"identity_commitment": Commitment(0)},
        {"identity_commitment": Commitment(R)},
        {"anchor": Address("0x" + "ab" * 20)},
        {"cid": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"},
    ],
)
def test_locator__is_not_made_of_what_could_not_be_read(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="range|checksum|content id"):
        replace(LOCATOR, **change)
