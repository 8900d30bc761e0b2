"""A web service's open requests: each answered once, none for ever; protocol section 22."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from mip_cli.errors import ChainRefusal, EnvironmentFault, FileInvalid, ProofInvalid
from mip_cli.flows.kyc.offers import Clock, Fault, Refused, fresh_secret
from mip_cli.flows.kyc.web_app import WebRequest
from mip_cli.flows.kyc.web_proofs import Terms, WebAsk, WebVerified

LIFE = 600
"""Seconds in which a request can be answered."""
KEPT = 600
"""Seconds that its outcome can be read after that."""
MAX_REQUESTS = 1000
MAX_REFUSED = 10
"""Answers that do not hold, after which a request is closed."""
SHORT = 16
"""Random bytes of what only names a request."""

Check = Callable[[WebAsk, bytes], WebVerified]


class Outcome(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Made:
    """A new request, for the web service alone."""

    id: str
    """Names it in the link that the holder gets."""
    asked: WebAsk
    result: str
    """Names its outcome; whoever has it can read that."""


@dataclass(frozen=True)
class _Record:
    made: Made
    ends: float
    outcome: Outcome = Outcome.PENDING
    refused: int = 0
    verified: WebVerified | None = None


class Requests:
    """The requests of one service, in memory; may be used by several threads."""

    def __init__(
        self, terms: Terms, response_uri: str, check: Check, *, clock: Clock = time.time
    ) -> None:
        self.terms = terms
        self._response_uri = response_uri
        self._check = check
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[bytes, _Record] = {}
        self._by_id: dict[bytes, bytes] = {}
        self._by_result: dict[bytes, bytes] = {}

    def make(self) -> Made:
        """Return a new request; raise ``Refused`` while too many are kept."""
        request = WebRequest(self._response_uri, fresh_secret(), fresh_secret(SHORT))
        made = Made(fresh_secret(SHORT), WebAsk(self.terms, request), fresh_secret())
        with self._lock:
            self._forget()
            if len(self._records) >= MAX_REQUESTS:
                raise Refused(Fault.BUSY, "too many requests are open")
            state = _key(request.state)
            self._records[state] = _Record(made, self._clock() + LIFE)
            self._by_id[_key(made.id)] = state
            self._by_result[_key(made.result)] = state
        return made

    def asked(self, identifier: str) -> WebAsk | None:
        """Return what a link asks, while it can be answered."""
        with self._lock:
            record = self._records.get(self._by_id.get(_key(identifier), b""))
        if record is None or self._outcome(record) is not Outcome.PENDING:
            return None
        return record.made.asked

    def decline(self, state: str) -> None:
        """Note that the holder does not want to."""
        with self._lock:
            record = self._open(state)
            self._records[_key(state)] = replace(record, outcome=Outcome.DECLINED)

    def answer(self, state: str, document: bytes) -> None:
        """Take the first answer that holds; raise ``Refused`` for every other."""
        with self._lock:
            record = self._open(state)
        fault = None
        try:
            verified = self._check(record.made.asked, document)
        except (ProofInvalid, FileInvalid, ChainRefusal) as error:
            fault = error.message
        except EnvironmentFault:
            raise Refused(Fault.BUSY, "the chain cannot be asked now") from None
        with self._lock:
            record = self._open(state)
            if fault is None:
                self._records[_key(state)] = replace(
                    record, outcome=Outcome.ACCEPTED, verified=verified
                )
                return
            count = record.refused + 1
            ended = Outcome.REFUSED if count >= MAX_REFUSED else Outcome.PENDING
            self._records[_key(state)] = replace(record, refused=count, outcome=ended)
        raise Refused(Fault.INVALID_REQUEST, fault)

    def outcome(self, result: str) -> tuple[Outcome, WebVerified | None] | None:
        """Return what became of a request; None for one that nobody knows any more."""
        with self._lock:
            self._forget()
            record = self._records.get(self._by_result.get(_key(result), b""))
        return None if record is None else (self._outcome(record), record.verified)

    def _open(self, state: str) -> _Record:
        record = self._records.get(_key(state))
        outcome = None if record is None else self._outcome(record)
        if record is None or outcome is not Outcome.PENDING:
            words = "unknown" if outcome is None else f"{outcome.value} already"
            raise Refused(Fault.INVALID_REQUEST, f"the request is {words}")
        return record

    def _outcome(self, record: _Record) -> Outcome:
        if record.outcome is Outcome.PENDING and self._clock() >= record.ends:
            return Outcome.EXPIRED
        return record.outcome

    def _forget(self) -> None:
        now = self._clock()
        for state, record in list(self._records.items()):
            if now >= record.ends + KEPT:
                del self._records[state]
                del self._by_id[_key(record.made.id)]
                del self._by_result[_key(record.made.result)]


def _key(secret: str) -> bytes:
    # a look-up by the secret itself would take longer the more of it is right
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
