"""What ``mip prove`` and ``mip verify`` show of a proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mip_cli.chain.values import Receipt
from mip_cli.cli import _io, _render
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.models import Kind

if TYPE_CHECKING:  # the face pipeline behind it costs a tenth of a second
    from mip_cli.flows.passport.prove import Consent

LEVELS = {
    1: "one kind of key (face or password)",
    2: "two kinds of key (face and password)",
    3: "people, and face or password",
}


def consent_text(consent: Consent, kinds: frozenset[Kind]) -> str:
    """Say in plain words what a proof would show, to whom and for how long."""
    ask, request = consent.ask, consent.request
    if ask.call is not None:
        values = ", ".join(_io.sanitize(value) for value in ask.call.arguments)
        act = f"calls {_io.sanitize(ask.call.signature)} with ({values})"
    else:
        act = f"is bound to the payload 0x{request.payload.hex()}"
    shown = " and ".join(sorted(kind.value for kind in kinds))
    lines = [
        f"The app {request.app} on chain {request.chain_id} asks:",
        f"  purpose   {_io.sanitize(request.purpose)}",
        "  it learns a pseudonym of yours that only this app and purpose see, "
        f"and that you showed your {shown} (it asks for {LEVELS.get(request.level, 'other keys')})",
        f"  the proof {act}",
        f"  for       {ask.beneficiary}" + (f", nonce {ask.nonce}" if ask.nonce else ""),
        f"  checked   by the registry {consent.registry}",
        f"  it ends   {ask.validity} s after it is made, and serves no other act, app or chain",
    ]
    return "\n".join(lines)


def document(file: ProofFile, *, on_chain: bool = True) -> dict[str, object]:
    """Return a proof's bindings for ``--json``.

    Without a chain, root and level are only what the file claims: they are null, and stand under
    ``claimed_root`` and ``claimed_level``.
    """
    known = {"level": file.level, "root": str(file.root)}
    if not on_chain:
        claims = {f"claimed_{name}": value for name, value in known.items()}
        known = {"level": None, "root": None, **claims}
    return {
        **known,
        "circuit": file.circuit,
        "chain_id": file.chain_id,
        "registry": file.registry,
        "app": file.app,
        "purpose": file.purpose,
        "payload": file.payload,
        "nullifier": str(file.nullifier),
        "scope": str(file.scope),
        "message": str(file.message),
        "beneficiary": file.beneficiary,
        "nonce": file.nonce,
        "deadline": datetime.fromtimestamp(file.deadline, UTC),
    }


def show(file: ProofFile, left: int, *, on_chain: bool = True) -> None:
    """Print a proof's bindings for a person; ``left`` seconds by the clock that judged it."""
    level = f"{file.level}: {LEVELS.get(file.level, 'unknown')}"
    _render.kv(
        [
            ("app", file.app),
            ("chain", file.chain_id),
            ("purpose", _io.sanitize(file.purpose)),
            ("pseudonym", f"{file.nullifier:#x}"),
            ("level" if on_chain else "claims level", level),
            ("valid for", f"{left} s"),
        ]
    )


def receipt(found: Receipt | None) -> dict[str, object] | None:
    """Return a receipt for ``--json``."""
    if found is None:
        return None
    return {"tx_hash": found.tx_hash, "block": found.block, "gas_used": found.gas_used}
