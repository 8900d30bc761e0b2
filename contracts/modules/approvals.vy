# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title approvals
@license AGPL-3.0-only
@notice Counts guardians who approve something, each once, without learning who they are.
@custom:stop A module, never deployed.
"""

from ..interfaces import IGroth16Verifier
from . import recovery_terms

VERIFIER: public(immutable(address))

# request or cancellation => nullifier => whether that guardian approved
has_approved: public(HashMap[uint256, HashMap[uint256, bool]])


@deploy
def __init__(verifier: address):
    """
    @param verifier The Groth16Verifier of the circuit `guardian_approval`.
    """
    assert verifier.is_contract, "recovery: verifier has no code"
    signals: uint256 = staticcall IGroth16Verifier(verifier).signal_count()
    assert signals == 4, "recovery: verifier is of another circuit"
    VERIFIER = verifier


@internal
def _count(
    set_commitment: uint256,
    request: uint256,
    thresholds: uint256,
    nullifier: uint256,
    proof: uint256[8],
):
    """
    @dev The nullifier is the guardian's for this very request, and requests are hashes of all that
         they are about: an approval serves once and nowhere else. The set commitment binds the
         thresholds. The verifier answers False for signals that are not canonical.
    """
    assert set_commitment != 0, "recovery: passport has no guardians"
    assert recovery_terms._are_valid(thresholds), "recovery: thresholds are out of range"
    assert nullifier != 0, "recovery: nullifier is zero"
    assert not self.has_approved[request][nullifier], "recovery: guardian has approved already"
    self.has_approved[request][nullifier] = True
    signals: uint256[8] = [set_commitment, nullifier, request, thresholds, 0, 0, 0, 0]
    assert staticcall IGroth16Verifier(VERIFIER).verify(
        proof, signals, skip_contract_check=True
    ), "recovery: proof is not valid"
