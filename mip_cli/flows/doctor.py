"""What a machine lacks to use a passport, looked at without touching a secret."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing

from mip_cli.chain.deployments import CIRCUITS
from mip_cli.chain.inspection import Check, CheckState, Keys, verify_deployment
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import Settings
from mip_cli.errors import MipError
from mip_cli.flows.deploy import known
from mip_cli.flows.models import list_models
from mip_cli.progress import Progress
from mip_cli.store import device, passports, permissions
from mip_cli.zk.artifacts import load_circuit
from mip_cli.zk.ceremony import GUIDE
from mip_cli.zk.prover import provers

MIN_FREE = 256 * 1024 * 1024
"""Bytes that circuits, models and caches need."""


def examine(settings: Settings, progress: Progress, *, chain: bool = True) -> list[Check]:
    """Look at everything and return one finding for each; raises nothing but bugs."""
    checks: list[Check] = []
    progress.step("checking files")
    checks += _disk(settings)
    checks += _passports(settings)
    checks += _device(settings)
    progress.step("checking models")
    checks += _models(settings)
    progress.step("checking circuits and provers")
    keys: dict[str, Sequence[int]] = {}
    for circuit in CIRCUITS.values():
        checks += _circuit(settings, circuit, keys)
    checks += _provers(settings)
    if chain:
        progress.step("checking the chain")
        checks += _chain(settings, keys)
    return checks


def _guarded(name: str, look: Callable[[], list[Check]]) -> list[Check]:
    try:
        return look()
    except MipError as error:
        return [Check(name, CheckState.FAIL, error.message, error.hint)]


def _disk(settings: Settings) -> list[Check]:
    place = settings.data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free >> 20} MiB free at {place}"
    if free < MIN_FREE:
        return [Check("disk", CheckState.FAIL, text, "make room, or move with --data-dir")]
    return [Check("disk", CheckState.OK, text)]


def _passports(settings: Settings) -> list[Check]:
    def look() -> list[Check]:
        findings = permissions.permission_findings(settings.data_dir)
        if findings:
            return [
                Check("key files", CheckState.FAIL, f"{f.path}: {f.problem}", f.remedy)
                for f in findings
            ]
        count = len(passports.list_names(settings.data_dir))
        text = f"{count} passport{'' if count == 1 else 's'} in {settings.data_dir}"
        return [Check("key files", CheckState.OK, text)]

    return _guarded("key files", look)


def _device(settings: Settings) -> list[Check]:
    place = device.place(settings.data_dir)
    match place:
        case None:
            text = "none yet; the first enrolment draws it"
        case device.Place.KEYRING:
            text = "in the system's keyring"
        case device.Place.FILE:
            text = f"in {device.device_dir(settings.data_dir)}, for there was no open keyring"
    return [Check("device secret", CheckState.OK, text)]


def _models(settings: Settings) -> list[Check]:
    def look() -> list[Check]:
        result = []
        for model in list_models(settings):
            if model.state == "ready":
                result.append(Check(f"model {model.name}", CheckState.OK, "has its pinned hash"))
            elif model.state == "changed":
                text = f"{model.path} does not have its pinned hash"
                result.append(
                    Check(f"model {model.name}", CheckState.FAIL, text, "mip models build --force")
                )
            elif model.kind == "embedded":
                text = "not built yet; the first use does it"
                result.append(
                    Check(f"model {model.name}", CheckState.WARN, text, "mip models build")
                )
        return result

    return _guarded("models", look)


def _circuit(settings: Settings, circuit: str, keys: dict[str, Sequence[int]]) -> list[Check]:
    """Look at a circuit; what can be compared with a chain goes into ``keys``."""
    name = f"circuit {circuit}"
    try:
        found = load_circuit(settings, circuit)
    except MipError as error:
        return [Check(name, CheckState.FAIL, error.message, error.hint)]
    keys[circuit] = found.key.evm_words()
    text = f"{found.constraints} constraints, verifying key {found.key_hash[:16]}"
    if found.development:
        remedy = f"for a public chain: {GUIDE}"
        text += ", development: anyone can forge, local chains only"
        return [Check(name, CheckState.WARN, text, remedy)]
    return [Check(name, CheckState.OK, text)]


def _provers(settings: Settings) -> list[Check]:
    there = [prover.name for prover in provers(settings) if prover.available()]
    if not there:
        return [Check("prover", CheckState.FAIL, "none is installed", "make setup")]
    return [Check("prover", CheckState.OK, f"{there[0]} is used; there: {', '.join(there)}")]


def _chain(settings: Settings, keys: Keys) -> list[Check]:
    def look() -> list[Check]:
        with closing(RpcClient(settings.rpc_url)) as rpc:
            deployment = known(settings, rpc)
            return verify_deployment(rpc, deployment, keys)

    return _guarded("chain", look)
