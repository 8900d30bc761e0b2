"""What commands read and say of policies."""

from __future__ import annotations

from collections.abc import Sequence

from mip_cli.cli import _io, _proofs
from mip_cli.crypto import jsontext
from mip_cli.crypto.policy_document import AppPolicyText, parse_app_policy
from mip_cli.crypto.policy_text import MAX_POLICY_BYTES, PolicyText
from mip_cli.errors import FileInvalid
from mip_cli.flows.kyc.kyc_prove import AppConsent
from mip_cli.models import Kind


def read(file: str, *, level: int = 1) -> AppPolicyText:
    """Read a policy file; raise ``FileInvalid`` when it makes no sense.

    ``level`` is that of a policy which states none.
    """
    data = _io.read_input(file, MAX_POLICY_BYTES, what="policy")
    try:
        return parse_app_policy(jsontext.parse(data), level=level)
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the policy cannot be read: {_io.sanitize(str(error))}") from None


def consent_text(given: AppConsent, kinds: frozenset[Kind], *, quiet: bool) -> str:
    """Say in plain words what proofs would show, to whom and for how long."""
    policy = given.policy.policy
    level = _proofs.LEVELS.get(policy.level, "other keys")
    fresh = "the newest roots alone" if policy.strict else "roots that are minutes old as well"
    lines = [
        _proofs.consent_text(given.consent, kinds),
        *credential_lines(given, quiet=quiet),
        f"  the policy asks for {level} and takes {fresh}",
        f"  checked by the gate {given.gate}; the policy's number is {policy.commitment:#x}",
    ]
    return "\n".join(lines)


def credential_lines(given: AppConsent, *, quiet: bool) -> list[str]:
    """Say what is asked of credentials, and who else may notice: ``quiet`` means nobody."""
    asked = [
        "    (if an issuer revoked others lately, its whole list is fetched from its server, which",
        "     sees your network address and the time, not what for; --ask-no-issuer forbids it)",
    ]
    return [
        f"  it also learns that credentials of yours, in force today, show {_what(given.policy)}",
        *words(given.policy, range(len(given.policy.parts))),
        *own_word(given.open_issuers),
        "    and nothing else of them",
        *([] if quiet else asked),
    ]


def words(found: AppPolicyText, parts: Sequence[int]) -> list[str]:
    """Return the lines that say what some parts of a policy ask."""
    lines: list[str] = []
    for number in parts:
        part = found.parts[number]
        label = f"part {number + 1}, " if len(found.parts) > 1 else ""
        name = _io.sanitize(part.schema.name)
        lines.append(f"    {label}a credential {name} {part.schema.version} {_issuers(part)}:")
        if part.face is not None:
            lines.append(f"      the face on your document ({part.face}) is the enrolled one, and")
        lines.append(f"      {part.demand}" + (":" if part.predicates else ""))
        lines += [f"        {_io.sanitize(clause)}" for clause in part.predicates]
    return lines


def own_word(numbers: tuple[int, ...] | None) -> list[str]:
    """Say that an accepted issuer is the holder himself."""
    if not numbers:
        return []
    listed = ", ".join(map(str, numbers))
    return [f"    (number {listed} of its issuers: who shows this says so himself, unchecked)"]


def document(found: AppPolicyText) -> dict[str, object]:
    """Return a policy for ``--json``."""
    policy = found.policy
    return {
        "commitment": str(policy.commitment),
        "level": policy.level,
        "strict": policy.strict,
        "required": policy.required,
        "parts": [
            {
                "commitment": str(part.policy.commitment),
                "schema": f"{part.schema.name}/{part.schema.version}",
                "schema_id": str(part.schema.id),
                "predicates": list(part.predicates),
                "document": part.face,
                "required": part.policy.required,
                "issuers": list(part.policy.issuers),
            }
            for part in found.parts
        ],
    }


def _what(found: AppPolicyText) -> str:
    return f"{found.demand}, and which of them:" if found.demand else "this:"


def _issuers(part: PolicyText) -> str:
    numbers = ", ".join(map(str, part.policy.issuers))
    if len(part.policy.issuers) == 1:
        return f"by issuer {numbers}"
    return f"by one of the issuers {numbers}, without saying which"
