"""Content ids, against ids that are published for known content."""

from __future__ import annotations

import pytest

from mip_cli.crypto.cid import cid_of, parse_cid

PUBLISHED = {
    b"": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    b"foo": "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy",
    b"hello world": "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
}


@pytest.mark.parametrize(("block", "text"), PUBLISHED.items())
def test_cid__published_content(block: bytes, text: str) -> None:
    assert cid_of(block) == text
    assert parse_cid(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "bafkrei",
        PUBLISHED[b"foo"].upper(),
        PUBLISHED[b"foo"][1:],
        PUBLISHED[b"foo"] + "a",
        PUBLISHED[b"foo"][:-1],
        PUBLISHED[b"foo"][:-1] + "z",  # the same bytes with the two spare bits set
        PUBLISHED[b"foo"] + "====",
        "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",  # CIDv0
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",  # dag-pb
        "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA",  # base58btc
    ],
)
def test_cid__refuses_other_kinds_and_spellings(text: str) -> None:
    with pytest.raises(ValueError, match="content id"):
        parse_cid(text)
