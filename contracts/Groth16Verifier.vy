# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Groth16Verifier
@license AGPL-3.0-only
@notice Verifies Groth16 proofs on BN254 for one circuit of one to eight public signals. The
        verifying key is fixed when the contract is constructed.
@custom:stop It cannot be stopped: it has no storage and no owner. Those who call it may turn to
             another one.
"""

from .interfaces import IGroth16Verifier

implements: IGroth16Verifier

MAX_SIGNALS: constant(uint256) = 8

# order of the groups and modulus of the coordinates (EIP-196)
R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583

PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
# four pairs cost 181,000 (EIP-1108); a bad point burns all that is given
PAIRING_GAS: constant(uint256) = 240_000
# a call gets at most 63/64 of what is left; 2,000 are for what comes before it
GAS_NEEDED: constant(uint256) = PAIRING_GAS * 64 // 63 + 2_000

LOCAL_CHAIN_IDS: constant(uint256[2]) = [31337, 1337]

# e(A, B) = e(alpha, beta) e(vk_x, gamma) e(C, delta), with every sign moved into the constants:
# e(A, B) e(C, -delta) e(-alpha, beta) e(vk_x, -gamma) = 1
_FIXED: immutable(uint256[10])  # -delta, -alpha, beta
_GAMMA: immutable(uint256[4])  # -gamma
_IC: immutable(uint256[2][9])

signal_count: public(immutable(uint256))
verifying_key_hash: public(immutable(bytes32))  # keccak256(abi(alpha, beta, gamma, delta, ic))
development: public(immutable(bool))


@deploy
def __init__(
    alpha: uint256[2],
    beta: uint256[4],
    gamma: uint256[4],
    delta: uint256[4],
    ic: DynArray[uint256[2], 9],
    is_development: bool,
):
    """
    @notice Fixes the verifying key. Points of G2 have their imaginary parts first, as in EIP-197.
    @dev A key with gamma = delta has had no phase 2: anyone can forge for it, as for gamma =
         -delta. The precompiles refuse what is not on its curve and in its group.
    @param alpha The point alpha of G1.
    @param beta The point beta of G2.
    @param gamma The point gamma of G2.
    @param delta The point delta of G2.
    @param ic One point of G1 for the constant and one for each public signal.
    @param is_development Whether the key's trapdoor may be known; such a key serves local chains
                          only.
    """
    assert len(ic) >= 2, "verifier: key has no public signal"
    if is_development:
        assert chain.id in LOCAL_CHAIN_IDS, "verifier: development key outside a local chain"
    for point: uint256[4] in [beta, gamma, delta]:
        for coordinate: uint256 in point:
            assert coordinate < P, "verifier: key coordinate is not canonical"
        assert (point[0] | point[1] | point[2] | point[3]) != 0, "verifier: key point is zero"
    assert gamma[0] != delta[0] or gamma[1] != delta[1], "verifier: gamma equals delta up to its sign"
    assert self._is_valid_g1(alpha), "verifier: key point is not on the curve"
    points: uint256[2][9] = empty(uint256[2][9])
    count: uint256 = 0
    for point: uint256[2] in ic:
        assert self._is_valid_g1(point), "verifier: key point is not on the curve"
        points[count] = point
        count += 1
    empty_g1: uint256[2] = empty(uint256[2])
    ok: bool = raw_call(
        PAIRING,
        abi_encode(empty_g1, beta, empty_g1, gamma, empty_g1, delta),
        gas=PAIRING_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert ok, "verifier: key point is not on the curve"

    _FIXED = [
        delta[0], delta[1], P - delta[2], P - delta[3],
        alpha[0], P - alpha[1],
        beta[0], beta[1], beta[2], beta[3],
    ]
    _GAMMA = [gamma[0], gamma[1], P - gamma[2], P - gamma[3]]
    _IC = points
    signal_count = len(ic) - 1
    verifying_key_hash = keccak256(abi_encode(alpha, beta, gamma, delta, ic))
    development = is_development


@view
@external
@reentrant
def verify(proof: uint256[8], signals: uint256[8]) -> bool:
    """
    @notice Tells whether the proof is valid for the public signals. Returns False for anything
            else and never burns more than PAIRING_GAS; the caller asserts. Too little gas reverts:
            whoever sends a valid proof cannot have it called invalid.
    @dev Coordinates and signals must be canonical, A, B and C must not be zero; whether they lie on
         their curves is for the pairing precompile to say. Products of key points and canonical
         signals cannot fail. Comparisons are joined without branches, and four products without
         intermediate copies: that is what the passport pays for.
    @param proof A, B, C as eight coordinates below P, imaginary parts of B first.
    @param signals The public signals, each below R; those beyond `signal_count` must be zero.
    @return Whether the proof is valid.
    """
    if (
        convert(proof[0] >= P, uint256)
        | convert(proof[1] >= P, uint256)
        | convert(proof[2] >= P, uint256)
        | convert(proof[3] >= P, uint256)
        | convert(proof[4] >= P, uint256)
        | convert(proof[5] >= P, uint256)
        | convert(proof[6] >= P, uint256)
        | convert(proof[7] >= P, uint256)
        | convert(signals[0] >= R, uint256)
        | convert(signals[1] >= R, uint256)
        | convert(signals[2] >= R, uint256)
        | convert(signals[3] >= R, uint256)
        | convert(signals[4] >= R, uint256)
        | convert(signals[5] >= R, uint256)
        | convert(signals[6] >= R, uint256)
        | convert(signals[7] >= R, uint256)
        | convert((proof[0] | proof[1]) == 0, uint256)
        | convert((proof[2] | proof[3] | proof[4] | proof[5]) == 0, uint256)
        | convert((proof[6] | proof[7]) == 0, uint256)
    ) != 0:
        return False
    count: uint256 = signal_count
    sum: uint256[2] = empty(uint256[2])
    if count >= 4:
        sum = ecadd(
            ecadd(
                ecadd(
                    ecadd(_IC[0], ecmul(_IC[1], signals[0])),
                    ecmul(_IC[2], signals[1]),
                ),
                ecmul(_IC[3], signals[2]),
            ),
            ecmul(_IC[4], signals[3]),
        )
    else:
        sum = ecadd(_IC[0], ecmul(_IC[1], signals[0]))
        if count > 1:
            sum = ecadd(sum, ecmul(_IC[2], signals[1]))
        if count > 2:
            sum = ecadd(sum, ecmul(_IC[3], signals[2]))
        unused: uint256 = self._beyond(count, 1, signals[1]) | self._beyond(count, 2, signals[2])
        if (unused | signals[3]) != 0:
            return False
    if count > 4:
        for i: uint256 in range(4, 8):
            if i < count:
                sum = ecadd(sum, ecmul(_IC[i + 1], signals[i]))
            elif signals[i] != 0:
                return False
    elif (signals[4] | signals[5] | signals[6] | signals[7]) != 0:
        return False
    assert msg.gas >= GAS_NEEDED, "verifier: too little gas"
    ok: bool = False
    answer: Bytes[32] = b""
    ok, answer = raw_call(
        PAIRING,
        abi_encode(proof, _FIXED, sum, _GAMMA),
        max_outsize=32,
        gas=PAIRING_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    return ok and len(answer) == 32 and convert(answer, uint256) == 1


@pure
@internal
def _beyond(count: uint256, place: uint256, signal: uint256) -> uint256:
    return signal if place >= count else 0


@view
@internal
def _is_valid_g1(point: uint256[2]) -> bool:
    """
    @dev The addition precompile fails for coordinates that are not canonical or not on the curve;
         zero is refused.
    """
    if (point[0] | point[1]) == 0:
        return False
    return raw_call(
        0x0000000000000000000000000000000000000006,
        abi_encode(point, empty(uint256[2])),
        gas=10_000,
        is_static_call=True,
        revert_on_failure=False,
    )
