"""The face on a document, from a photo to an app on a real node, by the installed command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mip_cli.chain import suite
from mip_cli.chain.abi import address_word
from mip_cli.chain.deploy import Part, deploy
from mip_cli.chain.deployments import DOCUMENT_GATE, GATE
from mip_cli.chain.suite import parse_compiled
from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.kyc.document import SCHEMA
from tests.integration.kyc_world import World, world

__all__ = ["world"]


def card(portrait: Path, target: Path) -> Path:
    """Print a portrait on an identity card, with lines of text and a small ghost of it."""
    image = np.full((640, 1000, 3), 225, np.uint8)
    image[:90] = (150, 90, 40)
    photo = cv2.imread(str(portrait))
    side = min(photo.shape[:2])
    photo = photo[:side, :side]
    image[130:530, 40:440] = cv2.resize(photo, (400, 400), interpolation=cv2.INTER_AREA)
    image[400:500, 850:950] = cv2.resize(photo, (100, 100), interpolation=cv2.INTER_AREA)
    for line, text in enumerate(("IDENTITY CARD", "EXAMPLE", "01.01.1980")):
        place = (480, 190 + 70 * line)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 60, 60), 2)
    assert cv2.imwrite(str(target), image)
    return target


def policy(*issuers: int) -> dict[str, Any]:
    return {
        "format": "mip.policy/1",
        "schema": SCHEMA.to_json(),
        "issuers": list(issuers),
        "require": "all",
        "predicates": [],
        "document": "document_face",
    }


def put_app(world: World, name: str, gate: str, *issuers: int, contract: str = suite.AGE) -> str:
    """Write a policy and deploy an app that asks for it at a gate; return the app's address."""
    document = policy(*issuers)
    (world.folder / name).write_text(json.dumps(document))
    build = world.chain.settings.build_dir / "contracts" / f"{contract}.json"
    found = parse_compiled(contract, build.read_bytes())
    assert world.chain.deployment is not None
    place = address_word(world.chain.deployment.address(gate))
    arguments = suite._policy_arguments(parse_app_policy(document).policy)
    part = Part("DocumentAge", found.bytecode + place + arguments, found.runtime, found.compiler)
    deploy(world.chain.sender(0, f"journal-{name}"), [part])
    return part.address


def prove(world: World, app: str, policy: str, *arguments: object, code: int = 0) -> Any:
    return world.holder(
        *("prove", "--policy", policy, "--app", app, "--call", "enter()", "--yes"),
        *arguments,
        code=code,
    )


