"""A service's requests: for a time, so many, each known by its own name alone."""

from __future__ import annotations

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, parse_app_policy
from mip_cli.errors import NetworkDown, ProofInvalid
from mip_cli.flows.kyc.offers import Fault, Refused
from mip_cli.flows.kyc.web_proofs import Terms, WebAsk, WebVerified
from mip_cli.flows.kyc.web_requests import KEPT, LIFE, MAX_REFUSED, MAX_REQUESTS, Outcome, Requests

TERMS = Terms(parse_app_policy(EXAMPLE_APP_POLICY), "Enter", 31337, checksum(5))
URL = "https://shop.example/response"


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def refusing(asked: WebAsk, document: bytes) -> WebVerified:
    """Stand for the mathematics where no proof is at hand: nothing holds."""
    raise NetworkDown("no chain") if document == b"down" else ProofInvalid("no proof")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(clock: Clock) -> Requests:
    return Requests(TERMS, URL, refusing, clock=clock)


def refused(requests: Requests, state: str, words: str, document: bytes = b"x") -> None:
    with pytest.raises(Refused, match=words) as caught:
        requests.answer(state, document)
    busy = document == b"down"
    assert caught.value.fault is (Fault.BUSY if busy else Fault.INVALID_REQUEST)


def test_request__ends(requests: Requests, clock: Clock) -> None:
    made = requests.make()
    state = made.asked.request.state
    assert requests.asked(made.id) == made.asked
    clock.now += LIFE - 1
    refused(requests, state, "no proof")
    assert requests.outcome(made.result) == (Outcome.PENDING, None)
    clock.now += 1
    assert requests.asked(made.id) is None
    refused(requests, state, "expired already")
    with pytest.raises(Refused, match="expired already"):
        requests.decline(state)
    assert requests.outcome(made.result) == (Outcome.EXPIRED, None)
    clock.now += KEPT
    assert requests.outcome(made.result) is None
    refused(requests, state, "unknown")


def test_names__lead_to_one_thing_each(requests: Requests) -> None:
    made, other = requests.make(), requests.make()
    state = made.asked.request.state
    names = (made.id, made.result, state, made.asked.request.nonce)
    assert len({*names, other.id, other.result, other.asked.request.state}) == 7
    for name in (made.result, state, "", made.id + "A"):
        assert requests.asked(name) is None
    for name in (made.id, state, ""):
        assert requests.outcome(name) is None
    refused(requests, made.id, "unknown")
    requests.decline(state)
    assert requests.outcome(made.result) == (Outcome.DECLINED, None)
    assert requests.outcome(other.result) == (Outcome.PENDING, None)


def test_refused_answers__close_a_request(requests: Requests) -> None:
    made = requests.make()
    state = made.asked.request.state
    for _ in range(2 * MAX_REFUSED):  # a chain that is away is not the holder's fault
        refused(requests, state, "cannot be asked", b"down")
    for _ in range(MAX_REFUSED):
        refused(requests, state, "no proof")
    refused(requests, state, "refused already")
    assert requests.outcome(made.result) == (Outcome.REFUSED, None)


def test_open_requests__are_bounded(requests: Requests, clock: Clock) -> None:
    for _ in range(MAX_REQUESTS):
        requests.make()
    with pytest.raises(Refused, match="too many") as caught:
        requests.make()
    assert caught.value.fault is Fault.BUSY
    clock.now += LIFE + KEPT
    assert requests.make()
