# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PredicateGate
@license AGPL-3.0-only
@notice Apps ask it whether a passport's holder has a credential that satisfies their policy.
@dev No storage, no owner. The statement of a proof is the policy plus the day's date: whoever proves
     for another day needs a policy that hashes to a value just beside. Specified in
     docs/protocol.md, section 20.
@custom:stop It cannot be stopped: it has no storage and no owner. An app stops asking.
"""

from .interfaces import IGroth16Verifier
from .interfaces import IIssuerRegistry
from .interfaces import IPassportRegistry
from .interfaces import IPredicateGate
from .modules import presentations

implements: IPredicateGate

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

MAX_DEADLINE: constant(uint256) = 60 * 60  # seconds a presentation's deadline may lie ahead
MAX_LEVEL: constant(uint256) = 3
DAY: constant(uint256) = 24 * 60 * 60  # seconds
SIGNALS: constant(uint256) = 6

PASSPORTS: public(immutable(address))
ISSUERS: public(immutable(address))
VERIFIER: public(immutable(address))


@deploy
def __init__(passports: address, issuers: address, verifier: address):
    """
    @param passports The PassportRegistry whose members present themselves.
    @param issuers The IssuerRegistry whose issuers signed.
    @param verifier The Groth16Verifier of the circuit `kyc_predicate`.
    """
    assert passports.is_contract and issuers.is_contract, "gate: registry has no code"
    assert verifier.is_contract, "gate: verifier has no code"
    signals: uint256 = staticcall IGroth16Verifier(verifier).signal_count()
    assert signals == SIGNALS, "gate: verifier is of another circuit"
    PASSPORTS = passports
    ISSUERS = issuers
    VERIFIER = verifier


@view
@external
def check(
    purpose: bytes32,
    payload: bytes32,
    min_level: uint256,
    policy: uint256,
    presentation: IPredicateGate.PredicatePresentation,
) -> uint256:
    """
    @notice Tells the asking contract which pseudonym presents itself, or reverts. The asker spends
            the nullifier, which is the one that the PassportRegistry's `check` returns to it for
            the same purpose.
    @dev The asker is the sender; a presentation made for one contract, purpose, payload or policy
         fails for any other.
    @param purpose keccak256 of the asker's purpose.
    @param payload Hash of the function and the arguments that the holder agreed to.
    @param min_level Kinds of keys the proof must have used, at least.
    @param policy Commitment to what the credential must say.
    @param presentation What the holder presents.
    @return The nullifier.
    """
    assert block.timestamp <= presentation.deadline, "gate: presentation has expired"
    assert (
        presentation.deadline <= block.timestamp + MAX_DEADLINE
    ), "gate: deadline lies too far ahead"
    assert presentation.level >= min_level, "gate: level is too low"
    assert presentation.level != 0 and presentation.level <= MAX_LEVEL, "gate: level is unknown"
    assert presentation.nullifier != 0, "gate: nullifier is zero"
    assert presentation.beneficiary != empty(address), "gate: beneficiary is zero"
    assert policy != 0 and policy < R, "gate: policy is zero or not canonical"
    today: uint256 = block.timestamp // DAY
    assert presentation.day == today or presentation.day == today - 1, "gate: day is not today"
    assert staticcall IPassportRegistry(PASSPORTS).is_known_root(
        presentation.root, skip_contract_check=True
    ), "gate: passport root is not accepted"
    assert staticcall IIssuerRegistry(ISSUERS).is_known_root(
        presentation.issuers_root, skip_contract_check=True
    ), "gate: issuers root is not accepted"
    signals: uint256[8] = [
        (presentation.root + presentation.level) % R,
        presentation.nullifier,
        (policy + self._date(presentation.day)) % R,
        presentation.issuers_root,
        presentations._scope(msg.sender, purpose),
        presentations._message(
            msg.sender, presentation.beneficiary, payload, presentation.nonce, presentation.deadline
        ),
        0,
        0,
    ]
    assert staticcall IGroth16Verifier(VERIFIER).verify(
        presentation.proof, signals, skip_contract_check=True
    ), "gate: proof is not valid"
    return presentation.nullifier


@pure
@external
def date_of(day: uint256) -> uint256:
    """
    @notice Returns the date of a day as year * 10,000 + month * 100 + day of the month, in UTC.
    @param day Days since 1 January 1970, below 2^32.
    @return The date.
    """
    assert day < 2**32, "gate: day is out of range"
    return self._date(day)


@pure
@internal
def _date(day: uint256) -> uint256:
    """
    @dev Counts years from March, so that the leap day is the last, in eras of 400 years.
    """
    shifted: uint256 = day + 719_468
    era: uint256 = shifted // 146_097
    of_era: uint256 = shifted % 146_097
    year: uint256 = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year: uint256 = of_era - (365 * year + year // 4 - year // 100)
    month: uint256 = (5 * of_year + 2) // 153
    date: uint256 = of_year - (153 * month + 2) // 5 + 1
    year += 400 * era
    if month < 10:
        month += 3
    else:
        month -= 9
        year += 1
    return year * 10_000 + month * 100 + date
