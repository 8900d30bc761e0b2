"""The account that signs transactions; its key stays inside this object."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from mip_cli.chain.abi import checksum
from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import keccak256, word
from mip_cli.errors import FileInvalid, SecretFault, WrongSecret
from mip_cli.units import Address

MAX_KEY_FILE = 64 * 1024
"""Bytes; a keystore has about 500."""
_HEX_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


class Signer:
    """Signs with one secp256k1 key and never shows it."""

    def __init__(self, key: bytes) -> None:
        try:
            self.address: Address = _address_of(key)
        except ValueError:  # the cause would quote the key
            raise WrongSecret("the account key is not a valid private key") from None
        self._key = key

    def __repr__(self) -> str:
        return f"Signer({self.address}, <redacted>)"

    @cached_property
    def _account(self) -> Any:
        # 0.3 s to import, which a proof that another account brings to its app does not need
        from eth_account import Account

        return Account.from_key(self._key)

    def sign_transaction(self, fields: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw signed transaction and its hash."""
        signed = self._account.sign_transaction(dict(fields))
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a 32-byte EIP-712 digest; 65 bytes r, s, v with v 27 or 28."""
        return bytes(self._account.unsafe_sign_hash(digest).signature)


def _address_of(key: bytes) -> Address:
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    private = ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256K1())
    point = private.public_key().public_numbers()
    return checksum(keccak256(word(point.x) + word(point.y))[12:])


def load_signer(path: Path, password: Callable[[], str]) -> Signer:
    """Read a key file: 64 hex digits, or an encrypted JSON keystore.

    ``password`` is called for a keystore only. Raises ``FileInvalid`` for a file of another form,
    ``SecretFault`` when others can read a plain key, ``WrongSecret`` for a wrong password.
    """
    text = _read(path)
    if match := _HEX_KEY.fullmatch(text.strip()):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SecretFault(
                f"{path} holds a plain key that other users can read", hint=f"chmod 600 {path}"
            )
        return Signer(bytes.fromhex(match[1]))
    try:
        keystore = jsontext.parse(text.encode())
        if not isinstance(keystore, dict) or not {"crypto", "Crypto"} & keystore.keys():
            raise ValueError
    except ValueError:
        raise FileInvalid(
            f"{path} is not a key file",
            hint="it holds 64 hex digits (mode 0600) or an encrypted JSON keystore",
        ) from None
    return Signer(_decrypt(path, keystore, password()))


def _decrypt(path: Path, keystore: dict[str, Any], password: str) -> bytes:
    from eth_account import Account

    try:
        return bytes(Account.decrypt(keystore, password))
    except ValueError as error:
        if "MAC" in str(error):
            raise WrongSecret(f"the password does not open {path}") from None
        raise FileInvalid(f"{path} is not a keystore that can be read") from None
    except (KeyError, TypeError, NotImplementedError):
        raise FileInvalid(f"{path} is not a keystore that can be read") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileInvalid(f"{path} is not a file")
            data = file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise FileInvalid(
            f"cannot read the key file {path}: {(error.strerror or '').lower()}"
        ) from None
    if len(data) > MAX_KEY_FILE:
        raise FileInvalid(f"{path} is too large for a key file")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise FileInvalid(f"{path} is not a key file") from None