def test_document__from_photo_to_app(world: World) -> None:
    photos = demo_photos.find(None, world.folder / "photos")
    mine = card(photos.first, world.folder / "card.png")
    other = card(photos.other, world.folder / "other.png")
    blank = world.folder / "blank.png"
    cv2.imwrite(str(blank), np.full((600, 900, 3), 128, np.uint8))

    assert "does not match the enrolled face" in world.holder("document", other, code=1)
    assert "no face was found" in world.holder("document", blank, code=1)
    assert world.holder("list")["credentials"] == []
    made = world.holder("document", mine)
    found = made["credential"]
    assert made["distance"] <= made["threshold"]
    assert (found["self_attested"], found["issuer"]) == (True, 1)
    assert found["evidence"] == {"how": "document-face", "detail": ""}
    assert found["claims"] == {"document_face": made["claim"]}

    app = put_app(world, "own.json", DOCUMENT_GATE, 1)
    proved = prove(world, app, "own.json", "-o", "proof.json")
    assert (proved["level"], proved["circuit"]) == (2, "document_face")
    checked = world.mip("verify", "proof.json")
    assert (checked["on_chain"], checked["self_attested_issuers"]) == (True, [1])
    text = (world.folder / "proof.json").read_text()
    assert str(int(made["claim"], 16)) not in text
    assert made["claim"][2:] not in text
    document = json.loads(text)
    altered = document | {"mip": document["mip"] | {"circuit": "kyc_predicate"}}
    (world.folder / "altered.json").write_text(json.dumps(altered))
    assert "another circuit" in world.mip("verify", "altered.json", "--offline", code=1)
    entered = prove(world, app, "own.json", "--send")
    assert entered["receipt"]["gas_used"] < 310_000

    # the face must be among the kinds, and the gate must be the one of documents
    refused = prove(world, app, "own.json", "--kinds", "password", "-o", "x.json", code=2)
    assert "shows the face" in refused
    wrong = put_app(world, "wrong.json", GATE, 1)
    assert "another gate" in prove(world, wrong, "wrong.json", "-o", "x.json", code=3)

    # own word does not count where an issuer must have seen the document
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    strict = put_app(world, "city.json", DOCUMENT_GATE, 2)
    assert "does not accept" in prove(world, strict, "city.json", "-o", "x.json", code=1)
    asked = world.holder("document", mine, "--request", "-o", "request.json")
    assert asked["claim"] != made["claim"]
    (world.folder / "claims.json").write_text(json.dumps({"document_face": asked["claim"]}))
    (world.folder / "schema.json").write_text(json.dumps(SCHEMA.to_json()))
    world.mip(
        *("issuer", "issue", "--schema", "schema.json", "--claims", "claims.json"),
        *("--request", "request.json", "-o", "signed.json", "--yes"),
        issuer=True,
    )
    world.holder("import", "signed.json")
    signed = prove(world, strict, "city.json", "--send")
    assert signed["receipt"]["gas_used"] < 310_000
    assert not (world.folder / "x.json").exists()


def test_car__is_unlocked_by_the_face_on_a_document(world: World) -> None:
    """The example app, and an issuer who saw the document, from end to end."""
    photos = demo_photos.find(None, world.folder / "photos")
    mine = card(photos.first, world.folder / "licence.png")
    world.mip("issuer", "init", "--title", "Ministry of Transport", issuer=True)
    app = put_app(world, "car.json", DOCUMENT_GATE, 2, contract="CarShare")

    def unlock(car: int, *arguments: object, code: int = 0) -> Any:
        return world.mip(
            *("prove", "--policy", "car.json", "--app", app, "--call", "unlock(uint256)"),
            *("--arg", car, "--yes", "--passport", "holder", "--image", world.photo),
            *(arguments or ("--send",)),
            code=code,
            group="",
        )

    assert "no credential Document face 1" in unlock(7, code=2)
    # what he says himself is no licence
    world.holder("document", mine)
    assert "does not accept the issuer" in unlock(7, code=1)
    asked = world.holder("document", mine, "--request", "-o", "request.json")
    (world.folder / "claims.json").write_text(json.dumps({"document_face": asked["claim"]}))
    (world.folder / "schema.json").write_text(json.dumps(SCHEMA.to_json()))
    world.mip(
        *("issuer", "issue", "--schema", "schema.json", "--claims", "claims.json"),
        *("--request", "request.json", "-o", "signed.json", "--yes"),
        issuer=True,
    )
    world.holder("import", "signed.json")
    assert "shows the face" in unlock(7, "--kinds", "password", "--send", code=2)
    made = unlock(7)
    assert (made["circuit"], made["shown"]) == ("document_face", [0])
    assert made["receipt"]["gas_used"] < 400_000
    assert "somebody has this car now" in unlock(7, "--nonce", 1, "--send", code=4)
    assert "has a car already" in unlock(8, "--nonce", 1, "--send", code=4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--request",), "go together"),
        (("-o", "r.json"), "go together"),
        (("--schema", "plain.json"), "claims of the kind face"),
    ],
)
def test_document__arguments_that_contradict__refused(
    arguments: tuple[str, ...], words: str, world: World
) -> None:
    plain = SCHEMA.to_json() | {"claims": [{"kind": "text", "name": "given_name"}]}
    (world.folder / "plain.json").write_text(json.dumps(plain))
    assert words in world.holder("document", "card.png", *arguments, code=2)
