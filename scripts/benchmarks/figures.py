"""Every key of ``build/bench.json``; ``docs/bench.md`` says what each one means."""

from __future__ import annotations

from dataclasses import dataclass

MIB = "MiB"
PROVERS = ("groth16py", "snarkjs", "rapidsnark")
CONTRACTS = (
    "Poseidon2",
    "PassportVerifier",
    "GuardianVerifier",
    "GuardianRecovery",
    "PassportRegistry",
    "ArchiveAnchor",
    "PermissionGrants",
    "IssuerRegistry",
    "SelfAttestation",
    "PredicateVerifier",
    "PredicateGate",
    "DocumentVerifier",
    "DocumentGate",
    "PassportClaim",
    "PassportVote",
    "PassportVault",
    "AgeGate",
    "FlatLottery",
    "Lender",
    "Clinic",
)


@dataclass(frozen=True)
class Figure:
    """One number of the benchmark; smaller is better, for all of them."""

    key: str
    """Name in ``bench.json``."""
    unit: str = ""
    """What it counts."""
    bar: float | None = None
    """What it must not exceed; None where nothing is promised."""
    peer: str | None = None
    """Key of the figure it is compared with."""


_CIRCUITS = (
    Figure("passport.constraints", "", 8190, "peer.semaphore.constraints"),
    Figure("passport.wires"),
    Figure("passport.zkey_mib", MIB, 5.72, "peer.semaphore.zkey_mib"),
    Figure("guardian_approval.constraints", "", 8000),
    Figure("guardian_approval.zkey_mib", MIB),
    Figure("passport_512.constraints"),
    Figure("passport_512.zkey_mib", MIB),
    Figure("setup.passport.seconds", "s"),
    Figure("setup.guardian_approval.seconds", "s"),
    Figure("setup.passport_512.seconds", "s"),
    Figure("setup.seconds", "s", 90),
)
_PROVING = (
    Figure("witness.ms", "ms"),
    Figure("prove.warm_seconds", "s", 0.6, "peer.semaphore.prove_snarkjs_seconds"),
    Figure("prove.warm_cpu_seconds", "s"),
    Figure("prove.approval_seconds", "s", 0.6),
    Figure("prove.rss_mib", MIB, 143, "prove.snarkjs.rss_mib"),
    Figure("prove.groth16py.seconds", "s", None, "peer.rapidsnark.seconds"),
    Figure("prove.groth16py.rss_mib", MIB, None, "peer.rapidsnark.rss_mib"),
    Figure("prove.snarkjs.seconds", "s", None, "peer.rapidsnark.seconds"),
    Figure("prove.snarkjs.rss_mib", MIB, None, "peer.rapidsnark.rss_mib"),
    Figure("prove.rapidsnark.seconds", "s"),
    Figure("prove.rapidsnark.rss_mib", MIB),
    Figure("prove.snarkjs.in_process_seconds", "s", None, "peer.rapidsnark.seconds"),
    Figure("verify.ms", "ms", None, "peer.snarkjs.verify_ms"),
    Figure("verify.py_ecc_ms", "ms"),
)
_COMMAND = (
    Figure("prove.command_seconds", "s", 3),
    Figure("prove.first_command_seconds", "s"),
    Figure("prove.command_cpu_seconds", "s"),
    Figure("prove.command.open_seconds", "s"),
    Figure("prove.command.chain_seconds", "s"),
    Figure("prove.command.prove_seconds", "s"),
    Figure("prove.command_rss_mib", MIB),
    Figure("enroll.command_seconds", "s"),
    Figure("verify.command_seconds", "s"),
    Figure("cli.help_seconds", "s", 0.3),
)
_RECOVERY = (
    Figure("recover.machine_seconds", "s", 20),
    Figure("recover.machine_cpu_seconds", "s"),
    Figure("recover.guardian_seconds", "s"),
)
_GAS = (
    *(Figure(f"gas.deploy.{name}", "gas") for name in CONTRACTS),
    Figure("gas.deploy", "gas", None, "peer.semaphore.deploy"),
    Figure("gas.deploy_suite", "gas"),
    Figure("gas.enroll_0", "gas", 140_000, "peer.semaphore.enroll_0"),
    Figure("gas.enroll_30", "gas", 130_000, "peer.semaphore.enroll_30"),
    Figure("gas.enroll_1000", "gas", 150_000, "peer.semaphore.enroll_1000"),
    Figure("gas.enroll_worst_1024", "gas", 200_000, "peer.semaphore.enroll_worst_1024"),
    Figure("gas.enroll_batch_50", "gas", 95_000, "peer.semaphore.enroll_batch_50"),
    Figure("gas.enroll_signed_0", "gas"),
    Figure("gas.enroll_signed_1000", "gas"),
    Figure("gas.gate", "gas", 268_000, "peer.semaphore.gate"),
    Figure("gas.gate_vote", "gas"),
    Figure("gas.update_1000", "gas", 445_000),
    Figure("gas.revoke_1000", "gas", None, "peer.semaphore.remove_1000"),
    Figure("gas.propose_change_1000", "gas"),
    Figure("gas.finish_change_1000", "gas"),
    Figure("gas.propose", "gas"),
    Figure("gas.approve", "gas", 320_000),
    Figure("gas.approve_last", "gas", 320_000),
    Figure("gas.veto_1000", "gas"),
    Figure("gas.execute_1000", "gas", 280_000),
    Figure("gas.epoch_advance", "gas"),
    Figure("gas.grant", "gas"),
    Figure("gas.grant_without_proof", "gas", 120_000),
    Figure("gas.grant_again", "gas"),
    Figure("gas.grant_check", "gas", 10_000),
    Figure("gas.grant_check_reached", "gas", 10_000),
    Figure("gas.grant_use", "gas"),
    Figure("gas.grant_revoke", "gas"),
    Figure("gas.lender_apply", "gas"),
    Figure("gas.clinic_register", "gas"),
    Figure("gas.anchor", "gas"),
    Figure("gas.anchor_again", "gas"),
)
_FACES = (
    Figure("face.detect_ms", "ms", None, "peer.prototype.detect_ms"),
    Figure("face.landmarks_ms", "ms", None, "peer.prototype.landmarks_ms"),
    Figure("face.embed_ms", "ms", None, "peer.prototype.embed_ms"),
    Figure("face.quantise_ms", "ms"),
    Figure("face.false_matches", "", 4),
    Figure("face.false_non_matches", "", 5),
    Figure("face.impostor"),
    Figure("face.genuine"),
    Figure("face.undetected"),
    Figure("face.eer"),
)
_ARCHIVE = (
    Figure("archive.put_record_us", "us", 500),
    Figure("archive.put_record_cpu_us", "us"),
    Figure("archive.commit_10000_seconds", "s", 1),
    Figure("archive.commit_seconds", "s", 1),
    Figure("archive.commit_growth", "", 2),
    Figure("archive.open_2500_ms", "ms", 100),
    Figure("archive.read_2500_ms", "ms", 100),
    Figure("archive.erase_seconds", "s"),
    Figure("archive.view_2500_seconds", "s"),
    Figure("archive.view_read_2500_seconds", "s"),
    Figure("archive.revoke_lazy_seconds", "s", 1),
    Figure("archive.revoke_eager_seconds", "s", 2),
    Figure("archive.put_gib_seconds", "s", 10.74),
    Figure("archive.put_gib_cpu_seconds", "s"),
    Figure("archive.get_gib_seconds", "s", 10.74),
    Figure("archive.get_gib_cpu_seconds", "s"),
    Figure("archive.rss_mib", MIB, 200),
)
_CREDENTIALS = (
    Figure("kyc.constraints", "", 25_000),
    Figure("kyc.zkey_mib", MIB),
    Figure("kyc.prove_seconds", "s", 1.2),
    Figure("kyc.prove_cpu_seconds", "s"),
    Figure("kyc.prove_rss_mib", MIB, 250),
    Figure("gas.age_gate", "gas", 300_000),
    Figure("gas.age_gate_earlier_root", "gas", 300_000),
    Figure("gas.flat_two_of_three", "gas"),
    Figure("kyc.document_prove_seconds", "s"),
    Figure("kyc.document_prove_cpu_seconds", "s"),
    Figure("kyc.document_prove_rss_mib", MIB),
    Figure("gas.document_gate", "gas"),
    Figure("kyc.issue_ms", "ms", 20),
    Figure("kyc.issue_cpu_ms", "ms"),
    Figure("kyc.revoke_10000_seconds", "s", 60),
    Figure("kyc.list_10000_seconds", "s"),
    Figure("kyc.list_10000_kib", "KiB"),
)
_PEERS = (
    Figure("peer.semaphore.constraints"),
    Figure("peer.semaphore.zkey_mib", MIB),
    Figure("peer.semaphore.prove_snarkjs_seconds", "s"),
    Figure("peer.semaphore.prove_groth16py_seconds", "s"),
    Figure("peer.semaphore.deploy", "gas"),
    Figure("peer.semaphore.enroll_0", "gas"),
    Figure("peer.semaphore.enroll_30", "gas"),
    Figure("peer.semaphore.enroll_1000", "gas"),
    Figure("peer.semaphore.enroll_worst_1024", "gas"),
    Figure("peer.semaphore.enroll_batch_50", "gas"),
    Figure("peer.semaphore.remove_1000", "gas"),
    Figure("peer.semaphore.gate", "gas"),
    Figure("peer.snarkjs.verify_ms", "ms"),
    Figure("peer.rapidsnark.seconds", "s"),
    Figure("peer.rapidsnark.rss_mib", MIB),
    Figure("peer.prototype.detect_ms", "ms"),
    Figure("peer.prototype.landmarks_ms", "ms"),
    Figure("peer.prototype.embed_ms", "ms"),
)

