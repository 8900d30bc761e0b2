"""Generates the EVM bytecode of the ``Poseidon2`` contract from the Python definition.

The contract has no selector: 64 bytes of calldata give ``C2(l, r)``, 128 bytes ``C4(a, b, c, d)``
as one 32-byte word; any other length, or an operand outside [0, R), reverts without data.

Reduction is lazy. ``MULMOD`` and ``ADDMOD`` reduce operands of any size, so that a plain ``ADD`` is
sound wherever the sum stays below 2^256, and ``5 R < 2^256 < 6 R``. Each place below that adds
names its bound in multiples of R; round constants are below R.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mip_cli.crypto.field import R
from mip_cli.crypto.poseidon2 import FULL_ROUNDS, parameters

_HALF = FULL_ROUNDS // 2

_OPCODES = {
    "ADD": (0x01, 2, 1),
    "MULMOD": (0x09, 3, 1),
    "ADDMOD": (0x08, 3, 1),
    "LT": (0x10, 2, 1),
    "EQ": (0x14, 2, 1),
    "AND": (0x16, 2, 1),
    "CALLDATALOAD": (0x35, 1, 1),
    "CALLDATASIZE": (0x36, 0, 1),
    "CODECOPY": (0x39, 3, 0),
    "POP": (0x50, 1, 0),
    "MSTORE": (0x52, 2, 0),
    "JUMPI": (0x57, 2, 0),
    "JUMPDEST": (0x5B, 0, 0),
    "RETURN": (0xF3, 2, 0),
    "REVERT": (0xFD, 2, 0),
}


@dataclass
class _Assembler:
    """Emits opcodes and follows the stack by name, so that no depth is counted by hand."""

    stack: list[str] = field(default_factory=list)
    code: bytearray = field(default_factory=bytearray)
    labels: dict[str, int] = field(default_factory=dict)
    jumps: list[tuple[int, str]] = field(default_factory=list)

    def op(self, name: str, result: str = "_") -> None:
        code, taken, given = _OPCODES[name]
        if len(self.stack) < taken:
            raise ValueError(f"{name} on a stack of {len(self.stack)}")
        del self.stack[len(self.stack) - taken :]
        self.stack += [result] * given
        self.code.append(code)

    def push(self, value: int, name: str = "_") -> None:
        size = (value.bit_length() + 7) // 8
        self.code.append(0x5F + size)  # PUSH0 for zero
        self.code += value.to_bytes(size, "big")
        self.stack.append(name)

    def dup(self, name: str, copy: str = "_") -> None:
        depth = self._depth(name)
        self.code.append(0x80 + depth)
        self.stack.append(copy)

    def dup_top(self) -> None:
        """Copy whatever is on top."""
        self.code.append(0x80)
        self.stack.append("_")

    def swap(self, name: str) -> None:
        """Exchange the top with the named value."""
        depth = self._depth(name)
        if depth:
            self.code.append(0x8F + depth)
            at = len(self.stack) - 1 - depth
            self.stack[at], self.stack[-1] = self.stack[-1], self.stack[at]

    def rename(self, name: str) -> None:
        """Give the top another name."""
        self.stack[-1] = name

    def push_label(self, label: str) -> None:
        self.jumps.append((len(self.code) + 1, label))
        self.code += b"\x61\x00\x00"  # PUSH2, patched in finish()
        self.stack.append("_")

    def label(self, label: str) -> None:
        self.labels[label] = len(self.code)
        self.op("JUMPDEST")

    def finish(self) -> bytes:
        for at, label in self.jumps:
            self.code[at : at + 2] = self.labels[label].to_bytes(2, "big")
        return bytes(self.code)

    def _depth(self, name: str) -> int:
        depth = self.stack[::-1].index(name)
        if depth > 15:
            raise ValueError(f"{name} is out of reach")
        return depth


def _add(asm: _Assembler, constant: int, name: str) -> None:
    asm.push(constant)
    asm.op("ADD", name)


def _sbox(asm: _Assembler, name: str, *, modulus_below: bool = False) -> None:
    """Turn the named value, of any size below 2^256, on top into ``x^5 mod R`` (< 1 R)."""
    if not modulus_below:
        asm.dup("R")
        asm.swap(name)
    asm.dup("R")
    asm.dup("R")
    asm.dup(name)
    asm.dup_top()
    asm.op("MULMOD")
    asm.dup_top()
    asm.op("MULMOD")
    asm.op("MULMOD", name)


def _replace(asm: _Assembler, name: str) -> None:
    """Put the top, called ``new``, in the place of the named value."""
    asm.swap(name)
    asm.op("POP")
    asm.stack[asm.stack.index("new")] = name


def _full_sboxes(asm: _Assembler, names: str, row: tuple[int, ...]) -> None:
    for name, constant in zip(names, row, strict=True):
        asm.swap(name)
        _add(asm, constant, name)
        _sbox(asm, name)


def _require_canonical(asm: _Assembler, count: int) -> None:
    """Revert unless the first ``count`` words of calldata are below R; leave them on the stack."""
    names = "abcd"[:count]
    for index, name in reversed(list(enumerate(names))):
        asm.push(32 * index)
        asm.op("CALLDATALOAD", name)
    for index, name in enumerate(names):
        asm.dup("R")
        asm.dup(name)
        asm.op("LT")
        if index:
            asm.op("AND")
    asm.push_label(f"canonical{count}")
    asm.op("JUMPI")
    asm.push(0)
    asm.push(0)
    asm.op("REVERT")
    asm.label(f"canonical{count}")


def _return_sum(asm: _Assembler) -> None:
    """Return the top plus the first word of calldata, modulo R."""
    asm.dup("R")
    asm.swap("a")
    asm.push(0)
    asm.op("CALLDATALOAD")
    asm.op("ADDMOD")
    asm.push(0)
    asm.op("MSTORE")
    asm.push(32)
    asm.push(0)
    asm.op("RETURN")


def _external2(asm: _Assembler, *, reduce_b: bool = False) -> None:
    """Map (a, b), each < 1 R, to (2a + b, a + 2b), each < 3 R; ``reduce_b`` makes b < 1 R."""
    first, second = ("a", "b") if asm.stack[-1] == "b" else ("b", "a")  # deeper, top
    asm.dup(first)
    asm.dup(second)
    asm.op("ADD", "s")
    if reduce_b:
        asm.dup("R")
        asm.dup("s")
        asm.dup("b")
        asm.op("ADDMOD", "new")
        _replace(asm, "b")
        asm.dup("a")
        asm.op("ADD", "new")  # takes s, which is on top
        _replace(asm, "a")
        return
    asm.swap(first)
    asm.dup("s")
    asm.op("ADD", first)
    asm.swap("s")
    asm.op("ADD", second)


def _width2(asm: _Assembler) -> None:
    constants = parameters(2)
    if constants.diagonal != (1, 2):
        raise ValueError("the width 2 code is written for the internal diagonal (1, 2)")
    asm.push(R, "R")
    _require_canonical(asm, 2)
    _external2(asm)
    for number, row in enumerate(constants.full[:_HALF]):
        _full_sboxes(asm, "ab", row)  # operands < 3 R + 1 R
        _external2(asm, reduce_b=number == _HALF - 1)
    asm.swap("a")
    for constant in constants.partial:
        _add(asm, constant, "a")  # a < 2 + 2 + 1 = 5 R, see below
        _sbox(asm, "a")
        asm.dup("a")
        asm.dup("R")
        asm.dup("b")
        asm.push(3)
        asm.op("MULMOD")
        asm.op("ADD", "new")  # b <- a + 3b < 2 R
        asm.swap("b")
        asm.dup("a")
        asm.op("ADD")
        asm.op("ADD", "a")  # a <- 2a + b < 2 + 2 = 4 R
        asm.stack[asm.stack.index("new")] = "b"
    for number, row in enumerate(constants.full[_HALF:]):
        _full_sboxes(asm, "ab", row)  # operands < 4 R + 1 R
        if number < _HALF - 1:
            _external2(asm)
    # only 2a + b is wanted
    asm.swap("a")
    asm.dup_top()
    asm.op("ADD", "a")
    asm.op("ADD", "a")
    _return_sum(asm)


def _mulmod4(asm: _Assembler, name: str, result: str) -> None:
    asm.dup("R")
    asm.dup(name)
    asm.push(4)
    asm.op("MULMOD", result)


def _external4(asm: _Assembler) -> None:
    """Map (a, b, c, d), each < 1 R, by the paper's matrix M4 to four values < 1 R."""
    asm.dup("a")
    asm.dup("b")
    asm.op("ADD", "t0")  # a + b < 2 R
    asm.dup("c")
    asm.dup("d")
    asm.op("ADD", "t1")  # c + d < 2 R
    # b <- t2 = 2b + t1 < 4 R
    asm.swap("b")
    asm.dup_top()
    asm.op("ADD")
    asm.dup("t1")
    asm.op("ADD", "t2")
    # d <- t3 = 2d + t0 < 4 R
    asm.swap("d")
    asm.dup_top()
    asm.op("ADD")
    asm.dup("t0")
    asm.op("ADD", "t3")
    # t4 = 4 t1 + t3, t5 = 4 t0 + t2, reduced
    asm.dup("R")
    _mulmod4(asm, "t1", "_")
    asm.dup("t3")
    asm.op("ADDMOD", "t4")
    asm.dup("R")
    _mulmod4(asm, "t0", "_")
    asm.dup("t2")
    asm.op("ADDMOD", "t5")
    # t6 = t3 + t5, t7 = t2 + t4, reduced; the results replace the old lanes
    asm.dup("R")
    asm.dup("t3")
    asm.dup("t5")
    asm.op("ADDMOD", "new")
    _replace(asm, "a")
    asm.dup("R")
    asm.dup("t2")
    asm.dup("t4")
    asm.op("ADDMOD", "new")
    _replace(asm, "c")
    for old, new in (("t5", "b"), ("t4", "d")):
        asm.stack[asm.stack.index(old)] = new
    for rest in ("t0", "t1", "t2", "t3"):
        asm.swap(rest)
        asm.op("POP")


