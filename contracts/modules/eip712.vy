# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title eip712
@license AGPL-3.0-only
@notice EIP-712 digests of the registry and who signed them: ECDSA first, then ERC-1271. An account
        with code of its own (EIP-7702) may sign either way.
@custom:stop A module, never deployed.
"""

NAME: constant(String[20]) = "MIP PassportRegistry"
VERSION: constant(String[1]) = "1"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

# half the order of secp256k1: a signature with a larger s is the same one in another form
MAX_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
ERC1271_GAS: constant(uint256) = 1_000_000


@view
@external
def domain_separator() -> bytes32:
    """
    @notice The EIP-712 domain separator, computed for the chain as it is now.
    @return The separator.
    """
    return self._domain_separator()


@view
@external
def eip712Domain() -> (
    bytes1, String[20], String[1], uint256, address, bytes32, DynArray[uint256, 1]
):
    """
    @notice The EIP-712 domain, by ERC-5267.
    @return Bit map of the fields in use, name, version, chain id, contract, salt, extensions.
    """
    return 0x0f, NAME, VERSION, chain.id, self, empty(bytes32), []


@view
@internal
def _domain_separator() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(NAME), keccak256(VERSION), chain.id, self)
    )


@pure
@internal
def _digest(separator: bytes32, struct_hash: bytes32) -> bytes32:
    return keccak256(concat(x"1901", separator, struct_hash))


@view
@internal
def _is_signed_by(signer: address, digest: bytes32, signature: Bytes[2048]) -> bool:
    """
    @dev A signer with code is asked by a static call of bounded gas, of whose answer one word is
         read.
    """
    if len(signature) == 65 and self._is_ecdsa_by(signer, digest, slice(signature, 0, 65)):
        return True
    if not signer.is_contract:
        return False
    ok: bool = False
    answer: Bytes[32] = b""
    ok, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=0x1626ba7e),
        max_outsize=32,
        gas=ERC1271_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    return ok and len(answer) == 32 and convert(answer, bytes32) == convert(0x1626ba7e, bytes32)


@view
@internal
def _is_ecdsa_by(signer: address, digest: bytes32, signature: Bytes[65]) -> bool:
    """
    @dev Only v = 27 or 28 and the lower s. The zero address, which a failed recovery gives, has
         signed nothing.
    """
    if len(signature) != 65:
        return False
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if s > MAX_S or (v != 27 and v != 28):
        return False
    recovered: address = ecrecover(digest, v, r, s)
    return recovered != empty(address) and recovered == signer
