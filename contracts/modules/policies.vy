# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title policies
@license MIT
@notice Holds what an app asks of credentials, and checks that a presentation shows it: several
        credentials of one passport, a level, fresh roots. Free to import, unlike the other modules.
@dev The commitment of the whole policy is in the payload of every proof, so that a proof made for
     another policy fails, also for one that asks less. All parts share pseudonym, act and deadline
     by construction: the calldata has each of them once. Specified in docs/protocol.md, section 20.
@custom:stop A module, never deployed.
"""

from ..interfaces import IIssuerRegistry
from ..interfaces import IPassportRegistry
from ..interfaces import IPolicyApp
from ..interfaces import IPredicateGate

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

MAX_LEVEL: constant(uint256) = 3
MAX_PARTS: constant(uint256) = 4

POLICY_TYPEHASH: constant(bytes32) = keccak256(
    "Policy(uint256 level,bool strict,uint256 required,uint256[4] parts)"
)
POLICY_ACT_TYPEHASH: constant(bytes32) = keccak256("PolicyAct(bytes32 payload,uint256 policy)")

GATE: public(immutable(address))
policy_commitment: public(immutable(uint256))
passport_level: public(immutable(uint256))
_PASSPORTS: immutable(address)
_ISSUERS: immutable(address)
_STRICT: immutable(bool)
_REQUIRED: immutable(uint256)
_COUNT: immutable(uint256)
_PARTS: immutable(uint256[MAX_PARTS])


@deploy
def __init__(gate: address, policy: IPolicyApp.Policy):
    """
    @param gate The PredicateGate to ask.
    @param policy What to ask, as `mip kyc policy` prints it.
    """
    assert gate.is_contract, "policy: gate has no code"
    assert policy.level != 0 and policy.level <= MAX_LEVEL, "policy: level is unknown"
    count: uint256 = len(policy.parts)
    assert policy.required != 0 and policy.required <= count, "policy: required parts do not exist"
    parts: uint256[MAX_PARTS] = empty(uint256[MAX_PARTS])
    for i: uint256 in range(count, bound=MAX_PARTS):
        part: uint256 = policy.parts[i]
        assert part != 0 and part < R, "policy: part is zero or not canonical"
        # one that is there twice would count twice
        assert part not in parts, "policy: part is there twice"
        parts[i] = part
    GATE = gate
    _PASSPORTS = staticcall IPredicateGate(gate).PASSPORTS()
    _ISSUERS = staticcall IPredicateGate(gate).ISSUERS()
    passport_level = policy.level
    _STRICT = policy.strict
    _REQUIRED = policy.required
    _COUNT = count
    _PARTS = parts
    policy_commitment = convert(
        keccak256(
            abi_encode(POLICY_TYPEHASH, policy.level, policy.strict, policy.required, parts)
        ),
        uint256,
    ) >> 8


@view
@external
def credential_policy() -> IPolicyApp.Policy:
    """
    @notice What the app asks of credentials.
    @return The policy.
    """
    parts: DynArray[uint256, MAX_PARTS] = []
    for i: uint256 in range(_COUNT, bound=MAX_PARTS):
        parts.append(_PARTS[i])
    return IPolicyApp.Policy(
        level=passport_level, strict=_STRICT, required=_REQUIRED, parts=parts
    )


@view
@internal
def _check(
    purpose: bytes32, payload: bytes32, presentation: IPolicyApp.PolicyPresentation
) -> uint256:
    """
    @notice Tells which pseudonym satisfies the policy, or reverts. The caller spends the nullifier.
    @dev A caller lets a revert revert its whole call, as with the registry's `check`.
    @param purpose keccak256 of the app's purpose.
    @param payload Hash of the function and the arguments that the holder agreed to.
    @param presentation What the holder presents.
    @return The nullifier.
    """
    assert len(presentation.shown) == _REQUIRED, "policy: not as many parts as required"
    if _STRICT:
        assert (
            presentation.root == staticcall IPassportRegistry(_PASSPORTS).root()
        ), "policy: passport root is not the newest"
        assert (
            presentation.issuers_root == staticcall IIssuerRegistry(_ISSUERS).root()
        ), "policy: issuers root is not the newest"
    bound: bytes32 = keccak256(abi_encode(POLICY_ACT_TYPEHASH, payload, policy_commitment))
    one: IPredicateGate.PredicatePresentation = IPredicateGate.PredicatePresentation(
        root=presentation.root,
        level=presentation.level,
        nullifier=presentation.nullifier,
        beneficiary=presentation.beneficiary,
        nonce=presentation.nonce,
        deadline=presentation.deadline,
        issuers_root=presentation.issuers_root,
        day=presentation.day,
        proof=empty(uint256[8]),
    )
    following: uint256 = 0  # the least number that the next part may have
    for shown: IPolicyApp.PartProof in presentation.shown:
        assert shown.part >= following, "policy: parts are not in ascending order"
        assert shown.part < _COUNT, "policy: there is no such part"
        following = shown.part + 1
        one.proof = shown.proof
        nullifier: uint256 = staticcall IPredicateGate(GATE).check(
            purpose, bound, passport_level, _PARTS[shown.part], one
        )
        assert nullifier == presentation.nullifier, "policy: gate answers another pseudonym"
    return presentation.nullifier
