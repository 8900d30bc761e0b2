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
MAX_SCRYPT_BYTES = 320 * 1024 * 1024
"""Memory times lanes, 128 n r p; geth and eth_account write 256 MiB."""
MAX_PBKDF2_ROUNDS = 2_000_000
"""eth_account writes a million."""
_KDF_PARAMETERS = {"scrypt": ("dklen", "n", "r", "p"), "pbkdf2": ("dklen", "c")}
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
    keystore = _keystore(path, text.encode())
    return Signer(_decrypt(path, keystore, password()))


def _keystore(path: Path, data: bytes) -> dict[str, Any]:
    """Return what of a keystore is needed, its key derivation bounded; raise ``FileInvalid``."""
    try:
        content = _lower(jsontext.parse(data))
        crypto = content["crypto"]
    except (ValueError, KeyError):
        raise FileInvalid(
            f"{path} is not a key file",
            hint="it holds 64 hex digits (mode 0600) or an encrypted JSON keystore",
        ) from None
    try:
        parts, names = _lower(crypto), ("cipher", "ciphertext", "kdf", "mac")
        wanted: dict[str, Any] = {name: _text(parts[name]) for name in names}
        wanted["cipherparams"] = {"iv": _text(_lower(parts["cipherparams"])["iv"])}
        wanted["kdfparams"] = _bounded(wanted["kdf"], _lower(parts["kdfparams"]))
        if type(content["version"]) is not int or content["version"] != 3:
            raise ValueError("is of another version than 3")
        if wanted["cipher"] != "aes-128-ctr":
            raise ValueError("has a cipher other than aes-128-ctr")
    except KeyError as error:
        raise FileInvalid(f"the keystore {path} lacks {error.args[0]}") from None
    except ValueError as error:
        raise FileInvalid(f"the keystore {path} {error}") from None
    return {"version": 3, "crypto": wanted}


def _bounded(kdf: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters if deriving the key takes about what today's keystores take."""
    if kdf not in _KDF_PARAMETERS:
        raise ValueError("derives its key by another function than scrypt or pbkdf2")
    numbers = {name: parameters[name] for name in _KDF_PARAMETERS[kdf]}
    for name, value in numbers.items():
        if type(value) is not int or value < 1:
            raise ValueError(f"has a parameter {name} that is not a positive integer")
    if numbers["dklen"] != 32:
        raise ValueError("derives a key of another length than 32 bytes")
    bounded = {**numbers, "salt": _text(parameters["salt"])}
    if kdf == "pbkdf2":
        if numbers["c"] > MAX_PBKDF2_ROUNDS:
            raise ValueError(f"asks for more than {MAX_PBKDF2_ROUNDS} rounds of pbkdf2")
        if parameters["prf"] != "hmac-sha256":
            raise ValueError("has a prf other than hmac-sha256")
        return {**bounded, "prf": "hmac-sha256"}
    n = numbers["n"]
    if n < 2 or n & (n - 1):
        raise ValueError("has a scrypt parameter n that is not a power of two")
    if 128 * n * numbers["r"] * numbers["p"] > MAX_SCRYPT_BYTES:
        raise ValueError(f"asks scrypt for more than {MAX_SCRYPT_BYTES >> 20} MiB")
    return bounded


def _lower(members: object) -> dict[str, Any]:
    if not isinstance(members, dict):
        raise ValueError("has members of an unknown form")
    lower = {name.lower(): value for name, value in members.items()}
    if len(lower) != len(members):
        raise ValueError("repeats a member")
    return lower


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("has members of an unknown form")
    return value


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
