"""How hard the laws are tried: ``--hypothesis-profile=quick`` for the first look of ``make test``.

The same laws run with all their examples in ``make test-laws``, and wherever no profile is named.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quick", max_examples=10, deadline=None)
