"""BN254 group arithmetic by ``wasmcurves``' bn128.wasm, for set-up and quick self-checks.

Points are bytes in "LEM" form: affine, little-endian, Montgomery, 32 bytes a coordinate (G2: c0
then c1), all zero for infinity; the form of .zkey and .ptau files. Scalars are integers.
A ``Curve`` is not shared between threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import wasmtime

from mip_cli.crypto.field import P, R
from mip_cli.zk import wasm

BN128_SHA256 = "eea61e66b72d1c0eb49c91521a25a8fa09a4d9d51c2fe74cabf596f48eea8639"
"""bn128.wasm of npm ``wasmcurves`` 0.2.2."""

_PAGE = 65536
_HEADROOM = 64 * _PAGE
"""Free memory behind our buffers: the batch functions write there without asking."""
_CHUNK = 2048
_STRIDE = 36
"""Bytes of a scalar in memory: 32 and a margin, so that a window may read past the end."""
_MONTGOMERY = 1 << 256
_PAIRING_ONE = 32008
"""Address of the one of the target group inside bn128.wasm."""

_LOOPS = """
(module
  (import "env" "memory" (memory 1))
  (import "curve" "zero" (func $zero (param i32)))
  (import "curve" "add" (func $add (param i32 i32 i32)))
  ;; row: out[0] = base, out[i] = out[i-1] + base, for i < count; affine in, Jacobian out
  (func (export "row") (param $base i32) (param $out i32) (param $count i32) (param $size i32)
    (local $previous i32)
    (call $zero (local.get $out))
    (call $add (local.get $out) (local.get $base) (local.get $out))
    (loop $next
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (if (local.get $count) (then
        (local.set $previous (local.get $out))
        (local.set $out (i32.add (local.get $out) (local.get $size)))
        (call $add (local.get $previous) (local.get $base) (local.get $out))
        (br $next)))))
  ;; times: out[i] = sum over windows w of table[w][digit_w(scalar[i]) - 1]
  (func (export "times") (param $scalar i32) (param $count i32) (param $table i32)
      (param $bits i32) (param $windows i32) (param $point i32) (param $out i32) (param $size i32)
    (local $w i32) (local $bit i32) (local $digit i32) (local $mask i32) (local $row i32)
    (local.set $mask (i32.sub (i32.shl (i32.const 1) (local.get $bits)) (i32.const 1)))
    (loop $next
      (call $zero (local.get $out))
      (local.set $w (local.get $windows))
      (local.set $bit (i32.const 0))
      (local.set $row (local.get $table))
      (loop $window
        (local.set $digit (i32.and (local.get $mask) (i32.shr_u
          (i32.load (i32.add (local.get $scalar) (i32.shr_u (local.get $bit) (i32.const 3))))
          (i32.and (local.get $bit) (i32.const 7)))))
        (if (local.get $digit) (then
          (call $add (local.get $out)
            (i32.add (local.get $row) (i32.mul (local.get $point)
              (i32.sub (local.get $digit) (i32.const 1))))
            (local.get $out))))
        (local.set $row (i32.add (local.get $row)
          (i32.mul (local.get $mask) (local.get $point))))
        (local.set $bit (i32.add (local.get $bit) (local.get $bits)))
        (local.set $w (i32.sub (local.get $w) (i32.const 1)))
        (br_if $window (local.get $w)))
      (local.set $scalar (i32.add (local.get $scalar) (i32.const 36)))
      (local.set $out (i32.add (local.get $out) (local.get $size)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $next (local.get $count)))))
"""


@dataclass(frozen=True)
class Group:
    """One of the two source groups."""

    prefix: str
    """Prefix of the functions in bn128.wasm."""
    affine: int
    """Bytes of an affine point."""
    jacobian: int
    """Bytes of a Jacobian point."""
    generator: int
    """Address of the generator inside bn128.wasm."""


G1 = Group("g1m", 64, 96, 31432)
G2 = Group("g2m", 128, 192, 31624)


@dataclass(frozen=True)
class _Table:
    address: int
    bits: int
    windows: int


def to_montgomery(value: int) -> bytes:
    """Write a base-field element as 32 little-endian Montgomery bytes."""
    return (value * _MONTGOMERY % P).to_bytes(32, "little")


def from_montgomery(data: bytes) -> int:
    """Read a base-field element from 32 little-endian Montgomery bytes."""
    return int.from_bytes(data, "little") * _INVERSE % P


_INVERSE = pow(_MONTGOMERY, -1, P)


class Curve:
    """An instance of bn128.wasm with its own memory."""

    def __init__(self, path: Path, cache_dir: Path) -> None:
        """Load bn128.wasm; raises ``ArtifactMismatch`` when it is not the pinned one."""
        code = wasm.read_pinned(path, BN128_SHA256, "run `make setup`")
        module = wasm.load_module(code, cache_dir)
        self._store = wasmtime.Store(wasm.ENGINE)
        kind = wasmtime.MemoryType(wasmtime.Limits(_HEADROOM // _PAGE + 4, None))
        self._memory = wasmtime.Memory(self._store, kind)
        instance = wasmtime.Instance(self._store, module, [self._memory])
        self._exports = instance.exports(self._store)
        self._loops: dict[str, wasmtime.Func] = {}
        self._tables: dict[str, _Table] = {}
        self._next = int.from_bytes(self._read(0, 4), "little")
        self._sync()

    def _call(self, name: str, *arguments: int) -> int | None:
        function = cast(wasmtime.Func, self._exports[name])
        return cast("int | None", function(self._store, *arguments))

    def _read(self, address: int, size: int) -> bytes:
        return bytes(self._memory.read(self._store, address, address + size))

    def _write(self, address: int, data: bytes) -> None:
        self._memory.write(self._store, data, address)

    def _sync(self) -> None:
        missing = self._next + _HEADROOM - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // _PAGE))
        self._write(0, self._next.to_bytes(4, "little"))

    def _alloc(self, size: int) -> int:
        address = self._next
        self._next = (address + size + 7) & ~7
        self._sync()
        return address

    def _release(self, address: int) -> None:
        self._next = address
        self._sync()

    def _loop(self, group: Group, name: str) -> wasmtime.Func:
        key = f"{group.prefix}_{name}"
        if key not in self._loops:
            module = wasmtime.Module(wasm.ENGINE, _LOOPS)
            parts: list[wasmtime.Func | wasmtime.Memory] = [
                self._memory,
                cast(wasmtime.Func, self._exports[f"{group.prefix}_zero"]),
                cast(wasmtime.Func, self._exports[f"{group.prefix}_addMixed"]),
            ]
            found = wasmtime.Instance(self._store, module, parts).exports(self._store)
            for each in ("row", "times"):
                self._loops[f"{group.prefix}_{each}"] = cast(wasmtime.Func, found[each])
        return self._loops[key]

    def _table(self, group: Group, bits: int) -> _Table:
        if group.prefix in self._tables:
            return self._tables[group.prefix]
        windows = -(-254 // bits)
        count = (1 << bits) - 1
        table = self._alloc(windows * count * group.affine)
        base = self._alloc(group.jacobian)
        row = self._alloc((count + 1) * group.jacobian)
        self._write(base, self._read(group.generator, group.affine))
        fill = self._loop(group, "row")
        for window in range(windows):
            fill(self._store, base, row, count + 1, group.jacobian)
            self._call(f"{group.prefix}_batchToAffine", row, count + 1, row)
            points = self._read(row, (count + 1) * group.affine)
            self._write(table + window * count * group.affine, points[: -group.affine])
            self._write(base, points[-group.affine :])
        self._release(base)
        self._tables[group.prefix] = _Table(table, bits, windows)
        return self._tables[group.prefix]

    def multiples(self, group: Group, scalars: Sequence[int]) -> bytes:
        """Multiply the generator by each scalar; the points follow one another in LEM form."""
        table = self._table(group, 11 if len(scalars) > 20000 else 9)
        times = self._loop(group, "times")
        source = self._alloc(_CHUNK * _STRIDE)
        target = self._alloc(_CHUNK * group.jacobian)
        parts = []
        for start in range(0, len(scalars), _CHUNK):
            chunk = scalars[start : start + _CHUNK]
            self._write(source, b"".join(s.to_bytes(_STRIDE, "little") for s in chunk))
            size = (group.affine, target, group.jacobian)
            times(self._store, source, len(chunk), table.address, table.bits, table.windows, *size)
            self._call(f"{group.prefix}_batchToAffine", target, len(chunk), target)
            parts.append(self._read(target, len(chunk) * group.affine))
        self._release(source)
        return b"".join(parts)

    def times(self, group: Group, point: bytes, scalar: int) -> bytes:
        """Multiply one point by any non-negative scalar of at most 256 bits."""
        base = self._alloc(group.affine)
        factor = self._alloc(32)
        result = self._alloc(group.jacobian)
        self._write(base, point)
        self._write(factor, scalar.to_bytes(32, "little"))
        self._call(f"{group.prefix}_timesScalarAffine", base, factor, 32, result)
        self._call(f"{group.prefix}_batchToAffine", result, 1, result)
        found = self._read(result, group.affine)
        self._release(base)
        return found

    def add(self, group: Group, left: bytes, right: bytes) -> bytes:
        """Add two points."""
        first = self._alloc(group.affine)
        second = self._alloc(group.affine)
        result = self._alloc(group.jacobian)
        self._write(first, left)
        self._write(second, right)
        self._call(f"{group.prefix}_addAffine", first, second, result)
        self._call(f"{group.prefix}_batchToAffine", result, 1, result)
        found = self._read(result, group.affine)
        self._release(first)
        return found

    def uncompressed(self, group: Group, points: bytes) -> bytes:
        """Convert LEM points to big-endian form as snarkjs hashes them (G2: c1 first)."""
        parts = []
        buffer = self._alloc(_CHUNK * group.affine)
        for start in range(0, len(points), _CHUNK * group.affine):
            chunk = points[start : start + _CHUNK * group.affine]
            self._write(buffer, chunk)
            count = len(chunk) // group.affine
            self._call(f"{group.prefix}_batchLEMtoU", buffer, count, buffer)
            parts.append(self._read(buffer, len(chunk)))
        self._release(buffer)
        return b"".join(parts)

    def is_valid(self, group: Group, point: bytes) -> bool:
        """Tell whether a point is finite, on the curve and in the subgroup of order R."""
        if not any(point):
            return False
        address = self._alloc(group.affine)
        self._write(address, point)
        on_curve = bool(self._call(f"{group.prefix}_inCurveAffine", address))
        self._release(address)
        return on_curve and (group is G1 or not any(self.times(group, point, R)))

    def pairing_is_one(self, pairs: Sequence[tuple[bytes, bytes]]) -> bool:
        """Tell whether the product of the pairings of one to five valid pairs is one."""
        start = self._next
        arguments = []
        for left, right in pairs:
            for group, point in ((G1, left), (G2, right)):
                affine = self._alloc(group.jacobian)
                self._write(affine, point)
                self._call(f"{group.prefix}_toJacobian", affine, affine)
                arguments.append(affine)
        found = self._call(f"bn128_pairingEq{len(pairs)}", *arguments, _PAIRING_ONE)
        self._release(start)
        return bool(found)
