"""Credentials over HTTP on a real node: offered, served and fetched by the installed command."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from mip_cli.crypto.policy_text import EXAMPLE_POLICY
from mip_cli.flows.kyc import credential_file, self_attest
from mip_cli.flows.kyc.credential_file import REVOCATIONS
from tests.integration.http_world import recording
from tests.integration.kyc_world import ADULT
from tests.integration.web_stage import (
    TIMEOUT,
    Stage,
    staged,
)
from tests.ports import unused_port


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage")) as found:
        yield found


def test_fetch__goes_on_after_a_lost_answer(stage: Stage) -> None:
    lost: list[bytes] = []

    def lose(path: str, data: bytes) -> bytes:
        if path == "/credential" and not lost:
            lost.append(data)
            return data[: len(data) // 2]
        return data

    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with stage.issuer("city", url) as served, recording(served.port, port, lose):
        offer, pin = stage.offer("city", url, ADULT)
        before = len(stage.holder("list")["credentials"])
        wrong = stage.folder / "wrong.pin"
        wrong.write_text("00000000" if pin.read_text() != "00000000" else "00000001")
        wrong.chmod(0o600)
        refused = stage.holder("fetch", offer, "--code-file", wrong, code=1)
        assert "refuses (invalid_grant)" in refused
        assert "no JSON" in stage.holder("fetch", offer, "--code-file", pin, code=3)
        (promised,) = json.loads(lost[0])["credentials"]
        # the transaction code is not needed again, and not asked for
        got = stage.holder("fetch", offer, "--code-file", stage.folder / "none")
        assert got["number"] == promised["credential"]["credentialStatus"]["nonce"]
        held = stage.holder("list")["credentials"]
        assert len(held) == before + 1
        assert not list(stage.world.chain.settings.data_dir.rglob("*.fetch"))
        # and the code was spent
        spent = stage.holder("fetch", offer, "--code-file", pin, code=1)
        assert "there is nothing here" in spent
        listed = stage.world.mip("issuer", "offers", "--issuer", "city", issuer=True)["offers"]
        assert got["number"] in [o["number"] for o in listed if o["state"] == "fetched"]


def test_fetch__refuses_what_the_registry_does_not_know(stage: Stage) -> None:
    def other_claim(path: str, data: bytes) -> bytes:
        return data.replace(b'"1990-12-10"', b'"1980-12-10"') if path == "/credential" else data

    def other_number(path: str, data: bytes) -> bytes:
        here, there = (f":{stage.numbers[name]}".encode() for name in ("city", "town"))
        return data.replace(here + b'"', there + b'"') if path == "/credential" else data

    def own_word(path: str, data: bytes) -> bytes:
        """Put in its place what anybody can sign, under the number that stands for that."""
        if path != "/credential":
            return data
        document = json.loads(data)
        (entry,) = document["credentials"]
        given = credential_file.decode(json.dumps(entry["credential"]).encode())
        signed = self_attest.sign(
            replace(given.issuer, number=1),
            given.signed.statement.subject,
            given.schema,
            given.values,
            self_attest.OWN_WORD,
            first=datetime.datetime.now(datetime.UTC).date(),
        )
        entry["credential"] = json.loads(credential_file.encode(signed))
        return json.dumps(document).encode()

    def other_server(path: str, data: bytes) -> bytes:
        """Have the list fetched where another one would see who shows the credential."""
        here = re.compile(rb'"http://127\.0\.0\.1:\d+/revocations"')
        there = b'"https://tracker.example/revocations"'
        return here.sub(there, data) if path == "/credential" else data

    def other_origin(path: str, data: bytes) -> bytes:
        return data.replace(b"/token", b"0/token") if "oauth" in path else data

    cases = {
        "signature does not hold": (other_claim, 1),
        "another key than the registry has": (other_number, 1),
        "under the key that everybody has": (own_word, 1),
        "list fetched from somebody else": (other_server, 1),
        "endpoints of another origin": (other_origin, 3),
    }
    with stage.issuer("city", "http://127.0.0.1:9") as served:
        for words, (change, code) in cases.items():
            port = unused_port()
            url = f"http://127.0.0.1:{port}"

            def everywhere(path: str, data: bytes, url: str = url, change: Any = change) -> bytes:
                return bytes(change(path, data.replace(b"http://127.0.0.1:9", url.encode())))

            with recording(served.port, port, everywhere):
                offer, pin = stage.offer("city", url, ADULT)
                before = len([c for c in stage.holder("list")["credentials"] if c["credential"]])
                assert words in stage.holder("fetch", offer, "--code-file", pin, code=code)
                after = len([c for c in stage.holder("list")["credentials"] if c["credential"]])
                assert before == after
    plain = "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Fcity.example%2Foffer%2Fx"
    assert "not protected by https" in stage.holder("fetch", plain, "--code-file", pin, code=2)


def test_revocations__reach_the_holder_without_a_file(stage: Stage) -> None:
    """Issued, revoked and shown: the list comes from the issuer's server, and the root decides."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    stale: list[bytes] = []

    def old(path: str, data: bytes) -> bytes:
        return stale[0] if path == "/revocations" and stale else data

    def prove(card: str, *more: object, code: int = 0) -> Any:
        """By ``mip prove --policy``, which has no other way to a list than a proof has."""
        return stage.world.mip(
            *("prove", "--policy", "adult.json", "--app", "AgeGate", "--call", "enter()", "--yes"),
            *("--credential", card, "--passport", "holder", "--image", stage.world.photo),
            *("-o", "proof.json", "--force", *more),
            code=code,
            group="",
        )

    (stage.folder / "adult.json").write_text(json.dumps(EXAMPLE_POLICY))
    with stage.issuer("city", url) as served:
        with recording(served.port, port) as quiet:
            cards = [stage.fetch("city", url, ADULT) for _ in range(3)]
            first, second, third = (card["id"] for card in cards)
            metadata = requests.get(
                f"{url}/.well-known/openid-credential-issuer", timeout=TIMEOUT
            ).json()
            assert metadata["mip_revocation_list"] == f"{url}/revocations"
            shown = stage.holder("show", first)["credential"]
            assert shown["list_server"] == url
            empty = requests.get(f"{url}/revocations", timeout=TIMEOUT)
            assert REVOCATIONS.decode(empty.content).nonces == ()
            quiet.exchanges.clear()
            prove(first)
        assert quiet.exchanges == []  # nothing is revoked: nobody is asked

        def revoke(card: dict[str, Any]) -> None:
            stage.world.mip(
                *("issuer", "revoke", "--issuer", "city", "--number", card["number"], "--yes"),
                *("-o", "list.json", "--force"),
                issuer=True,
            )

        revoke(cards[2])
        answer = requests.get(f"http://127.0.0.1:{served.port}/revocations", timeout=TIMEOUT)
        assert answer.content == (stage.folder / "list.json").read_bytes()
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert not {"ETag", "Last-Modified", "Set-Cookie"} & set(answer.headers)
        stale.append(answer.content)
        assert "no server is to be asked" in prove(first, "--ask-no-issuer", code=2)
        assert "does not answer" in prove(first, code=3)  # nothing is forwarded now
        with recording(served.port, port, old) as transcript:
            made = [prove(card) for card in (first, second)]
            assert "revoked by its issuer" in prove(third, code=1)
        assert len({m["nullifier"] for m in made}) == 1
        (asked,) = transcript.exchanges  # for three proofs: the list is kept
        assert asked.startswith(b"GET /revocations\n")
        words = (*(card["id"] for card in cards), made[0]["nullifier"], "Cookie", "If-None-Match")
        for word in words:
            assert str(word).encode() not in asked
        prove(first)  # the server is out of reach, and the list at hand still in force

        revoke(cards[1])
        with recording(served.port, port, old):
            said = prove(first, code=3)
            assert f"the list that {url} serves is not the one whose root is on chain" in said
            assert "version 1, the registry has version 2" in said
            stale.clear()
            prove(first)
            assert "revoked by its issuer" in prove(second, code=1)
            # as `mip kyc prove` does
            stage.holder(
                *("prove", "--policy", "adult.json", "--app", "AgeGate", "--call", "enter()"),
                *("--credential", first, "--yes", "-o", "again.json"),
            )
    for path in stage.world.chain.settings.data_dir.rglob("*.list"):
        assert b"mip.kyc.revocations" not in path.read_bytes()
