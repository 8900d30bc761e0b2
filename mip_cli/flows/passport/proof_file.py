"""The proof file of ``docs/protocol.md`` section 9: snarkjs' proof plus what it is bound to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mip_cli.chain.abi import checksum, parse_address
from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.crypto.field import R
from mip_cli.errors import FileInvalid, MipError, UsageFault
from mip_cli.models import Presentation
from mip_cli.units import Address, Message, Nullifier, Scope
from mip_cli.zk.proof import Proof, parse_proof

FORMAT = "mip.proof/1"
MAX_BYTES = 64 * 1024
"""A larger file is refused unread."""
MAX_ARGUMENTS = 32 * 1024
"""Characters that all arguments of a call may have; the file must hold them."""
MAX_PURPOSE = 96
"""UTF-8 bytes of a purpose; contracts hold it in a String[96]."""

_SNARKJS = {"pi_a", "pi_b", "pi_c", "protocol", "curve"}
_FIELDS = {
    "format", "circuit", "verifying_key", "chain_id", "registry", "app", "purpose", "payload",
    "level", "root", "nullifier", "beneficiary", "nonce", "deadline", "call",
}  # fmt: skip
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"[0-9a-f]{64}")
_PAYLOAD = re.compile(r"0x[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}\([a-z0-9,\[\]]{0,200}\)")


@dataclass(frozen=True)
class AppCall:
    """The app's function that the proof is meant for."""

    signature: str
    """Name and argument types, such as ``vote(uint256)``, without the presentation."""
    arguments: tuple[str, ...]
    """Arguments as text."""


@dataclass(frozen=True)
class ProofFile:
    """A proof and every value it is bound to."""

    proof: Proof
    """The three points."""
    circuit: str
    """Name in ``circuits.json``."""
    verifying_key: str
    """SHA-256 of the canonical verifying key, hex."""
    chain_id: int
    """EIP-155."""
    registry: Address
    """Registry whose tree holds the passport."""
    app: Address
    """Contract the proof is meant for."""
    purpose: str
    """Text hashed into the scope."""
    payload: bytes
    """32 bytes, hash of the call's arguments."""
    level: int
    """1: face or password, 2: both, 3: people and one of them."""
    root: int
    """Root of the tree the passport is in."""
    nullifier: Nullifier
    """Pseudonym in the scope."""
    beneficiary: Address
    """Zero when nobody is bound."""
    nonce: int
    """Chosen by the app."""
    deadline: int
    """Unix time in seconds."""
    call: AppCall | None = None
    """What ``--send`` calls."""

    @property
    def scope(self) -> Scope:
        """The scope, computed anew."""
        return scope_of(self.chain_id, self.app, self.purpose)

    @property
    def message(self) -> Message:
        """The message, computed anew."""
        return message_of(
            self.chain_id,
            self.app,
            beneficiary=self.beneficiary,
            payload=self.payload,
            nonce=self.nonce,
            deadline=self.deadline,
        )

    @property
    def signals(self) -> tuple[int, ...]:
        """The public signals, computed anew; a file cannot claim others."""
        return ((self.root + self.level) % R, self.nullifier, self.scope, self.message)

    @property
    def presentation(self) -> Presentation:
        """What the app's contract takes."""
        return Presentation(
            root=self.root,
            level=self.level,
            nullifier=self.nullifier,
            beneficiary=self.beneficiary,
            nonce=self.nonce,
            deadline=self.deadline,
            proof=tuple(self.proof.evm_words()),
        )


def encode(file: ProofFile) -> bytes:
    """Write a proof file as UTF-8 JSON."""
    call = file.call
    mip = {
        "format": FORMAT,
        "circuit": file.circuit,
        "verifying_key": file.verifying_key,
        "chain_id": file.chain_id,
        "registry": file.registry,
        "app": file.app,
        "purpose": file.purpose,
        "payload": "0x" + file.payload.hex(),
        "level": file.level,
        "root": str(file.root),
        "nullifier": str(file.nullifier),
        "beneficiary": file.beneficiary,
        "nonce": file.nonce,
        "deadline": file.deadline,
        "call": call and {"signature": call.signature, "arguments": list(call.arguments)},
    }
    document = {**file.proof.to_json(), "mip": mip}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def decode(data: bytes) -> ProofFile:
    """Read a proof file; raise ``FileInvalid`` unless every member is there, known and canonical.

    The proof itself is not verified here; ``ProofInvalid`` says that its points are malformed.
    """
    if len(data) > MAX_BYTES:
        raise FileInvalid(f"the proof file is larger than {MAX_BYTES} bytes")
    try:
        document = jsontext.parse(data)
        if isinstance(document, dict) and set(document) == _SNARKJS | {"mip", "credential"}:
            raise FileInvalid(
                "the file holds a proof about credentials", hint="check it with `mip kyc verify`"
            )
        if not isinstance(document, dict) or set(document) != _SNARKJS | {"mip"}:
            raise ValueError("it is not a proof with its bindings")
        return _read(document["mip"], document)
    except MipError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the proof file cannot be read: {error}") from error


