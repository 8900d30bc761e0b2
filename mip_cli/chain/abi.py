"""Calldata and return data: static words by hand, everything else by eth_abi, loaded on demand.

eth_abi takes 0.3 s to import; reading the registry needs nothing but words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.rpc import printable
from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import keccak256, word
from mip_cli.errors import UsageFault
from mip_cli.units import Address

ZERO_ADDRESS = Address("0x" + "00" * 20)
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_TYPE = re.compile(r"(u?int|bytes|address|bool|string)(\d*)((\[\d*\])*)")


def selector(signature: str) -> bytes:
    """Return the four bytes that name a function, such as ``root()``."""
    return keccak256(signature.encode())[:4]


def topic(signature: str) -> bytes:
    """Return the 32 bytes that name an event."""
    return keccak256(signature.encode())


def checksum(address: str | bytes | int) -> Address:
    """Write an address in EIP-55 form; raise ``ValueError`` unless it has 20 bytes."""
    if isinstance(address, int):
        raw = address.to_bytes(20, "big")
    elif isinstance(address, bytes):
        raw = address
    else:
        raw = bytes.fromhex(address.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError("an address has 20 bytes")
    digits = raw.hex()
    mask = keccak256(digits.encode()).hex()
    return Address(
        "0x" + "".join(c.upper() if m >= "8" else c for c, m in zip(digits, mask, strict=False))
    )


def parse_address(text: str) -> Address:
    """Read an address a person typed; raise ``UsageFault`` when digits or checksum are wrong."""
    try:
        if not text.startswith("0x"):
            raise ValueError
        result = checksum(text)
    except ValueError:
        raise UsageFault(
            f"{printable(text, 60)!r} is not an address", hint="0x and 40 hex digits"
        ) from None
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and text != result:
        raise UsageFault(f"the checksum of {text} is wrong", hint="copy the address again")
    return result


def address_word(address: str) -> bytes:
    """Encode an address as one word."""
    return word(int(address, 16))


def pack_words(values: Sequence[int]) -> bytes:
    """Encode unsigned integers as words."""
    return b"".join(word(value) for value in values)


def words(data: bytes, count: int) -> list[int]:
    """Split return data into words; raise ``NodeUntrusted`` when there are fewer."""
    if len(data) < 32 * count:
        raise NodeUntrusted(
            "the contract answered with too little data", hint="is this the right contract?"
        )
    return [int.from_bytes(data[32 * i : 32 * i + 32], "big") for i in range(count)]


def text(data: bytes, limit: int = 4096) -> str:
    """Decode a lone string return value of at most ``limit`` bytes; control characters stay."""
    offset = words(data, 1)[0]
    if offset + 32 > len(data):
        raise NodeUntrusted("the contract answered with a broken text")
    size = int.from_bytes(data[offset : offset + 32], "big")
    raw = data[offset + 32 : offset + 32 + size]
    if size > limit or len(raw) != size:
        raise NodeUntrusted("the contract answered with a broken text")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise NodeUntrusted("the contract answered with text that is not UTF-8") from None


def parse_signature(signature: str) -> tuple[str, list[str]]:
    """Split ``vote(uint256,bool)`` into name and types; raise ``UsageFault`` for anything else."""
    hint = 'write it as "vote(uint256)", types without names or blanks'
    name, bracket, rest = signature.partition("(")
    if not bracket or not rest.endswith(")") or not _NAME.fullmatch(name):
        raise UsageFault(f"{printable(signature, 80)!r} is not a function signature", hint=hint)
    inner = rest[:-1]
    types = inner.split(",") if inner else []
    for kind in types:
        match = _TYPE.fullmatch(kind)
        if match is None or not _sane(match[1], match[2]):
            raise UsageFault(f"{printable(kind, 40)!r} is not a type that can be given", hint=hint)
    return name, types


def _sane(base: str, size: str) -> bool:
    if base in ("int", "uint"):
        return bool(size) and int(size) % 8 == 0 and 0 < int(size) <= 256
    if base == "bytes":
        return not size or 0 < int(size) <= 32
    return not size


def parse_argument(kind: str, value: str) -> Any:
    """Read one typed argument; arrays as JSON lists. Raise ``UsageFault`` when it does not fit."""
    if kind.endswith("]"):
        inner = kind[: kind.rindex("[")]
        try:
            items = jsontext.parse(value.encode())
            if not isinstance(items, list):
                raise ValueError
        except ValueError:
            raise UsageFault(f"{kind} wants a JSON list, such as [1,2]") from None
        return [parse_argument(inner, _as_text(item)) for item in items]
    try:
        if kind == "address":
            return parse_address(value)
        if kind == "bool":
            return {"true": True, "false": False}[value.lower()]
        if kind.startswith("bytes"):
            data = bytes.fromhex(value.removeprefix("0x"))
            if kind != "bytes" and len(data) != int(kind[5:]):
                raise ValueError
            return data
        if kind == "string":
            return value
        return int(value, 0)
    except (ValueError, KeyError):
        raise UsageFault(f"{printable(value, 40)!r} is not a {kind}") from None


def _as_text(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item)


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode values in the standard ABI; raise ``UsageFault`` when one does not fit its type."""
    quick = [_word_of(kind, value) for kind, value in zip(types, values, strict=True)]
    if None not in quick:
        return b"".join(part for part in quick if part is not None)
    import eth_abi
    from eth_abi.exceptions import EncodingError

    try:
        return bytes(eth_abi.encode(list(types), list(values)))
    except (EncodingError, ValueError, TypeError) as error:
        raise UsageFault(f"an argument does not fit its type: {printable(str(error))}") from None


def _word_of(kind: str, value: Any) -> bytes | None:
    """Encode the commonest static types without eth_abi; None leaves the value to it."""
    if kind == "address" and isinstance(value, str):
        return address_word(value)
    if kind == "bool" and isinstance(value, bool):
        return word(int(value))
    if kind == "bytes32" and isinstance(value, bytes) and len(value) == 32:
        return value
    if kind == "uint256" and type(value) is int and 0 <= value < 1 << 256:
        return word(value)
    return None
