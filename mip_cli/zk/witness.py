"""Witnesses, computed by the circuit's own WebAssembly program as circom 2 emits it.

A witness holds every secret of a proof: it lives in memory only, and in a private temporary
folder where a prover insists on a file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import cast

import wasmtime

from mip_cli.crypto.field import R
from mip_cli.errors import EnvironmentFault, FileInvalid, ProofInvalid, UsageFault
from mip_cli.zk import binfile, wasm

Inputs = Mapping[str, "int | Sequence[object]"]
"""Input signals by name; arrays of any nesting are flattened row by row. -R < value < R."""

_PAGE = 65536
_ASSERT_FAILED = 4
_REASONS = {
    1: "an input signal is not known to the circuit",
    2: "an input signal has too many values",
    3: "an input signal is set twice",
    5: "the circuit has not enough memory",
    6: "an input signal has too many values",
}
_LONGEST_MESSAGE = 4096
_PLACE = re.compile(r"[Ee]rror in template (\w+?)(?:_\d+)? line: (\d+)")

_LOOPS = """
(module
  (import "circuit" "memory" (memory 1))
  (import "circuit" "setInputSignal" (func $set (param i32 i32 i32)))
  (import "circuit" "getWitness" (func $get (param i32)))
  (import "circuit" "getMessageChar" (func $char (result i32)))
  (func $copy (param $from i32) (param $to i32)
    (i64.store offset=0 (local.get $to) (i64.load offset=0 (local.get $from)))
    (i64.store offset=8 (local.get $to) (i64.load offset=8 (local.get $from)))
    (i64.store offset=16 (local.get $to) (i64.load offset=16 (local.get $from)))
    (i64.store offset=24 (local.get $to) (i64.load offset=24 (local.get $from))))
  (func (export "feed") (param $msb i32) (param $lsb i32) (param $count i32)
      (param $from i32) (param $shared i32) (local $i i32)
    (loop $next
      (call $copy (local.get $from) (local.get $shared))
      (call $set (local.get $msb) (local.get $lsb) (local.get $i))
      (local.set $from (i32.add (local.get $from) (i32.const 32)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $count)))))
  (func (export "fetch") (param $count i32) (param $to i32) (param $shared i32) (local $i i32)
    (loop $next
      (call $get (local.get $i))
      (call $copy (local.get $shared) (local.get $to))
      (local.set $to (i32.add (local.get $to) (i32.const 32)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $count)))))
  (func (export "text") (param $to i32) (param $most i32) (result i32) (local $i i32) (local $c i32)
    (loop $next
      (if (local.tee $c (call $char))
        (then
          (i32.store8 (i32.add (local.get $to) (local.get $i)) (local.get $c))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (local.get $most))))))
    (local.get $i)))