def require_storable(call: AppCall) -> None:
    """Raise ``UsageFault`` for a call that a proof file could not hold."""
    if not _SIGNATURE.fullmatch(call.signature) or sum(map(len, call.arguments)) > MAX_ARGUMENTS:
        raise UsageFault(
            "the call is too long, or is no function signature", hint='write "vote(uint256)"'
        )


def checked_address(text: str, name: str) -> Address:
    """Read an address a person typed; raise ``UsageFault`` for wrong digits or checksum."""
    if not _ADDRESS.fullmatch(text):
        raise UsageFault(f"{name} takes an address: 0x and 40 hex digits")
    return parse_address(text)


def _read(mip: object, document: Mapping[str, object]) -> ProofFile:
    if not isinstance(mip, dict) or set(mip) != _FIELDS or mip["format"] != FORMAT:
        raise ValueError(f"its member mip is not {FORMAT}")
    purpose = _text(mip, "purpose")
    if not 0 < len(purpose.encode()) <= MAX_PURPOSE:
        raise ValueError(f"purpose must have 1 to {MAX_PURPOSE} bytes")
    return ProofFile(
        proof=parse_proof({name: document[name] for name in _SNARKJS}),
        circuit=_text(mip, "circuit"),
        verifying_key=_match(mip, "verifying_key", _HASH),
        chain_id=_integer(mip, "chain_id"),
        registry=_address(mip, "registry"),
        app=_address(mip, "app"),
        purpose=purpose,
        payload=bytes.fromhex(_match(mip, "payload", _PAYLOAD)[2:]),
        level=_level(mip),
        root=_element(mip, "root"),
        nullifier=Nullifier(_element(mip, "nullifier")),
        beneficiary=_address(mip, "beneficiary"),
        nonce=_integer(mip, "nonce"),
        deadline=_integer(mip, "deadline"),
        call=_call(mip["call"]),
    )


def _call(value: object) -> AppCall | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"signature", "arguments"}:
        raise ValueError("call must hold signature and arguments")
    arguments = value["arguments"]
    if not isinstance(arguments, list) or not all(isinstance(a, str) for a in arguments):
        raise ValueError("arguments must be a list of texts")
    "".join(arguments).encode()  # half a surrogate pair has no encoding
    return AppCall(_match(value, "signature", _SIGNATURE), tuple(arguments))


def _text(mip: Mapping[str, object], name: str) -> str:
    value = mip[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value


def _match(mip: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(mip, name)
    if not pattern.fullmatch(value):
        raise ValueError(f"{name} is malformed")
    return value


def _address(mip: Mapping[str, object], name: str) -> Address:
    text = _match(mip, name, _ADDRESS)
    if checksum(text) != text:
        raise ValueError(f"{name} lacks its EIP-55 checksum")
    return Address(text)


def _integer(mip: Mapping[str, object], name: str, limit: int = (1 << 53) - 1) -> int:
    value = mip[name]
    if type(value) is not int or not 0 <= value <= limit:
        raise ValueError(f"{name} must be an integer of 0 to {limit}")
    return value


def _level(mip: Mapping[str, object]) -> int:
    value = _integer(mip, "level")
    if value not in (1, 2, 3):
        raise ValueError("level must be 1, 2 or 3")
    return value


def _element(mip: Mapping[str, object], name: str) -> int:
    value = _text(mip, name)
    if not value.isascii() or not value.isdigit() or str(int(value[:80])) != value:
        raise ValueError(f"{name} must be a decimal number")
    if not 0 < int(value) < R:
        raise ValueError(f"{name} must be a field element other than 0")
    return int(value)
