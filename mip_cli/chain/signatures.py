"""Who signed a digest, by the contracts' rules: 65 bytes, v 27 or 28, the lower s."""

from __future__ import annotations

from mip_cli.chain.abi import checksum
from mip_cli.units import Address

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def signer_of(digest: bytes, signature: bytes) -> Address | None:
    """Return the account that signed a 32-byte digest; None for what is no signature."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not r or not 0 < s <= _HALF_ORDER:
        return None
    try:
        found = Signature(vrs=(signature[64] - 27, r, s))
        public = found.recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, ValueError):
        return None
    return checksum(public.to_canonical_address())
