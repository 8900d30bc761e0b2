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
_AGAIN = "run the command again"
_ASK_HOLDER = "ask the holder for a new grant"
_ASK_AGAIN = "start again and ask the guardians anew: mip recover start"

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
    "registry: guardian commitment is zero or not canonical": Reason(
        "the guardian commitment is not a valid field element", _OUR_BUG
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
    "registry: level is not that of a leaf proof": Reason(
        "acts on a passport take face and password together, nothing else",
        "prove with both face and password",
    ),
    "registry: level is too low": Reason(
        "the app wants stronger keys than the proof shows",
        "prove with face and password, or with people and one of them",
    ),
    "registry: level is unknown": Reason("the proof claims a level that does not exist", _OUR_BUG),
    "registry: nonce is not the passport's epoch": Reason(
        "the proof was made for an earlier state of this passport", _FRESH_PROOF
    ),
    "registry: nullifier is zero": Reason("the proof has no pseudonym", _OUR_BUG),
    "registry: number of siblings does not fit the tree": Reason(
        "the passport tree has grown meanwhile", _AGAIN
    ),
    "registry: passport is already enrolled": Reason(
        "this passport is already enrolled", "look at it: mip passport show"
    ),
    "registry: passport is frozen": Reason(
        "this passport is frozen until a quorum of its guardians decides",
        "see what is under way: mip recover status",
    ),
    "registry: passport is not enrolled": Reason(
        "this passport is not enrolled here", "enrol it: mip enroll"
    ),
    "registry: passport is revoked": Reason(
        "this passport was revoked", "its guardians can bring it back: mip recover start"
    ),
    "registry: presentation has expired": Reason("the proof has expired", _FRESH_PROOF),
    "registry: presentation is not about the passport's leaf": Reason(
        "the proof is not about this passport as it is now", _FRESH_PROOF
    ),
    "registry: proof is not valid": Reason(
        "the proof does not hold for this chain, contract and act", _FRESH_PROOF
    ),
    "registry: recovery has no code": Reason("the recovery contract is missing", "mip deploy"),
    "registry: root is not accepted": Reason(
        "the proof is about a tree that is too old or not of this registry", _FRESH_PROOF
    ),
    "registry: root is not the current one": Reason(
        "the passport tree has changed since the proof was made", _FRESH_PROOF
    ),
    "registry: siblings do not lead from this leaf to the tree": Reason(
        "the passport tree has changed meanwhile", _AGAIN
    ),
    "registry: sender is not the recovery contract": Reason(
        "only the recovery contract may do this", _OUR_BUG
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
    "recovery: an armed request holds up the change": Reason(
        "the guardians approved a recovery, and the set stays until it is decided",
        "veto it or let it run out: mip recover status",
    ),
    "recovery: change has expired": Reason(
        "the change of guardians was not finished in time", "propose it again: mip guardian set"
    ),
    "recovery: change has not waited long enough": Reason(
        "a change of guardians waits 48 hours", "finish it when they are over"
    ),
    "recovery: delay is not over": Reason(
        "the recovery waits, so that the holder could say no",
        "finish it when the delay is over: mip recover status",
    ),
    "recovery: guardian commitment is zero or not canonical": Reason(
        "the guardian commitment is not a valid field element", _OUR_BUG
    ),
    "recovery: guardian has approved already": Reason("this guardian has approved already"),
    "recovery: keys root is zero or not canonical": Reason(
        "the new keys root is not a valid field element", _OUR_BUG
    ),
    "recovery: no change waits": Reason("no change of guardians waits"),
    "recovery: nonce is not the number of changes": Reason(
        "the guardians were changed, or a change was stopped, since the proof was made", _AGAIN
    ),
    "recovery: nullifier is zero": Reason("the approval names nobody", _OUR_BUG),
    "recovery: passport has no guardians": Reason(
        "this passport has no guardians", "choose some: mip guardian set"
    ),
    "recovery: passport is not active": Reason(
        "the passport is revoked or frozen; its guardians stay as they are",
        "bring it back first: mip recover start",
    ),
    "recovery: proof is not valid": Reason(
        "the approval is not of a guardian of this passport, or for another request",
        "is the guardian's part still the one in force?",
    ),
    "recovery: request has expired": Reason("the request is over", _ASK_AGAIN),
    "recovery: request is not armed": Reason(
        "the request lacks approvals, or was vetoed or carried out", "look: mip recover status"
    ),
    "recovery: request is not open": Reason(
        "the request was never proposed, or has approvals enough, or was decided",
        "look: mip recover status",
    ),
    "recovery: request is of another passport": Reason(
        "the request is about another passport", _OUR_BUG
    ),
    "recovery: request is void": Reason(
        "the guardians, the keys or the passport changed since it was proposed", _ASK_AGAIN
    ),
    "recovery: request was proposed before": Reason(
        "the very same request was proposed before", "choose new keys: mip recover start"
    ),
    "recovery: set commitment is not canonical": Reason(
        "the set commitment is not a valid field element", _OUR_BUG
    ),
    "recovery: thresholds are out of range": Reason(
        "threshold and quorum of the guardians make no sense", _OUR_BUG
    ),
    "recovery: too few approvals for a passport taken out": Reason(
        "a revoked or frozen passport needs a quorum of its guardians",
        "ask more of them, in a new request: mip recover start",
    ),
    "recovery: verifier has no code": Reason("the verifier contract is missing", "mip deploy"),
    "recovery: verifier is of another circuit": Reason(
        "the verifier belongs to another circuit", _REBUILD
    ),
    "epochs: nonce is not the present epoch": Reason(
        "the proof was made before this pseudonym's last voiding", _FRESH_PROOF
    ),
    "archive: commitment is zero": Reason("nothing would be anchored", _OUR_BUG),
    "archive: registry has no code": Reason("the registry contract is missing", "mip deploy"),
    "archive: sequence is not the next one": Reason(
        "another device, or an earlier run, anchored this archive meanwhile",
        "look at what it anchored: mip archive verify",
    ),
    "grants: category is zero": Reason("the grant names no category", _OUR_BUG),
    "grants: epoch is out of range": Reason(
        "this pseudonym was voided too often to grant anything"
    ),
    "grants: expiry has passed": Reason("the grant would be over already", "choose a later expiry"),
    "grants: expiry lies too far ahead": Reason(
        "a grant lasts 366 days at most", "choose a nearer expiry"
    ),
    "grants: grant has expired": Reason("the grant has expired", _ASK_HOLDER),
    "grants: grant is used up": Reason("no use of the grant is left", _ASK_HOLDER),
    "grants: grant was voided by its holder": Reason(
        "the holder voided all that this pseudonym had granted", _ASK_HOLDER
    ),
    "grants: grantee is zero": Reason("the grant names nobody who gets it", _OUR_BUG),
    "grants: level is not granted": Reason("the holder granted less than that", _ASK_HOLDER),
    "grants: level is unknown": Reason("a grant has a level from 0 to 3"),
    "grants: nonce is not the next sequence": Reason(
        "something was granted or revoked here since the proof was made", _AGAIN
    ),
    "grants: nothing is granted": Reason(
        "nothing is granted, or it was revoked or given back", _ASK_HOLDER
    ),
    "grants: pseudonym is another": Reason("the registry names another pseudonym", _OUR_BUG),
    "grants: receipt is zero": Reason("the grant names no consent receipt", _OUR_BUG),
    "grants: registry has no code": Reason("the registry contract is missing", "mip deploy"),
    "grants: sender is not the grantee": Reason(
        "the grant was given to another account", "send it from the grantee's"
    ),
    "grants: uses are out of range": Reason("a grant has from 1 to 2^32 - 1 uses"),
    "issuers: change has expired": Reason("the change of the issuer was not finished in time"),
    "issuers: controller is zero": Reason("the issuer would have no controller", _OUR_BUG),
    "issuers: delay not over": Reason(
        "the change of the issuer's key waits 48 hours", "finish it when they are over"
    ),
    "issuers: issuer is not suspended": Reason("the issuer is active"),
    "issuers: issuer is suspended": Reason("the issuer is suspended already"),
    "issuers: key is not canonical": Reason("the issuer's key is no valid point", _OUR_BUG),
    "issuers: key is not on the curve": Reason("the issuer's key is no valid point", _OUR_BUG),
    "issuers: no change is waiting": Reason("no change of this issuer is waiting"),
    "issuers: no such issuer": Reason("there is no issuer of that number"),
    "issuers: registry is full": Reason(
        "the registry of issuers has no place left", "use another deployment"
    ),
    "issuers: root is not canonical": Reason("the root is not a valid field element", _OUR_BUG),
    "issuers: self-attestation without a registry": Reason(
        "the registry of issuers is missing", "mip deploy"
    ),
    "issuers: sender is not the controller": Reason(
        "another account speaks for this issuer", "pay with the account that registered it"
    ),
    "issuers: version is not the present one": Reason(
        "something was published for this issuer meanwhile", _AGAIN
    ),
    "gate: beneficiary is zero": Reason(
        "the proof names nobody whom the act shall serve", "name one with --beneficiary"
    ),
    "gate: day is not today": Reason("the proof is of another day", _FRESH_PROOF),
    "gate: day is out of range": Reason("that is not a day", _OUR_BUG),
    "gate: deadline lies too far ahead": Reason(
        "the proof would be valid for more than an hour", "choose a nearer deadline"
    ),
    "gate: issuers root is not accepted": Reason(
        "issuers have published revocations or keys since the proof was made", _FRESH_PROOF
    ),
    "gate: level is too low": Reason(
        "the app wants more kinds of key than the proof shows", "show more: --kinds face,password"
    ),
    "gate: level is unknown": Reason("the proof claims a level that does not exist", _OUR_BUG),
    "gate: nullifier is zero": Reason("the proof shows no pseudonym", _OUR_BUG),
    "gate: passport root is not accepted": Reason(
        "the proof is about a tree of passports that is too old", _FRESH_PROOF
    ),
    "gate: policy is zero or not canonical": Reason(
        "the app asks for a policy that nobody can satisfy", "tell the app's makers"
    ),
    "gate: presentation has expired": Reason("the proof came too late", _FRESH_PROOF),
    "gate: proof is not valid": Reason(
        "the proof does not hold for this app, act and policy", _FRESH_PROOF
    ),
    "gate: registry has no code": Reason("a registry contract is missing", "mip deploy"),
    "gate: verifier has no code": Reason("the verifier contract is missing", "mip deploy"),
    "gate: verifier is of another circuit": Reason(
        "the verifier belongs to another circuit", _REBUILD
    ),
    "policy: gate answers another pseudonym": Reason(
        "the gate answers with another pseudonym than the proof's", _OUR_BUG
    ),
    "policy: gate has no code": Reason("the gate contract is missing", "mip deploy"),
    "policy: issuers root is not the newest": Reason(
        "issuers have published revocations or keys since the proof was made, and the app takes "
        "the newest root alone",
        _FRESH_PROOF,
    ),
    "policy: level is unknown": Reason("there are levels 1 to 3 only", "change the policy"),
    "policy: not as many parts as required": Reason(
        "the proof shows more or fewer parts than the app's policy requires", _FRESH_PROOF
    ),
    "policy: part is there twice": Reason(
        "two parts of the policy are the same, which would count twice", "change the policy"
    ),
    "policy: part is zero or not canonical": Reason(
        "a part of the policy is one that nobody can satisfy", "change the policy"
    ),
    "policy: parts are not in ascending order": Reason(
        "the parts of the proof stand in a wrong order, or one is there twice", _OUR_BUG
    ),
    "policy: passport root is not the newest": Reason(
        "others enrolled or changed keys since the proof was made, and the app takes the newest "
        "root alone",
        _FRESH_PROOF,
    ),
    "policy: required parts do not exist": Reason(
        "the policy requires more parts than it has, or none", "change the policy"
    ),
    "policy: there is no such part": Reason(
        "the app's policy has no such part", "get the policy from the app's makers"
    ),
    "age: passport has entered": Reason("this passport has entered already"),
    "clinic: patient is not registered": Reason("this patient has not registered"),
    "clinic: patient is registered": Reason("this patient has registered already"),
    "clinic: sender is not the operator": Reason(
        "only who runs the clinic may do this", "send it from the operator's account"
    ),
    "lender: an application is open": Reason(
        "this passport has an application that is not decided"
    ),
    "lender: application is not open": Reason("there is no open application of that number"),
    "lender: sender is not the operator": Reason(
        "only who runs the lender may do this", "send it from the operator's account"
    ),
    "flat: passport has applied": Reason("this passport has applied for the flat already"),
    "flat: there is no such flat": Reason("there is no flat of that number"),
    "car: nonce is not the number of trips": Reason(
        "the proof's nonce is not the number of cars that this passport had", "prove with --nonce"
    ),
    "car: passport has another": Reason("this passport has a car already", "give it back first"),
    "car: sender does not have it": Reason(
        "the car was not unlocked for this account", "send it from the account it was unlocked for"
    ),
    "car: somebody has it": Reason("somebody has this car now"),
    "car: there is no such car": Reason("there is no car of that number"),
    "claim: passport has claimed": Reason("this passport has claimed already"),
    "vault: grant has expired": Reason("the grant has expired", "ask its holder for a new one"),
    "vault: grant was voided by its holder": Reason("the grant was voided by its holder"),
    "vault: more than is left of the day's allowance": Reason(
        "this is more than is left of the day's allowance",
        "take less, or prove with people: mip prove --kinds people,password",
    ),
    "vault: more than the spender's cap": Reason("this is more than the grant allows"),
    "vault: more than the vault holds": Reason("this is more than the vault holds"),
    "vault: nonce is not the vault's": Reason(
        "the proof was made before the vault's last act", _FRESH_PROOF
    ),
    "vault: recipient refuses the money": Reason("the recipient refuses the money"),
    "vote: no such choice": Reason("there is no such choice", "choices are numbered from 0"),
    "vote: passport has voted": Reason("this passport has voted already"),
    "vote: voting is over": Reason("voting is over"),
}
