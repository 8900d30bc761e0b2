"""Credentials: issuing and revoking by the thousand, a proof of a policy, its gates on a chain."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.common import (
    Context,
    Figures,
    Memory,
    announced,
    cpu_seconds,
    median_cpu_seconds,
    median_seconds,
    seconds,
)
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.holder import Holder
from mip_cli.chain import suite
from mip_cli.chain.abi import address_word
from mip_cli.chain.app import Invocation, parse_invocation
from mip_cli.chain.deployments import DOCUMENT_GATE, ISSUERS
from mip_cli.chain.index import sync
from mip_cli.chain.issuers import IssuerRegistry
from mip_cli.chain.predicates import PolicyPresentation, PredicatePresentation, policy_call
from mip_cli.chain.registry import Registry
from mip_cli.chain.suite import parse_compiled
from mip_cli.chain.values import Call
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.crypto.claims import ClaimValue, face_text, parse_schema
from mip_cli.crypto.credential import SignedStatement, Statement, Terms
from mip_cli.crypto.dates import date_of_day, day_of
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.eddsa import SigningKey
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, AppPolicyText, parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA, PolicyText
from mip_cli.face.spec import DEFAULT_SPEC
from mip_cli.flows.kyc import credential_file, document, kyc_issuer
from mip_cli.flows.kyc.credential_file import Request, Revocations
from mip_cli.models import Presentation
from mip_cli.progress import Silent
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Home, Opened
from mip_cli.units import Address, Nullifier
from mip_cli.zk import document_inputs
from mip_cli.zk.artifacts import CircuitArtifacts, circuit_folder, load_circuit, read_stamp
from mip_cli.zk.document_inputs import DocumentOpening
from mip_cli.zk.predicate_inputs import (
    CIRCUIT,
    PredicateParameters,
    PredicateWitness,
    circuit_inputs,
)
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover

ISSUED = 500
REVOKED = 10_000
PERSON: dict[str, ClaimValue] = {
    "given_name": "Ada",
    "family_name": "Example",
    "birth_date": "1990-12-10",
    "nationality": "GBR",
    "residence": "DE",
    "assurance": 3,
}
_BLINDING, _SALT = 11, 13


def measure(context: Context) -> Figures:
    """Measure the issuer's work without a chain, then a holder's proofs on one."""
    folder = circuit_folder(context.settings, CIRCUIT)
    figures: Figures = {
        "kyc.constraints": read_stamp(folder).constraints,
        "kyc.zkey_mib": (folder / f"{CIRCUIT}.zkey").stat().st_size / 2**20,
    }
    with announced(context.say, "  issue and revoke"):
        figures |= _issuer()
    with fresh_chain(context.settings) as chain, announced(context.say, "  prove and enter"):
        figures |= _Gates(context, chain).measure()
    return figures


def _issuer() -> Figures:
    """Issue 500 credentials in one run, revoke 10,000 in one act."""
    home = Home(31337, Address("0x" + "11" * 20), 2)
    schema, figures = parse_schema(EXAMPLE_SCHEMA), Figures()
    asked = [(Request(number + 1, 0), PERSON) for number in range(ISSUED)]
    with tempfile.TemporaryDirectory(prefix="mip-bench-issuer-") as name:
        opened = store.create(Path(name), "city", "City of Example", b"a password of a city")
        opened = store.settle(opened, home)

        def issue() -> None:
            kyc_issuer.issue(opened, schema, asked, 365, today=lambda: datetime.date(2026, 1, 1))

        figures["kyc.issue_ms"] = seconds(issue) / ISSUED * 1000
        opened = store.open_with_password(Path(name), "city", b"a password of a city")
        figures["kyc.issue_cpu_ms"] = cpu_seconds(issue) / ISSUED * 1000
        opened = store.open_with_password(Path(name), "city", b"a password of a city")
        opened, _ = store.take_nonces(opened, 2 * REVOKED)
        document = b""

        def revoke() -> None:
            nonlocal document
            document = _revoke(opened, home)

        figures["kyc.revoke_10000_seconds"] = seconds(revoke)

        def read() -> None:
            listed = credential_file.REVOCATIONS.decode(document)
            credentials.revocation_tree(listed.nonces)

        figures["kyc.list_10000_seconds"] = seconds(read)
        figures["kyc.list_10000_kib"] = len(document) / 1024
    return figures


def _revoke(opened: Opened, home: Home) -> bytes:
    """Do what ``mip kyc issuer revoke`` does but for the transaction; every second number."""
    after = store.revoke(opened, tuple(range(0, 2 * REVOKED, 2)))
    credentials.revocation_tree(after.content.revoked)
    return credential_file.REVOCATIONS.encode(Revocations(home, 1, after.content.revoked))


@dataclass(frozen=True)
class _Card:
    """A credential of the holder."""

    part: PolicyText
    signed: SignedStatement


class _Gates:
    """A holder with credentials before the example apps."""

    def __init__(self, context: Context, chain: DevChain) -> None:
        self._chain, self._holder = chain, Holder(1, chain.account)
        self._circuit: CircuitArtifacts = load_circuit(context.settings, CIRCUIT)
        self._documents: CircuitArtifacts = load_circuit(context.settings, document_inputs.CIRCUIT)
        self._build = context.settings.build_dir / "contracts"
        self._prover: Prover = choose_prover(context.settings)
        self._issuers = IssuerRegistry(chain.rpc, chain.deployment.address(ISSUERS))
        self._key: SigningKey = eddsa.new_key(os.urandom)

    def measure(self) -> Figures:
        """Register, enrol, prove warm, and enter twice: the second one counts."""
        chain, holder = self._chain, self._holder
        opening = holder.opening
        registry = Registry(chain.rpc, chain.deployment.registry)
        chain.send(registry.enroll(opening.identity_commitment, opening.keys_root,
                                   opening.guardian_commitment))  # fmt: skip
        chain.send(self._issuers.register(self._key.public, "City of Example"))
        chain.next_minute()
        adults, two = parse_app_policy(EXAMPLE_POLICY), parse_app_policy(EXAMPLE_APP_POLICY)
        person = self._card(two.parts[0], PERSON)
        income = self._card(two.parts[1], {"monthly_income": 3100, "currency": "EUR"})
        alone = replace(person, part=adults.parts[0])
        witness = self._witness(alone, scope=3, message=4)
        figures = self._proofs("kyc.prove", witness)
        enter = parse_invocation("enter()", [])
        apply = parse_invocation("apply(uint256)", ["7"])
        with chain.undone():
            age = chain.deployment.address("AgeGate")
            figures["gas.age_gate"] = self._enter(age, "enter as an adult", enter, adults, [alone])
        with chain.undone():
            another = self._issuers.register(eddsa.new_key(os.urandom).public, "Another issuer")
            figures["gas.age_gate_earlier_root"] = self._enter(
                age, "enter as an adult", enter, adults, [alone], meanwhile=another
            )
        with chain.undone():
            figures |= self._document()
        flat = chain.deployment.address("FlatLottery")
        figures["gas.flat_two_of_three"] = self._enter(
            flat, "apply for a flat", apply, two, [person, income]
        )
        return figures

    def _document(self) -> Figures:
        """Prove the face on a document to an app that asks for it at the gate of documents."""
        (name,) = [claim.name for claim in document.SCHEMA.claims]
        (number,) = parse_app_policy(EXAMPLE_POLICY).parts[0].policy.issuers
        part = {"schema": document.SCHEMA.to_json(), "issuers": [number], "require": "all"}
        raw = part | {"format": "mip.policy/1", "predicates": [], "document": name}
        policy = parse_app_policy(raw, level=2)
        hashed = document_hash(self._holder.template, _SALT, DEFAULT_SPEC.spec_id)
        card = self._card(policy.parts[0], {name: face_text(hashed)})
        found = parse_compiled("CarShare", (self._build / "CarShare.json").read_bytes())
        gate = address_word(self._chain.deployment.address(DOCUMENT_GATE))
        arguments = suite._policy_arguments(policy.policy)
        app, _ = self._chain.create(found.bytecode + gate + arguments)
        figures = self._proofs("kyc.document_prove", self._witness(card, scope=3, message=4))
        act = parse_invocation("unlock(uint256)", ["7"])
        figures["gas.document_gate"] = self._enter(app, "unlock a car", act, policy, [card])
        return figures

    def _proofs(self, name: str, witness: PredicateWitness) -> Figures:
        """Measure warm proofs of one witness."""
        figures = {
            f"{name}_seconds": median_seconds(5, lambda: self._prove(witness)),
            f"{name}_cpu_seconds": median_cpu_seconds(3, lambda: self._prove(witness)),
        }
        with Memory(os.getpid(), itself=False) as memory:
            self._prove(witness)
        figures[f"{name}_rss_mib"] = memory.most
        return figures

    def _prove(self, witness: PredicateWitness) -> tuple[Proof, tuple[int, ...]]:
        if witness.policy.document is None:
            inputs = circuit_inputs(witness, PredicateParameters.of(self._circuit.circuit))
            return self._circuit.prove(inputs, self._prover)
        opening = DocumentOpening(self._holder.template, _SALT)
        parameters = document_inputs.parameters_of(self._documents.circuit)
        inputs = document_inputs.circuit_inputs(witness, opening, parameters)
        return self._documents.prove(inputs, self._prover)

    def _card(self, part: PolicyText, values: dict[str, ClaimValue]) -> _Card:
        own = credentials.subject(self._holder.secret, self._holder.anchor, _BLINDING)
        today = date_of_day(day_of(self._chain.now()))
        terms = Terms(today, today + 10_000, 0)
        statement = Statement(part.schema.encode(values), own, part.schema.id, terms)
        public = self._key.public
        return _Card(
            part,
            SignedStatement(statement, public, eddsa.sign(self._key, public, statement.digest)),
        )

    def _witness(self, card: _Card, scope: int, message: int) -> PredicateWitness:
        found = self._chain.deployment
        index = sync(self._chain.rpc, found.registry, found.chain_id, found.block)[0]
        path = index.path(0, self._holder.leaf)
        everyone = self._issuers.everyone(found.block, Silent())
        (number,) = [n for n, r in everyone.records.items() if r.key == self._key.public]
        return PredicateWitness(
            passport=self._holder.witness(scope, message, path),
            blinding=_BLINDING,
            credential=card.signed,
            policy=card.part.policy,
            today=date_of_day(day_of(self._chain.now())),
            issuers=everyone.tree.path(number),
            revocations=credentials.revocation_tree(()).path(0),
        )

    def _enter(
        self,
        app: Address,
        purpose: str,
        act: Invocation,
        asked: AppPolicyText,
        cards: Sequence[_Card],
        meanwhile: Call | None = None,
    ) -> int:
        """Prove and enter; ``meanwhile`` is mined a minute after the proof and before the act."""
        chain, policy = self._chain, asked.policy
        deadline = chain.now() + 1800
        chain_id, beneficiary = chain.deployment.chain_id, self._holder.anchor
        scope = scope_of(chain_id, app, purpose)
        message = message_of(
            chain_id,
            app,
            beneficiary=beneficiary,
            payload=policy.bind(act.payload),
            nonce=0,
            deadline=deadline,
        )
        shown = []
        for card in cards:
            witness = self._witness(card, scope, message)
            proof, signals = self._prove(witness)
            passport = Presentation(
                witness.passport.root,
                witness.passport.level,
                Nullifier(signals[1]),
                beneficiary,
                0,
                deadline,
                tuple(proof.evm_words()),
            )
            shown.append(PredicatePresentation(passport, witness.issuers.root, day_of(chain.now())))
        presented = PolicyPresentation(
            shown[0],
            tuple(range(len(cards))),
            tuple(other.passport.proof for other in shown[1:]),
        )
        if meanwhile is not None:
            chain.next_minute()
            chain.send(meanwhile)
        return chain.send(policy_call(app, act, presented))
