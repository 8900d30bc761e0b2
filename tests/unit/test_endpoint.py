"""Each connection is cut at its own deadline, whatever else is being watched."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from mip_cli import endpoint
from mip_cli.endpoint import Watchdog

FAR = 60.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


@contextlib.contextmanager
def locked_elsewhere() -> Iterator[None]:
    """Have another thread hold the lock of the deadlines meanwhile."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with endpoint._DEADLINES._changed:
            locked.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert locked.wait(FAR)
        yield
    finally:
        done.set()
        thread.join()


def test_watchdog__an_earlier_deadline_is_not_slept_over(pair: Pair) -> None:
    near, far = pair[0], socket.socketpair()
    near.settimeout(FAR / 2)
    with far[0], far[1], Watchdog(far[0], FAR) as late:
        end = time.monotonic() + FAR / 2
        while endpoint._DEADLINES._wakes != late.deadline:  # until it sleeps for the late one
            assert time.monotonic() < end, "it was not woken"
            time.sleep(0.01)
        with Watchdog(near, 0.05) as early:
            assert near.recv(1) == b""  # cut; a TimeoutError otherwise
        assert early.fired
        assert not late.fired
        far[1].sendall(b"x")
        assert far[0].recv(1) == b"x"


def test_watchdog__that_was_let_go__does_not_bite(pair: Pair) -> None:
    ours, theirs = pair
    other = socket.socketpair()
    with other[0], other[1]:
        with Watchdog(ours, 0.05) as first:
            pass
        other[0].settimeout(FAR / 2)
        with Watchdog(other[0], 0.1):
            assert other[0].recv(1) == b""
    assert not first.fired
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x"


def test_watchdog__one_thread_for_all(pair: Pair) -> None:
    for _ in range(5):
        with Watchdog(pair[0], FAR):
            pass
    assert [t.name for t in threading.enumerate()].count("deadlines") == 1


def test_watchdog__in_a_forked_child__cuts_its_own_connection_and_not_the_parents(
    pair: Pair,
) -> None:
    with Watchdog(pair[0], 0.5) as parents, locked_elsewhere():
        child = os.fork()
        if child == 0:
            signal.alarm(int(FAR))  # a lock that was held would keep it for ever
            try:
                ours = socket.socketpair()
                ours[0].settimeout(FAR / 2)
                with Watchdog(ours[0], 0.1):
                    cut = ours[0].recv(1) == b""
                os._exit(0 if cut and parents not in endpoint._DEADLINES._open else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_watchdog__a_deadline_in_the_past__cuts_at_once(pair: Pair) -> None:
    with Watchdog(pair[0], -1.0):
        pair[0].settimeout(FAR / 2)
        assert pair[0].recv(1) == b""
