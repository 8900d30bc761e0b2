"""The transfer code: its one line, and what it opens."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto.transfer import CODE_BYTES, TransferCode

CODE = TransferCode(bytes(range(20)))
LINE = "mip:transfer:1:aaaqeayeaudaocajbifqydiob4ibceqt:f709bfba"


def test_code__line_and_secret_as_the_specification_says() -> None:
    assert CODE.text == LINE
    # HKDF-SHA256 with empty salt (RFC 5869), by the standard library alone
    key = hmac.new(bytes(32), CODE.value, hashlib.sha256).digest()
    assert CODE.secret == hmac.new(key, b"mip transfer code/1\x01", hashlib.sha256).digest()


@given(st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
def test_code__reads_what_it_writes(value: bytes) -> None:
    code = TransferCode(value)
    assert TransferCode.parse(code.text + "\n") == code


@given(st.data())
def test_code__refuses_every_slip_and_quotes_nothing(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LINE) - 1))
    letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz234567:ABC")
    other = data.draw(letters.filter(lambda letter: letter != LINE[place]))
    for text in (LINE[:place] + other + LINE[place + 1 :], LINE[:place] + LINE[place + 1 :]):
        with pytest.raises(ValueError, match="^not a transfer code, or mistyped$"):
            TransferCode.parse(text)


@pytest.mark.parametrize("text", ["", ":", "::", "é:é", LINE + ":", "mip:transfer:2" + LINE[14:]])
def test_code__refuses_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="^not a transfer code, or mistyped$"):
        TransferCode.parse(text)


def test_code__shows_nothing() -> None:
    assert repr(CODE) == "TransferCode(<redacted>)"
    assert TransferCode.random() != TransferCode.random()
    with pytest.raises(ValueError, match="20 bytes"):
        TransferCode(b"short")
