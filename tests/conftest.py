"""What all tests start from.

``--hypothesis-profile=quick`` is for the first look of ``make test``: the same laws run with all
their examples in ``make test-laws``, and wherever no profile is named. No law fails for the time
that an example takes: that says something of the machine, not of the law.
"""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whole")
settings.register_profile("quick", max_examples=10)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell ignores it in what it runs in the background, and every command that a test starts
    # and interrupts would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
