"""Faults of issuers and predicate gates: file, what stands there, the fault, tests."""

from __future__ import annotations

FAULTS: dict[str, tuple[str, str, str, str]] = {
    "issuer without its tag": (
        "IssuerRegistry.vy",
        "revocation_root, TAG_ISSUER)",
        "revocation_root, 0)",
        "issuers",
    ),
    "key off the curve": (
        "IssuerRegistry.vy",
        'assert left == right, "issuers: key is not on the curve"',
        "pass",
        "issuers",
    ),
    "anybody publishes": (
        "IssuerRegistry.vy",
        "assert self._issuers[number].controller == msg.sender",
        "assert True",
        "issuers",
    ),
    "publication sent twice": (
        "IssuerRegistry.vy",
        "assert version == self._issuers[issuer].version",
        "assert True",
        "issuers",
    ),
    "new revocations leave old roots": (
        "IssuerRegistry.vy",
        "        self._place(issuer, root_window._size(), True)\n"
        "    log IIssuerRegistry.RevocationsPublished(",
        "        self._place(issuer, root_window._size(), False)\n"
        "    log IIssuerRegistry.RevocationsPublished(",
        "issuers",
    ),
    "suspension leaves old roots": (
        "IssuerRegistry.vy",
        "    self._place(issuer, root_window._size(), True)\n"
        "    log IIssuerRegistry.IssuerSuspended(",
        "    self._place(issuer, root_window._size(), False)\n"
        "    log IIssuerRegistry.IssuerSuspended(",
        "issuers",
    ),
    "suspended issuer stays in the tree": (
        "IssuerRegistry.vy",
        "    if record.status == ACTIVE:\n        leaf =",
        "    if record.status != 0:\n        leaf =",
        "issuers",
    ),
    "new key without delay": (
        "IssuerRegistry.vy",
        'assert block.timestamp >= change.ready_at, "issuers: delay not over"',
        "pass",
        "issuers",
    ),
    "change lives for ever": (
        "IssuerRegistry.vy",
        'assert block.timestamp <= change.ready_at + LIFETIME, "issuers: change has expired"',
        "pass",
        "issuers",
    ),
    "change can be finished again": (
        "IssuerRegistry.vy",
        "    self._changes[issuer] = empty(IIssuerRegistry.Change)\n"
        "    self._issuers[issuer].key_x",
        "    self._issuers[issuer].key_x",
        "issuers",
    ),
    "sibling of another family": (
        "modules/quad_tree.vy",
        "((index >> 2) << 2)",
        "index",
        "issuers",
    ),
    "policy not in the statement": (
        "PredicateGate.vy",
        "(policy + self._date(presentation.day)) % R",
        "self._date(presentation.day)",
        "gate",
    ),
    "date not in the statement": (
        "PredicateGate.vy",
        "(policy + self._date(presentation.day)) % R",
        "policy",
        "gate",
    ),
    "any day": (
        "PredicateGate.vy",
        "assert presentation.day == today or presentation.day == today - 1",
        "assert True",
        "gate",
    ),
    "the day before counts no more": (
        "PredicateGate.vy",
        "presentation.day == today or presentation.day == today - 1",
        "presentation.day == today",
        "gate",
    ),
    "any issuers root": (
        "PredicateGate.vy",
        "    assert staticcall IIssuerRegistry(ISSUERS).is_known_root(\n"
        "        presentation.issuers_root, skip_contract_check=True\n"
        '    ), "gate: issuers root is not accepted"\n',
        "",
        "gate",
    ),
    "any passport root": (
        "PredicateGate.vy",
        "    assert staticcall IPassportRegistry(PASSPORTS).is_known_root(\n"
        "        presentation.root, skip_contract_check=True\n"
        '    ), "gate: passport root is not accepted"\n',
        "",
        "gate",
    ),
    "policy not checked for R": (
        "PredicateGate.vy",
        "policy != 0 and policy < R",
        "policy != 0",
        "gate",
    ),
    "predicate proof not asserted": (
        "PredicateGate.vy",
        '    ), "gate: proof is not valid"',
        '    ) or True, "gate: proof is not valid"',
        "gate",
    ),
    "predicate level not in the signal": (
        "PredicateGate.vy",
        "(presentation.root + presentation.level) % R",
        "presentation.root % R",
        "gate",
    ),
    "leap day forgotten": ("PredicateGate.vy", "of_era // 1_460 + ", "", "gate"),
    "enter twice": (
        "examples/AgeGate.vy",
        'assert self.entered[nullifier] == empty(address), "age: passport has entered"',
        "pass",
        "gate",
    ),
    "enter not bound to its function": (
        "examples/AgeGate.vy",
        'keccak256(keccak256("enter()"))',
        'keccak256(b"")',
        "gate",
    ),
}

QUICK = {
    "date not in the statement": "proved_for_another",
    "new revocations leave old roots": "revocation__voids or die_after",
    "new key without delay": "change__waits",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
