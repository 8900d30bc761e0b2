"""The recovery sheet: what stands on it, that a scanner reads it, and that no secret does."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import cv2
import numpy as np
import pytest

from mip_cli.chain.abi import checksum
from mip_cli.crypto.cid import cid_of
from mip_cli.crypto.field import R
from mip_cli.flows.recovery.locator import Locator, format_locator, parse_locator
from mip_cli.flows.recovery.sheet import Sheet, qr_svg, render
from mip_cli.units import Commitment

LOCATOR = Locator(
    chain_id=(1 << 64) - 1,  # the longest locator there can be
    registry=checksum(b"\x11" * 20),
    recovery=checksum(b"\x22" * 20),
    identity_commitment=Commitment(R - 1),
    anchor=checksum(b"\x33" * 20),
    cid=cid_of(b"backup"),
)
SHEET = Sheet("work", LOCATOR, threshold=3, guardians=5, quorum=4, created=1_790_000_000)


def draw(svg: str, pixels: int = 6) -> np.ndarray:
    """Draw the one path of a QR code's SVG, as a browser would: rows of dark modules."""
    side = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])  # type: ignore[index]
    image = np.full((side, side), 255, np.uint8)
    x = y = 0.0
    path = re.search(r' d="([^"]+)"', svg)[1]  # type: ignore[index]
    for step, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path):
        if step == "h":
            image[int(y), int(x) : int(x + float(first))] = 0
            x += float(first)
        else:
            base = (0.0, 0.0) if step == "M" else (x, y)
            x, y = base[0] + float(first), base[1] + float(second)
    return image.repeat(pixels, 0).repeat(pixels, 1)


def test_sheet__a_scanner_reads_the_locator() -> None:
    page = render(SHEET).decode()
    svg = re.search(r"<svg.*</svg>", page, re.DOTALL)
    assert svg
    assert svg[0] == qr_svg(format_locator(LOCATOR))
    text, *_ = cv2.QRCodeDetector().detectAndDecode(draw(svg[0]))
    assert parse_locator(text) == LOCATOR


def test_sheet__a_person_types_the_locator() -> None:
    for locator in (LOCATOR, replace(LOCATOR, cid=None)):
        page = render(replace(SHEET, locator=locator)).decode()
        box = re.search(r'<p class="locator">(.*?)</p>', page, re.DOTALL)
        assert box
        assert parse_locator(unescape(box[1].replace("<br>", "\n"))) == locator


@pytest.mark.thorough
def test_sheet__loads_nothing_and_runs_nothing() -> None:
    page = render(SHEET).decode()
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<img|<link|<iframe|url\(|@import| src=| href=| on\w+=", page)
    assert re.findall(r"https?://[^\"]*", page) == ["http://www.w3.org/2000/svg"]


def test_sheet__says_what_each_loss_needs() -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", render(SHEET).decode()).split())
    for loss in ("Device lost", "Password forgotten", "Guardians gone", "Device stolen"):
        assert loss in page
    assert "3 of my 5 guardians" in page
    assert "4 once it is frozen" in page
    assert "4 guardians decide" in page
    assert "The backup is in IPFS" in page


def test_sheet__without_guardians_promises_nothing() -> None:
    alone = replace(SHEET, threshold=None, guardians=0, quorum=None)
    page = " ".join(re.sub(r"<[^>]+>", " ", render(alone).decode()).split())
    assert "has no guardians yet" in page
    assert "nothing brings the passport back" in page
    assert "mip recover" not in page


def test_sheet__names_are_text() -> None:
    page = render(replace(SHEET, name="<script>&")).decode()
    assert "&lt;script&gt;&amp;" in page
    assert "<script>" not in page