def _width4(asm: _Assembler) -> None:
    constants = parameters(4)
    for name, value in zip("DCBA", reversed(constants.diagonal), strict=True):
        asm.push(value, name)
    asm.push(R, "R")
    _require_canonical(asm, 4)
    _external4(asm)
    for row in constants.full[:_HALF]:
        _full_sboxes(asm, "abcd", row)  # operands < 1 R + 1 R
        _external4(asm)
    asm.swap("a")
    asm.dup("R", "below")
    asm.swap("a")
    for constant in constants.partial:
        _add(asm, constant, "a")  # a < 2 + 1 R
        _sbox(asm, "a", modulus_below=True)
        asm.dup("R")
        asm.dup("b")
        asm.dup("c")
        asm.op("ADD")
        asm.dup("a")
        asm.op("ADD")  # 2 + 2 + 1 = 5 R
        asm.dup("d")
        asm.op("ADDMOD", "total")  # < 1 R
        for lane in "bcd":  # lane <- diagonal * lane + total < 2 R
            asm.dup("total")
            asm.dup("R")
            asm.dup(lane)
            asm.dup(lane.upper())
            asm.op("MULMOD")
            asm.op("ADD", "new")
            _replace(asm, lane)
        asm.dup("R")
        asm.dup("R", "below")  # for the next S-box
        asm.swap("a")
        asm.dup("A")
        asm.op("MULMOD")
        asm.op("ADD", "a")  # uses up the total
    for number, row in enumerate(constants.full[_HALF:]):
        _full_sboxes(asm, "abcd", row)  # operands < 2 R + 1 R
        if number < _HALF - 1:
            _external4(asm)
    _row4(asm)
    _return_sum(asm)


