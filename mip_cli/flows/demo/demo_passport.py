"""The story of the README, played for real: a chain, photos, proofs, and what is refused."""

from __future__ import annotations

import secrets as system
from dataclasses import replace
from pathlib import Path

from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.config import Settings
from mip_cli.flows import connection
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos
from mip_cli.flows.demo.demo_stage import Narrator, Scene, Stage, own_chain
from mip_cli.flows.passport import enroll, prove, verify
from mip_cli.flows.passport.proof_file import AppCall, ProofFile
from mip_cli.progress import Progress
from mip_cli.units import Address


def passport(
    settings: Settings, photos_dir: Path | None, narrator: Narrator, progress: Progress
) -> list[Scene]:
    """Play the chapter "passport" on a chain of its own and leave nothing behind.

    Raises what the flows raise when a step fails that should not; a refusal that does not come
    is a scene with ``as_expected`` false.
    """
    with own_chain(settings, progress) as (place, _, chain):
        photos = demo_photos.find(photos_dir, place.data_dir)
        stage = Stage(place, narrator, progress)
        vote = chain.deployment.address("PassportVote")
        claim = chain.deployment.address("PassportClaim")
        _play(stage, photos, vote, claim)
        return stage.scenes


def _play(stage: Stage, photos: Photos, vote: Address, claim: Address) -> None:
    settings, progress = stage.settings, stage.progress
    password = system.token_urlsafe(16).encode()
    payer = developer_signer(DEVELOPER)
    proofs: dict[Address, ProofFile] = {}

    def enroll_one(name: str, image: Path) -> tuple[str, dict[str, object]]:
        wish = enroll.EnrollRequest(name, image, password)
        done = enroll.enroll(settings, wish, payer, progress)
        facts: dict[str, object] = {"leaf": done.index, "gas": done.gas_used}
        return "enrolled; the chain holds salted commitments, the photo stayed here", facts

    def prove_to(app: Address, call: AppCall, image: Path, secret: bytes = password) -> ProofFile:
        ask = prove.Ask(app=app, call=call, beneficiary=payer.address)
        consent = prove.prepare(settings, ask, progress)
        keys = prove.Keys("holder", secret, image)
        proofs[app] = prove.prove(settings, consent, keys, progress).file
        return proofs[app]

    yes, claims = AppCall("vote(uint256)", ("1",)), AppCall("claim()", ())

    def first_proof() -> tuple[str, dict[str, object]]:
        file = prove_to(vote, yes, photos.again)
        verify.verify_offline(settings, file, progress)
        return "one proof: in the registry, same face, right password, this act only", {
            "pseudonym": f"{file.nullifier:#x}"[:18],
            "level": file.level,
        }

    def send(app: Address) -> tuple[str, dict[str, object]]:
        receipt = verify.send(settings, proofs[app], payer, progress)
        with connection.connect(settings) as link:
            tally = App(link.rpc, vote).read("tally(uint256)", 1)
        return "the app let the holder in", {"gas": receipt.gas_used, "votes for yes": tally}

    def other_app() -> tuple[str, dict[str, object]]:
        file = prove_to(claim, claims, photos.again)
        if file.nullifier == proofs[vote].nullifier:
            return "the same pseudonym in two apps", {}
        return "another app sees another pseudonym; nothing joins the two", {
            "pseudonym": f"{file.nullifier:#x}"[:18]
        }

    def with_other_choice() -> None:
        changed = replace(
            proofs[vote], call=AppCall("vote(uint256)", ("0",)), payload=_payload("0")
        )
        verify.verify_offline(settings, changed, progress)

    stage.play(
        f"The holder enrols with {photos.first_text}", lambda: enroll_one("holder", photos.first)
    )
    stage.play("Somebody else enrols", lambda: enroll_one("somebody", photos.other))
    stage.play(f"The holder proves with {photos.again_text}", first_proof)
    stage.refuse("The same proof for another choice", "ProofInvalid", with_other_choice)
    stage.play("The proof goes to the voting contract", lambda: send(vote))
    stage.refuse(
        "A second vote with a fresh proof",
        "AppRefusal",
        lambda: (prove_to(vote, yes, photos.again), send(vote)),
    )
    stage.refuse(
        "Another person's face, with the holder's file and password",
        "FaceMismatch",
        lambda: prove_to(claim, claims, photos.other),
    )
    stage.refuse(
        "The holder's face with a wrong password",
        "WrongSecret",
        lambda: prove_to(claim, claims, photos.again, b"not the password"),
    )
    stage.play("The holder goes to another app", other_app)
    stage.play("That app lets the holder in as well", lambda: send(claim))


def _payload(choice: str) -> bytes:
    return parse_invocation("vote(uint256)", [choice]).payload
