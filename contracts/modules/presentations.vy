# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title presentations
@license AGPL-3.0-only
@notice Checks that a presentation's proof holds for an asker, a purpose and a payload.
@dev Scope and message are always computed here, from the chain id and the asker: they cannot be
     chosen, so that neither is zero nor out of the field. Which root is good is for the caller to
     decide.
@custom:stop A module, never deployed.
"""

from ..interfaces import IGroth16Verifier
from ..interfaces import IPassportRegistry

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

MAX_DEADLINE: public(constant(uint256)) = 60 * 60  # seconds a presentation's deadline may lie ahead
MAX_LEVEL: constant(uint256) = 3
LEAF_LEVEL: constant(uint256) = 2  # of leaf proofs: both own kinds, and not people

SCOPE_TYPEHASH: constant(bytes32) = keccak256(
    "Scope(uint256 chainId,address contract,bytes32 purpose)"
)
ACTION_TYPEHASH: constant(bytes32) = keccak256(
    "Action(uint256 chainId,address contract,address beneficiary,bytes32 payload,uint256 nonce,uint256 deadline)"
)

VERIFIER: public(immutable(address))


@deploy
def __init__(verifier: address):
    """
    @param verifier The Groth16Verifier of a circuit with the four public signals of
                    docs/protocol.md, section 3.
    """
    assert verifier.is_contract, "registry: verifier has no code"
    signals: uint256 = staticcall IGroth16Verifier(verifier).signal_count()
    assert signals == 4, "registry: verifier is of another circuit"
    VERIFIER = verifier


@view
@external
def scope_of(asker: address, purpose: bytes32) -> uint256:
    """
    @notice Computes the scope in which a nullifier is unique.
    @param asker The contract that asks.
    @param purpose keccak256 of its purpose.
    @return The scope.
    """
    return self._scope(asker, purpose)


@view
@external
def message_of(
    asker: address, beneficiary: address, payload: bytes32, nonce: uint256, deadline: uint256
) -> uint256:
    """
    @notice Computes what a proof must be bound to.
    @param asker The contract that asks.
    @param beneficiary Whom the act shall serve.
    @param payload Hash of the act and its arguments.
    @param nonce Free number of the holder.
    @param deadline Unix time after which the presentation is void.
    @return The message.
    """
    return self._message(asker, beneficiary, payload, nonce, deadline)


@view
@internal
def _require_leaf_proof(
    asker: address,
    purpose: bytes32,
    payload: bytes32,
    leaf: uint256,
    anchor: address,
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev A proof with an empty path, about the leaf itself. Level 3 will not do: what people decide
         takes the time that the recovery contract sets.
    """
    assert presentation.root == leaf, "registry: presentation is not about the passport's leaf"
    assert presentation.beneficiary == anchor, "registry: beneficiary is not the anchor"
    assert presentation.level == LEAF_LEVEL, "registry: level is not that of a leaf proof"
    self._require_valid(asker, purpose, payload, LEAF_LEVEL, presentation)


@view
@internal
def _require_valid(
    asker: address,
    purpose: bytes32,
    payload: bytes32,
    min_level: uint256,
    presentation: IPassportRegistry.Presentation,
):
    self._require_valid_at(asker, asker, purpose, payload, min_level, presentation)


@view
@internal
def _require_valid_at(
    app: address,
    asker: address,
    purpose: bytes32,
    payload: bytes32,
    min_level: uint256,
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev The pseudonym is that of `app`, the message is for `asker`.
    @dev The root is not judged here. The verifier answers False for a signal that is not canonical
         and reverts for want of gas.
    """
    assert block.timestamp <= presentation.deadline, "registry: presentation has expired"
    assert (
        presentation.deadline <= block.timestamp + MAX_DEADLINE
    ), "registry: deadline lies too far ahead"
    assert presentation.level >= min_level, "registry: level is too low"
    assert presentation.level != 0 and presentation.level <= MAX_LEVEL, "registry: level is unknown"
    assert presentation.nullifier != 0, "registry: nullifier is zero"
    assert presentation.beneficiary != empty(address), "registry: beneficiary is zero"
    signals: uint256[8] = [
        (presentation.root + presentation.level) % R,
        presentation.nullifier,
        self._scope(app, purpose),
        self._message(
            asker, presentation.beneficiary, payload, presentation.nonce, presentation.deadline
        ),
        0,
        0,
        0,
        0,
    ]
    assert staticcall IGroth16Verifier(VERIFIER).verify(
        presentation.proof, signals, skip_contract_check=True
    ), "registry: proof is not valid"


@view
@internal
def _scope(asker: address, purpose: bytes32) -> uint256:
    return convert(keccak256(abi_encode(SCOPE_TYPEHASH, chain.id, asker, purpose)), uint256) >> 8


@view
@internal
def _message(
    asker: address, beneficiary: address, payload: bytes32, nonce: uint256, deadline: uint256
) -> uint256:
    return (
        convert(
            keccak256(
                abi_encode(ACTION_TYPEHASH, chain.id, asker, beneficiary, payload, nonce, deadline)
            ),
            uint256,
        )
        >> 8
    )