def _row4(asm: _Assembler) -> None:
    """Leave 5a + 7b + c + 3d, the only row of M4 wanted at the end, reduced."""
    asm.dup("R")
    asm.dup("R")
    asm.dup("d")
    asm.push(3)
    asm.op("MULMOD")  # 1 R
    asm.dup("R")
    asm.dup("b")
    asm.push(7)
    asm.op("MULMOD")
    asm.op("ADD")  # 2 R
    asm.dup("c")
    asm.op("ADD")  # 3 R
    asm.dup("R")
    asm.dup("a")
    asm.push(5)
    asm.op("MULMOD")
    asm.op("ADDMOD", "new")
    _replace(asm, "a")
    asm.swap("a")


def runtime_bytecode() -> bytes:
    """Return the code that lies at the contract's address; the same bytes every time."""
    if not 5 * R < 1 << 256:
        raise ValueError("lazy reduction needs 5 R < 2^256")
    asm = _Assembler()
    for size, label in ((64, "width2"), (128, "width4")):
        asm.push(size)
        asm.op("CALLDATASIZE")
        asm.op("EQ")
        asm.push_label(label)
        asm.op("JUMPI")
    asm.push(0)
    asm.push(0)
    asm.op("REVERT")
    for label, body in (("width2", _width2), ("width4", _width4)):
        asm.stack.clear()
        asm.label(label)
        body(asm)
    return asm.finish()


def creation_bytecode() -> bytes:
    """Return the init code that deploys ``runtime_bytecode``; it takes no arguments."""
    runtime = runtime_bytecode()
    asm = _Assembler()
    asm.push(len(runtime))
    asm.dup_top()
    prefix = len(asm.code) + 6  # PUSH1 n, PUSH0, CODECOPY, PUSH0, RETURN
    asm.push(prefix)
    asm.push(0)
    asm.op("CODECOPY")
    asm.push(0)
    asm.op("RETURN")
    init = asm.finish()
    if len(init) != prefix:
        raise ValueError("the init code's own length is wrong")
    return init + runtime
