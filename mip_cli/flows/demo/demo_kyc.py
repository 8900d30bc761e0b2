"""The chapter "kyc": a city attests, a holder shows an age and no more, and what is refused."""

from __future__ import annotations

import secrets as system
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.config import Settings
from mip_cli.crypto.claims import ClaimValue, Schema, parse_schema
from mip_cli.crypto.policy_document import (
    EXAMPLE_APP_POLICY,
    INCOME_SCHEMA,
    AppPolicyText,
    parse_app_policy,
)
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.errors import CheckFailed
from mip_cli.flows import dev
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos
from mip_cli.flows.demo.demo_stage import Narrator, Scene, Stage, machine, own_chain
from mip_cli.flows.kyc import credential_file, keeping, kyc_issuer, kyc_prove, kyc_verify
from mip_cli.flows.kyc import kyc_held as kyc
from mip_cli.flows.kyc.credential_file import Revocations
from mip_cli.flows.kyc.kyc_held import HeldView
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.passport import enroll, passport_file, prove
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store.issuers import Opened as OpenedIssuer
from mip_cli.units import Address

PERSON: dict[str, ClaimValue] = {
    "given_name": "Ada",
    "family_name": "Example",
    "birth_date": "1990-12-10",
    "nationality": "GBR",
    "residence": "DE",
    "assurance": 3,
}
MINOR = PERSON | {"given_name": "Ben", "birth_date": "2015-05-01"}
INCOME: dict[str, ClaimValue] = {"monthly_income": 3100, "currency": "EUR"}
GRACE = 120  # seconds that an issuer's old root lives


@dataclass(frozen=True)
class Desk:
    """An issuer and a holder, each on a device of his own, for one delivery."""

    city: Settings
    issuer: OpenedIssuer
    holder: Settings
    passport: passport_file.Opened
    schema: Schema
    claims: Mapping[str, ClaimValue]


Deliver = Callable[[Desk, Progress], HeldView]
"""Brings a credential from the issuer to the holder."""


def by_files(desk: Desk, progress: Progress) -> HeldView:
    """Bring a credential as files: a request one way, the credential the other."""
    _, request = kyc.request(desk.holder, desk.passport)
    asked = credential_file.REQUEST.decode(request)
    _, (issued,) = kyc_issuer.issue(
        desk.issuer,
        desk.schema,
        [(asked, desk.claims)],
        kyc_issuer.DEFAULT_DAYS,
        today=lambda: datetime.now(UTC).date(),
    )
    held, _ = kyc.keep(desk.holder, desk.passport, issued.document, progress)
    return held


def play(
    settings: Settings,
    photos_dir: Path | None,
    narrator: Narrator,
    progress: Progress,
    deliver: Deliver = by_files,
) -> list[Scene]:
    """Play the chapter on a chain of its own and leave nothing behind.

    Raises what the flows raise when a step fails that should not; a refusal that does not come is a
    scene with ``as_expected`` false.
    """
    with own_chain(settings, progress) as (place, folder, chain):
        photos = demo_photos.find(photos_dir, place.data_dir)
        stage = Stage(place, narrator, progress)
        _Story(
            stage,
            photos,
            folder,
            age=chain.deployment.address("AgeGate"),
            flats=chain.deployment.address("FlatLottery"),
            deliver=deliver,
        ).play()
        return stage.scenes


