"""Inputs of the ``kyc_predicate`` circuit and its public signals; protocol section 20.

As for ``passport``: what does not hold is refused here in words, and the circuit is what binds a
prover who skips this module.
"""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto import credential as credentials
from mip_cli.crypto.claims import ClaimKind
from mip_cli.crypto.credential import SignedStatement
from mip_cli.crypto.field import R, require_canonical
from mip_cli.crypto.policy import (
    DOCUMENT_PLACE,
    PREDICATES,
    Interval,
    Policy,
    Predicate,
    entries_of,
)
from mip_cli.crypto.quad_tree import QuadPath, QuadTree
from mip_cli.errors import CredentialInvalid, PolicyUnmet
from mip_cli.zk import passport_inputs
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.passport_inputs import PassportParameters, PassportWitness

CIRCUIT = "kyc_predicate"
"""Name of the circuit in the manifest."""

_Inputs = dict[str, "int | list[int]"]


@dataclass(frozen=True)
class PredicateParameters:
    """The parameters of one ``KycPredicate`` circuit template."""

    passport: PassportParameters
    """Those of the passport in it."""
    issuer_levels: int
    """Levels of the issuers tree."""
    revocation_levels: int
    """Levels of each revocation tree."""
    set_levels: int
    """Levels of each set of intervals."""

    @classmethod
    def of(cls, circuit: Circuit) -> PredicateParameters:
        """Read the parameters from a manifest entry; raise ``ValueError`` if it is another's."""
        if circuit.template != "KycPredicate" or len(circuit.params) != 10:
            raise ValueError(f"{circuit.name} is not a predicate circuit")
        return cls(PassportParameters(*circuit.params[:7]), *circuit.params[7:])


@dataclass(frozen=True, repr=False)
class PredicateWitness:
    """All a holder knows for one proof about one credential."""

    passport: PassportWitness
    """As for a proof of the passport alone."""
    blinding: int
    """Opens the credential's subject."""
    credential: SignedStatement
    policy: Policy
    today: int
    """A date's number."""
    issuers: QuadPath
    """Way of the issuer's leaf in the issuers tree."""
    revocations: QuadPath
    """Way of the credential's nonce in the issuer's revocation tree."""

    def __repr__(self) -> str:
        return "PredicateWitness(<redacted>)"


def public_signals(witness: PredicateWitness) -> list[int]:
    """Return the six public signals as the proof will show them."""
    root_level, nullifier, scope, message = passport_inputs.public_signals(witness.passport)
    statement = (witness.policy.commitment + witness.today) % R
    return [root_level, nullifier, statement, witness.issuers.root, scope, message]


def circuit_inputs(witness: PredicateWitness, parameters: PredicateParameters) -> _Inputs:
    """Build the input signals by name.

    Raises ``CredentialInvalid`` when the credential is another passport's, not signed, not in force
    or revoked, ``PolicyUnmet`` when too few predicates hold, and what ``passport`` raises.
    """
    require_usable(witness)
    signed, policy = witness.credential, witness.policy
    terms = signed.statement.terms
    bits = [terms.nonce >> i & 1 for i in range(2 * parameters.revocation_levels)]
    place = witness.issuers.position
    return {
        **passport_inputs.circuit_inputs(witness.passport, parameters.passport),
        "blinding": witness.blinding,
        "claim": list(signed.statement.claims),
        "schema": signed.statement.schema_id,
        "issuedOn": terms.issued_on,
        "expiresOn": terms.expires_on,
        "keyX": signed.key[0],
        "keyY": signed.key[1],
        "nonceX": signed.signature.nonce[0],
        "nonceY": signed.signature.nonce[1],
        "response": signed.signature.response,
        "issuerChild": [value for family in witness.issuers.children for value in family],
        "issuerBit": [place >> i & 1 for i in range(2 * parameters.issuer_levels)],
        "revocationChild": [value for row in witness.revocations.children for value in row],
        "revocationNode": list(witness.revocations.nodes),
        "revocationBit": bits,
        "today": witness.today,
        "required": policy.required,
        "accepted": list(policy.accepted),
        **_predicates(witness, parameters.set_levels),
    }