GROUPS: dict[str, tuple[Figure, ...]] = {
    "circuits": _CIRCUITS,
    "proving": _PROVING,
    "command": _COMMAND,
    "recovery": _RECOVERY,
    "gas": _GAS,
    "faces": _FACES,
    "archive": _ARCHIVE,
    "credentials": _CREDENTIALS,
    "peers": _PEERS,
}
"""All figures by group, in the order of the table."""

DOCUMENTED: dict[str, float] = {
    "peer.semaphore.constraints": 6431,
    "peer.semaphore.prove_snarkjs_seconds": 1.3,
    "peer.semaphore.enroll_0": 118_000,
    "peer.semaphore.enroll_30": 225_000,
    "peer.semaphore.enroll_1000": 307_000,
    "peer.semaphore.enroll_worst_1024": 420_000,
    "peer.semaphore.enroll_batch_50": 60_000,
    "peer.semaphore.remove_1000": 719_000,
    "peer.semaphore.gate": 285_200,
    "peer.rapidsnark.seconds": 0.15,
    "peer.rapidsnark.rss_mib": 15,
    "peer.prototype.detect_ms": 213,
    "peer.prototype.landmarks_ms": 10,
    "peer.prototype.embed_ms": 8,
}
"""Figures of earlier measurements on a 2-core x86-64 machine, where this run has none."""