@dataclass
class _Story:
    stage: Stage
    photos: Photos
    folder: Path
    age: Address
    flats: Address
    deliver: Deliver
    payer: Signer = field(default_factory=lambda: developer_signer(DEVELOPER))
    password: bytes = field(default_factory=lambda: system.token_urlsafe(16).encode())
    word: bytes = field(default_factory=lambda: system.token_urlsafe(16).encode())
    files: dict[str, PolicyFile] = field(default_factory=dict)
    lists: tuple[Revocations, ...] = ()
    number: int = 0

    def play(self) -> None:
        """Play the scenes in their order."""
        stage, photos = self.stage, self.photos
        adults, two = parse_app_policy(EXAMPLE_POLICY), parse_app_policy(EXAMPLE_APP_POLICY)
        stage.play(f"Ada enrols with {photos.first_text}", lambda: self.enrol("ada", photos.first))
        stage.play("Ben, ten years old, enrols as well", lambda: self.enrol("ben", photos.other))
        stage.play("A city makes a key and registers as an issuer", self.register)
        stage.play("It attests to Ada who she is", lambda: self.attest("ada", PERSON))
        stage.play("It attests to Ben who he is", lambda: self.attest("ben", MINOR))
        stage.refuse("Ada keeps a credential that was made for Ben", "CredentialInvalid", self.lend)
        stage.play("Ada proves to a club that she is of age", lambda: self.show("ada", adults))
        stage.refuse(
            "The same proof said to be of a policy that asks less", "ProofInvalid", self.loosen
        )
        stage.refuse("The same proof with its numbers swapped", "ProofInvalid", self.forge)
        stage.play("The club's contract lets her in", lambda: self.send("ada"))
        stage.refuse(
            "Ada comes in a second time",
            "AppRefusal",
            lambda: (self.show("ada", adults), self.send("ada")),
        )
        stage.refuse("Ben tries the same", "PolicyUnmet", lambda: self.show("ben", adults))
        stage.refuse(
            "Ada applies for a flat: two credentials of three, and she has one",
            "PolicyUnmet",
            lambda: self.show("ada", two),
        )
        stage.play("The city attests her income as well", lambda: self.attest("ada", INCOME))
        stage.play("Now she shows two credentials in one act", lambda: self.show("ada", two))
        stage.play("The housing office takes her application", lambda: self.send("ada"))
        stage.play("Ada makes a proof for later", lambda: self.show("ada", adults))
        stage.play("The city revokes her credential", self.revoke)
        stage.refuse(
            "Ada proves once more", "CredentialInvalid", lambda: self.show("ada", adults, "late")
        )
        stage.refuse("Two minutes later, the proof of before", "GateRefusal", self.too_late)

    @property
    def city(self) -> Settings:
        """Settings of the issuer's machine."""
        return machine(self.stage.settings, self.folder, "city")

    def _image(self, name: str) -> Path:
        # a photo serves as another of the same person where there is one only
        return self.photos.again if name == "ada" else self.photos.other

    def _passport(self, name: str) -> passport_file.Opened:
        factors = Factors(self.password, self._image(name))
        return passport_file.unlock(self.stage.settings, name, factors, self.stage.progress)

    def enrol(self, name: str, image: Path) -> tuple[str, dict[str, object]]:
        """Make a passport."""
        wish = enroll.EnrollRequest(name, image, self.password)
        done = enroll.enroll(self.stage.settings, wish, self.payer, self.stage.progress)
        return "enrolled", {"leaf": done.index}

    def register(self) -> tuple[str, dict[str, object]]:
        """Make the issuer and register it."""
        kyc_issuer.init(self.city, "city", "City of Example", self.word)
        opened = kyc_issuer.register(
            self.city, self._issuer(), Purse(self.payer), self.stage.progress
        )
        if opened.content.home is not None:
            self.number = opened.content.home.number
        return "anybody may; whom an app accepts is for its policy to say", {"number": self.number}

    def _issuer(self) -> OpenedIssuer:
        return kyc_issuer.unlock(self.city, "city", self.word, self.stage.progress)

    def attest(self, name: str, claims: Mapping[str, ClaimValue]) -> tuple[str, dict[str, object]]:
        """Issue a credential and bring it to its holder."""
        schema = parse_schema(INCOME_SCHEMA if claims is INCOME else EXAMPLE_SCHEMA)
        desk = Desk(
            self.city, self._issuer(), self.stage.settings, self._passport(name), schema, claims
        )
        held = self.deliver(desk, self.stage.progress)
        if held.credential is None:
            raise CheckFailed("the credential did not come")
        outcome = "sealed on the holder's machine; the issuer saw a number that tells nothing"
        return outcome, {"claims": len(claims), "number": held.credential.terms.nonce}

    def lend(self) -> None:
        """Try to keep another's credential."""
        unlocked = self._passport("ben").unlocked
        kept = keeping.look(self.stage.settings, unlocked, self.stage.progress)
        document = kept.get(kept.ids()[0]).document
        kyc.keep(self.stage.settings, self._passport("ada"), document, self.stage.progress)

    def show(
        self, name: str, policy: AppPolicyText, place: str = ""
    ) -> tuple[str, dict[str, object]]:
        """Prove what a policy asks."""
        flat = len(policy.parts) > 1
        call = AppCall("apply(uint256)", ("7",)) if flat else AppCall("enter()", ())
        ask = prove.Ask(
            app=self.flats if flat else self.age, call=call, beneficiary=self.payer.address
        )
        consent = kyc_prove.prepare_app(self.stage.settings, ask, policy, self.stage.progress)
        keys = prove.Keys(name, self.password, self._image(name))
        proved = kyc_prove.prove(
            self.stage.settings, consent, keys, self.stage.progress, revocations=self.lists
        )
        kyc_verify.verify_on_chain(self.stage.settings, proved.file, self.stage.progress)
        self.files[place or name] = proved.file
        said = [policy.parts[part] for part in proved.file.parts]
        words = "; ".join(", ".join(part.predicates) for part in said)
        return f"shown, and nothing else: {words}", {
            "proofs": len(proved.file.parts),
            "seconds of proving": f"{proved.seconds['prove']:.1f}",
        }

    def loosen(self) -> None:
        """Say that the proof is of a policy that asks for sixteen years."""
        file = self.files["ada"]
        document = {**EXAMPLE_POLICY, "predicates": [
            {"claim": "birth_date", "op": "age >=", "value": 16},
            {"claim": "residence", "op": "not in", "members": ["XA", "XB"]},
        ]}  # fmt: skip
        policy = parse_app_policy(document)
        bound = replace(file.bound, payload=policy.policy.bind(file.payload))
        self._verify(replace(file, policy=policy, bound=bound))

    def forge(self) -> None:
        """Swap two numbers of the proof."""
        file = self.files["ada"]
        proof = file.bound.proof
        bound = replace(file.bound, proof=replace(proof, a=proof.c, c=proof.a))
        self._verify(replace(file, bound=bound))

    def _verify(self, file: PolicyFile) -> None:
        kyc_verify.verify_offline(self.stage.settings, file, self.stage.progress)

    def send(self, name: str) -> tuple[str, dict[str, object]]:
        """Bring the proof to its app."""
        receipt = kyc_prove.send(
            self.stage.settings, self.files[name], self.payer, self.stage.progress
        )
        pseudonym = f"{self.files[name].bound.nullifier:#x}"[:18]
        return "accepted; the app keeps a pseudonym", {
            "pseudonym": pseudonym,
            "gas": receipt.gas_used,
        }

    def revoke(self) -> tuple[str, dict[str, object]]:
        """Revoke the first credential of the city."""
        _, published = kyc_issuer.revoke(
            self.city, self._issuer(), (0,), Purse(self.payer), self.stage.progress
        )
        self.lists = (published.revocations,)
        return "a new root is on chain; the list says numbers, no names", {
            "gas": published.gas_used
        }

    def too_late(self) -> None:
        """Send a proof made before the revocation."""
        dev.advance(self.stage.settings, GRACE + 1)
        self.send("ada")
