"""One Argon2id run, two independent keys, and bounds that a file cannot move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto import aead, kdf
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.crypto.password import normalize
from mip_cli.errors import UsageFault

CHEAP = KdfLimits(8, 64, 2, 2, 8, 128)
CHEAP_PARAMS = KdfParams(bytes(32), memory_kib=16, iterations=1, lanes=1)
REAL = KdfParams(bytes(range(32)))


def test_check__accepts_what_is_written_today():
    kdf.check_params(REAL)
    kdf.check_params(replace(REAL, memory_kib=256 * 1024, iterations=4, lanes=16))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"memory_kib": 64 * 1024 - 1}, "weaker"),
        ({"memory_kib": 0}, "weaker"),
        ({"memory_kib": -(1 << 70)}, "weaker"),
        ({"iterations": 2}, "weaker"),
        ({"memory_kib": 256 * 1024 + 1, "iterations": 1}, "more memory"),
        ({"memory_kib": 1 << 70}, "more memory"),
        ({"memory_kib": 256 * 1024, "iterations": 5}, "more memory or time"),
        ({"iterations": 0}, "passes"),
        ({"iterations": 11}, "passes"),
        ({"lanes": 0}, "lanes"),
        ({"lanes": 17}, "lanes"),
        ({"salt": bytes(31)}, "32 bytes"),
    ],
)
def test_check__refuses(change, reason):
    with pytest.raises(ValueError, match=reason):
        kdf.check_params(replace(REAL, **change))


def test_stretch__refuses_cheap_parameters_unless_the_caller_lowers_the_bar():
    with pytest.raises(ValueError, match="weaker"):
        kdf.stretch(b"password", CHEAP_PARAMS)
    assert 0 <= kdf.stretch(b"password", CHEAP_PARAMS, limits=CHEAP).stretched < R


def test_stretch__depends_on_everything():
    seen = set()
    for password in (b"password", b"Password"):
        for change in ({}, {"salt": bytes(31) + b"\1"}, {"memory_kib": 17}, {"lanes": 2}):
            params = replace(CHEAP_PARAMS, **change)
            keys = kdf.stretch(password, params, limits=CHEAP)
            seen |= {keys.wrapping_key, keys.stretched}
    assert len(seen) == 16


def test_stretch__prints_nothing():
    keys = kdf.stretch(b"password", CHEAP_PARAMS, limits=CHEAP)
    assert repr(keys) == "PasswordKeys(<redacted>)"


def test_subkey__is_rfc_5869():
    # test case 3 of RFC 5869 (empty salt and info), first 32 bytes
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert kdf.subkey(b"\x0b" * 22, b"").hex() == expected


@pytest.mark.parametrize("change", ["key", "nonce", "ciphertext", "associated", "short"])
def test_unseal__refuses_any_change(change):
    key, sealed = bytes(32), aead.seal(bytes(32), b"secret", b"context")
    assert aead.unseal(key, sealed, b"context") == b"secret"
    flipped = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    key = b"\1" + bytes(31) if change == "key" else key
    context = b"Context" if change == "associated" else b"context"
    sealed = {
        "nonce": replace(sealed, nonce=bytes(12)),
        "ciphertext": replace(sealed, ciphertext=flipped),
        "short": replace(sealed, ciphertext=b""),
    }.get(change, sealed)
    with pytest.raises(aead.NotAuthentic):
        aead.unseal(key, sealed, context)


def test_seal__never_repeats_a_nonce():
    nonces = {aead.seal(bytes(32), b"", b"").nonce for _ in range(100)}
    assert len(nonces) == 100


def test_normalize__same_letters_from_another_keyboard():
    assert normalize("ﬁancé １２") == normalize("fiance\u0301 12") == "fiancé 12".encode()
    assert normalize("Password") != normalize("password")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("short77", "fewer than 8"), ("x" * 4097, "longer"), ("\ud800" * 8, "Unicode")],
)
def test_normalize__refuses_as_new(text, reason):
    with pytest.raises(UsageFault, match=reason) as caught:
        normalize(text, new=True)
    assert not text or text not in str(caught.value)


def test_normalize__old_password_may_be_short():
    assert normalize("short") == b"short"
