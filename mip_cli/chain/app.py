"""Any contract that gates on a passport: what it asks for, and how to call it.

By convention the gated function takes its own arguments and then one ``Presentation``; the payload
that the proof is bound to is ``keccak256(abi(keccak256(SIGNATURE), arguments...))``, SIGNATURE
being the function with the types of its own arguments, such as ``vote(uint256)``. A proof made for
one function thus fails for every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mip_cli.chain.abi import encode, parse_argument, parse_signature, selector, text, words
from mip_cli.chain.faults import NodeRefused
from mip_cli.chain.presentations import PRESENTATION, encode_presentation
from mip_cli.chain.reverts import translate
from mip_cli.chain.rpc import RpcClient, call_object
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, scope_of, word
from mip_cli.errors import UsageFault
from mip_cli.models import Presentation, Request
from mip_cli.units import Address

MAX_PURPOSE = 96
"""Bytes of a purpose."""


@dataclass(frozen=True)
class Invocation:
    """A gated function and the arguments it shall get."""

    name: str
    """Name of the function."""
    types: tuple[str, ...]
    """ABI types of its arguments, without the presentation."""
    values: tuple[Any, ...]
    """The arguments."""

    @property
    def payload(self) -> bytes:
        """What the proof is bound to: the hash of the function and its encoded arguments."""
        function = keccak256(f"{self.name}({','.join(self.types)})".encode())
        return keccak256(encode(("bytes32", *self.types), (function, *self.values)))

    def calldata(self, presentation: Presentation) -> bytes:
        """Encode the call with a presentation as its last argument."""
        name = f"{self.name}({','.join((*self.types, PRESENTATION))})"
        if any(_is_dynamic(kind) for kind in self.types):
            p = presentation
            proof = (p.root, p.level, p.nullifier, p.beneficiary, p.nonce, p.deadline, p.proof)
            body = encode((*self.types, PRESENTATION), (*self.values, proof))
        else:
            body = encode(self.types, self.values) + encode_presentation(presentation)
        return selector(name) + body


def parse_invocation(signature: str, arguments: Sequence[str]) -> Invocation:
    """Read ``vote(uint256)`` and its arguments; raise ``UsageFault`` when they do not match."""
    name, types = parse_signature(signature)
    if len(types) != len(arguments):
        raise UsageFault(
            f"{name} takes {len(types)} arguments, {len(arguments)} were given",
            hint="give each with --arg; the presentation is added by itself",
        )
    values = tuple(parse_argument(t, a) for t, a in zip(types, arguments, strict=True))
    found = Invocation(name, tuple(types), values)
    encode(found.types, found.values)
    return found


class App:
    """One app on one chain."""

    def __init__(self, rpc: RpcClient, address: Address) -> None:
        self.rpc = rpc
        self.address = address

    def purpose(self) -> str:
        """Return the purpose the app states; control characters are still in it."""
        return text(self._read("passport_purpose()"), MAX_PURPOSE)

    def level(self) -> int:
        """Return the fewest kinds of keys the app accepts."""
        return words(self._read("passport_level()"), 1)[0]

    def request(self, chain_id: int, payload: bytes) -> Request:
        """Ask the app what a proof for this payload, 32 bytes, must be bound to."""
        if not self.rpc.code(self.address):
            raise UsageFault(
                f"there is no contract at {self.address}", hint="is this the right chain?"
            )
        purpose = self.purpose()
        return Request(
            chain_id=chain_id,
            app=self.address,
            purpose=purpose,
            payload=payload,
            level=self.level(),
            scope=scope_of(chain_id, self.address, purpose),
        )

    def call(self, invocation: Invocation, presentation: Presentation) -> Call:
        """Build the transaction that presents a proof."""
        return Call(self.address, invocation.calldata(presentation))

    def simulate(self, call: Call, sender: Address) -> bytes:
        """Run the call without sending it; raise ``ChainRefusal`` when the app would refuse."""
        try:
            request = call_object(call.to, call.data, sender, call.value)
            return bytes.fromhex(str(self.rpc.call("eth_call", request, "latest"))[2:])
        except NodeRefused as error:
            raise translate(error) from None

    def read(self, signature: str, *arguments: int) -> int:
        """Call a view that takes and returns plain words, such as ``tally(uint256)``."""
        data = b"".join(word(value) for value in arguments)
        return words(self._read(signature, data), 1)[0]

    def ask(self, signature: str) -> bytes:
        """Call a view without arguments; raise ``ChainRefusal`` where there is none."""
        return self._read(signature)

    def _read(self, signature: str, arguments: bytes = b"") -> bytes:
        try:
            return self.rpc.eth_call(self.address, selector(signature) + arguments)
        except NodeRefused as error:
            raise translate(error) from None


def _is_dynamic(kind: str) -> bool:
    return kind in ("bytes", "string") or "[" in kind