def require_usable(witness: PredicateWitness) -> None:
    """Raise unless the credential is good today for this passport and policy."""
    signed, policy, passport = witness.credential, witness.policy, witness.passport
    statement = signed.statement
    require_canonical(witness.blinding, "blinding")
    own = credentials.subject(passport.secret, passport.anchor, witness.blinding)
    if own != statement.subject:
        raise CredentialInvalid("the credential was issued for another passport")
    if statement.schema_id != policy.schema_id:
        raise PolicyUnmet("the policy asks for credentials of another schema")
    if not signed.is_valid():
        raise CredentialInvalid("the credential's signature does not hold")
    if witness.revocations.position != statement.terms.nonce:
        raise ValueError("the way in the revocation tree is another credential's")
    if witness.revocations.children[0][statement.terms.nonce % 4] != 0:
        raise CredentialInvalid("the credential was revoked by its issuer")
    leaf = credentials.issuer_leaf(signed.key, witness.revocations.root)
    if witness.issuers.children[0][witness.issuers.position % 4] != leaf:
        raise CredentialInvalid(
            "the registry has another key or other revocations for the issuer",
            hint="fetch the issuer's present revocation list; after a change of its key the "
            "credential must be issued anew",
        )
    if witness.issuers.position not in policy.issuers:
        raise PolicyUnmet("the policy does not accept the credential's issuer")
    if not statement.terms.issued_on <= witness.today <= statement.terms.expires_on:
        raise CredentialInvalid(
            "the credential is not in force today", hint="ask the issuer for a new one"
        )


def _predicates(witness: PredicateWitness, levels: int) -> _Inputs:
    statement, policy = witness.credential.statement, witness.policy
    entries = entries_of(statement.claims, statement.terms)
    chosen = policy.chosen(entries, witness.today)
    if chosen is None:
        raise PolicyUnmet("the credential does not say what the policy asks for")
    rows = [
        _predicate(policy.predicates[i] if i < len(policy.predicates) else None, levels)
        | (_opening(policy.predicates[i], entries, witness.today) if i in chosen else {})
        for i in range(PREDICATES)
    ]
    if policy.document is not None:
        rows[DOCUMENT_PLACE] |= {
            "slotBit": [policy.document >> i & 1 for i in range(4)],
            "kind": ClaimKind.FACE.number,
        }
    found: _Inputs = {}
    for name, first in rows[0].items():
        if isinstance(first, list):
            found[name] = [value for row in rows for value in _list(row[name])]
        else:
            found[name] = [value for row in rows if isinstance(value := row[name], int)]
    return found


def _predicate(predicate: Predicate | None, levels: int) -> _Inputs:
    """Return a predicate that is not shown: its value is a dummy in an interval of one number."""
    slot = predicate.slot if predicate else 0
    return {
        "use": 0,
        "slotBit": [slot >> i & 1 for i in range(4)],
        "kind": predicate.kind if predicate else 0,
        "relative": int(predicate.relative) if predicate else 0,
        "setRoot": predicate.tree.root if predicate else 0,
        "setSpare": predicate.spare if predicate else 0,
        "value": 0,
        "low": 0,
        "count": 1,
        "setChild": _lone_path(Interval(0, 0), levels),
    }


def _opening(predicate: Predicate, entries: tuple[int, ...], today: int) -> _Inputs:
    place = predicate.holding(entries, today)
    if place is None:
        raise ValueError("the predicate does not hold")
    interval = predicate.intervals[place]
    if interval.packed == predicate.spare:
        children = _lone_path(interval, predicate.levels)
    else:
        path = predicate.tree.path(place)
        children = [value for family in path.children for value in family]
    return {
        "use": 1,
        "value": predicate.value(entries, today),
        "low": interval.low,
        "count": interval.count,
        "setChild": children,
    }


def _lone_path(interval: Interval, levels: int) -> list[int]:
    """Return the way in a tree of one interval: any way will do where the tree does not count."""
    path = QuadTree(levels, {0: interval.packed}).path(0)
    return [value for family in path.children for value in family]


def _list(value: int | list[int]) -> list[int]:
    if isinstance(value, int):
        raise TypeError("expected a list")
    return value
