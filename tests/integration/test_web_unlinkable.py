"""What issuers and web services see of one holder shares no value; on a real node."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mip_cli.flows.kyc.web_app import web_app
from tests.integration.http_world import Transcript, recording
from tests.integration.kyc_world import ADULT, ISSUER_PASSWORD
from tests.integration.web_stage import (
    KEY,
    PURPOSE,
    Stage,
    begin,
    outcome,
    staged,
)
from tests.ports import unused_port


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage")) as found:
        yield found


def values(transcript: Transcript) -> set[bytes]:
    """Return everything in a transcript that is long enough to be told apart."""
    return {part for part in re.split(rb"[^A-Za-z0-9_-]+", transcript.whole()) if len(part) >= 8}


def test_transcripts__of_issuers_and_services_share_no_value_of_a_holder(stage: Stage) -> None:
    seen: dict[tuple[str, str], set[bytes]] = {}
    held: dict[tuple[str, str], str] = {}
    known: dict[tuple[str, str], str] = {}
    for issuer in ("city", "town"):
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        with stage.issuer(issuer, url) as served:
            for name in ("holder", "stranger"):
                with recording(served.port, port) as transcript:
                    got = stage.fetch(issuer, url, ADULT, name)
                assert got["issuer"] == stage.numbers[issuer]
                assert got["issuer_checked"] is True
                seen[issuer, name] = values(transcript)
                held[issuer, name] = got["id"]
    for shop in ("shop", "club"):
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        with stage.verifier(url) as served:
            for name in ("holder", "stranger"):
                made = begin(url, served.port)
                assert outcome(served.port, made) == {"outcome": "pending", "purpose": PURPOSE}
                with recording(served.port, port) as transcript:
                    shown = stage.holder(
                        *("present", made["authorization_request"], "--yes"),
                        *("--credential", held["city", name]),
                        name=name,
                    )
                seen[shop, name] = values(transcript)
                known[shop, name] = shown["pseudonym"]
                assert (shown["origin"], shown["app"]) == (url, web_app(url))
                found = outcome(served.port, made)
                assert (found["outcome"], found["pseudonym"]) == ("accepted", shown["pseudonym"])
                assert (found["level"], found["self_attested_issuers"]) == (2, [])
            # the same person comes back as the same, and with the other credential too
            made = begin(url, served.port)
            again = stage.holder(
                *("present", made["authorization_request_by_value"], "--yes"),
                *("--credential", held["town", "holder"]),
                code=3,  # nobody answers at this origin while nothing is forwarded
            )
            assert "connection refused" in again
            with recording(served.port, port):
                again = stage.holder(
                    *("present", made["authorization_request_by_value"], "--yes"),
                    *("--credential", held["town", "holder"]),
                )
            assert again["pseudonym"] == known[shop, "holder"]
    assert len(set(known.values())) == 4
    places = ("city", "town", "shop", "club")
    for i, one in enumerate(places):
        for other in places[i + 1 :]:
            shared = seen[one, "holder"] & seen[other, "holder"]
            assert shared - (seen[one, "stranger"] & seen[other, "stranger"]) == set()
            assert len(seen[one, "holder"] - seen[one, "stranger"]) > 3  # the test sees something
    log = (stage.folder / "chain").rglob("*")
    for path in log:
        if path.is_file():
            assert b"Lovelace" not in path.read_bytes()
    for path in stage.folder.glob("server-*.log"):
        text = path.read_text()
        for secret in (KEY, ISSUER_PASSWORD, "Lovelace", *known.values(), *held.values()):
            assert secret not in text
