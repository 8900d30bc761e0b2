"""No transaction is sent that was not written down, and none is signed twice."""

from __future__ import annotations

import json
import os
import signal
import stat
from dataclasses import replace

import pytest

from mip_cli.chain.journal import Journal
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import FileInvalid, KeyLocked, UsageFault
from mip_cli.models import Intent, TransactionState
from mip_cli.store import journal as journal_module
from mip_cli.store.journal import FileJournal
from mip_cli.units import Address

SENDER = Address("0x" + "Ab" * 20)


def intent(nonce: int = 0, *, label: str = "enroll:default", body: bytes = b"\x02signed") -> Intent:
    raw = body + bytes([nonce % 256])
    return Intent(label, 31337, SENDER, nonce, raw, keccak256(raw))


@pytest.fixture
def ticks():
    return iter(range(1, 10_000))


@pytest.fixture
def journal(tmp_path, ticks):
    return FileJournal(tmp_path / "journal", clock=lambda: next(ticks))


def entry_files(tmp_path):
    return sorted((tmp_path / "journal").glob("*/*.json"))


def test_begin__is_on_disk_on_return(tmp_path, journal: Journal):
    journal.begin(intent())
    later = FileJournal(tmp_path / "journal")
    (entry,) = later.pending(31337, SENDER)
    assert entry.intent == intent()
    assert entry.state is TransactionState.SIGNED
    (path,) = entry_files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_begin__same_intent_is_one_entry(tmp_path, journal):
    journal.begin(intent())
    journal.mark_sent(intent().tx_hash)
    journal.begin(intent())
    (entry,) = journal.pending(31337, SENDER)
    assert entry.state is TransactionState.SENT


@pytest.mark.parametrize("state", ["signed", "sent"])
def test_begin__second_signature_for_an_open_nonce(journal, state):
    journal.begin(intent())
    if state == "sent":
        journal.mark_sent(intent().tx_hash)
    with pytest.raises(UsageFault, match="transaction 0 of .* is still open"):
        journal.begin(intent(body=b"\x02another"))
    journal.mark_failed(intent().tx_hash, "nonce taken")
    journal.begin(intent(body=b"\x02another"))
    assert [e.intent for e in journal.pending(31337, SENDER)] == [intent(body=b"\x02another")]


def test_states__end_and_come_back_after_a_reorg(journal):
    journal.begin(intent())
    tx = intent().tx_hash
    journal.mark_sent(tx)
    journal.mark_confirmed(tx, 12)
    assert journal.pending(31337, SENDER) == []
    found = journal.find("enroll:default")
    assert (found.state, found.block) == (TransactionState.CONFIRMED, 12)
    journal.mark_sent(tx)
    (entry,) = journal.pending(31337, SENDER)
    assert (entry.state, entry.block) == (TransactionState.SENT, None)
    journal.mark_failed(tx, "registry: already enrolled")
    assert journal.find("enroll:default").reason == "registry: already enrolled"


def test_pending__lowest_nonce_first_and_of_one_sender(journal):
    for nonce in (11, 2, 100):
        journal.begin(intent(nonce))
    other = Address("0x" + "11" * 20)
    journal.begin(replace(intent(5), sender=other))
    journal.begin(replace(intent(6), chain_id=1))
    assert [e.intent.nonce for e in journal.pending(31337, SENDER)] == [2, 11, 100]
    assert [e.intent.nonce for e in journal.pending(31337, other)] == [5]
    assert [e.intent.nonce for e in journal.pending(1, SENDER)] == [6]
    lower = Address(SENDER.lower())
    assert len(journal.pending(31337, lower)) == 3, "an address is one in every spelling"


def test_find__newest_of_a_label(journal):
    assert journal.find("deploy") is None
    journal.begin(intent(7, label="deploy"))
    journal.begin(intent(3, label="deploy"))
    assert journal.find("deploy").intent.nonce == 3
    assert journal.find("other") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"tx_hash": bytes(32)},
        {"raw": b""},
        {"nonce": -1},
        {"chain_id": 0},
        {"sender": Address("alice")},
        {"label": "x" * 257},
        {"raw": b"x" * (journal_module.MAX_RAW + 1)},
    ],
)
def test_begin__refuses_nonsense(tmp_path, journal, wrong):
    with pytest.raises(ValueError):  # noqa: PT011 - each is a caller's mistake, none is a user's
        journal.begin(replace(intent(), **wrong))
    assert entry_files(tmp_path) == []


