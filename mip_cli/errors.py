"""Every failure a user can meet, as one tree.

MipError
├─ Negative          1  the answer is no
├─ UsageFault        2  the request itself makes no sense
├─ EnvironmentFault  3  something this machine or network lacks
├─ ChainRefusal      4  a contract refused, with its own words
└─ SecretFault       5  a secret is wrong, missing or locked

Messages are lower case without a full stop and never hold a secret; ``hint`` names the next step.
"""

from __future__ import annotations


class MipError(Exception):
    """Base of all expected failures; ``exit_code`` is what the command line returns."""

    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Negative(MipError):
    """The question was answered, and the answer is no."""

    exit_code = 1


class ProofInvalid(Negative):
    """A proof or proof file does not verify."""


class PermissionAbsent(Negative):
    """No grant covers what was asked."""


class FaceMismatch(Negative):
    """The probe lies farther from the template than the spec allows."""


class FaceUnusable(Negative):
    """A photo cannot be used: no face, several faces, too small, blurred or turned away."""


class CredentialInvalid(Negative):
    """A credential is another's, not signed, not in force or revoked."""


class PolicyUnmet(Negative):
    """A credential does not say what a policy asks for."""


class BudgetSpent(Negative):
    """No privacy budget is left."""


class CheckFailed(Negative):
    """A self-check found something that must be mended first."""


class UsageFault(MipError):
    """Arguments that contradict each other or name nothing that exists."""

    exit_code = 2


class EnvironmentFault(MipError):
    """The machine, a file or the network is not as needed."""

    exit_code = 3


class ToolMissing(EnvironmentFault):
    """A program or package that this job needs is not installed."""


class ArtifactMismatch(EnvironmentFault):
    """A model, circuit or key does not have the pinned hash."""


class ConfigInvalid(EnvironmentFault):
    """The configuration cannot be understood."""


class FileInvalid(EnvironmentFault):
    """A file is broken, truncated, too large or of an unknown format."""


class StorageFull(EnvironmentFault):
    """The disk has no room; nothing was written."""


class NetworkDown(EnvironmentFault):
    """An endpoint does not answer in time."""


class WrongChain(EnvironmentFault):
    """The endpoint serves another chain, or other contracts, than expected."""


OTHER_NODE = "name a node of that chain with --rpc-url"
"""Hint where a file tells of one chain and the node serves another."""


class AppUntrusted(EnvironmentFault):
    """An app states something that must not be shown to a holder, or cannot be."""


class ChainRefusal(MipError):
    """A contract reverted; the message is its reason string in plain words."""

    exit_code = 4

    def __init__(self, message: str, *, reason: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class SecretFault(MipError):
    """A secret is wrong, missing or locked."""

    exit_code = 5


class WrongSecret(SecretFault):
    """The password or key does not open the file."""


class ThresholdNotMet(SecretFault):
    """Fewer shares than the threshold were given."""


class KeyLocked(SecretFault):
    """Too many attempts, or the key is in use."""
