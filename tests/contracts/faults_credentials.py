"""Seeded faults of credentials: source, text, what takes its place, the tests that notice it."""

from __future__ import annotations

ISSUERS = "IssuerRegistry.vy"
QUAD = "modules/quad_tree.vy"
PREDICATES = "PredicateGate.vy"
AGE = "examples/AgeGate.vy"
SELF = "SelfAttestation.vy"
POLICIES = "modules/policies.vy"

FAULTS = {
    "issuer without its tag": (
        ISSUERS,
        "revocation_root, TAG_ISSUER)",
        "revocation_root, 0)",
        "issuers",
    ),
    "key off the curve": (
        ISSUERS,
        'assert left == right, "issuers: key is not on the curve"',
        "pass",
        "issuers",
    ),
    "anybody publishes": (
        ISSUERS,
        "assert self._issuers[number].controller == msg.sender",
        "assert True",
        "issuers",
    ),
    "publication sent twice": (
        ISSUERS,
        "assert version == self._issuers[issuer].version",
        "assert True",
        "issuers",
    ),
    "new revocations leave old roots": (
        ISSUERS,
        """        self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.RevocationsPublished(""",
        """        self._place(issuer, root_window._size(), False)
    log IIssuerRegistry.RevocationsPublished(""",
        "issuers",
    ),
    "suspension leaves old roots": (
        ISSUERS,
        """    self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.IssuerSuspended(""",
        """    self._place(issuer, root_window._size(), False)
    log IIssuerRegistry.IssuerSuspended(""",
        "issuers",
    ),
    "suspended issuer stays in the tree": (
        ISSUERS,
        "    if record.status == ACTIVE:\n        leaf =",
        "    if record.status != 0:\n        leaf =",
        "issuers",
    ),
    "new key without delay": (
        ISSUERS,
        'assert block.timestamp >= change.ready_at, "issuers: delay not over"',
        "pass",
        "issuers",
    ),
    "change lives for ever": (
        ISSUERS,
        'assert block.timestamp <= change.ready_at + LIFETIME, "issuers: change has expired"',
        "pass",
        "issuers",
    ),
    "change can be finished again": (
        ISSUERS,
        """    self._changes[issuer] = empty(IIssuerRegistry.Change)
    self._issuers[issuer].key_x""",
        "    self._issuers[issuer].key_x",
        "issuers",
    ),
    "sibling of another family": (QUAD, "((index >> 2) << 2)", "index", "issuers"),
    "policy not in the statement": (
        PREDICATES,
        "(policy + self._date(presentation.day)) % R",
        "self._date(presentation.day)",
        "gate",
    ),
    "date not in the statement": (
        PREDICATES,
        "(policy + self._date(presentation.day)) % R",
        "policy",
        "gate",
    ),
    "any day": (
        PREDICATES,
        "assert presentation.day == today or presentation.day == today - 1",
        "assert True",
        "gate",
    ),
    "the day before counts no more": (
        PREDICATES,
        "presentation.day == today or presentation.day == today - 1",
        "presentation.day == today",
        "gate",
    ),
    "any issuers root": (
        PREDICATES,
        """    assert staticcall IIssuerRegistry(ISSUERS).is_known_root(
        presentation.issuers_root, skip_contract_check=True
    ), "gate: issuers root is not accepted"
""",
        "",
        "gate",
    ),
    "any passport root": (
        PREDICATES,
        """    assert staticcall IPassportRegistry(PASSPORTS).is_known_root(
        presentation.root, skip_contract_check=True
    ), "gate: passport root is not accepted"
""",
        "",
        "gate",
    ),
    "policy not checked for R": (PREDICATES, "policy != 0 and policy < R", "policy != 0", "gate"),
    "predicate proof not asserted": (
        PREDICATES,
        '    ), "gate: proof is not valid"',
        '    ) or True, "gate: proof is not valid"',
        "gate",
    ),
    "predicate level not in the signal": (
        PREDICATES,
        "(presentation.root + presentation.level) % R",
        "presentation.root % R",
        "gate",
    ),
    "leap day forgotten": (PREDICATES, "of_era // 1_460 + ", "", "gate"),
    "policy not in the payload": (
        POLICIES,
        "keccak256(abi_encode(POLICY_ACT_TYPEHASH, payload, policy_commitment))",
        "payload",
        "policies",
    ),
    "level not in the policy": (
        POLICIES,
        "abi_encode(POLICY_TYPEHASH, policy.level, policy.strict,",
        "abi_encode(POLICY_TYPEHASH, empty(uint256), policy.strict,",
        "policies",
    ),
    "parts not in the policy": (
        POLICIES,
        "policy.required, parts)",
        "policy.required, empty(uint256[MAX_PARTS]))",
        "policies",
    ),
    "fewer parts than required": (
        POLICIES,
        "assert len(presentation.shown) == _REQUIRED",
        "assert len(presentation.shown) <= _REQUIRED",
        "policies",
    ),
    "one part counts twice": (
        POLICIES,
        "following = shown.part + 1",
        "following = shown.part",
        "policies",
    ),
    "a part that does not exist": (
        POLICIES,
        'assert shown.part < _COUNT, "policy: there is no such part"',
        "pass",
        "policies",
    ),
    "a part twice in the policy": (
        POLICIES,
        'assert part not in parts, "policy: part is there twice"',
        "pass",
        "policies",
    ),
    "strict forgets the passports": (
        POLICIES,
        "presentation.root == staticcall IPassportRegistry(_PASSPORTS).root()",
        "True",
        "policies",
    ),
    "strict forgets the issuers": (
        POLICIES,
        "presentation.issuers_root == staticcall IIssuerRegistry(_ISSUERS).root()",
        "True",
        "policies",
    ),
    "strict always": (POLICIES, "    if _STRICT:", "    if True:", "policies"),
    "any level": (
        POLICIES,
        "purpose, bound, passport_level, _PARTS",
        "purpose, bound, 1, _PARTS",
        "policies",
    ),
    "pseudonym of the gate not compared": (
        POLICIES,
        'assert nullifier == presentation.nullifier, "policy: gate answers another pseudonym"',
        "pass",
        "policies",
    ),
    "applies twice": (
        "examples/FlatLottery.vy",
        'assert self.applicant[flat][nullifier] == empty(address), "flat: passport has applied"',
        "pass",
        "policies",
    ),
    "flat not in the payload": (
        "examples/FlatLottery.vy",
        'keccak256(abi_encode(keccak256("apply(uint256)"), flat))',
        'keccak256(abi_encode(keccak256("apply(uint256)"), empty(uint256)))',
        "policies",
    ),
    "enter twice": (
        AGE,
        'assert self.entered[nullifier] == empty(address), "age: passport has entered"',
        "pass",
        "gate",
    ),
    "enter not bound to its function": (
        AGE,
        'keccak256(keccak256("enter()"))',
        'keccak256(b"")',
        "gate",
    ),
    "number 0 is whose who comes first": (
        ISSUERS,
        "    root_window._packed |= 1  # number 0 is taken, by nobody\n",
        "",
        "self_attestation",
    ),
    "self-attestation that stands where it is first alone": (
        SELF,
        "    NUMBER = extcall registry.register(",
        '    assert staticcall registry.size() == 1, "issuers: taken"\n'
        "    NUMBER = extcall registry.register(",
        "self_attestation",
    ),
}

QUICK = {
    "number 0 is whose who comes first": "front_runner",
    "date not in the statement": "proved_for_another",
    "policy not in the payload": "proved_for_another",
    "new revocations leave old roots": "die_after",
    "new key without delay": "change__waits",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
