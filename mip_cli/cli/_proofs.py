"""What ``mip prove`` and ``mip verify`` show of a proof."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from mip_cli.chain.values import Receipt
from mip_cli.cli import _io, _render
from mip_cli.flows.proof_file import ProofFile
from mip_cli.models import Request

LEVELS = {
    1: "one kind of key (face or password)",
    2: "two kinds of key (face and password)",
    3: "two kinds of key, people among them",
}


def consent_text(request: Request, beneficiary: str, call: str | None, validity: int) -> str:
    """Say in plain words what a proof would show, to whom and for how long."""
    lines = [
        f"The app {request.app} on chain {request.chain_id} asks:",
        f"  purpose   {_io.sanitize(request.purpose)}",
        f"  it learns a pseudonym of yours that only this app and purpose see, and that you "
        f"opened your passport with {LEVELS.get(request.level, 'unknown keys')} or more",
        f"  the proof {'calls ' + _io.sanitize(call) if call else 'is bound to your payload'}",
        f"  it ends   {validity} s from now, and serves no other act, app or chain",
    ]
    if int(beneficiary, 16):
        lines.append(f"  for       {beneficiary}")
    return "\n".join(lines)


def document(file: ProofFile) -> dict[str, object]:
    """Return a proof's bindings for ``--json``."""
    return {
        "circuit": file.circuit,
        "chain_id": file.chain_id,
        "registry": file.registry,
        "app": file.app,
        "purpose": file.purpose,
        "payload": file.payload,
        "level": file.level,
        "root": str(file.root),
        "nullifier": str(file.nullifier),
        "scope": str(file.scope),
        "message": str(file.message),
        "beneficiary": file.beneficiary,
        "nonce": file.nonce,
        "deadline": datetime.fromtimestamp(file.deadline, UTC),
    }


def show(file: ProofFile) -> None:
    """Print a proof's bindings for a person."""
    _render.kv(
        [
            ("app", file.app),
            ("chain", file.chain_id),
            ("purpose", _io.sanitize(file.purpose)),
            ("pseudonym", f"{file.nullifier:#x}"),
            ("level", f"{file.level}: {LEVELS.get(file.level, 'unknown')}"),
            ("valid for", f"{file.deadline - int(time.time())} s"),
        ]
    )


def receipt(found: Receipt | None) -> dict[str, object] | None:
    """Return a receipt for ``--json``."""
    if found is None:
        return None
    return {"tx_hash": found.tx_hash, "block": found.block, "gas_used": found.gas_used}
