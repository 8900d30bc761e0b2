# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title poseidon2
@license AGPL-3.0-only
@notice Calls the generated Poseidon2 contract, which hashes 64 bytes to C2 and 128 bytes to C4.
@custom:stop A module, never deployed.
"""

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

HASHER: public(immutable(address))


@deploy
def __init__(hasher: address):
    """
    @param hasher The Poseidon2 contract.
    """
    assert hasher.is_contract, "registry: hasher has no code"
    HASHER = hasher


@view
@internal
def _c2(left: uint256, right: uint256) -> uint256:
    """
    @dev The hasher refuses operands that are not canonical.
    @param left Left child.
    @param right Right child.
    @return C2(left, right).
    """
    ok: bool = False
    digest: Bytes[32] = b""
    ok, digest = raw_call(
        HASHER,
        abi_encode(left, right),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert ok, "registry: tree node is not canonical"
    return convert(digest, uint256)


@view
@internal
def _c4(a: uint256, b: uint256, c: uint256, d: uint256) -> uint256:
    """
    @param a First operand, also the one fed forward.
    @param b Second operand.
    @param c Third operand.
    @param d Fourth operand.
    @return C4(a, b, c, d).
    """
    ok: bool = False
    digest: Bytes[32] = b""
    ok, digest = raw_call(
        HASHER, abi_encode(a, b, c, d), max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    assert ok, "registry: leaf operand is not canonical"
    return convert(digest, uint256)
