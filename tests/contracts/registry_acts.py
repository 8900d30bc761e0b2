"""What the tests of the registry share."""

from __future__ import annotations

from typing import Any

from deployment import Deployment, Holder

from mip_cli.crypto.lean_tree import LeanTree

NOT_VALID = "registry: proof is not valid"


def enrolled(suite: Deployment, count: int) -> tuple[list[Holder], LeanTree]:
    holders = [suite.enroll(number) for number in range(count)]
    return holders, LeanTree(holder.leaf for holder in holders)


def event(contract: Any) -> Any:
    (log,) = contract.get_logs()
    return log