def test_mark__unknown_transaction(journal):
    with pytest.raises(ValueError, match="no such transaction"):
        journal.mark_sent(bytes(32))


def test_load__damage_is_told_not_skipped(tmp_path, journal):
    journal.begin(intent())
    (path,) = entry_files(tmp_path)
    good = path.read_bytes()
    document = json.loads(good)
    forged = [{"raw": "0x00"}, {"nonce": -1}, {"nonce": "0"}, {"sender": "x"}, {"state": "lost"}]
    spelt = [json.dumps(document | change, indent=2).encode() + b"\n" for change in forged]
    for bad in (b"", good[:-5], good + b" ", json.dumps(document).encode(), *spelt):
        path.write_bytes(bad)
        with pytest.raises(FileInvalid, match="damaged"):
            journal.pending(31337, SENDER)
    path.write_bytes(good)
    assert len(journal.pending(31337, SENDER)) == 1


def test_settled__is_read_once_and_again_where_another_process_changed_it(
    tmp_path, journal, monkeypatch
):
    for nonce in range(3):
        journal.begin(intent(nonce))
    journal.mark_confirmed(intent(0).tx_hash, 7)
    journal.mark_failed(intent(1).tx_hash, "reverted")
    assert [entry.intent.nonce for entry in journal.pending(31337, SENDER)] == [2]
    read = []
    load = journal_module._load
    monkeypatch.setattr(journal_module, "_load", lambda path: read.append(path) or load(path))
    assert [entry.intent.nonce for entry in journal.pending(31337, SENDER)] == [2]
    assert [path.name[:20] for path in read] == [f"{2:020d}"]

    elsewhere = FileJournal(tmp_path / "journal")
    elsewhere.mark_sent(intent(0).tx_hash)  # a re-org
    assert [entry.intent.nonce for entry in journal.pending(31337, SENDER)] == [0, 2]


def test_prune__keeps_open_ones_and_the_newest(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MAX_SETTLED", 2)
    journal.begin(intent(0))
    for nonce in range(1, 6):
        journal.begin(intent(nonce))
        journal.mark_confirmed(intent(nonce).tx_hash, nonce)
    journal.begin(intent(6))
    kept = [json.loads(path.read_bytes())["nonce"] for path in entry_files(tmp_path)]
    assert kept == [0, 4, 5, 6]


def test_sending__one_process_at_a_time(journal):
    with journal.sending(31337, SENDER):
        with pytest.raises(KeyLocked, match="the account 0x"):
            journal.sending(31337, SENDER, patience=0.0).__enter__()
        journal.begin(intent())  # the holder of the right can write
        with journal.sending(1, SENDER):
            pass  # another chain has its own nonces


def test_begin__of_another_transaction__clears_what_a_killed_writer_left(tmp_path):
    child = os.fork()
    if child == 0:
        os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        FileJournal(tmp_path).begin(intent())
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(list(tmp_path.rglob("*.mip-tmp"))) == 1
    FileJournal(tmp_path).begin(intent(body=b"\x02signed anew"))
    assert list(tmp_path.rglob("*.mip-tmp")) == []


def test_begin__killed_before_and_after(tmp_path):
    for after in (False, True):
        folder = tmp_path / str(after)
        child = os.fork()
        if child == 0:
            real = os.link

            def fatal(source, target, real=real, after=after):
                if after:
                    real(source, target)
                os.kill(os.getpid(), signal.SIGKILL)

            os.link = fatal
            FileJournal(folder).begin(intent())
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        again = FileJournal(folder)
        assert len(again.pending(31337, SENDER)) == (1 if after else 0)
        again.begin(intent())
        assert len(again.pending(31337, SENDER)) == 1
