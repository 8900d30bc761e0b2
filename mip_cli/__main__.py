"""``python -m mip_cli`` is ``mip``."""

from __future__ import annotations

import sys

from mip_cli.cli import main

sys.exit(main())
