"""The words behind each reason string of ``contracts/``; a test compares both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """What a reason string means to a person."""

    words: str
    """One clause, lower case, no full stop."""
    hint: str | None = None
    """What to do about it."""


_FRESH_PROOF = "make a fresh proof: mip prove"
_OUR_BUG = "this should not happen; please report it"
_REBUILD = "rebuild the circuits and deploy again"

REASONS: dict[str, Reason] = {
    "registry: beneficiary is not the anchor": Reason(
        "the proof names another account than the passport's own",
        "the beneficiary of such a proof is the account that enrolled",
    ),
    "registry: beneficiary is zero": Reason(
        "the proof names nobody whom the act shall serve", "name one with --beneficiary"
    ),
    "registry: deadline lies too far ahead": Reason(
        "the proof would be valid for more than an hour", "choose a nearer deadline"
    ),
    "registry: enrolment has expired": Reason(
        "the signed enrolment came too late", "sign it again with a later deadline"
    ),
    "registry: hasher has no code": Reason("the Poseidon2 contract is missing", "mip deploy"),
    "registry: identity commitment is zero or not canonical": Reason(
        "the identity commitment is not a valid field element", _OUR_BUG
    ),
    "registry: keys root is zero or not canonical": Reason(
        "the keys root is not a valid field element", _OUR_BUG
    ),
    "registry: keys were replaced less than COOLDOWN ago": Reason(
        "the keys of this passport were replaced a moment ago", "try again in ten minutes"
    ),
    "registry: leaf operand is not canonical": Reason(
        "a value of the leaf is not a valid field element", _OUR_BUG
    ),
    "registry: level is too low": Reason(
        "the app wants more kinds of keys than the proof shows",
        "prove with both face and password",
    ),
    "registry: level is unknown": Reason("the proof claims a level that does not exist", _OUR_BUG),
    "registry: nullifier is zero": Reason("the proof has no pseudonym", _OUR_BUG),
    "registry: number of siblings does not fit the tree": Reason(
        "the passport tree has grown meanwhile", "run the command again"
    ),
    "registry: passport is already enrolled": Reason(
        "this passport is already enrolled", "look at it: mip passport show"
    ),
    "registry: passport is not enrolled": Reason(
        "this passport is not enrolled here", "enrol it: mip enroll"
    ),
    "registry: passport is revoked": Reason("this passport was revoked for ever", "make a new one"),
    "registry: presentation has expired": Reason("the proof has expired", _FRESH_PROOF),
    "registry: presentation is not about the passport's leaf": Reason(
        "the proof is not about this passport as it is now", _FRESH_PROOF
    ),
    "registry: proof is not valid": Reason(
        "the proof does not hold for this chain, contract and act", _FRESH_PROOF
    ),
    "registry: root is not accepted": Reason(
        "the proof is about a tree that is too old or not of this registry", _FRESH_PROOF
    ),
    "registry: root is not the current one": Reason(
        "the passport tree has changed since the proof was made", _FRESH_PROOF
    ),
    "registry: siblings do not lead from this leaf to the tree": Reason(
        "the passport tree has changed meanwhile", "run the command again"
    ),
    "registry: signature is not the anchor's": Reason(
        "the enrolment is not signed by the account it names", "sign it with that account's key"
    ),
    "registry: tree is full": Reason("the registry has no room for another passport"),
    "registry: tree node is not canonical": Reason(
        "a node of the path is not a valid field element", _OUR_BUG
    ),
    "registry: verifier has no code": Reason("the verifier contract is missing", "mip deploy"),
    "registry: verifier is of another circuit": Reason(
        "the verifier belongs to another circuit", _REBUILD
    ),
    "verifier: development key outside a local chain": Reason(
        "development keys are refused on this chain", "use the keys of a ceremony"
    ),
    "verifier: gamma equals delta up to its sign": Reason(
        "anyone could forge proofs for this verifying key", _REBUILD
    ),
    "verifier: key coordinate is not canonical": Reason("the verifying key is damaged", _REBUILD),
    "verifier: key has no public signal": Reason("the verifying key is damaged", _REBUILD),
    "verifier: key point is not on the curve": Reason("the verifying key is damaged", _REBUILD),
    "verifier: key point is zero": Reason("the verifying key is damaged", _REBUILD),
    "verifier: too little gas": Reason(
        "the transaction had too little gas to check the proof", "send it with the estimated gas"
    ),
    "claim: passport has claimed": Reason("this passport has claimed already"),
    "vote: no such choice": Reason("there is no such choice", "choices are numbered from 0"),
    "vote: passport has voted": Reason("this passport has voted already"),
    "vote: voting is over": Reason("voting is over"),
}