"""


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class WitnessProgram:
    """A loaded witness program; each computation runs in a fresh instance."""

    def __init__(self, code: bytes, cache_dir: Path) -> None:
        """Load the program, with its machine code cached in ``cache_dir``."""
        self._module = wasm.load_module(code, cache_dir)
        self._loops = wasm.load_module(wasmtime.wat2wasm(_LOOPS), cache_dir)

    def compute(self, inputs: Inputs) -> bytes:
        """Compute a witness and return it as the bytes of a .wtns file.

        Raises ``ProofInvalid`` when the inputs do not satisfy the circuit, ``UsageFault`` when
        names or sizes do not fit it.
        """
        return to_wtns(_Run(self._module, self._loops).compute(inputs))


class _Run:
    def __init__(self, module: wasmtime.Module, loops: wasmtime.Module) -> None:
        self._store = wasmtime.Store(wasm.ENGINE)
        self._message = ""
        linker = wasmtime.Linker(wasm.ENGINE)
        handlers: dict[str, tuple[list[wasmtime.ValType], Callable[..., None]]] = {
            "exceptionHandler": ([wasmtime.ValType.i32()], self._refuse),
            "printErrorMessage": ([], self._collect),
            "writeBufferMessage": ([], self._discard),
            "showSharedRWMemory": ([], lambda: None),
        }
        for name, (parameters, handler) in handlers.items():
            kind = wasmtime.FuncType(parameters, [])
            linker.define_func("runtime", name, kind, handler)
        instance = linker.instantiate(self._store, module)
        self._exports = instance.exports(self._store)
        names = ("memory", "setInputSignal", "getWitness", "getMessageChar")
        parts = [self._exports[name] for name in names]
        found = wasmtime.Instance(self._store, loops, parts)
        self._loops = found.exports(self._store)
        self._memory = cast(wasmtime.Memory, self._exports["memory"])

    def _refuse(self, code: int) -> None:
        raise _Refused(code)

    @cached_property
    def _message_room(self) -> int:
        return self._room(_LONGEST_MESSAGE)

    def _text(self) -> str:
        start = self._message_room
        read = cast(wasmtime.Func, self._loops["text"])
        size: int = read(self._store, start, _LONGEST_MESSAGE)
        return bytes(self._memory.read(self._store, start, start + size)).decode("latin-1")

    def _collect(self) -> None:
        self._message += self._text() + "\n"

    def _discard(self) -> None:
        self._text()

    def _call(self, name: str, *arguments: int) -> int:
        function = cast(wasmtime.Func, self._exports[name])
        found: int | None = function(self._store, *arguments)
        return found or 0

    def _room(self, size: int) -> int:
        address = int(self._memory.data_len(self._store))
        self._memory.grow(self._store, -(-size // _PAGE))
        return address

    def compute(self, inputs: Inputs) -> bytes:
        try:
            return self._compute(inputs)
        except _Refused as refused:
            if refused.code != _ASSERT_FAILED:
                reason = _REASONS.get(refused.code, "the witness program failed")
                raise UsageFault(reason) from None
            places = _PLACE.findall(self._message)
            where = f" (rule in {places[0][0]}, line {places[0][1]})" if places else ""
            raise ProofInvalid(
                f"no proof exists for these inputs: a rule of the circuit does not hold{where}",
                hint="face, password, passport and path given do not belong together",
            ) from None
        except wasmtime.Trap as error:
            raise EnvironmentFault("the witness program crashed") from error

    def _compute(self, inputs: Inputs) -> bytes:
        if self._call("getFieldNumLen32") != 8:
            raise FileInvalid("the witness program is over another field")
        self._call("init", 0)
        flat = {name: _flatten(value) for name, value in inputs.items()}
        total = 0
        for name, values in flat.items():
            size = self._call("getInputSignalSize", *_signal_hash(name))
            if size < 1:
                raise UsageFault(f"the circuit has no input signal {name!r}")
            if size != len(values):
                raise UsageFault(f"input signal {name!r} takes {size} values, not {len(values)}")
            total += size
        if total != (wanted := self._call("getInputSize")):
            raise UsageFault(f"the circuit takes {wanted} input values, not {total}")
        shared = self._call("getSharedRWMemoryStart")
        source = self._room(32 * max(map(len, flat.values()), default=1))
        feed = cast(wasmtime.Func, self._loops["feed"])
        for name, values in flat.items():
            data = b"".join((value % R).to_bytes(32, "little") for value in values)
            self._memory.write(self._store, data, source)
            feed(self._store, *_signal_hash(name), len(values), source, shared)
        count = self._call("getWitnessSize")
        target = self._room(32 * count)
        cast(wasmtime.Func, self._loops["fetch"])(self._store, count, target, shared)
        return bytes(self._memory.read(self._store, target, target + 32 * count))


def _flatten(value: object) -> list[int]:
    if isinstance(value, int):
        if not -R < value < R:
            raise UsageFault("an input value is not a field element")
        return [value]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [x for part in value for x in _flatten(part)]
    raise UsageFault("input values must be integers or lists of them")


@lru_cache(maxsize=256)
def _signal_hash(name: str) -> tuple[int, int]:
    value = 0xCBF29CE484222325  # FNV-1a, 64 bits
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return _signed(value >> 32), _signed(value & 0xFFFFFFFF)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def to_wtns(values: bytes) -> bytes:
    """Wrap witness values, 32 little-endian bytes each, into a .wtns file (version 2)."""
    header = struct.pack("<I", 32) + R.to_bytes(32, "little") + struct.pack("<I", len(values) // 32)
    return binfile.build(b"wtns", 2, [(1, header), (2, values)])


def public_signals(wtns: bytes, count: int) -> list[int]:
    """Read the first ``count`` public signals out of a .wtns file."""
    values = binfile.section(binfile.parse(wtns, b"wtns", 2), 2)
    if len(values) < 32 * (count + 1):
        raise FileInvalid("the witness is shorter than its public signals")
    return [int.from_bytes(values[32 * i : 32 * i + 32], "little") for i in range(1, count + 1)]
